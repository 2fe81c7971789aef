"""A small shop: a ledger that sells through the fake Stripe, and a customer with a browser."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tallystick import Tallystick
from tallystick.providers.stripe.provider import Stripe
from tallystick.providers.stripe.settings import StripeSettings
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, running
from tallystick.testing.ids import CountedIds
from tests.facade.billing import START, catalog, day

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.checkout_page import Checkout

__all__ = ["BACK", "Shop", "shop_at"]

BACK: dict[str, Any] = {
    "success_url": "https://app.example/done",
    "cancel_url": "https://app.example/plans",
}
KEY = "sk_test_fakeshop"


@dataclass
class Shop:
    """A ledger, the Stripe it sells through, and what a customer does there."""

    tally: Tallystick
    fake: FakeStripe
    stripe: Stripe

    def open(self, plan: Any = "basic", customer: str = "acme", **more: Any) -> Checkout:
        return self.tally.checkouts.open(customer, **{"plan": plan, **BACK, **more})

    def pay(self, checkout: Checkout, card: str = "pm_card_visa") -> None:
        assert checkout.reference is not None
        self.fake.pay(checkout.reference, card)

    def sessions(self) -> list[dict[str, Any]]:
        return list(self.fake.account.of("checkout.session").values())

    def moved(self) -> int:
        """Count what was really taken and not given back."""
        charges = self.fake.account.of("charge").values()
        return sum(each["amount_captured"] - each["amount_refunded"] for each in charges)


@contextmanager
def shop_at(url: str, prices: Any = None) -> Iterator[Shop]:
    clock = FrozenClock(START)
    fake = FakeStripe(clock=clock, api_key=KEY)
    with running(fake) as address:
        settings = StripeSettings(key=KEY, account=fake.account.id, address=address)
        stripe = Stripe(settings)
        with Tallystick(
            url,
            catalog=catalog() if prices is None else prices,
            clock=clock,
            ids=CountedIds(),
            providers=[stripe],
            signing_keys=[b"k" * 32],
            return_origins=["https://app.example"],
        ) as tally:
            tally.migrate()
            tally.publish(author="anna", at=day("2026-01-01"))
            tally.customers.create("acme", name="Acme", email="pay@acme.example")
            yield Shop(tally, fake, stripe)

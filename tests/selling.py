"""A ledger beside a fake Stripe that bills its customers: one clock, the same prices, one card."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tallystick import Tallystick
from tallystick.app.mirror import mirror_subscription
from tallystick.core.dialects import read_catalog
from tallystick.providers.stripe.provider import Stripe
from tallystick.providers.stripe.settings import StripeSettings
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, running
from tallystick.testing.ids import CountedIds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.mirror import Mirrored
    from tallystick.core.subscription import Subscription

__all__ = ["CATALOG", "START", "Selling", "selling"]

START: Final = datetime(2026, 1, 31, 9, tzinfo=UTC)


def _line(id_: str, cost: str, kind: str = "flat") -> dict[str, Any]:
    return {"id": id_, "name": id_.title(), "type": kind, "cost": cost}


def _plan(id_: str, *prices: dict[str, Any], **more: Any) -> dict[str, Any]:
    base = {"id": id_, "name": id_.title(), "interval": "month", "interval_count": 1}
    return {**base, **more, "prices": list(prices)}


CATALOG: Final = read_catalog(
    {
        "dialect": "tallystick",
        "currency": "USD",
        "meters": [{"key": "calls", "aggregation": "sum"}],
        "products": [
            {
                "id": "app",
                "name": "App",
                "currency": "USD",
                "plans": [
                    _plan(
                        "basic",
                        _line("basic", "10.00"),
                        limits=[{"key": "calls", "limit": 100, "reset": "billing_period"}],
                    ),
                    _plan(
                        "pro",
                        _line("pro", "30.00"),
                        _line("seat", "5.00", "per_seat"),
                        limits=[
                            {"key": "calls", "limit": 1000, "reset": "billing_period"},
                            {"key": "sso", "enabled": True},
                        ],
                    ),
                    _plan("sms", _line("sms", "4.00")),
                ],
            }
        ],
    }
)


PRICES: Final = {"basic": 1000, "pro": 3000, "seat": 500, "sms": 400}


class Selling:
    """One customer, acme, known to both sides, and the same price lines there."""

    def __init__(
        self,
        url: str,
        fake: FakeStripe,
        address: str,
        clock: FrozenClock,
        *,
        migrated: bool = False,
    ) -> None:
        self.fake, self.clock = fake, clock
        settings = StripeSettings(
            key=fake.account.api_key, account=fake.account.id, address=address
        )
        provider = Stripe(settings)
        self.stripe = provider.subscriptions
        self.v1: Any = self.stripe.client.v1
        self.tally = Tallystick(
            url, catalog=CATALOG, clock=clock, ids=CountedIds(), providers=[provider]
        )
        if not migrated:
            self.tally.migrate()
        self.tally.publish(author="anna")
        product = self.v1.products.create({"name": "App"}).id
        self.prices = {line: self.price(product, amount) for line, amount in PRICES.items()}
        self.stripe.lines.update({there: line for line, there in self.prices.items()})
        self.customer = self.known("acme")

    def price(self, product: str, amount: int, **more: Any) -> str:
        """Make a price there that nobody here knows of."""
        params = {"product": product, "currency": "usd", "unit_amount": amount}
        return str(self.v1.prices.create({**params, "recurring": {"interval": "month"}, **more}).id)

    def known(self, id_: str, card: str = "pm_card_visa") -> str:
        """Make a customer on both sides; give what Stripe calls it."""
        customer = str(self.v1.customers.create({"email": f"{id_}@example.com"}).id)
        method = self.v1.payment_methods.attach(card, {"customer": customer}).id
        default = {"default_payment_method": method}
        self.v1.customers.update(customer, {"invoice_settings": default})
        self.tally.customers.create(id_, provider_id=customer)
        return customer

    def sold(self, *lines: str, customer: str | None = None, **more: Any) -> str:
        """Sell price lines there, `seat:3` for three of one; give Stripe's id."""
        items = []
        for each in lines:
            line, _, quantity = each.partition(":")
            price = self.prices.get(line, line)
            items.append({"price": price, "quantity": int(quantity or 1)})
        params = {"customer": customer or self.customer, "items": items, **more}
        return str(self.v1.subscriptions.create(params).id)

    def fetched(self, reference: str) -> Mirrored:
        """Fetch a subscription now."""
        return self.stripe.fetch(reference, self.clock.now())

    def mirror(self, told: Mirrored | str) -> Subscription:
        """Mirror what was fetched, or one that is fetched now."""
        read = self.fetched(told) if isinstance(told, str) else told
        return self.tally.act(lambda unit, at: mirror_subscription(unit, at, read))

    def passes(self, **time: float) -> None:
        """Let time pass on both sides."""
        self.clock.advance(timedelta(**time))
        self.fake.catch_up()


@contextmanager
def selling(url: str, *, migrated: bool = False) -> Iterator[Selling]:
    """Open both sides, until the end of a block; one that is `migrated` already stays as it is."""
    clock = FrozenClock(START)
    fake = FakeStripe(clock)
    with running(fake) as address:
        found = Selling(url, fake, address, clock, migrated=migrated)
        try:
            yield found
        finally:
            found.tally.close()

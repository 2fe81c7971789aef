"""A shop whose subscriptions Stripe bills: pages there, events from there, one ledger here."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tallystick import Tallystick
from tallystick.core.dialects import read_catalog
from tallystick.providers.stripe.book_client import Book
from tallystick.providers.stripe.book_run import applied, compared
from tallystick.providers.stripe.client import open_client
from tallystick.providers.stripe.events import StripeEvents
from tallystick.providers.stripe.provider import Stripe
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, running
from tallystick.testing.ids import CountedIds
from tests.facade.billing import START, flat, plan
from tests.stripe_payments import endpoint, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.checkout_page import Checkout
    from tallystick.core.lock import Lock

__all__ = ["BACK", "CATALOG", "StripeShop", "priced", "stripe_shop"]

BACK: Final[dict[str, Any]] = {
    "success_url": "https://app.example/done",
    "cancel_url": "https://app.example/plans",
}
_SEATS: Final = {"id": "seat", "name": "Seats", "type": "per_seat", "cost": "5.00"}
_CALLS: Final = {
    "id": "calls",
    "name": "Calls",
    "type": "per_unit",
    "cost": "0.01",
    "unit": "call",
    "meter": "calls",
}
CATALOG: Final = read_catalog(
    {
        "dialect": "tallystick",
        "currency": "USD",
        "provider": "stripe",
        "meters": [{"key": "calls", "aggregation": "sum"}],
        "coupons": [
            {"id": "ten", "name": "Ten", "percent_off": "10", "duration": "once", "codes": ["TEN"]},
            {
                "id": "five",
                "name": "Five",
                "percent_off": "5",
                "duration": "once",
                "codes": ["FIVE"],
            },
        ],
        "products": [
            {
                "id": "app",
                "name": "App",
                "currency": "USD",
                "plans": [
                    plan("basic", flat("basic", "10.00")),
                    plan(
                        "pro",
                        flat("pro", "30.00"),
                        _SEATS,
                        _CALLS,
                        limits=[{"key": "sso", "enabled": True}],
                    ),
                    plan("setup", flat("setup", "20.00"), setup_fee="7.00"),
                    plan("trial", flat("trial", "12.00"), trial_days=14),
                ],
            }
        ],
    }
)


def priced(fake: FakeStripe) -> Lock:
    """Make the price list at the fake, as `tallystick stripe apply` does."""
    book = Book(open_client(settings_of(fake)))
    found = compared(book, CATALOG, None, environment="test", at=START)
    return applied(book, found, keep=bool, tell=lambda *_: None)


class StripeShop:
    """One customer, acme, who buys on pages of Stripe; events wait until they are told."""

    def __init__(self, url: str, fake: FakeStripe, clock: FrozenClock) -> None:
        self.fake, self.clock = fake, clock
        secret = endpoint(fake, open_client(settings_of(fake)))
        settings = settings_of(fake, secret)
        self.lock = priced(fake)
        self.stripe = Stripe(settings, self.lock)
        self.v1: Any = self.stripe.client.v1
        self.tally = Tallystick(
            url,
            catalog=CATALOG,
            clock=clock,
            ids=CountedIds(),
            providers=[self.stripe],
            event_source=StripeEvents(settings),
            signing_keys=[b"k" * 32],
            return_origins=["https://app.example"],
        )
        self.tally.migrate()
        self.tally.publish(author="anna")
        self.tally.customers.create("acme", name="Acme", email="pay@acme.example")

    def open(self, plan: Any = "pro", **more: Any) -> Checkout:
        """Open a page for acme; Stripe bills what is bought on it."""
        return self.tally.checkouts.open("acme", plan=plan, biller="provider", **BACK, **more)

    def pay(self, checkout: Checkout, card: str = "pm_card_visa") -> None:
        """Do what a customer does on the page."""
        assert checkout.reference is not None
        self.fake.pay(checkout.reference, card)

    def bought(self, plan: Any = "pro", **more: Any) -> Checkout:
        """Buy a plan; the success page asks."""
        opened = self.open(plan, **more)
        self.pay(opened)
        return self.tally.checkouts.refresh(opened.id)

    def told(self) -> Any:
        """Tell of all that happened, and let a worker go on with it."""
        for each in self.fake.deliveries():
            self.tally.provider_events.receive(each.body, each.signature)
        done = self.tally.provider_events.run()
        self.tally.checkouts.run()
        return done

    def there(self) -> list[dict[str, Any]]:
        """Give the subscriptions at Stripe, oldest first."""
        return list(self.fake.account.of("subscription").values())

    def sessions(self) -> list[dict[str, Any]]:
        """Give the pages at Stripe, oldest first."""
        return list(self.fake.account.of("checkout.session").values())

    def moved(self) -> int:
        """Count what was really taken and not given back."""
        charges = self.fake.account.of("charge").values()
        return sum(each["amount_captured"] - each["amount_refunded"] for each in charges)

    def passes(self, **time: float) -> None:
        """Let time pass on both sides."""
        self.clock.advance(timedelta(**time))
        self.fake.catch_up()

    def states(self) -> list[tuple[str, str, int]]:
        """Give what acme has here: its states, plans and seats."""
        found = self.tally.subscriptions.list(customer="acme").items
        return sorted((each.state, each.plan or "", each.seats) for each in found)


@contextmanager
def stripe_shop(url: str) -> Iterator[StripeShop]:
    """Open the shop until the end of a block; whatever was done, no document of ours is there."""
    clock = FrozenClock(START)
    fake = FakeStripe(clock)
    with running(fake):
        shop = StripeShop(url, fake, clock)
        with shop.tally:
            yield shop
            assert not shop.tally.invoices.list().items
            report = shop.tally.verify()
            assert report.ok, report.broken

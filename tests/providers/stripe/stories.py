"""What happens between a ledger and Stripe: stories that the fake and Stripe itself have to tell.

Each is a function of the settings alone.  What it makes at Stripe it makes in test mode, for a
customer of its own, who is deleted at the end.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tallystick import define_plans
from tallystick.providers.stripe.book_client import Book
from tallystick.providers.stripe.book_run import applied, compared
from tallystick.providers.stripe.client import open_client
from tallystick.providers.stripe.provider import Stripe
from tallystick.system import SystemClock, SystemIds
from tallystick.wiring import Tallystick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stripe import StripeClient

    from tallystick.core.lock import Lock
    from tallystick.providers.stripe.settings import StripeSettings

__all__ = ["STORIES"]

SHOP = "https://shop.example"
GOOD, BAD = "pm_card_visa", "pm_card_chargeCustomerFail"
PLANS = define_plans(
    [
        {
            "id": "pro",
            "name": "Pro",
            "price": 2900,
            "currency": "USD",
            "interval": "month",
            "active": True,
            "features": [],
        }
    ]
)


class Sale:
    """One customer, on our side and on Stripe's, who has the plan and an invoice to pay."""

    def __init__(self, tally: Tallystick, client: StripeClient) -> None:
        self.tally, self.client = tally, client
        self.customer = SystemIds().new("tst")
        self.payer = client.v1.customers.create({"metadata": {"test": self.customer}}).id
        tally.customers.create(self.customer, name="A test", provider_id=self.payer)
        tally.subscriptions.start(self.customer, "pro")
        tally.invoices.run()

    def keeps(self, card: str) -> None:
        """Let the customer pay by this card from now on."""
        kept = self.client.v1.payment_methods.attach(card, {"customer": self.payer}).id
        self.client.v1.customers.update(
            self.payer, {"invoice_settings": {"default_payment_method": kept}}
        )

    def asked(self) -> Any:
        """Have Stripe collect the invoice, and give what it answered."""
        return self.tally.payments.collect("INV-000001", provider="stripe")

    def status(self) -> str:
        return str(self.tally.invoices.get("INV-000001").status)

    def taken(self) -> list[tuple[int, int]]:
        """Give what Stripe says it took from the customer, and gave back of it, by payment."""
        charges = self.client.v1.charges.list({"customer": self.payer}).data
        return [(each.amount_captured, each.amount_refunded) for each in charges if each.paid]


@contextmanager
def ledger(settings: StripeSettings) -> Iterator[tuple[Tallystick, StripeClient]]:
    provider = Stripe(settings)
    with Tallystick(
        "sqlite://",
        catalog=PLANS,
        providers=[provider],
        signing_keys=["a key of a test, and long enough for it"],
        return_origins=[SHOP],
    ) as tally:
        tally.migrate()
        tally.publish(author="tests")
        yield tally, provider.client
        assert tally.verify().ok


@contextmanager
def sale(settings: StripeSettings) -> Iterator[Sale]:
    with ledger(settings) as (tally, client):
        found = Sale(tally, client)
        yield found
        client.v1.customers.delete(found.payer)


def an_invoice_is_collected_and_given_back(settings: StripeSettings) -> None:
    with sale(settings) as made:
        made.keeps(GOOD)
        intent = made.asked()
        assert (intent.state, intent.account.live) == ("succeeded", False)
        assert (made.status(), made.taken()) == ("paid", [(2900, 0)])
        assert made.tally.payments.refund(intent.id, "9.00").state == "succeeded"
        assert made.taken() == [(2900, 900)]
        assert made.tally.invoices.get("INV-000001").refunded == 900


def a_card_that_is_declined_pays_nothing_and_another_does(settings: StripeSettings) -> None:
    with sale(settings) as made:
        made.keeps(BAD)
        intent = made.asked()
        assert intent.state == "declined"
        assert intent.answer["code"]
        assert (made.status(), made.taken()) == ("open", [])
        made.keeps(GOOD)
        assert made.asked().state == "succeeded"
        assert (made.status(), made.taken()) == ("paid", [(2900, 0)])


def without_a_card_there_is_a_page_that_can_be_given_up(settings: StripeSettings) -> None:
    with sale(settings) as made:
        intent = made.asked()
        assert intent.state == "waiting"
        assert intent.answer["url"].startswith(settings.address or "https://checkout.stripe.com/")
        assert made.tally.payments.cancel(intent.id).state == "canceled"
        assert (made.status(), made.taken()) == ("open", [])


def a_page_to_pay_on_is_put_up_and_closed(settings: StripeSettings) -> None:
    with ledger(settings) as (tally, client):
        customer = SystemIds().new("tst")
        tally.customers.create(customer, name="A test", email="test@shop.example")
        made = tally.checkouts.open(
            customer, plan="pro", success_url=f"{SHOP}/thanks", cancel_url=f"{SHOP}/plans"
        )
        assert (made.state, made.amount.minor) == ("open", 2900)
        page = client.v1.checkout.sessions.retrieve(str(made.reference))
        assert (page.amount_total, page.currency, page.status) == (2900, "usd", "open")
        assert (page.url, page.client_reference_id) == (made.url, made.id)
        assert tally.checkouts.refresh(made.id).state == "open"
        assert tally.checkouts.expire(made.id).state == "expired"
        assert client.v1.checkout.sessions.retrieve(page.id).status == "expired"
        assert list(tally.subscriptions.list(customer=customer)) == []
        client.v1.customers.delete(str(tally.customers.get(customer).provider_id))


def the_price_list_is_made_once(settings: StripeSettings) -> None:
    name = SystemIds().new("tst")
    plan = {"id": name, "name": "Pro", "price": 2900, "currency": "USD", "interval": "month"}
    catalog = define_plans([{**plan, "intervalCount": 3, "active": True, "features": []}])
    client, now = open_client(settings), SystemClock().now()
    locks: list[Lock] = []

    def made(lock: Lock | None) -> list[str]:
        found = compared(Book(client), catalog, lock, environment="test", at=now)
        steps = [step for step in found.steps if step.key == name]
        applied(
            Book(client),
            replace(found, steps=tuple(steps)),
            keep=locks.append,
            tell=lambda *_: None,
        )
        return [f"{step.verb} {step.kind}" for step in steps]

    assert made(None) == ["create product", "create price"]
    assert made(locks[-1]) == []
    line = locks[-1].prices[name]
    price = client.v1.prices.retrieve(str(line.provider_id))
    assert (price.unit_amount, price.currency, price.active) == (2900, "usd", True)
    assert price.recurring is not None
    assert (price.recurring.interval, price.recurring.interval_count) == ("month", 3)
    assert price.metadata.to_dict()["billing_plan_id"] == name
    client.v1.products.update(str(price.product), {"active": False})


STORIES: tuple[Callable[[StripeSettings], None], ...] = (
    an_invoice_is_collected_and_given_back,
    a_card_that_is_declined_pays_nothing_and_another_does,
    without_a_card_there_is_a_page_that_can_be_given_up,
    a_page_to_pay_on_is_put_up_and_closed,
    the_price_list_is_made_once,
)
"""All of them."""

"""Events and the provider `stripe` together: cards, pages to pay on, refunds, a page left open."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tallystick import Tallystick
from tallystick.core.inbox import SETTLED
from tallystick.providers.stripe.events import StripeEvents
from tallystick.providers.stripe.provider import Stripe
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, Fault, Seen, talking_to
from tallystick.testing.ids import CountedIds
from tests.facade.billing import START, catalog, day
from tests.stripe_payments import endpoint, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import stripe

    from tests.databases import Database

FIRST = "INV-000001"


class Shop:
    """A ledger that owes an invoice and collects through Stripe."""

    def __init__(
        self, url: str, fake: FakeStripe, client: stripe.StripeClient, clock: FrozenClock
    ) -> None:
        self.fake, self.client = fake, client
        settings = settings_of(fake, endpoint(fake, client))
        settings = replace(settings, return_url="https://shop.example/done")
        self.clock = clock
        self.tally = Tallystick(
            url,
            catalog=catalog(),
            clock=self.clock,
            ids=CountedIds(),
            providers=[Stripe(settings)],
            event_source=StripeEvents(settings),
        )

    def owe(self, card: str | None = None) -> None:
        self.tally.migrate()
        self.tally.publish(author="anna", at=day("2026-01-01"))
        payer = self.client.v1.customers.create({}).id
        if card is not None:
            method = self.client.v1.payment_methods.attach(card, {"customer": payer}).id
            given: Any = {"invoice_settings": {"default_payment_method": method}}
            self.client.v1.customers.update(payer, given)
        self.tally.customers.create("acme", name="Acme", provider_id=payer)
        self.tally.subscriptions.start("acme", "basic", id="s", at=START)
        self.tally.invoices.run(at=START)
        self.fake.account.pending.clear()

    def told(self) -> Any:
        for each in self.fake.deliveries():
            self.tally.provider_events.receive(each.body, each.signature)
        return self.tally.provider_events.run()

    def status(self) -> str:
        return self.tally.invoices.get(FIRST).status


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    clock = FrozenClock(START)
    fake = FakeStripe(clock)
    with talking_to(fake) as client:
        found = Shop(database.url, fake, client, clock)
        with found.tally:
            yield found


def test_a_card_whose_answer_was_lost_is_booked_by_the_event(shop: Shop) -> None:
    shop.owe("pm_card_visa")
    confirm = "POST /v1/payment_intents/*/confirm"
    shop.fake.account.faults.add(Fault(Seen.CUT, confirm, after=True))
    asked = shop.tally.payments.collect(FIRST, provider="stripe")
    assert asked.state == "open"
    assert shop.told().applied >= 1
    assert shop.status() == "paid"
    shop.clock.advance(timedelta(hours=2))
    assert shop.tally.payments.run().asked == 0
    assert len(shop.tally.invoices.payments(FIRST)) == 1
    assert shop.tally.verify().ok


def test_a_page_that_was_paid_on_is_booked_once_and_alarms_nobody(shop: Shop) -> None:
    shop.owe()
    waits = shop.tally.payments.collect(FIRST, provider="stripe")
    assert waits.state == "waiting"
    page = waits.reference or ""
    assert page.startswith("cs_")
    shop.fake.pay(page)
    shop.clock.advance(timedelta(seconds=5))
    shop.told()
    assert shop.status() == "paid"
    shop.clock.advance(SETTLED)
    shop.tally.provider_events.run()
    assert not shop.tally.provider_events.list(state="set_aside").items
    assert [each.reference for each in shop.tally.invoices.payments(FIRST)] == [page]


def test_a_page_whose_making_was_lost_is_found_by_the_payment_on_it(shop: Shop) -> None:
    shop.owe()
    sessions = "POST /v1/checkout/sessions"
    shop.fake.account.faults.add(Fault(Seen.CUT, sessions, after=True))
    asked = shop.tally.payments.collect(FIRST, provider="stripe")
    assert (asked.state, asked.reference) == ("open", None)
    (page,) = shop.fake.account.of("checkout.session")
    shop.fake.pay(page)
    shop.told()
    assert shop.status() == "paid"
    shop.clock.advance(SETTLED)
    shop.tally.provider_events.run()
    assert not shop.tally.provider_events.list(state="set_aside").items
    assert len(shop.tally.invoices.payments(FIRST)) == 1


def test_a_delayed_payment_on_a_page_arrives(shop: Shop) -> None:
    shop.owe()
    waits = shop.tally.payments.collect(FIRST, provider="stripe")
    shop.fake.pay(waits.reference or "", "pm_usBankAccount_success")
    shop.told()
    assert shop.status() == "open"
    payment = list(shop.fake.account.of("payment_intent"))[-1]
    shop.clock.advance(timedelta(days=2))
    shop.fake.settle(payment)
    shop.told()
    assert shop.status() == "paid"
    assert not shop.tally.provider_events.list(state="set_aside").items


def test_a_page_that_ends_unpaid_ends_the_intent(shop: Shop) -> None:
    shop.owe()
    waits = shop.tally.payments.collect(FIRST, provider="stripe")
    shop.client.v1.checkout.sessions.expire(waits.reference or "")
    assert shop.told().applied == 1
    assert shop.tally.payments.get(waits.id).state == "canceled"
    assert shop.status() == "open"


def test_a_refund_whose_answer_was_lost_is_booked_by_the_event(shop: Shop) -> None:
    shop.owe("pm_card_visa")
    paid = shop.tally.payments.collect(FIRST, provider="stripe")
    shop.told()
    shop.fake.account.faults.add(Fault(Seen.CUT, "POST /v1/refunds", after=True))
    asked = shop.tally.payments.refund(paid.id, "4.00")
    assert asked.state == "open"
    shop.told()
    assert shop.tally.payments.get(asked.id).state == "succeeded"
    assert shop.tally.invoices.get(FIRST).refunded == 400
    assert shop.tally.verify().ok


def test_a_refund_from_the_dashboard_of_what_was_paid_on_a_page_is_booked(shop: Shop) -> None:
    shop.owe()
    waits = shop.tally.payments.collect(FIRST, provider="stripe")
    shop.fake.pay(waits.reference or "")
    (payment,) = shop.fake.account.of("payment_intent")
    made = shop.client.v1.refunds.create({"payment_intent": payment, "amount": 300}).id
    shop.told()
    shop.clock.advance(SETTLED)
    shop.tally.provider_events.run()
    booked = shop.tally.payments.get(f"int_{made}")
    assert (booked.of, booked.of_reference, booked.state) == (
        waits.id,
        waits.reference,
        "succeeded",
    )
    assert shop.tally.invoices.get(FIRST).refunded == 300
    assert not shop.tally.provider_events.list(state="set_aside").items
    assert shop.tally.verify().ok


def test_a_dispute_of_what_was_paid_on_a_page_is_a_chargeback(shop: Shop) -> None:
    shop.owe()
    waits = shop.tally.payments.collect(FIRST, provider="stripe")
    shop.fake.pay(waits.reference or "", "pm_card_createDispute")
    (dispute,) = shop.fake.account.of("dispute")
    shop.client.v1.disputes.close(dispute)
    shop.told()
    shop.clock.advance(SETTLED)
    shop.tally.provider_events.run()
    assert shop.status() == "uncollectible"
    kinds = {each.kind for each in shop.tally.invoices.payments(FIRST)}
    assert kinds == {"payment", "chargeback"}
    assert shop.tally.verify().ok

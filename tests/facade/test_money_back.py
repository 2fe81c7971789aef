"""Money that went back at Stripe without us: the books say so, once, and never more than came."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.inbox import SETTLED
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, talking_to
from tests.facade.test_provider_events import FIRST, START, Shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    fake = FakeStripe(FrozenClock(START))
    with talking_to(fake) as client:
        found = Shop(database.url, fake, client)
        with found.tally:
            found.owe()
            yield found


def read(shop: Shop) -> Any:
    """Deliver what waits, and ask until nothing is due."""
    for each in shop.fake.deliveries():
        shop.send(json.loads(each.body))
    done = shop.events.run()
    shop.clock.advance(SETTLED)
    shop.events.run()
    return done


def by_hand(shop: Shop, amount: int | None = None, **more: Any) -> str:
    """Give back in Stripe's dashboard what was collected; give the refund's id."""
    (payment,) = shop.fake.account.of("payment_intent")
    params: Any = {"payment_intent": payment, **more}
    if amount is not None:
        params["amount"] = amount
    return shop.client.v1.refunds.create(params).id


def reasons(shop: Shop) -> set[str]:
    """Give why something is set aside."""
    found = shop.events.list(state="set_aside", limit=100)
    return {each.reason["code"] for each in found if each.reason is not None}


def refunds(shop: Shop) -> list[tuple[int, str | None]]:
    found = shop.tally.invoices.payments(FIRST)
    return [(each.amount.minor, each.reference) for each in found if each.kind == "refund"]


def test_a_refund_from_the_dashboard_is_booked_with_a_credit_note(shop: Shop) -> None:
    paid = shop.tally.payments.collect(FIRST, provider="stripe")
    made = by_hand(shop, 400, reason="requested_by_customer")
    read(shop)
    invoice = shop.tally.invoices.get(FIRST)
    assert (invoice.status, invoice.refunded, invoice.noted) == ("paid", 400, 400)
    assert refunds(shop) == [(400, made)]
    booked = shop.tally.payments.get(f"int_{made}")
    assert (booked.kind, booked.state, booked.of) == ("refund", "succeeded", paid.id)
    assert (booked.attempts, booked.reason) == (0, "requested_by_customer")
    assert reasons(shop) == set()
    assert shop.tally.verify().ok


def test_told_again_it_is_booked_once_also_where_the_events_were_removed(shop: Shop) -> None:
    shop.tally.payments.collect(FIRST, provider="stripe")
    made = by_hand(shop)
    sent = shop.fake.deliveries()
    for _ in range(3):
        for each in sent:
            shop.events.receive(each.body, each.signature)
        shop.events.run()
    with shop.tally.begin() as unit:
        unit.connection.execute(unit.tables.provider_objects.delete())
        unit.connection.execute(unit.tables.provider_events.delete())
        unit.commit()
    for each in sent:
        shop.events.receive(each.body, each.signature)
    shop.events.run()
    assert refunds(shop) == [(1000, made)]
    assert shop.tally.verify().ok


def test_it_waits_for_the_payment_that_it_gives_back(shop: Shop) -> None:
    shop.collect_silently()
    made = by_hand(shop, 300)
    shop.deliver("refund.created")
    assert shop.events.run().silent == 1
    assert refunds(shop) == []
    shop.clock.advance(SETTLED)
    shop.tally.payments.run()
    shop.events.run()
    assert refunds(shop) == [(300, made)]
    assert shop.tally.verify().ok


def test_what_is_left_is_refunded_by_us_and_never_more(shop: Shop) -> None:
    paid = shop.tally.payments.collect(FIRST, provider="stripe")
    by_hand(shop, 400)
    read(shop)
    assert shop.tally.payments.refund(paid.id).amount.minor == 600
    read(shop)
    assert shop.tally.invoices.get(FIRST).refunded == 1000
    assert sorted(minor for minor, _ in refunds(shop)) == [400, 600]
    assert shop.tally.verify().ok


def test_while_one_of_ours_is_asked_for_the_other_waits(shop: Shop) -> None:
    paid = shop.tally.payments.collect(FIRST, provider="stripe")
    shop.payments.silent = True
    ours = shop.tally.payments.refund(paid.id, "4.00")
    shop.payments.silent = False
    made = by_hand(shop, 100)
    theirs = [json.loads(each.body) for each in shop.fake.deliveries()]
    (told,) = (e for e in theirs if e["data"]["object"]["id"] == made)
    shop.send(told)
    assert shop.events.run().later == 1
    shop.clock.advance(SETTLED)
    shop.tally.payments.run()
    shop.events.run()
    assert shop.tally.payments.get(ours.id).state == "succeeded"
    assert shop.tally.invoices.get(FIRST).refunded == 500
    assert shop.tally.verify().ok


@pytest.mark.parametrize("change", [{"currency": "eur"}, {"amount": 1_001}])
def test_s9_a_refund_that_is_not_of_what_came_is_set_aside(
    shop: Shop, change: dict[str, Any]
) -> None:
    shop.tally.payments.collect(FIRST, provider="stripe")
    made = by_hand(shop)
    shop.fake.account.of("refund")[made].update(change)
    read(shop)
    assert reasons(shop) == {"MISMATCH"}
    assert refunds(shop) == []
    assert len(shop.tally.payments.list().items) == 1
    assert shop.tally.verify().ok


def test_a_refund_of_what_is_no_payment_of_ours_changes_nothing(shop: Shop) -> None:
    shop.tally.payments.collect(FIRST, provider="stripe")
    other = shop.client.v1.payment_intents.create(
        {"amount": 500, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}
    )
    shop.client.v1.refunds.create({"payment_intent": other.id})
    read(shop)
    told = {each.type: each.reason for each in shop.events.list(state="ignored")}
    assert (told["refund.created"] or {})["code"] == "NOT_OURS"
    assert refunds(shop) == []


def test_what_the_books_refuse_waits_for_a_person(shop: Shop) -> None:
    """The credit note of the refund was used for the next invoice: nothing is pretended."""
    shop.tally.payments.collect(FIRST, provider="stripe")
    shop.tally.invoices.credit(FIRST, amount="4.00")
    with shop.tally.begin() as unit:
        unit.connection.execute(unit.tables.balances.update().values(minor=0))
        unit.commit()
    made = by_hand(shop, 400)
    read(shop)
    assert reasons(shop) == {"SET_ASIDE"}
    assert shop.tally.payments.get(f"int_{made}").set_aside is not None
    assert refunds(shop) == []
    with shop.tally.begin() as unit:
        unit.connection.execute(unit.tables.balances.update().values(minor=400))
        unit.commit()
    shop.tally.payments.retry(f"int_{made}")
    assert refunds(shop) == [(400, made)]
    assert shop.tally.verify().ok

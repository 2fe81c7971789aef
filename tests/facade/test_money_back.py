"""Money that went back at Stripe without us: the books say so, once, and never more than came."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from tallystick.app.rebuild import rebuild
from tallystick.core.inbox import SETTLED
from tallystick.errors import Conflict
from tallystick.storage.derived import ledger_digests
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, talking_to
from tallystick.testing.fake_stripe.charge import open_dispute
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
    """Give why objects of Stripe are set aside by now."""
    with shop.tally.begin() as unit:
        asides = unit.connection.execute(select(unit.tables.provider_objects.c.set_aside))
        return {json.loads(each)["code"] for each in asides.scalars() if each is not None}


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
    assert shop.events.run().silent == 1
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


# --- refunds that do not arrive -------------------------------------------------------------------


def test_a_refund_of_ours_that_fails_later_is_taken_back(shop: Shop) -> None:
    paid = shop.tally.payments.collect(FIRST, provider="stripe")
    ours = shop.tally.payments.refund(paid.id, "4.00")
    shop.fake.settle(ours.reference or "", arrives=False)
    read(shop)
    invoice = shop.tally.invoices.get(FIRST)
    assert (invoice.status, invoice.refunded, invoice.noted) == ("paid", 0, 400)
    kinds = [(each.kind, each.amount.minor) for each in shop.tally.invoices.payments(FIRST)]
    assert kinds == [("payment", 1000), ("refund", 400), ("refund_failed", 400)]
    assert shop.tally.payments.get(ours.id).state == "declined"
    assert [each.minor for each in shop.tally.invoices.balance("acme")] == [400]
    assert reasons(shop) == {"REFUND_FAILED"}
    assert shop.tally.verify().ok


def test_what_did_not_arrive_can_be_given_back_again(shop: Shop) -> None:
    paid = shop.tally.payments.collect(FIRST, provider="stripe")
    ours = shop.tally.payments.refund(paid.id)
    shop.fake.settle(ours.reference or "", arrives=False)
    read(shop)
    again = shop.tally.payments.refund(paid.id)
    assert (again.state, again.amount.minor) == ("succeeded", 1000)
    invoice = shop.tally.invoices.get(FIRST)
    assert (invoice.refunded, invoice.noted) == (1000, 1000)
    assert [each.minor for each in shop.tally.invoices.balance("acme")] == [0]
    assert shop.tally.verify().ok


def test_a_failure_that_is_told_again_takes_back_nothing_more(shop: Shop) -> None:
    paid = shop.tally.payments.collect(FIRST, provider="stripe")
    ours = shop.tally.payments.refund(paid.id, "4.00")
    shop.fake.settle(ours.reference or "", arrives=False)
    sent = [json.loads(each.body) for each in shop.fake.deliveries()]
    for _ in range(3):
        for tree in sent:
            shop.send(tree)
        shop.events.run()
        with shop.tally.begin() as unit:
            unit.connection.execute(unit.tables.provider_objects.delete())
            unit.connection.execute(unit.tables.provider_events.delete())
            unit.commit()
    assert [each.minor for each in shop.tally.invoices.balance("acme")] == [400]
    assert len(shop.tally.invoices.payments(FIRST)) == 3
    assert shop.tally.verify().ok


def test_a_refund_from_the_dashboard_that_fails_later_is_taken_back_too(shop: Shop) -> None:
    shop.tally.payments.collect(FIRST, provider="stripe")
    made = by_hand(shop, 400)
    read(shop)
    shop.fake.settle(made, arrives=False)
    read(shop)
    assert shop.tally.invoices.get(FIRST).refunded == 0
    assert shop.tally.payments.get(f"int_{made}").state == "declined"
    assert reasons(shop) == {"REFUND_FAILED"}
    assert shop.tally.verify().ok


def test_one_that_failed_before_it_was_heard_of_was_never_booked(shop: Shop) -> None:
    shop.tally.payments.collect(FIRST, provider="stripe")
    made = by_hand(shop, 400)
    shop.fake.settle(made, arrives=False)
    read(shop)
    assert len(shop.tally.invoices.payments(FIRST)) == 1
    assert reasons(shop) == set()
    assert shop.tally.invoices.get(FIRST).noted == 0


# --- disputes -------------------------------------------------------------------------------------


def disputed(shop: Shop) -> str:
    """Collect from a card whose holder disputes it at once; give the dispute's id."""
    shop.payments.card = "pm_card_createDispute"
    shop.tally.payments.collect(FIRST, provider="stripe")
    read(shop)
    assert reasons(shop) == {"DISPUTE"}
    assert shop.status() == "paid"
    (dispute,) = shop.fake.account.of("dispute")
    return dispute


def decide(shop: Shop, dispute: str, text: str) -> None:
    evidence: Any = {"evidence": {"uncategorized_text": text}, "submit": True}
    shop.client.v1.disputes.update(dispute, evidence)
    read(shop)


def test_a_dispute_that_is_lost_is_a_chargeback_and_the_invoice_uncollectible(shop: Shop) -> None:
    dispute = disputed(shop)
    decide(shop, dispute, "losing_evidence")
    invoice = shop.tally.invoices.get(FIRST)
    assert (invoice.status, invoice.paid, invoice.left) == ("uncollectible", 0, 1000)
    assert (invoice.noted, invoice.refunded) == (0, 0), "no credit note: the customer owes it"
    last = shop.tally.invoices.payments(FIRST)[-1]
    assert (last.kind, last.amount.minor, last.reference) == ("chargeback", 1000, dispute)
    assert reasons(shop) == set()
    assert shop.tally.verify().ok


def test_a_lost_dispute_that_is_told_again_is_booked_once(shop: Shop) -> None:
    dispute = disputed(shop)
    shop.fake.deliveries()
    decide(shop, dispute, "losing_evidence")
    shop.tally.invoices.pay(FIRST, idempotency_key="cash")
    with shop.tally.begin() as unit:
        unit.connection.execute(unit.tables.provider_objects.delete())
        unit.connection.execute(unit.tables.provider_events.delete())
        unit.commit()
    (last,) = (
        each
        for each in shop.fake.account.of("event").values()
        if each["type"] == "charge.dispute.closed"
    )
    shop.send(last)
    assert shop.events.run().applied == 1
    assert (shop.status(), reasons(shop)) == ("paid", set())
    assert shop.tally.verify().ok


def test_a_dispute_of_a_part_leaves_all_that_is_owed_uncollectible(shop: Shop) -> None:
    shop.payments.card = "pm_card_createDispute"
    shop.tally.payments.collect(FIRST, "6.00", provider="stripe")
    read(shop)
    (dispute,) = shop.fake.account.of("dispute")
    decide(shop, dispute, "losing_evidence")
    invoice = shop.tally.invoices.get(FIRST)
    assert (invoice.status, invoice.paid, invoice.left) == ("uncollectible", 0, 1000)
    before = ledger_digests_of(shop)
    rebuild(shop.tally.storage)
    assert ledger_digests_of(shop) == before
    assert shop.tally.verify().ok


def test_what_was_refunded_before_is_not_charged_back(shop: Shop) -> None:
    paid = shop.tally.payments.collect(FIRST, provider="stripe")
    shop.tally.payments.refund(paid.id, "4.00")
    (charge,) = shop.fake.account.of("charge").values()
    open_dispute(shop.fake.account, charge, shop.fake.account.now())
    (dispute,) = shop.fake.account.of("dispute").values()
    dispute["amount"] = 600
    read(shop)
    decide(shop, dispute["id"], "losing_evidence")
    invoice = shop.tally.invoices.get(FIRST)
    assert (invoice.paid, invoice.refunded, invoice.left) == (400, 400, 600)
    assert invoice.status == "uncollectible"
    shop.tally.invoices.pay(FIRST, idempotency_key="cash")
    assert shop.status() == "paid"
    assert shop.tally.verify().ok


def test_a_dispute_that_is_won_changes_nothing(shop: Shop) -> None:
    decide(shop, disputed(shop), "winning_evidence")
    assert shop.status() == "paid"
    assert [each.kind for each in shop.tally.invoices.payments(FIRST)] == ["payment"]
    assert reasons(shop) == set()


def test_a_dispute_that_is_won_after_it_was_lost_waits_for_a_person(shop: Shop) -> None:
    dispute = disputed(shop)
    decide(shop, dispute, "losing_evidence")
    decide(shop, dispute, "winning_evidence")
    assert reasons(shop) == {"MONEY_MOVED"}
    assert shop.status() == "uncollectible"
    shop.tally.invoices.pay(FIRST, idempotency_key="won")
    assert shop.status() == "paid"
    assert shop.tally.verify().ok


def test_what_was_charged_back_is_asked_of_nobody_by_itself_and_can_be_paid(shop: Shop) -> None:
    decide(shop, disputed(shop), "losing_evidence")
    calls = len(shop.fake.account.of("payment_intent"))
    shop.tally.customers.update("acme", provider="stripe")
    shop.tally.payments.run()
    assert len(shop.fake.account.of("payment_intent")) == calls
    shop.tally.invoices.pay(FIRST, "10.00", idempotency_key="cash")
    assert shop.status() == "paid"
    assert shop.tally.verify().ok


def test_of_what_was_charged_back_nothing_is_refunded(shop: Shop) -> None:
    decide(shop, disputed(shop), "losing_evidence")
    (paid,) = shop.tally.payments.list().items
    with pytest.raises(Conflict):
        shop.tally.payments.refund(paid.id)


def test_a_dispute_of_more_than_is_left_is_set_aside(shop: Shop) -> None:
    dispute = disputed(shop)
    shop.fake.account.of("dispute")[dispute]["amount"] = 1_001
    decide(shop, dispute, "losing_evidence")
    assert reasons(shop) == {"CONFLICT"}
    assert shop.status() == "paid"
    assert shop.tally.verify().ok


def test_the_books_are_made_again_with_what_was_undone(shop: Shop) -> None:
    paid = shop.tally.payments.collect(FIRST, provider="stripe")
    ours = shop.tally.payments.refund(paid.id, "4.00")
    shop.fake.settle(ours.reference or "", arrives=False)
    read(shop)
    before = ledger_digests_of(shop)
    rebuild(shop.tally.storage)
    assert ledger_digests_of(shop) == before


def test_the_books_are_made_again_with_a_chargeback(shop: Shop) -> None:
    decide(shop, disputed(shop), "losing_evidence")
    before = ledger_digests_of(shop)
    rebuild(shop.tally.storage)
    assert ledger_digests_of(shop) == before


def test_the_books_are_made_again_with_what_came_beyond_what_was_owed(shop: Shop) -> None:
    shop.collect_silently()
    shop.tally.invoices.pay(FIRST, "4.00", idempotency_key="cash")
    read(shop)
    assert [each.minor for each in shop.tally.invoices.balance("acme")] == [400]
    before = ledger_digests_of(shop)
    rebuild(shop.tally.storage)
    assert ledger_digests_of(shop) == before


def ledger_digests_of(shop: Shop) -> dict[str, str]:
    with shop.tally.begin() as unit:
        return ledger_digests(unit)


# --- what is not true is found --------------------------------------------------------------------


def changed(shop: Shop, table: str, **values: Any) -> set[str]:
    """Write into a table past every rule of the engine; give the checks that find it."""
    with shop.tally.begin() as unit:
        unit.connection.execute(getattr(unit.tables, table).update().values(**values))
        unit.commit()
    return {each.name for each in shop.tally.verify().checks if not each.ok}


def test_a_failed_refund_that_is_said_to_have_arrived_is_found(shop: Shop) -> None:
    paid = shop.tally.payments.collect(FIRST, provider="stripe")
    ours = shop.tally.payments.refund(paid.id, "4.00")
    shop.fake.settle(ours.reference or "", arrives=False)
    read(shop)
    assert changed(shop, "intents", state="succeeded") == {"payment intents"}


def test_a_chargeback_that_is_said_to_be_paid_is_found(shop: Shop) -> None:
    decide(shop, disputed(shop), "losing_evidence")
    assert "paid" in changed(shop, "invoices", status="paid", paid=1000)

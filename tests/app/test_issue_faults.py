"""What cannot be made or read is set aside, and everything else goes on and is issued."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from tallystick.app import batch_facts, billing, late_drafts
from tallystick.app.drafting import drafts_of
from tallystick.app.usage_of_drafts import UsageOfDrafts
from tallystick.core.reckoning import reckon
from tallystick.storage.usage_arrivals import arrived_since
from tests.billed import unguarded
from tests.facade.billing import START, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick import Tallystick
    from tallystick.core.invoice import Invoice
    from tallystick.core.reckoning import Facts
    from tests.databases import Database

PEOPLE = tuple(f"p{number}" for number in range(6))


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    with opened(database.url) as ledger:
        for name in PEOPLE:
            ledger.customers.create(name)
            ledger.subscriptions.start(name, "pro", seats=1, id=f"s-{name}", at=START)
        yield ledger


def refuse_one(facts: Facts) -> Invoice:
    """Reckon as ever, but for one customer, whose figures divide by zero."""
    if facts.customer == "p3":
        raise ZeroDivisionError("no such share")
    return reckon(facts)


def test_a_fault_of_ours_in_one_document_blocks_no_other(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(batch_facts, "reckon", refuse_one)
        run = tally.invoices.run(START)
    (aside,) = run.set_aside
    assert (run.documents, aside.kind, aside.customer) == (5, "draft", "p3")
    assert aside.reason["message"] == "ZeroDivisionError: no such share"
    assert not tally.invoices.run(START + timedelta(hours=1)).did_work
    tally.invoices.retry(aside.id)
    assert tally.invoices.run(START + timedelta(hours=2)).documents == 1
    assert tally.verify().ok


def test_a_fault_in_what_a_batch_reads_blocks_only_the_document_it_comes_from(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(unit: Any, offers: Any, drafts: Any) -> Any:
        if any(draft.customer == "p3" for draft in drafts):
            raise LookupError("no such meter")
        return UsageOfDrafts(unit, offers, drafts)

    monkeypatch.setattr(batch_facts, "UsageOfDrafts", read)
    run = tally.invoices.run(START)
    assert (run.documents, [each.customer for each in run.set_aside]) == (5, ["p3"])
    numbers = [
        each.invoice.number for name in PEOPLE for each in tally.invoices.list(customer=name)
    ]
    assert sorted(number for number in numbers if number) == [
        f"INV-{number:06}" for number in range(1, 6)
    ]
    assert tally.verify().ok


# --- what is stored cannot be read ----------------------------------------------------------------


def spoil(tally: Tallystick, table: str, column: str) -> str:
    """Have what is stored of one customer be no JSON any more; give what it was."""
    with tally.storage.begin() as unit:
        unit.as_all()
        unguarded(unit, table)
        found = getattr(unit.tables, table)
        mine = found.c.customer_id == "p3"
        before: str = unit.connection.execute(select(found.c[column]).where(mine)).scalar_one()
        spoilt = update(found).where(mine).values({column: before[:-9]})
        assert unit.connection.execute(spoilt).rowcount == 1
        unit.commit()
    return before


def mend(tally: Tallystick, table: str, column: str, text: str) -> None:
    with tally.storage.begin() as unit:
        unit.as_all()
        found = getattr(unit.tables, table)
        mine = found.c.customer_id == "p3"
        unit.connection.execute(update(found).where(mine).values({column: text}))
        unit.commit()


def test_a_draft_that_cannot_be_read_is_set_aside_alone(tally: Tallystick) -> None:
    before = spoil(tally, "invoices", "due")
    run = tally.invoices.run(START)
    (aside,) = run.set_aside
    assert (run.documents, aside.kind, aside.customer) == (5, "draft", "p3")
    assert aside.reason["message"].startswith("JSONDecodeError: ")
    assert aside.reason["input"].startswith("sha256:")
    assert not tally.invoices.run(START + timedelta(hours=1)).did_work
    tally.invoices.retry(aside.id)
    again = tally.invoices.run(START + timedelta(hours=2))
    assert ([each.id for each in again.set_aside], again.documents) == ([aside.id], 0)
    mend(tally, "invoices", "due", before)
    tally.invoices.retry(aside.id)
    assert tally.invoices.run(START + timedelta(hours=3)).documents == 1
    assert tally.verify().ok


def test_a_subscription_that_cannot_be_read_is_set_aside_alone(tally: Tallystick) -> None:
    tally.invoices.run(START)
    before = spoil(tally, "subscriptions", "snapshot")
    run = tally.invoices.run(START + timedelta(days=32))
    (aside,) = run.set_aside
    assert (aside.kind, aside.id, run.subscriptions, run.documents) == (
        "subscription",
        "s-p3",
        5,
        5,
    )
    mend(tally, "subscriptions", "snapshot", before)
    tally.invoices.retry("s-p3")
    assert tally.invoices.run(START + timedelta(days=32)).documents == 1
    assert tally.verify().ok


def test_what_cannot_be_kept_is_set_aside_alone_whoever_is_to_blame(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally.invoices.run(START)

    def refuse(subscription: Any, *given: Any) -> Any:
        if subscription.customer == "p3":
            raise KeyError("no such grace")
        return drafts_of(subscription, *given)

    with monkeypatch.context() as patched:
        patched.setattr(billing, "drafts_of", refuse)
        run = tally.invoices.run(START + timedelta(days=32))
    assert [(each.kind, each.id) for each in run.set_aside] == [("subscription", "s-p3")]
    assert (run.subscriptions, run.documents) == (5, 5)


def test_only_who_ended_and_has_something_late_is_looked_at(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def counted(unit: Any, asked: Any, **more: Any) -> Any:
        looked.extend(each.subscription for each in asked)
        return arrived_since(unit, asked, **more)

    monkeypatch.setattr(late_drafts, "arrived_since", counted)
    end, late = START + timedelta(days=3), START + timedelta(days=40)
    for name in PEOPLE:
        tally.subscriptions.cancel(f"s-{name}", when="now", at=end)
    tally.invoices.run(end + timedelta(days=1))
    assert looked == []
    event: dict[str, Any] = {"occurred_at": START + timedelta(days=1), "quantity": 1_500}
    clock: Any = tally.clock
    clock.set(late)
    tally.usage.record("p3", "calls", id="late", **event)
    run = tally.invoices.run(late + timedelta(days=1))
    assert (looked, run.documents) == (["s-p3"], 1)
    tally.invoices.run(late + timedelta(days=2))
    assert looked == ["s-p3"]  # what was looked at is done with
    assert tally.verify().ok

"""A document that cannot be made is set aside, and every other one is issued."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.app import issuing
from tallystick.app.usage_of_drafts import UsageOfDrafts
from tallystick.core.reckoning import reckon
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
        patched.setattr(issuing, "reckon", refuse_one)
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

    monkeypatch.setattr(issuing, "UsageOfDrafts", read)
    run = tally.invoices.run(START)
    assert (run.documents, [each.customer for each in run.set_aside]) == (5, ["p3"])
    numbers = [
        each.invoice.number for name in PEOPLE for each in tally.invoices.list(customer=name)
    ]
    assert sorted(number for number in numbers if number) == [
        f"INV-{number:06}" for number in range(1, 6)
    ]
    assert tally.verify().ok

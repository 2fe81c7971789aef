"""What is given back by itself is never more than documents left of the fee, however they did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tallystick.app.rebuild import rebuild
from tallystick.storage.derived import ledger_digests
from tests.facade.billing import day, opened, usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick import Tallystick
    from tests.databases import Database

MIDDLE = day("2026-10-16T12:00:00")


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    with opened(database.url) as ledger:
        ledger.subscriptions.start("acme", "basic", id="s", at=day("2026-10-01"))
        ledger.invoices.run(day("2026-10-01"))
        yield ledger
        assert ledger.verify().ok
        for each in ledger.invoices.list(customer="acme"):
            if each.invoice.number is not None:
                assert ledger.invoices.replay(each.invoice.number).differences == ()
        before = kept(ledger)
        rebuild(ledger.storage)
        assert kept(ledger) == before


def kept(tally: Tallystick) -> dict[str, str]:
    with tally.storage.look() as unit:
        unit.as_all()
        return ledger_digests(unit)


def given(tally: Tallystick) -> list[int]:
    """Give the automatic credits of all documents, minor units."""
    documents = tally.invoices.list(customer="acme")
    lines = [line for each in documents for line in each.invoice.lines]
    return [line.amount.minor for line in lines if line.kind == "credit"]


def test_a_credit_note_by_hand_leaves_less_to_give_back(tally: Tallystick) -> None:
    tally.invoices.credit("INV-000001", "8.00", at=day("2026-10-05"))
    tally.subscriptions.cancel("s", credit=True, when="now", at=MIDDLE)
    tally.invoices.run(day("2026-11-02"))
    assert given(tally) == [-200]
    texts = tally.invoices.text("CN-000002")
    assert texts
    (line,) = [
        line
        for each in tally.invoices.list(customer="acme")
        for line in each.invoice.lines
        if line.kind == "credit"
    ]
    assert line.evidence["creditable"] == 200


def test_a_credit_note_that_comes_before_a_late_run_counts_too(tally: Tallystick) -> None:
    tally.subscriptions.cancel("s", credit=True, when="now", at=MIDDLE)
    tally.invoices.credit("INV-000001", "8.00", at=day("2026-10-20"))
    tally.invoices.run(day("2026-11-02"))
    assert given(tally) == [-200]


def test_a_credit_note_that_comes_after_changes_nothing_of_what_was_given(
    tally: Tallystick,
) -> None:
    tally.subscriptions.cancel("s", credit=True, when="now", at=MIDDLE)
    tally.invoices.run(MIDDLE)
    tally.invoices.credit("INV-000001", "5.00", at=day("2026-10-20"))
    assert given(tally) == [-500]


def test_nothing_is_given_back_of_a_void_invoice(tally: Tallystick) -> None:
    tally.invoices.void("INV-000001", at=day("2026-10-05"))
    tally.subscriptions.change("s", plan="pro", seats=1, proration="invoice_now", at=MIDDLE)
    tally.invoices.run(day("2026-10-17"))
    assert sum(given(tally)) == 0


def test_an_invoice_that_is_taken_back_later_was_still_given_back_of(tally: Tallystick) -> None:
    tally.subscriptions.change("s", plan="pro", seats=1, proration="invoice_now", at=MIDDLE)
    tally.invoices.run(day("2026-10-17"))
    tally.invoices.void("INV-000001", at=day("2026-10-20"))
    assert given(tally) == [-500]


def test_changes_in_one_second_each_give_back_of_the_fee_before(tally: Tallystick) -> None:
    for plan, seats in (("pro", 2), ("pro", 3), ("pro", 4)):
        tally.subscriptions.change("s", plan=plan, seats=seats, at=MIDDLE)
    tally.subscriptions.cancel("s", credit=True, when="now", at=MIDDLE)
    tally.invoices.run(day("2026-11-02"))
    documents = tally.invoices.list(customer="acme")
    assert sum(each.invoice.total.minor for each in documents) == 500


def test_after_a_free_change_each_fee_gives_back_what_is_left_of_it(tally: Tallystick) -> None:
    tally.subscriptions.change("s", plan="pro", seats=2, when="period_end", at=day("2026-10-05"))
    tally.invoices.run(day("2026-11-01"))
    tally.invoices.credit("INV-000002", lines=[(1, "29.50")], at=day("2026-11-05"))
    tally.subscriptions.change("s", plan="sms", when="now", proration="none", at=day("2026-11-16"))
    tally.subscriptions.cancel("s", credit=True, when="now", at=day("2026-11-21"))
    tally.invoices.run(day("2026-12-01"))
    assert given(tally) == [-133]  # 4.00 × 10 / 30; of what is left of pro 0.50, the rest of seats
    assert tally.invoices.creditable("INV-000002") == (usd("0.00"), usd("9.17"))
    found = next(each for each in tally.invoices.list() if each.invoice.number == "INV-000002")
    assert (found.credited, found.noted) == (2_950 + 133, 2_950 + 133)


def test_nothing_is_given_back_of_a_void_invoice_after_a_free_change(tally: Tallystick) -> None:
    tally.subscriptions.change("s", plan="pro", proration="none", at=MIDDLE)
    tally.invoices.void("INV-000001", at=day("2026-10-17"))
    tally.subscriptions.cancel("s", credit=True, when="now", at=day("2026-10-20"))
    tally.invoices.run(day("2026-11-02"))
    assert given(tally) == []


def test_of_two_free_changes_the_fee_that_was_charged_gives_back_its_share(
    tally: Tallystick,
) -> None:
    tally.subscriptions.change("s", plan="pro", proration="none", at=day("2026-10-06"))
    tally.subscriptions.change("s", seats=3, proration="none", at=day("2026-10-11"))
    tally.subscriptions.pause("s", mode="extend", at=day("2026-10-16"))
    tally.subscriptions.resume("s", at=day("2026-10-20"))
    tally.subscriptions.cancel("s", credit=True, when="now", at=day("2026-10-25"))
    tally.invoices.run(day("2026-11-08"))
    # 11 of 31 days are left of it, as four were paused
    assert sum(given(tally)) == -355
    assert tally.invoices.creditable("INV-000001") == (usd("6.45"),)

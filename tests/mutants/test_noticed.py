"""What no other test said, and a fault could have changed unseen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from tallystick.app.billing import run_billing
from tallystick.core.line_tax import tax_lines
from tallystick.core.period import Period
from tallystick.core.span import share_of
from tallystick.core.tax import TaxRate
from tallystick.storage.subscriptions import claim_due
from tests.core.billing import Story, offers_of
from tests.databases import storage, storage_postgresql
from tests.facade.billing import usd
from tests.proof.billing_calls import customers, day, documents, sell, start
from tests.proof.usage_calls import opened

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.storage.unit import Storage
    from tallystick.wiring import Tallystick

__all__ = ["storage", "storage_postgresql"]

NOON = datetime(2027, 4, 1, 12, tzinfo=UTC)


def test_a_share_is_counted_by_the_second() -> None:
    whole = Period(NOON, NOON + timedelta(days=30))
    window = Period(NOON + timedelta(days=29, hours=23, seconds=1), whole.end)
    share = share_of(window, whole)
    assert (share.part, share.whole) == (3_599, 30 * 86_400)


def test_a_share_of_a_fraction_of_a_minor_unit_is_rounded_once() -> None:
    """Half of 10.01 is 500.5 minor units, and half a month of it 250.25."""
    price = {"id": "half", "name": "Half", "type": "flat", "cost": "10.01"}
    price["discount_percent"] = "50"
    offers = offers_of({"id": "half", "name": "Half", "interval": "month", "prices": [price]})
    story = Story(offers).start("half", at="2027-04-16", billing="calendar").until("2027-05-01")
    assert story.totals == ["2.50", "5.01"]


def test_a_set_up_fee_that_was_paid_elsewhere_is_not_charged_again() -> None:
    paid_until = datetime(2027, 5, 1, tzinfo=UTC)
    story = Story().start("setup", at="2027-04-01", paid_until=paid_until).until("2027-05-01")
    assert story.totals == ["10.00"]


def test_who_paid_for_less_and_has_more_is_given_back_what_was_paid() -> None:
    half = "2027-04-16"
    story = Story().start("basic", at="2027-04-01")
    story.change(half, offer="max@1", proration="none").cancel(half, credit=True)
    fees = [line for line in story.last if line[0] == "credit"]
    assert fees == [("credit", "max", "-5.00")]


# --- documents of one batch -----------------------------------------------------------------------


def ledger(folder: Path) -> Tallystick:
    tally = opened(f"sqlite:///{folder / 'noticed.db'}")
    sell(tally)
    customers(tally, ["acme"])
    return tally


def two_at_once(tally: Tallystick) -> None:
    """Have two documents of one customer in one batch: 10.00 and 9.00."""
    start(tally, "acme", "basic", 5)
    tally.invoices.add_item("acme", "A book", "9.00", now=True, at=day(5))


def test_an_item_stands_on_one_of_the_documents_of_a_batch(tmp_path: Path) -> None:
    with ledger(tmp_path) as tally:
        tally.invoices.add_item("acme", "Setting up", "3.00", at=day(1))
        two_at_once(tally)
        assert not tally.invoices.run(day(6)).set_aside
        lines = [line for each in documents(tally) for line in each.invoice.lines]
        assert sorted(line.amount.minor for line in lines) == [300, 900, 1_000]


def test_the_documents_of_a_batch_share_one_balance(tmp_path: Path) -> None:
    with ledger(tmp_path) as tally:
        start(tally, "acme", "basic")
        tally.invoices.run(day(0))
        first = documents(tally)[0].invoice.id
        tally.invoices.pay(first, at=day(1))
        tally.invoices.credit(first, "10.00", at=day(2))
        for days in (5, 5.5):
            tally.invoices.add_item("acme", "A book", "7.00", now=True, at=day(days))
        assert not tally.invoices.run(day(6)).set_aside
        paid = [each.invoice.balance.minor for each in documents(tally)]
        assert sorted(paid) == [0, 0, 300, 700]  # the first was paid before, and credited
        assert not tally.verify().broken


def test_the_documents_of_a_batch_share_one_grant(tmp_path: Path) -> None:
    with ledger(tmp_path) as tally:
        grant = tally.credits.grant("acme", "15.00", at=day(4)).grant.id
        two_at_once(tally)
        assert not tally.invoices.run(day(6)).set_aside
        assert sum(each.invoice.credit.minor for each in documents(tally)) == 1_500
        assert tally.credits.get(grant).remaining == 0
        assert not tally.verify().broken


# --- taxes ----------------------------------------------------------------------------------------


def test_half_a_minor_unit_of_tax_is_one() -> None:
    """0.7 % of 5.00 is 3.5 minor units; what a float takes for 0.7 is a little less."""
    ((tax,),) = tax_lines([usd("5.00")], [[TaxRate("city", Decimal("0.7"))]])
    assert tax.amount == usd("0.04")


# --- the order of numbers -------------------------------------------------------------------------


def test_no_document_is_issued_before_what_is_due_earlier(storage_postgresql: Storage) -> None:
    """Another process has claimed the first and is not done: the second waits for it."""
    url = storage_postgresql.engine.url.render_as_string(hide_password=False)
    with opened(url) as tally:
        sell(tally)
        customers(tally, ["acme", "globex"])
        start(tally, "acme", "basic", 0)
        start(tally, "globex", "basic", 1)
        assert tally.invoices.run(day(2)).documents == 2
        with tally.begin() as other:
            assert [each.customer for each in claim_due(other, day(32), 1)] == ["acme"]
            held = run_billing(storage_postgresql, day(32))
            assert (held.subscriptions, held.documents) == (1, 0)
        assert run_billing(storage_postgresql, day(32)).documents == 2
        by_number = {each.invoice.number: each.invoice.customer for each in documents(tally)}
        assert [by_number[f"INV-00000{n}"] for n in (3, 4)] == ["acme", "globex"]

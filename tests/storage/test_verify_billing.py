"""The invariants of billing hold on a ledger that was used, and each is seen to fail."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest
from sqlalchemy import delete, insert, select, update

from tallystick.app.verify import verify_ledger
from tallystick.app.verify_moves import MOVE_CHECKS
from tallystick.storage.verify_billing import BILLING_CHECKS
from tests.billed import bared, day, fill, migrated, unguarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.storage.unit import Storage, Unit

CHECKS: Final = (*BILLING_CHECKS, *MOVE_CHECKS)


@pytest.fixture(scope="module", params=["sqlite-memory", "postgresql"])
def used(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Storage]:
    """A ledger that was used for months; what is planted in it is never committed."""
    with migrated(request.param, tmp_path_factory.mktemp("ledger")) as opened:
        fill(opened)
        yield opened


def test_every_invariant_holds_on_a_ledger_that_was_used(used: Storage) -> None:
    with used.look() as unit:
        report = verify_ledger(unit)
    assert report.broken == ()
    assert {check.name for check in CHECKS} <= {each.name for each in report.checks}


# --- what is planted ----------------------------------------------------------------------------


def put(table: str, where: dict[str, Any], **values: Any) -> Callable[[Unit], None]:
    """Change rows of a table from which everything that would refuse it was taken."""

    def plant(unit: Unit) -> None:
        bared(unit, table)
        found = getattr(unit.tables, table)
        mine = [found.c[name] == value for name, value in where.items()]
        done = unit.connection.execute(update(found).where(*mine).values(values))
        assert done.rowcount

    return plant


def twice(table: str, where: dict[str, Any], **values: Any) -> Callable[[Unit], None]:
    """Store rows a second time, a little different."""

    def plant(unit: Unit) -> None:
        bared(unit, table)
        found = getattr(unit.tables, table)
        mine = [found.c[name] == value for name, value in where.items()]
        rows = unit.connection.execute(select(found).where(*mine)).mappings().all()
        assert rows
        unit.connection.execute(insert(found), [{**row, **values} for row in rows])

    return plant


def gone(table: str, **where: Any) -> Callable[[Unit], None]:
    def plant(unit: Unit) -> None:
        bared(unit, table)
        found = getattr(unit.tables, table)
        mine = [found.c[name] == value for name, value in where.items()]
        assert unit.connection.execute(delete(found).where(*mine)).rowcount

    return plant


def body(number: str, **changes: Any) -> Callable[[Unit], None]:
    """Change the body of a document, but none of its seals."""

    def plant(unit: Unit) -> None:
        unguarded(unit, "invoices")
        table = unit.tables.invoices
        mine = table.c.number_text == number
        tree = json.loads(unit.connection.execute(select(table.c.body).where(mine)).scalar_one())
        text = json.dumps(tree | changes, separators=(",", ":"), sort_keys=True)
        unit.connection.execute(update(table).where(mine).values(body=text))

    return plant


def stranger(unit: Unit) -> None:
    bared(unit, "journal")
    unit.connection.execute(
        insert(unit.tables.journal).values(
            id=1_000, customer_id="acme", at=day("2027-06-01"), cause="invoice/none",
            debit="cash", credit="gifts", minor=5, currency="USD",
        )
    )  # fmt: skip


def moved_window(unit: Unit) -> None:
    bared(unit, "invoice_lines")
    c = unit.tables.invoice_lines.c
    mine = (c.price_id == "storage", c.customer_id == "acme")
    asked = update(unit.tables.invoice_lines).where(*mine)
    unit.connection.execute(
        asked.where(c.window_end == day("2027-03-31T09:00:00")).values(
            window_start=day("2027-02-28T09:00:00") - timedelta(seconds=1)
        )
    )


def empty_gap(unit: Unit) -> None:
    """Take a month of usage out of what fell due, as a fold that loses a window would."""
    unguarded(unit, "invoices")
    table = unit.tables.invoices
    mine = table.c.number_text == "INV-000006"
    due = json.loads(unit.connection.execute(select(table.c.due).where(mine)).scalar_one())
    due["charges"] = [each for each in due["charges"] if each["kind"] != "usage"]
    text = json.dumps(due, separators=(",", ":"))
    unit.connection.execute(update(table).where(mine).values(due=text))


def by_hand_twice(unit: Unit) -> None:
    bared(unit, "invoice_lines")
    c = unit.tables.invoice_lines.c
    note = unit.tables.invoices.c
    found = select(note.id).where(note.number_text == "CN-000001")
    invoice = select(note.id).where(note.number_text == "INV-000004")
    of = unit.connection.execute(invoice).scalar_one()
    evidence = json.dumps({"invoice": of, "position": 1})
    asked = update(unit.tables.invoice_lines).where(
        c.invoice_id == unit.connection.execute(found).scalar_one()
    )
    unit.connection.execute(asked.values(kind="item", amount=-1_001, evidence=evidence))


ACME: Final = {"customer_id": "acme"}
BETA: Final = {"customer_id": "beta"}
FIRST: Final = {"number_text": "INV-000001"}
SECOND: Final = {"number_text": "INV-000002"}
TRAINING: Final = {"part": "item/training"}
VIOLATIONS: Final[dict[str, tuple[str, Callable[[Unit], object]]]] = {
    "a line changed": ("invoice-sums", put("invoice_lines", TRAINING, amount=24_001)),
    "a subtotal": ("invoice-sums", put("invoices", FIRST, subtotal=1)),
    "a total": ("invoice-sums", put("invoices", FIRST, total=6_001)),
    "a tax on no line": ("invoice-sums", put("invoices", FIRST, tax=1)),
    "an amount due": ("invoice-sums", put("invoices", FIRST, amount_due=1)),
    "another currency": ("invoice-currencies", put("invoices", FIRST, currency="EUR")),
    "a payment in another": ("invoice-currencies", put("payments", BETA, currency="EUR")),
    "usage of one second twice": ("usage-windows", moved_window),
    "usage of a month twice": (
        "usage-windows",
        twice("invoice_lines", {"price_id": "storage", "offer": "pro@1"}, position=99),
    ),
    "a fee twice": (
        "fee-windows",
        put(
            "invoice_lines",
            {"price_id": "pro", "window_start": day("2027-02-28T09:00:00")},
            window_start=day("2027-02-27T09:00:00"),
        ),
    ),
    "two live in a group": ("one-live", put("subscriptions", {"id": "s-beta"}, state="active")),
    "a body": ("invoice-seals", body("INV-000003", memo="gift")),
    "a body that is none": ("invoice-seals", put("invoices", FIRST, body="{}")),
    "a digest": ("invoice-seals", put("invoices", FIRST, digest="0" * 64)),
    "a chain": ("invoice-seals", put("invoices", FIRST, chain="0" * 64)),
    "a chain of the series": ("invoice-seals", put("invoice_series", {}, chain="0" * 64)),
    "a memo": ("invoice-seals", put("invoices", FIRST, memo="gift")),
    "a line's evidence": ("invoice-seals", put("invoice_lines", TRAINING, evidence='{"a":1}')),
    "a line's quantity": ("invoice-seals", put("invoice_lines", TRAINING, quantity=Decimal(3))),
    "a line that is lost": ("invoice-seals", gone("invoice_lines", **TRAINING)),
    "a number that is missing": ("invoice-numbers", put("invoices", FIRST, number=99)),
    "a number twice": ("invoice-numbers", put("invoices", FIRST, number=2)),
    "a next number": ("invoice-numbers", put("invoice_series", {"series": "invoice"}, next=99)),
    "a series that is lost": ("invoice-numbers", gone("invoice_series", series="invoice")),
    "a document that is lost": ("invoice-numbers", gone("invoices", **SECOND)),
    "issued too early": ("invoice-times", put("invoices", FIRST, issued_at=day("2027-01-01"))),
    "a cause twice": (
        "one-document",
        twice("invoices", FIRST, id="again", number=99, number_text="INV-000099"),
    ),
    "a line twice": ("one-line", twice("invoice_lines", TRAINING, invoice_id="again")),
    "a line of nothing": ("no-orphans", put("invoice_lines", TRAINING, invoice_id="none")),
    "a payment of nothing": ("no-orphans", put("payments", BETA, invoice_id="none")),
    "an account that is none": ("journal-entries", stranger),
    "an entry of nothing": ("journal-entries", put("journal", ACME, minor=0)),
    "an entry of another amount": ("journal-documents", put("journal", ACME, minor=1)),
    "a document without entries": ("journal-documents", gone("journal", **ACME)),
    "entries without a document": ("journal-documents", stranger),
    "less owed": ("receivable", put("invoices", SECOND, status="open", paid=0)),
    "another balance": ("journal-balances", put("balances", {}, minor=7)),
    "a balance out of nothing": (
        "journal-balances",
        lambda unit: unit.connection.execute(
            insert(unit.tables.balances).values(customer_id="acme", currency="USD", minor=5)
        ),
    ),
    "a payment that is lost": ("paid", gone("payments", **BETA)),
    "paid without a payment": ("paid", put("invoices", FIRST, paid=1)),
    "paid, and something left": ("paid", put("invoices", FIRST, status="paid")),
    "a balance below zero": ("balances", put("balances", {}, minor=-1)),
    "more refunded than paid": ("invoice-limits", put("invoices", SECOND, refunded=1_001)),
    "more given back than asked": ("invoice-limits", put("invoices", FIRST, noted=6_001)),
    "more paid than due": ("invoice-limits", put("invoices", FIRST, paid=6_001)),
    "a fee given back twice": (
        "line-limits",
        put("invoice_lines", {"kind": "credit"}, amount=-1_000_000),
    ),
    "usage given back twice": (
        "line-limits",
        twice(
            "invoice_lines",
            {"price_id": "storage", "window_end": day("2027-03-31T09:00:00")},
            kind="late",
            amount=-1_000,
            part="late/1",
        ),
    ),
    "a line given back twice by hand": ("noted-lines", by_hand_twice),
    "a snapshot": ("subscriptions", put("subscriptions", {"id": "s-acme"}, snapshot="{}")),
    "a state": ("subscriptions", put("subscriptions", {"id": "s-beta2"}, state="past_due")),
    "a time": ("subscriptions", put("subscriptions", {"id": "s-acme"}, due_at=None)),
    "a move that is lost": (
        "subscriptions",
        gone("subscription_moves", subscription_id="s-acme", number=2),
    ),
    "every move lost": ("subscriptions", gone("subscription_moves", subscription_id="s-acme")),
    "a move's digest": (
        "subscriptions",
        put("subscription_moves", {"subscription_id": "s-acme", "number": 2}, digest="0" * 64),
    ),
    "usage that fell out of a document": ("subscriptions", empty_gap),
    "a draft that is lost": ("subscriptions", gone("invoices", **FIRST)),
    "a document that nothing made due": (
        "subscriptions",
        put("invoices", FIRST, cause="boundary/s-acme/2026-01-31T09:00:00Z"),
    ),
}


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_a_violation_is_found_with_its_row(used: Storage, violation: str) -> None:
    name, plant = VIOLATIONS[violation]
    with used.begin() as unit:
        unit.as_all()
        plant(unit)
        report = verify_ledger(unit, CHECKS)
    broken = {each.name: each for each in report.broken}
    assert name in broken
    assert broken[name].rows
    assert all(row for row in broken[name].rows)


def test_each_check_is_among_those_seen_to_fail() -> None:
    assert {name for name, _ in VIOLATIONS.values()} == {check.name for check in CHECKS}


def test_checking_changes_nothing_and_needs_no_right_to_write(used: Storage) -> None:
    with used.look() as unit:
        unit.as_all()
        before = verify_ledger(unit)
        again = verify_ledger(unit)
    assert before == again

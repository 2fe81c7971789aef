"""Documents as rows: drafts wait to be issued; what was issued is there for ever.

The database holds the rules: one document for each cause of a customer, numbers without a twin.
What changes of a document later is in `storage.invoice_settlement`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, literal, select
from sqlalchemy.exc import IntegrityError

from tallystick.errors import Conflict
from tallystick.storage.arrays import insert_rows
from tallystick.storage.aside import put_aside, read_each, stopped_in
from tallystick.storage.batches import insert_cells, moments, rows_of, update_rows
from tallystick.storage.invoice_lines import insert_lines
from tallystick.storage.invoice_rows import (
    document_of,
    draft_of,
    draft_row,
    invoice_row,
)
from tallystick.storage.sections import close_rows, is_section
from tallystick.storage.turns import turns

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sqlalchemy import ColumnElement

    from tallystick.core.invoice import Invoice
    from tallystick.core.period import Instant
    from tallystick.storage.arrays import Cell
    from tallystick.storage.aside import Unread
    from tallystick.storage.invoice_rows import Document, DocumentStatus, Draft, Issued
    from tallystick.storage.unit import Unit

__all__ = [
    "claim_drafts",
    "close_sections",
    "drop_empty",
    "find_invoice",
    "find_invoices",
    "has_bought",
    "hold_invoices",
    "insert_drafts",
    "invoice_by_cause",
    "invoice_by_number",
    "issue",
    "known_causes",
    "list_invoices",
    "lowest_draft",
    "retry",
    "set_aside",
    "stopped",
]

_KEY: Final = (("customer_id", "text"), ("id", "text"))
_DRAFT: Final = (
    *_KEY,
    ("subscription_id", "text"),
    ("kind", "text"),
    ("status", "text"),
    ("cause", "text"),
    ("currency", "text"),
    ("at", "timestamptz"),
    ("finalize_at", "timestamptz"),
    ("watermark", "timestamptz"),
    ("due", "text"),
    *((name, "bigint") for name in ("subtotal", "discount", "credit", "tax", "total")),
    *((name, "bigint") for name in ("balance", "amount_due")),
    *((name, "bigint") for name in ("paid", "credited", "noted", "refunded", "net_days")),
    ("memo", "text"),
    ("po_number", "text"),
)
_ISSUED: Final = (
    *_KEY,
    ("kind", "text"),
    ("status", "text"),
    ("issued_at", "timestamptz"),
    ("due_at", "timestamptz"),
    ("series", "text"),
    ("number", "bigint"),
    ("number_text", "text"),
    ("body", "text"),
    ("digest", "text"),
    ("chain", "text"),
    *((name, "bigint") for name in ("subtotal", "discount", "credit", "tax", "total")),
    *((name, "bigint") for name in ("balance", "amount_due")),
    ("credits_id", "text"),
    ("net_days", "bigint"),
    ("memo", "text"),
    ("po_number", "text"),
)
_MINE: Final = "d.customer_id = {customer_id} AND d.id = {id}"
_TIMES: Final = frozenset({"at", "finalize_at", "watermark", "issued_at", "due_at"})


# --- drafts ---------------------------------------------------------------------------------------


def insert_drafts(unit: Unit, drafts: Sequence[Draft]) -> list[Draft]:
    """Store drafts, unless their customer has a document for the cause; give those that are new.

    Of several for one cause the first counts.
    """
    first = {(draft.customer, draft.cause): draft for draft in reversed(drafts)}
    new = [draft for draft in drafts if first[draft.customer, draft.cause] is draft]
    if unit.dialect == "sqlite":  # it has no way to say which, but there is one writer
        known = known_causes(unit, list(first))
        new = [draft for draft in new if (draft.customer, draft.cause) not in known]
    if not new:
        return []
    moment = moments(unit)
    rows = [_cells(_DRAFT, draft_row(draft), moment) for draft in new]
    ending = " ON CONFLICT (customer_id, cause) DO NOTHING"
    if unit.dialect == "sqlite":
        insert_cells(unit, unit.tables.invoices, _DRAFT, rows, ending)
        return new
    table = unit.tables.invoices.fullname
    stored = set(insert_rows(unit, table, _DRAFT, rows, f"{ending} RETURNING d.id").scalars())
    return [draft for draft in new if draft.id in stored]


def has_bought(unit: Unit, customer: str) -> bool:
    """Whether a customer was asked for money by an invoice that stands."""
    c = unit.tables.invoices.c
    bought = (c.kind == "invoice", c.total > 0, c.status.in_(("open", "paid", "uncollectible")))
    query = select(literal(1)).where(c.customer_id == customer, *bought).limit(1)
    return unit.connection.execute(query).first() is not None


def known_causes(unit: Unit, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Give those of these customers and causes for which there is a document, or a draft of one."""
    found = rows_of(unit, unit.tables.invoices, ("customer_id", "cause"), keys)
    return {(row["customer_id"], row["cause"]) for row in found}


_NAMES: Final = ("customer_id", "id")


def _cells(
    columns: Sequence[tuple[str, str]],
    row: Mapping[str, Any],
    moment: Callable[[Instant | None], Cell],
) -> tuple[Cell, ...]:
    return tuple(moment(row[name]) if name in _TIMES else row[name] for name, _ in columns)


def claim_drafts(
    unit: Unit,
    until: Instant,
    limit: int,
    *,
    before: Instant | None = None,
    unread: Unread | None = None,
) -> list[Draft]:
    """Give the drafts that may be issued by then, in the order in which they are numbered.

    Up to and with `until`, and where it is given only `before` an instant.  They are locked until
    the transaction ends; who else asks waits.  `unread` is told of those that cannot be read.  The
    sections of a payer's document go with it, and are not among them.
    """
    table = unit.tables.invoices
    c = table.c
    where = [c.status == "draft", c.set_aside.is_(None), c.finalize_at <= until]
    where.append(~is_section(unit))
    if before is not None:
        where.append(c.finalize_at < before)
    query = (
        select(table)
        .where(*where)
        .order_by(c.finalize_at, c.customer_id, *turns(table))
        .limit(limit)
        .with_for_update(key_share=True)
    )
    return read_each(unit.connection.execute(query).mappings(), draft_of, unread)


def lowest_draft(unit: Unit, until: Instant) -> Instant | None:
    """Give when the first draft may be issued that may be by then; None for none."""
    c = unit.tables.invoices.c
    query = select(func.min(c.finalize_at)).where(
        c.status == "draft", c.set_aside.is_(None), c.finalize_at <= until, ~is_section(unit)
    )
    return unit.connection.execute(query).scalar()


def issue(unit: Unit, issued: Sequence[Issued]) -> None:
    """Turn drafts into documents: their lines, their figures and their numbers, for ever.

    All or none.  Raises Conflict where one is no draft any more, a number is taken, or a line was
    billed before.
    """
    moment = moments(unit)
    rows = [_cells(_ISSUED, invoice_row(each), moment) for each in issued]
    changes = {name: f"{{{name}}}" for name, _ in _ISSUED[len(_KEY) :]}
    _close(unit, [each.invoice for each in issued], _ISSUED, rows, changes)


def drop_empty(unit: Unit, invoices: Sequence[Invoice]) -> None:
    """Close drafts of which no line has an amount: no document, but their lines count as billed.

    All or none.  Raises Conflict where one is no draft any more or has an amount.
    """
    if any(line.amount.minor for invoice in invoices for line in invoice.lines):
        raise Conflict("a document with an amount is issued, not dropped")
    rows = [(invoice.customer, invoice.id) for invoice in invoices]
    _close(unit, invoices, _KEY, rows, {"status": "'empty'"})


def close_sections(unit: Unit, sections: Sequence[Invoice]) -> None:
    """Close drafts that stand on a payer's document: with their lines and sums, but no number.

    Raises Conflict where a line was billed before or one is no draft any more.
    """
    if not sections:
        return
    try:
        with unit.savepoint():
            insert_lines(unit, sections)
            if close_rows(unit, sections) != len(sections):
                raise Conflict(_NO_DRAFT)
    except IntegrityError as refused:
        raise _refusal(refused) from None


def _close(
    unit: Unit,
    invoices: Sequence[Invoice],
    columns: Sequence[tuple[str, str]],
    rows: Sequence[Sequence[Cell]],
    changes: Mapping[str, str],
) -> None:
    """Write the lines of drafts, then what they become: in this order, as drafts take lines."""
    # PostgreSQL's planner knows of no drafts that came after it gathered statistics, and would
    # compare every pair of them with the batch; so it is asked what it has no statistics of.
    where = f"{_MINE} AND coalesce(d.status, '') = 'draft'"
    try:
        with unit.savepoint():
            insert_lines(unit, [each for each in invoices if not each.sections])
            done = update_rows(unit, unit.tables.invoices, columns, rows, changes, where)
            if done != len(rows):
                raise Conflict(_NO_DRAFT)
    except IntegrityError as refused:
        raise _refusal(refused) from None


_NO_DRAFT: Final = "a document is no draft any more: it was issued meanwhile"


def _refusal(refused: IntegrityError) -> Exception:
    """Say what a constraint means; what is no rule of documents is a mistake of ours."""
    said = str(refused.orig)
    if "lines_once" in said or "lines.window_start" in said:
        return Conflict("a line was billed before: its price, time and part are taken")
    if "series_number" in said or "invoices.series" in said:
        return Conflict("a number of the series is taken: take the next ones")
    if "document that was issued" in said or ("_invoice_lines" in said and "position" in said):
        return Conflict(_NO_DRAFT)
    return refused


def set_aside(unit: Unit, customer: str, id_: str, reason: str) -> None:
    """Leave a draft out of all claims, for a reason (JSON).  Raises NotFound."""
    put_aside(unit, unit.tables.invoices, (customer, id_), reason, "invoice")


def retry(unit: Unit, customer: str, id_: str) -> None:
    """Take a draft that was set aside into the claims again.  Raises NotFound."""
    put_aside(unit, unit.tables.invoices, (customer, id_), None, "invoice")


def stopped(unit: Unit, limit: int) -> tuple[tuple[str, str, str], ...]:
    """Give what was set aside: customer, id and reason, in the order of their ids."""
    return stopped_in(unit, unit.tables.invoices, limit)


# --- reading --------------------------------------------------------------------------------------


def find_invoice(unit: Unit, id_: str, *, customer: str | None = None) -> Document | None:
    """Give a document by its id; of another customer than is named, None."""
    c = unit.tables.invoices.c
    return _one(unit, [c.id == id_, *([] if customer is None else [c.customer_id == customer])])


def invoice_by_cause(unit: Unit, customer: str, cause: str) -> Document | None:
    """Give the document that a customer has for a cause, or None."""
    c = unit.tables.invoices.c
    return _one(unit, [c.customer_id == customer, c.cause == cause])


def invoice_by_number(unit: Unit, number: str) -> Document | None:
    """Give the document with a printed number, or None; of several series, of the first by name."""
    return _one(unit, [unit.tables.invoices.c.number_text == number])


def _one(unit: Unit, where: Sequence[ColumnElement[bool]]) -> Document | None:
    table = unit.tables.invoices
    query = select(table).where(*where).order_by(table.c.series, table.c.id).limit(1)
    row = unit.connection.execute(query).mappings().first()
    return None if row is None else document_of(row)


def find_invoices(unit: Unit, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Document]:
    """Give documents by customer and id, those that there are."""
    return _documents(unit, keys, lock=False)


def hold_invoices(unit: Unit, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Document]:
    """Give documents by customer and id, locked until the transaction ends."""
    return _documents(unit, keys, lock=True)


def _documents(
    unit: Unit, keys: Collection[tuple[str, str]], *, lock: bool
) -> dict[tuple[str, str], Document]:
    found = rows_of(unit, unit.tables.invoices, _NAMES, keys, lock=lock)
    return {(row["customer_id"], row["id"]): document_of(row) for row in found}


def list_invoices(
    unit: Unit,
    limit: int,
    after: str | None = None,
    *,
    customer: str | None = None,
    subscription: str | None = None,
    statuses: Collection[DocumentStatus] | None = None,
) -> tuple[Document, ...]:
    """Give documents in the order of their ids, those after one of them.

    Without `statuses`, all but those that came to nothing.
    """
    table = unit.tables.invoices
    c = table.c
    query = select(table).where(c.id > ("" if after is None else after))
    query = query.where(c.status != "empty" if statuses is None else c.status.in_(sorted(statuses)))
    if customer is not None:
        query = query.where(c.customer_id == customer)
    if subscription is not None:
        query = query.where(c.subscription_id == subscription)
    rows = unit.connection.execute(query.order_by(c.id).limit(limit))
    return tuple(map(document_of, rows.mappings()))

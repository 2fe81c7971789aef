"""Issued documents as they lie in the tables, before anything is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from tallystick.errors import NotFound
from tallystick.storage.among import among
from tallystick.storage.billing_tables import LATE
from tallystick.storage.invoice_rows import document_of
from tallystick.storage.turns import turns
from tallystick.storage.usage_stretches import event_columns, event_of_row, listed, moment_cell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.event import UsageEvent
    from tallystick.core.invoice import Invoice
    from tallystick.core.period import Instant
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = [
    "arrived_between",
    "chain_before",
    "documents_of",
    "issued_of",
    "standing_of",
    "stored_document",
]

_STANDING: Final = ("open", "paid", "uncollectible")
_AT_ONCE: Final = 500
_ARRIVED: Final = """SELECT 0 AS no, {columns} FROM {events} e WHERE e.customer_id = :customer
 AND e.received_at >= :since AND e.received_at < :until AND ({late})
 ORDER BY e.received_at, e.seq"""


def stored_document(unit: Unit, customer: str, id_: str) -> Mapping[str, Any]:
    """Give the row of a document, column by column.  Raises NotFound."""
    table = unit.tables.invoices
    query = select(table).where(table.c.customer_id == customer, table.c.id == id_)
    row = unit.connection.execute(query).mappings().first()
    if row is None:
        raise NotFound("invoice", id_)
    return dict(row)


def chain_before(unit: Unit, series: str, number: int) -> str:
    """Give the chain of a series up to a number, that one left out; empty for the first."""
    c = unit.tables.invoices.c
    query = select(c.chain).where(c.series == series, c.number == number - 1)
    return unit.connection.execute(query).scalar() or ""


def documents_of(unit: Unit, customer: str, subscription: str) -> list[Document]:
    """Give the documents of a subscription that are no drafts any more, in the order of issue."""
    table = unit.tables.invoices
    c = table.c
    query = select(table).where(
        c.customer_id == customer, c.subscription_id == subscription, c.status != "draft"
    )
    rows = unit.connection.execute(query.order_by(c.finalize_at, *turns(table))).mappings()
    return list(map(document_of, rows))


def standing_of(
    unit: Unit, since: Mapping[tuple[str, str], Instant]
) -> dict[tuple[str, str], list[Invoice]]:
    """Give the issued documents of subscriptions that stand, by (customer, id), in their order.

    Of each those since an instant of its own.
    """
    table = unit.tables.invoices
    c, owners = table.c, sorted(since)
    found: dict[tuple[str, str], list[Invoice]] = {owner: [] for owner in owners}
    for start in range(0, len(owners), _AT_ONCE):
        some = owners[start : start + _AT_ONCE]
        query = select(table).where(
            among(unit, (c.customer_id, c.subscription_id), some),
            c.status.in_(_STANDING),
            c.at >= min(since[owner] for owner in some),
        )
        rows = unit.connection.execute(query.order_by(c.finalize_at, *turns(table))).mappings()
        for invoice in (document_of(row).invoice for row in rows):
            owner = (invoice.customer, invoice.subscription or "")
            if invoice.at >= since[owner]:
                found[owner].append(invoice)
    return found


def issued_of(unit: Unit, customer: str) -> list[Invoice]:
    """Give every issued document of a customer, in the order of issue."""
    table = unit.tables.invoices
    c = table.c
    query = select(table).where(c.customer_id == customer, c.number.is_not(None))
    rows = unit.connection.execute(query.order_by(c.finalize_at, *turns(table))).mappings()
    return [document_of(row).invoice for row in rows]


def arrived_between(unit: Unit, customer: str, since: Instant, until: Instant) -> list[UsageEvent]:
    """Give late events and corrections of a customer that arrived in a time, by arrival."""
    words = _ARRIVED.format(
        columns=listed("e"),
        events=unit.tables.usage_events.fullname,
        late=LATE[unit.dialect],
    )
    given = {
        "customer": customer,
        "since": moment_cell(unit, since),
        "until": moment_cell(unit, until),
    }
    rows = unit.connection.execute(event_columns(words, unit.tables), given)
    return [event_of_row(row) for row in rows]

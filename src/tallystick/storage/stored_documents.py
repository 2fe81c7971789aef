"""Issued documents as they lie in the tables, before anything is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from tallystick.errors import NotFound
from tallystick.storage.billing_tables import LATE
from tallystick.storage.invoice_rows import document_of
from tallystick.storage.usage_stretches import event_columns, event_of_row, listed, moment_cell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.event import UsageEvent
    from tallystick.core.invoice import Invoice
    from tallystick.core.period import Instant
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = ["arrived_between", "chain_before", "documents_of", "issued_of", "stored_document"]

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
    rows = unit.connection.execute(query.order_by(c.finalize_at, c.cause)).mappings()
    return list(map(document_of, rows))


def issued_of(unit: Unit, customer: str) -> list[Invoice]:
    """Give every issued document of a customer, in the order of issue."""
    table = unit.tables.invoices
    c = table.c
    query = select(table).where(c.customer_id == customer, c.number.is_not(None))
    rows = unit.connection.execute(query.order_by(c.finalize_at, c.cause)).mappings()
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

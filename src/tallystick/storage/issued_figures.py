"""What was issued in a time, customer by customer, and the lines of it that are looked for.

Read as plain rows: a history of many millions of lines goes by here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from sqlalchemy import bindparam, func, null, select, text

from tallystick.storage.invoice_rows import document_of
from tallystick.storage.usage_stretches import table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import BindParameter, ColumnElement

    from tallystick.core.period import Instant
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = ["Customers", "Figures", "LineFigures", "documents_until", "figures", "last_of", "lines"]


class Figures(NamedTuple):
    """A document as far as its sums go, minor units; `end` is how its body ends, if asked for."""

    customer: str
    id: str
    subscription: str | None
    currency: str
    at: Instant
    due: str
    discount: int
    credit: int
    tax: int
    total: int
    end: str | None


LineFigures: TypeAlias = "tuple[str, str, str, str, str, str, str, int]"
"""A line: of which document, item, price, offer, kind, part, quantity as a text, amount."""

Customers: TypeAlias = "tuple[str, str | None]"
"""Those after a customer, up to and with another one, in the order of their ids."""

_COUNTED: Final = ("open", "paid", "uncollectible", "empty")
_SEALS: Final = frozenset({"body", "digest", "chain"})
_AT_ONCE: Final = 500
_FEW: Final = 200
_END: Final = 1_500  # characters: from its subtotal on, unless it has a long note
_KEY: Final = (("customer", "text"), ("id", "text"))
_LINES: Final = """SELECT l.invoice_id, l.item, l.price_id, l.offer, l.kind, l.part,
 CAST(l.quantity AS text), l.amount FROM ({k}) k CROSS JOIN {lines} l
 WHERE l.customer_id = k.customer AND l.invoice_id = k.id"""
# CROSS JOIN keeps SQLite from going through the lines of all times


def last_of(unit: Unit, after: str, documents: int) -> str | None:
    """Give up to which customer there are about so many documents after one; None for the end."""
    c = unit.tables.invoices.c
    query = select(c.customer_id).where(c.customer_id > after).order_by(c.customer_id)
    found: str | None = unit.connection.execute(query.offset(documents).limit(1)).scalar()
    return found


def figures(
    unit: Unit, some: Customers, since: Instant, until: Instant, *, ends: bool = False
) -> list[Figures]:
    """Give the documents of customers issued in `[since, until)` that stand, by customer.

    Those of which no line had an amount are among them; void ones are not.
    """
    c = unit.tables.invoices.c
    end: ColumnElement[Any] = null()
    if ends:
        last = func.right if unit.dialect == "postgresql" else func.substr
        end = last(c.body, _END if unit.dialect == "postgresql" else -_END)
    columns = (c.customer_id, c.id, c.subscription_id, c.currency, c.at, c.due)
    query = select(*columns, c.discount, c.credit, c.tax, c.total, end)
    query = query.where(*_issued(unit, some, since, until)).order_by(c.customer_id, c.id)
    return [Figures(*row) for row in unit.connection.execute(query).all()]


def lines(
    unit: Unit, documents: Sequence[Figures], prices: Collection[str] | None
) -> Iterator[LineFigures]:
    """Give the lines of documents, of which there is one, of some prices or, with None, all."""
    k, given = table_of(unit, _KEY, [(each.customer, each.id) for each in documents])
    query = text(_LINES.format(k=k, lines=unit.tables.invoice_lines.fullname))
    asked: dict[str, Any] = {**given}
    if prices is not None:
        named: BindParameter[Any] = bindparam("prices", expanding=True)
        query = text(f"{query.text} AND l.price_id IN :prices").bindparams(named)
        asked["prices"] = sorted(prices)
    for some in unit.connection.execute(query, asked).partitions(_FEW):
        yield from some  # few at a time: all of them kept the collector of garbage busy


def _issued(
    unit: Unit, some: Customers, since: Instant, until: Instant
) -> list[ColumnElement[bool]]:
    c = unit.tables.invoices.c
    after, last = some
    where = [c.customer_id > after, c.finalize_at >= since, c.finalize_at < until]
    where += [] if last is None else [c.customer_id <= last]
    return [*where, c.status.in_(_COUNTED)]


def documents_until(unit: Unit, customers: Collection[str], until: Instant) -> list[Document]:
    """Give all documents of customers issued before an instant, with their sums and no lines."""
    table = unit.tables.invoices
    columns: list[Any] = [
        null().label(each.name) if each.name in _SEALS else each for each in table.c
    ]
    names: list[str] = sorted(set(customers))
    found: list[Document] = []
    for start in range(0, len(names), _AT_ONCE):
        mine = table.c.customer_id.in_(names[start : start + _AT_ONCE])
        query = select(*columns).where(mine, table.c.finalize_at < until)
        query = query.where(table.c.status != "draft")
        found += map(document_of, unit.connection.execute(query).mappings())
    return found

"""Which invoices a provider is to collect by itself, and for which the time of a try has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import String, and_, cast, exists, func, literal, or_, select

from tallystick.core.intent import LIVE
from tallystick.storage import customers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, FromClause

    from tallystick.core.customer import Customer
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["Due", "due_invoices", "key_of_try", "unnamed_payers"]

Due = tuple[str, str, int]
"""An invoice by customer and id, and how many steps of its ladder were done."""

_PREFIX: Final = "tallystick/collect/"


def key_of_try(invoice: str, steps: int) -> str:
    """Give the idempotency key of a try: one for each step of the ladder, and one before them."""
    return f"{_PREFIX}{invoice}/{steps}"


def due_invoices(
    unit: Unit,
    provider: str,
    until: Instant,
    limit: int,
    *,
    named: bool,
    among: Sequence[str] | None = None,
) -> list[Due]:
    """Give the invoices that are to be collected now, the first due first.

    They were due by then and are not paid, nothing of them is being collected, and this step of
    their ladder had no try yet.  Past its end there is none.  `named` leaves out whom the provider
    has no name for; `among` are ids of invoices to choose from.
    """
    i = unit.tables.invoices.c
    query = select(i.customer_id, i.id, _steps(unit)).select_from(_owed(unit))
    query = query.where(*_due(unit, provider, until))
    if named:
        query = query.where(unit.tables.customers.c.provider_id.is_not(None))
    if among is not None:
        query = query.where(i.id.in_(among))
    query = query.order_by(i.due_at, i.customer_id, i.id).limit(limit)
    return [(row[0], row[1], row[2]) for row in unit.connection.execute(query)]


def unnamed_payers(
    unit: Unit, provider: str, until: Instant, limit: int, after: str = ""
) -> tuple[Customer, ...]:
    """Give customers whose invoices are due and whom the provider has no name for yet, by id."""
    c = unit.tables.customers.c
    query = select(c.id).select_from(_owed(unit)).where(*_due(unit, provider, until))
    query = query.where(c.provider_id.is_(None), c.forgotten_at.is_(None), c.id > after)
    ids = list(unit.connection.execute(query.distinct().order_by(c.id).limit(limit)).scalars())
    found = customers.several(unit, ids)
    return tuple(found[each] for each in ids)


def _owed(unit: Unit) -> FromClause:
    i, d = unit.tables.invoices.c, unit.tables.dunning
    whose = unit.tables.customers.c.id == i.customer_id
    climbed = and_(d.c.customer_id == i.customer_id, d.c.id == i.id)
    return unit.tables.invoices.join(unit.tables.customers, whose).outerjoin(d, climbed)


def _steps(unit: Unit) -> ColumnElement[int]:
    return func.coalesce(unit.tables.dunning.c.attempts, 0)


def _due(unit: Unit, provider: str, until: Instant) -> list[ColumnElement[bool]]:
    i, n, d = unit.tables.invoices.c, unit.tables.intents.c, unit.tables.dunning.c
    mine = and_(n.customer_id == i.customer_id, n.invoice_id == i.id, n.kind == "collect")
    key = literal(_PREFIX) + i.id + literal("/") + cast(_steps(unit), String)
    tried = and_(n.customer_id == i.customer_id, n.idempotency_key == key)
    live = n.state.in_(sorted(LIVE))
    return [
        unit.tables.customers.c.provider == provider,
        i.status == "open",
        i.kind == "invoice",
        i.due_at <= until,
        i.amount_due - i.paid - i.credited > 0,
        or_(d.state.is_(None), d.state != "final"),
        ~exists().where(mine, live),
        ~exists().where(tried),
    ]

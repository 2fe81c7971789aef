"""Leases as queries that must return no rows: what was reported of them is events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import Text, and_, cast, or_, select

from tallystick.storage.verify import Check
from tallystick.storage.verify_rows import mappings

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause, Table

    from tallystick.storage.unit import Unit
    from tallystick.storage.verify import Rows

__all__ = ["LEASE_CHECKS"]

_SOURCE: Final = "gate"


def _reports(unit: Unit) -> Rows:
    """Find leases whose last report is no event, or which have an event more than reports."""
    b, events = unit.tables.leases, unit.tables.usage_events
    last, beyond = events.alias("last"), events.alias("beyond")
    joined = b.outerjoin(last, _event(b, last, b.c.reports))
    joined = joined.outerjoin(beyond, _event(b, beyond, b.c.reports + 1))
    wrong = or_(
        and_(b.c.reports > 0, last.c.id.is_(None)),
        beyond.c.id.is_not(None),
        b.c.closed_at < b.c.taken_at,
    )
    query = select(b.c.customer_id, b.c.id, b.c.reported, b.c.reports)
    yield from mappings(unit, query.select_from(joined).where(wrong).order_by(b.c.id))


def _event(lease: Table, event: FromClause, number: ColumnElement[int]) -> ColumnElement[bool]:
    """Join the event of a lease's report by its number."""
    return and_(
        event.c.customer_id == lease.c.customer_id,
        event.c.source == _SOURCE,
        event.c.id == lease.c.id + "/" + cast(number, Text),
    )


LEASE_CHECKS: Final[tuple[Check, ...]] = (
    Check("leases", "I26 I27", "what is reported of a lease is events", _reports),
)
"""Every invariant of leases that is a query."""

"""The inbox as queries that must return no rows: what an event told of is asked for, or was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, or_, select

from tallystick.storage.verify import Check
from tallystick.storage.verify_rows import mappings

if TYPE_CHECKING:
    from tallystick.storage.unit import Unit
    from tallystick.storage.verify import Rows

__all__ = ["INBOX_CHECKS"]


def _forgotten(unit: Unit) -> Rows:
    """Find new events whose object nobody is going to ask for, or is older than the event."""
    e, o = unit.tables.provider_events, unit.tables.provider_objects
    of = and_(
        o.c.provider == e.c.provider,
        o.c.account == e.c.account,
        o.c.kind == e.c.kind,
        o.c.id == e.c.object_id,
    )
    lost = or_(o.c.id.is_(None), o.c.due_at.is_(None), o.c.newest < e.c.created)
    query = select(e.c.provider, e.c.account, e.c.id, e.c.kind, e.c.object_id)
    joined = query.select_from(e.outerjoin(o, of)).where(e.c.state == "new", lost)
    yield from mappings(unit, joined.order_by(e.c.received_at, e.c.id))


INBOX_CHECKS: Final[tuple[Check, ...]] = (
    Check("provider events", "I30 I36", "what an event told of is asked for, or was", _forgotten),
)
"""Every invariant of the inbox that is a query."""

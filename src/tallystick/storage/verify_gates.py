"""Limits as queries that must return no rows: what is reserved, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, or_, select

from tallystick.storage.verify import Check
from tallystick.storage.verify_rows import mappings

if TYPE_CHECKING:
    from tallystick.storage.unit import Unit
    from tallystick.storage.verify import Rows

__all__ = ["GATE_CHECKS"]

_SOURCE: Final = "gate"


def _ends(unit: Unit) -> Rows:
    """Find reservations that ended before they were made, or whose number no gate gave."""
    r, g = unit.tables.reservations, unit.tables.gates
    same = and_(g.c.customer_id == r.c.customer_id, g.c.meter == r.c.meter)
    wrong = or_(
        r.c.closed_at < r.c.reserved_at,
        and_(r.c.state == "committed", r.c.closed_at >= r.c.expires_at),
        and_(r.c.state == "expired", r.c.closed_at < r.c.expires_at),
        g.c.tokens.is_(None),
        r.c.token > g.c.tokens,
    )
    query = select(r.c.customer_id, r.c.id, r.c.state, r.c.token, g.c.tokens)
    yield from mappings(unit, query.select_from(r.outerjoin(g, same)).where(wrong).order_by(r.c.id))


def _events(unit: Unit) -> Rows:
    """Find reservations and events that do not say the same: used without an event, or the reverse.

    An event of a reservation has its id, so whatever was not committed has none.
    """
    r, e = unit.tables.reservations, unit.tables.usage_events
    own = and_(e.c.customer_id == r.c.customer_id, e.c.source == _SOURCE, e.c.id == r.c.id)
    wrong = or_(
        and_(r.c.event_id.is_not(None), e.c.id.is_(None)),
        and_(r.c.event_id.is_(None), e.c.id.is_not(None)),
        and_(r.c.event_id.is_not(None), r.c.state != "committed"),
    )
    query = select(r.c.customer_id, r.c.id, r.c.state, r.c.event_id, e.c.seq)
    yield from mappings(unit, query.select_from(r.outerjoin(e, own)).where(wrong).order_by(r.c.id))


GATE_CHECKS: Final[tuple[Check, ...]] = (
    Check("reservations", "I27", "a reservation ends once, in its time", _ends),
    Check("reserved-use", "I26 I27", "what was reserved and used is one event", _events),
)
"""Every invariant of limits that is a query."""

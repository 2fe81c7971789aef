"""The version of what a customer has: it is another one after every change, in one statement.

Nobody has to bump it: it is made of what every change leaves behind.  A subscription counts its
moves and keeps its clock, an override and a catalogue have numbers, a ladder its attempts; of the
customer there is the zone, and whether they were forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import func, select, true

if TYPE_CHECKING:
    from sqlalchemy import FromClause

    from tallystick.storage.unit import Unit

__all__ = ["StandingVersion", "standing_version"]

StandingVersion: TypeAlias = tuple[str | None, ...]
"""Equal where nothing has changed."""


def standing_version(unit: Unit, customer: str) -> StandingVersion:
    """Give the version of what a customer has: catalogue, subscriptions, agreements, dunning."""
    t = unit.tables
    s, d, o, c = (
        each.c for each in (t.subscriptions, t.dunning, t.entitlement_overrides, t.customers)
    )
    known = func.count(c.id), func.max(c.time_zone), func.count(c.forgotten_at)
    has = func.count(s.id), func.sum(s.moves), func.max(s.clock), func.min(s.state)
    left = func.count(d.id), func.sum(d.attempts), func.min(d.access), func.max(d.access)
    parts = (
        select(func.max(t.catalog_versions.c.number)),
        select(*known).where(c.id == customer),
        select(*has).where(s.customer_id == customer),
        select(*left).where(d.customer_id == customer, d.state != "recovered"),
        select(func.count()).select_from(t.entitlement_overrides).where(o.customer_id == customer),
    )
    first, *others = (part.subquery(f"v{place}") for place, part in enumerate(parts))
    joined: FromClause = first
    for each in others:
        joined = joined.join(each, true())
    row = unit.connection.execute(select(joined)).one()
    return tuple(None if each is None else str(each) for each in row)

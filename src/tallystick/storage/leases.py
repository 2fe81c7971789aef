"""Leases as rows: blocks of units that are taken from a limit at once and reported bit by bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["LeaseRow", "add_lease", "lease_by_id", "report_lease"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRow:
    """A block of `size` units to be used until `expires_at`; `reported` of them are events by now.

    `reports` counts those events.  What is not reported counts against the limit until the lease
    is closed, however long ago it has expired.
    """

    customer: str
    id: str
    meter: str
    feature: str
    size: int
    taken_at: Instant
    expires_at: Instant
    plan: str | None = None
    reported: int = 0
    reports: int = 0
    closed_at: Instant | None = None


def add_lease(unit: Unit, row: LeaseRow) -> None:
    """Store a lease."""
    values = {
        "customer_id": row.customer,
        "id": row.id,
        "meter": row.meter,
        "feature": row.feature,
        "plan": row.plan,
        "size": row.size,
        "reported": row.reported,
        "reports": row.reports,
        "taken_at": row.taken_at,
        "expires_at": row.expires_at,
    }
    unit.connection.execute(insert(unit.tables.leases).values(values))


def lease_by_id(unit: Unit, customer: str, id_: str) -> LeaseRow | None:
    """Give a lease of a customer, or None."""
    table = unit.tables.leases
    query = select(table).where(table.c.customer_id == customer, table.c.id == id_)
    row = unit.connection.execute(query).mappings().first()
    return None if row is None else _row(row)


def report_lease(unit: Unit, row: LeaseRow, reported: int, closed_at: Instant | None) -> None:
    """Say how much of an open lease is events by now: call `take_turn` before."""
    c = unit.tables.leases.c
    mine = (c.customer_id == row.customer, c.id == row.id)
    changed = update(unit.tables.leases).where(*mine)
    more = int(reported > row.reported)
    values = {"reported": reported, "reports": row.reports + more, "closed_at": closed_at}
    unit.connection.execute(changed.values(values))


def _row(row: RowMapping) -> LeaseRow:
    return LeaseRow(
        customer=row["customer_id"],
        id=row["id"],
        meter=row["meter"],
        feature=row["feature"],
        size=row["size"],
        taken_at=row["taken_at"],
        expires_at=row["expires_at"],
        plan=row["plan"],
        reported=row["reported"],
        reports=row["reports"],
        closed_at=row["closed_at"],
    )

"""Grants of units as limits need them: with what documents let them pay, in one statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, select

from tallystick.storage.credits import GrantRow, grant_of
from tallystick.storage.invoice_rows import Draft, draft_of
from tallystick.storage.plan_grants import PlanGrantRow, plan_grant_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from decimal import Decimal

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["Burned", "drafts_before", "rolling_before", "unit_grants_of"]

_AT_ONCE: Final = 500
_MOVED: Final = frozenset({"burned", "restored"})


@dataclass(frozen=True, slots=True)
class Burned:
    """Units that a document of an instant let a grant pay; below zero what a void gave back."""

    invoice: str
    at: Instant
    size: Decimal


def unit_grants_of(
    unit: Unit, customers: Collection[str]
) -> tuple[tuple[GrantRow, tuple[Burned, ...]], ...]:
    """Give the grants of units that customers have or had, each with what it paid."""
    g, m = unit.tables.credit_grants, unit.tables.credit_moves.c
    same = and_(m.customer_id == g.c.customer_id, m.grant_id == g.c.id, m.kind.in_(_MOVED))
    moved = (m.kind, m.size.label("moved"), m.at, m.invoice_id, m.number)
    rows: dict[tuple[str, str], GrantRow] = {}
    burned: dict[tuple[str, str], tuple[Burned, ...]] = {}
    names = sorted(set(customers))
    for start in range(0, len(names), _AT_ONCE):
        query = (
            select(g, *moved)
            .select_from(g.outerjoin(unit.tables.credit_moves, same))
            .where(g.c.customer_id.in_(names[start : start + _AT_ONCE]), g.c.feature.is_not(None))
            .order_by(g.c.customer_id, g.c.place, m.number)
        )
        for row in unit.connection.execute(query).mappings():
            key = (row["customer_id"], row["id"])
            if key not in rows:
                rows[key], burned[key] = grant_of(row), ()
            if row["kind"] is not None:
                size = row["moved"] if row["kind"] == "burned" else row["moved"].copy_negate()
                burned[key] = (*burned[key], Burned(row["invoice_id"], row["at"], size))
    return tuple((row, burned[key]) for key, row in rows.items())


def drafts_before(unit: Unit, customers: Collection[str], until: Instant) -> tuple[Draft, ...]:
    """Give the documents of customers that fell due by an instant and are not issued yet."""
    c = unit.tables.invoices.c
    found: list[Draft] = []
    names = sorted(set(customers))
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        mine = (c.customer_id.in_(some), c.status == "draft", c.at <= until)
        query = select(unit.tables.invoices).where(*mine)
        found += map(draft_of, unit.connection.execute(query).mappings())
    return tuple(found)


def rolling_before(
    unit: Unit, customers: Collection[str], until: Instant
) -> tuple[PlanGrantRow, ...]:
    """Give the grants of customers of which what is left should have gone on by an instant."""
    c = unit.tables.plan_grants.c
    found: list[PlanGrantRow] = []
    names = sorted(set(customers))
    for start in range(0, len(names), _AT_ONCE):
        mine = (c.customer_id.in_(names[start : start + _AT_ONCE]), c.rolls_at <= until)
        query = select(unit.tables.plan_grants).where(*mine)
        found += map(plan_grant_of, unit.connection.execute(query).mappings())
    return tuple(found)

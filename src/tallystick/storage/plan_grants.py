"""Grants that plans made, as rows: of which credit each is, and when what is left of it goes on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, func, or_, select, update

from tallystick.core.subscription import TERMINAL
from tallystick.storage.among import among
from tallystick.storage.batches import insert_cells, moments
from tallystick.storage.verify_rows import mappings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from typing import Any

    from sqlalchemy import ColumnElement, RowMapping

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = [
    "PlanGrantRow",
    "add_plan_grants",
    "done_rolling",
    "every_rollover",
    "hold_plan_grants",
    "last_before",
    "next_before",
    "plan_grant_of",
    "plan_grants_of",
    "rolled_over",
]

_COLUMNS: Final = (
    ("customer_id", "text"),
    ("grant_id", "text"),
    ("subscription_id", "text"),
    ("plan_id", "text"),
    ("plan_version", "bigint"),
    ("credit", "text"),
    ("starts_at", "timestamptz"),
    ("rolls_at", "timestamptz"),
    ("rolled_from", "text"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanGrantRow:
    """Where a grant comes from: a credit of a plan version, for a stretch from `starts_at` on.

    `rolls_at` is when what is left of it goes on, None where nothing does or did; one that went on
    itself names the grant it was `rolled_from`.
    """

    customer: str
    grant: str
    subscription: str
    offer: str
    credit: str
    starts_at: Instant
    rolls_at: Instant | None = None
    rolled_from: str | None = None

    @property
    def source(self) -> tuple[str, str, str, str]:
        """What one cap holds over: a credit of a plan in a subscription."""
        return self.customer, self.subscription, self.offer.rpartition("@")[0], self.credit


def add_plan_grants(unit: Unit, rows: Sequence[PlanGrantRow]) -> None:
    """Store where grants come from; the database refuses a stretch of time that has one."""
    moment = moments(unit)
    cells = []
    for row in rows:
        plan, _, version = row.offer.rpartition("@")
        where = (row.customer, row.grant, row.subscription, plan, int(version), row.credit)
        times = (moment(row.starts_at), None if row.rolls_at is None else moment(row.rolls_at))
        cells.append((*where, *times, row.rolled_from))
    insert_cells(unit, unit.tables.plan_grants, _COLUMNS, cells)


def hold_plan_grants(unit: Unit, until: Instant, limit: int) -> tuple[PlanGrantRow, ...]:
    """Lock grants of which what is left goes on by an instant, the first first.

    One that a draft of its customer may still be paid by, or that time has not passed for yet,
    waits.
    """
    table = unit.tables.plan_grants
    query = (
        select(table)
        .where(table.c.rolls_at <= until, ~_waits(unit))
        .order_by(table.c.rolls_at, table.c.customer_id, table.c.grant_id)
        .limit(limit)
    )
    if unit.dialect == "postgresql":
        query = query.with_for_update(of=table)
    return tuple(plan_grant_of(each) for each in unit.connection.execute(query).mappings())


def next_before(unit: Unit, until: Instant) -> Instant | None:
    """Give how far documents are to be issued before the next of them can go on; None for none.

    That is, for the first of them, when the last draft that it waits for may be issued.
    """
    c, drafts = unit.tables.plan_grants.c, unit.tables.invoices.c
    last = (
        select(func.max(drafts.finalize_at).label("last"))
        .select_from(unit.tables.plan_grants.join(unit.tables.invoices, _before(unit)))
        .where(
            c.rolls_at <= until,
            drafts.status == "draft",
            drafts.set_aside.is_(None),
            drafts.finalize_at <= until,
        )
        .group_by(c.customer_id, c.grant_id)
        .subquery()
    )
    found: Instant | None = unit.connection.execute(select(func.min(last.c.last))).scalar()
    return found


def last_before(unit: Unit, customer: str, at: Instant) -> Instant:
    """Give when what is left at an instant may go on: after the documents that are dated before."""
    c = unit.tables.invoices.c
    query = select(func.max(c.finalize_at)).where(c.customer_id == customer, c.at < at)
    last: Instant | None = unit.connection.execute(query).scalar()
    return at if last is None else max(at, last)


def done_rolling(unit: Unit, rows: Collection[PlanGrantRow]) -> None:
    """Note that what was left of grants went on."""
    c = unit.tables.plan_grants.c
    keys = [(row.customer, row.grant) for row in rows]
    where = among(unit, (c.customer_id, c.grant_id), keys)
    unit.connection.execute(update(unit.tables.plan_grants).where(where).values(rolls_at=None))


def rolled_over(unit: Unit, row: PlanGrantRow) -> tuple[PlanGrantRow, ...]:
    """Give the grants that went on from the same credit before, the oldest first."""
    c = unit.tables.plan_grants.c
    customer, subscription, plan, credit = row.source
    query = select(unit.tables.plan_grants).where(
        c.customer_id == customer,
        c.subscription_id == subscription,
        c.plan_id == plan,
        c.credit == credit,
        c.rolled_from.is_not(None),
    )
    rows = unit.connection.execute(query.order_by(c.starts_at, c.grant_id)).mappings()
    return tuple(map(plan_grant_of, rows))


def every_rollover(unit: Unit) -> Iterator[PlanGrantRow]:
    """Give every grant that went on from another, by customer and id."""
    c = unit.tables.plan_grants.c
    query = select(unit.tables.plan_grants).where(c.rolled_from.is_not(None))
    for row in mappings(unit, query.order_by(c.customer_id, c.grant_id)):
        yield plan_grant_of(row)


def plan_grants_of(
    unit: Unit, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], list[PlanGrantRow]]:
    """Give the grants of plans by customer and subscription, in the order of their starts."""
    table = unit.tables.plan_grants
    owner = (table.c.customer_id, table.c.subscription_id)
    found: dict[tuple[str, str], list[PlanGrantRow]] = defaultdict(list)
    query = select(table).where(among(unit, owner, keys))
    order = (table.c.starts_at, table.c.grant_id)
    for row in unit.connection.execute(query.order_by(*order)).mappings():
        found[row["customer_id"], row["subscription_id"]].append(plan_grant_of(row))
    return found


def _before(unit: Unit) -> ColumnElement[bool]:
    """A document of the customer that is dated before what is left goes on."""
    c, drafts = unit.tables.plan_grants.c, unit.tables.invoices.c
    return and_(drafts.customer_id == c.customer_id, drafts.at < c.rolls_at)


def _waits(unit: Unit) -> ColumnElement[bool]:
    drafts, held = unit.tables.invoices.c, unit.tables.subscriptions.c
    draft = select(drafts.id).where(_before(unit), drafts.status == "draft").exists()
    c = unit.tables.plan_grants.c
    late = select(held.id).where(
        held.customer_id == c.customer_id,
        held.due_at <= c.rolls_at,
        held.set_aside.is_(None),
        held.state.not_in(sorted(TERMINAL)),
    )
    return or_(draft, late.exists())


def plan_grant_of(row: RowMapping | Mapping[str, Any]) -> PlanGrantRow:
    """Read where a grant comes from."""
    return PlanGrantRow(
        customer=row["customer_id"],
        grant=row["grant_id"],
        subscription=row["subscription_id"],
        offer=f"{row['plan_id']}@{row['plan_version']}",
        credit=row["credit"],
        starts_at=row["starts_at"],
        rolls_at=row["rolls_at"],
        rolled_from=row["rolled_from"],
    )

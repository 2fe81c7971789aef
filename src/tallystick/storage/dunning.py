"""The ladders of unpaid invoices as rows: one for each, claimed by when its next step comes.

A row keeps the ladder that it was begun with, so that another setting changes nothing on the way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast, get_args

from sqlalchemy import and_, func, select, update

from tallystick.core.dunning import Ladder, RemainingAccess, ladder_tree, read_ladder
from tallystick.storage.aside import put_aside, stopped_in
from tallystick.storage.batches import insert_cells, moments, rows_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import RowMapping

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = [
    "Climb",
    "ClimbState",
    "access_of",
    "begin",
    "climb_of",
    "climbs",
    "due",
    "hold_climbs",
    "next_step",
    "overdue",
    "put_climb",
    "retry",
    "set_aside",
    "stopped",
]

ClimbState: TypeAlias = Literal["waiting", "retrying", "final", "recovered"]
"""How an unpaid invoice stands: as `core.dunning` has it, or nothing is to be paid any more."""

_AT_ONCE: Final = 500
_COLUMNS: Final = (
    ("customer_id", "text"),
    ("id", "text"),
    ("subscription_id", "text"),
    ("ladder", "text"),
    ("attempts", "bigint"),
    ("state", "text"),
    ("access", "text"),
    ("next_at", "timestamptz"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """An unpaid invoice on its ladder: the steps that were done, and when the next one comes."""

    customer: str
    invoice: str
    subscription: str | None
    ladder: Ladder
    attempts: int
    state: ClimbState
    access: RemainingAccess
    next_at: Instant | None
    set_aside: str | None = None

    def __hash__(self) -> int:
        """Hash by the invoice."""
        return hash(self.invoice)


def overdue(unit: Unit, since: Instant, until: Instant, limit: int) -> list[tuple[str, str]]:
    """Give invoices that are not paid and not on a ladder yet, by customer and id.

    Those that were due from one instant up to and with another, the first first.
    """
    i, d = unit.tables.invoices.c, unit.tables.dunning
    climbed = and_(d.c.customer_id == i.customer_id, d.c.id == i.id)
    query = (
        select(i.customer_id, i.id)
        .where(i.status == "open", i.due_at >= since, i.due_at <= until)
        .where(~select(d.c.id).where(climbed).exists())
        .order_by(i.due_at, i.customer_id, i.id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in unit.connection.execute(query)]


def begin(unit: Unit, given: Sequence[Climb]) -> int:
    """Put invoices on their ladders, but for those that are on one; count the new."""
    moment = moments(unit)
    rows = [
        (
            each.customer,
            each.invoice,
            each.subscription,
            json.dumps(ladder_tree(each.ladder), sort_keys=True),
            each.attempts,
            each.state,
            each.access,
            moment(each.next_at),
        )
        for each in given
    ]
    ending = " ON CONFLICT (customer_id, id) DO NOTHING"
    return insert_cells(unit, unit.tables.dunning, _COLUMNS, rows, ending)


def next_step(unit: Unit, until: Instant) -> Instant | None:
    """Give when the first step comes that is to be done by then; None for none."""
    c = unit.tables.dunning.c
    query = select(func.min(c.next_at)).where(
        c.next_at <= until, c.next_at.is_not(None), c.set_aside.is_(None)
    )
    at: Instant | None = unit.connection.execute(query).scalar()
    return at


def due(unit: Unit, until: Instant, limit: int) -> list[tuple[str, str]]:
    """Give the invoices with a step to be done by then, by customer and id, the first due first."""
    c = unit.tables.dunning.c
    query = (
        select(c.customer_id, c.id)
        .where(c.next_at <= until, c.next_at.is_not(None), c.set_aside.is_(None))
        .order_by(c.next_at, c.customer_id, c.id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in unit.connection.execute(query)]


def hold_climbs(unit: Unit, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Climb]:
    """Give the ladders of invoices, locked until the transaction ends: lock the invoices first."""
    found = rows_of(unit, unit.tables.dunning, ("customer_id", "id"), keys, lock=True)
    return {(row["customer_id"], row["id"]): _climb(row) for row in found}


def put_climb(unit: Unit, climb: Climb) -> None:
    """Keep how a ladder that is held stands now."""
    table = unit.tables.dunning
    mine = (table.c.customer_id == climb.customer, table.c.id == climb.invoice)
    unit.connection.execute(
        update(table)
        .where(*mine)
        .values(
            attempts=climb.attempts,
            state=climb.state,
            access=climb.access,
            next_at=climb.next_at,
        )
    )


def climb_of(unit: Unit, customer: str, invoice: str) -> Climb | None:
    """Give the ladder of an invoice, or None."""
    found = rows_of(unit, unit.tables.dunning, ("customer_id", "id"), [(customer, invoice)])
    return next(map(_climb, found), None)


def climbs(
    unit: Unit,
    limit: int,
    after: str | None = None,
    *,
    customer: str | None = None,
    subscription: str | None = None,
    states: Collection[ClimbState] | None = None,
) -> tuple[Climb, ...]:
    """Give ladders in the order of their invoices' ids, those after one of them."""
    table = unit.tables.dunning
    query = select(table).where(table.c.id > ("" if after is None else after))
    if customer is not None:
        query = query.where(table.c.customer_id == customer)
    if subscription is not None:
        query = query.where(table.c.subscription_id == subscription)
    if states is not None:
        query = query.where(table.c.state.in_(sorted(states)))
    rows = unit.connection.execute(query.order_by(table.c.id).limit(limit)).mappings()
    return tuple(map(_climb, rows))


def access_of(unit: Unit, ids: Collection[str]) -> dict[tuple[str, str], RemainingAccess]:
    """Give the access that remains by customer and subscription: the least of its unpaid invoices.

    Only of those on a ladder.
    """
    c, order = unit.tables.dunning.c, get_args(RemainingAccess)
    found: dict[tuple[str, str], RemainingAccess] = {}
    names = sorted(set(ids))
    for start in range(0, len(names), _AT_ONCE):
        query = select(c.customer_id, c.subscription_id, c.access).where(
            c.customer_id.in_(names[start : start + _AT_ONCE]),
            c.subscription_id.is_not(None),
            c.state != "recovered",
        )
        for owner, key, access in unit.connection.execute(query):
            before = found.get((owner, key), "full")
            found[owner, key] = max(before, access, key=order.index)
    return found


def set_aside(unit: Unit, customer: str, id_: str, reason: str) -> None:
    """Leave an invoice's ladder out of runs, for a reason (JSON).  Raises NotFound."""
    put_aside(unit, unit.tables.dunning, (customer, id_), reason, "ladder")


def retry(unit: Unit, customer: str, id_: str) -> None:
    """Take a ladder that was set aside into the runs again.  Raises NotFound."""
    put_aside(unit, unit.tables.dunning, (customer, id_), None, "ladder")


def stopped(unit: Unit, limit: int) -> tuple[tuple[str, str, str], ...]:
    """Give what was set aside: customer, id of the invoice and reason, in the order of the ids."""
    return stopped_in(unit, unit.tables.dunning, limit)


def _climb(row: RowMapping) -> Climb:
    ladder = read_ladder(json.loads(row["ladder"]), "ladder")
    assert ladder is not None  # noqa: S101 - it is stored whole
    values: Any = row
    return Climb(
        customer=row["customer_id"],
        invoice=row["id"],
        subscription=row["subscription_id"],
        ladder=ladder,
        attempts=row["attempts"],
        state=cast("ClimbState", row["state"]),
        access=values["access"],
        next_at=row["next_at"],
        set_aside=row["set_aside"],
    )

"""Dunning, price migrations and the outbox as queries that must return no rows.

Every step that was done and every price that changes is told exactly once, and nothing else is.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, func, or_, select, union

from tallystick.core.dunning import dunning_at, read_ladder, recovered
from tallystick.errors import TallystickError
from tallystick.storage.verify import Check
from tallystick.storage.verify_rows import mappings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tallystick.core.dunning import Ladder
    from tallystick.storage.unit import Unit
    from tallystick.storage.verify import Rows

__all__ = ["NOTICE_CHECKS"]

_BATCH: Final = 500
_CAUSES: Final = ("dunning/", "price_migration/")
_AFTER_ALL: Final = timedelta(days=800)  # no ladder is so long
_SECOND: Final = timedelta(seconds=1)
_OPEN: Final = ("open", "uncollectible")


# --- dunning --------------------------------------------------------------------------------------


def _climbs(unit: Unit, *where: Any) -> Rows:
    """Give the ladders with what is known of their invoices."""
    d, i = unit.tables.dunning, unit.tables.invoices
    same = and_(i.c.customer_id == d.c.customer_id, i.c.id == d.c.id)
    facts = (i.c.status, i.c.due_at, i.c.subscription_id.label("of"))
    query = select(d, *facts).select_from(d.outerjoin(i, same)).where(*where)
    return mappings(unit, query.order_by(d.c.customer_id, d.c.id))


def _dunning(unit: Unit) -> Rows:
    """Find ladders that do not stand where the steps that were done have brought them."""
    for row in _climbs(unit):
        try:
            faults = list(_apart(row, _ladder(row)))
        except (TallystickError, ValueError) as refused:
            faults = [("ladder", row["ladder"], str(refused)[:200])]
        for what, stored, found in faults:
            key = {"customer_id": row["customer_id"], "id": row["id"]}
            yield key | {"what": what, "stored": stored, "found": found}


def _ladder(row: Mapping[str, Any]) -> Ladder:
    ladder = read_ladder(json.loads(row["ladder"]), "ladder")
    if ladder is None or row["due_at"] is None:
        raise ValueError("there is no ladder, or no issued invoice that it is of")
    return ladder


def _apart(row: Mapping[str, Any], ladder: Ladder) -> Iterator[tuple[str, object, object]]:
    found = dunning_at(ladder, row["due_at"], row["attempts"], row["due_at"] - _SECOND)
    told: dict[str, object] = {
        "subscription_id": row["of"],
        "state": found.state,
        "access": found.access,
        "next_at": found.next_at,
    }
    if row["state"] == "recovered":
        told |= {"state": "recovered", "access": "full", "next_at": None}
        if row["status"] in _OPEN:
            yield "status", row["status"], "paid or void"
    elif row["state"] == "final" and row["status"] == "uncollectible":
        told |= {"state": "final", "next_at": None}  # a person gave it up before its end
    for name, value in told.items():
        if row[name] != value:
            yield name, row[name], value


# --- what is told ---------------------------------------------------------------------------------


def _notices(unit: Unit) -> Rows:
    """Find what happened and stands in no notice, once, and notices of what did not happen."""
    for some in _customers(unit):
        wanted = {**_of_dunning(unit, some), **_of_prices(unit, some)}
        kept = _kept(unit, some)
        for key in sorted(wanted.keys() | kept.keys()):
            stored, found = kept.get(key, []), wanted.get(key)
            if len(stored) == 1 and key in wanted and found in {None, stored[0]}:
                continue
            yield {
                **dict(zip(("customer_id", "kind", "cause"), key, strict=True)),
                "notices": len(stored),
                "wanted": int(key in wanted),
                "at": stored[0] if stored else None,
                "found": found,
            }


def _customers(unit: Unit) -> Iterator[list[str]]:
    """Give those to whom something was told, or is to be, some at a time."""
    o, d, p = (getattr(unit.tables, name).c for name in ("outbox", "dunning", "price_moves"))
    last = ""
    while True:
        names = union(*(select(c.customer_id).where(c.customer_id > last) for c in (o, d, p)))
        some = names.subquery().c.customer_id
        found = list(unit.connection.execute(select(some).order_by(some).limit(_BATCH)).scalars())
        if not found:
            return
        yield found
        last = found[-1]


def _of_dunning(unit: Unit, some: Sequence[str]) -> dict[tuple[str, str, str], Any]:
    """Give the notices of the steps that were done: customer, kind and cause, and since when."""
    found: dict[tuple[str, str, str], Any] = {}
    for row in _climbs(unit, unit.tables.dunning.c.customer_id.in_(some)):
        owner, cause = row["customer_id"], f"dunning/{row['id']}"
        try:
            ladder = _ladder(row)
            steps = dunning_at(ladder, row["due_at"], 0, row["due_at"] + _AFTER_ALL).acts
            last = recovered(ladder, row["attempts"], row["due_at"])
        except (TallystickError, ValueError):
            continue  # told by the check above
        for act in steps[: row["attempts"]]:
            if act.notice is not None:
                found[owner, act.notice, f"{cause}/{act.number}"] = act.at
        paid = row["state"] == "recovered" and row["status"] == "paid"
        if paid and last is not None and last.notice is not None:
            found[owner, last.notice, f"{cause}/{last.number}"] = None
    return found


def _of_prices(unit: Unit, some: Sequence[str]) -> dict[tuple[str, str, str], None]:
    """Give the notices of prices that change, and of those that after all do not."""
    c = unit.tables.price_moves.c
    query = select(c.customer_id, c.migration_id, c.subscription_id, c.status).where(
        c.customer_id.in_(some), c.number.is_not(None), c.status.in_(("moved", "undone"))
    )
    found: dict[tuple[str, str, str], None] = {}
    for owner, migration, subscription, status in unit.connection.execute(query):
        cause = f"price_migration/{migration}/{subscription}"
        found[owner, "price_change", cause] = None
        if status == "undone":
            found[owner, "price_change_undone", cause] = None
    return found


def _kept(unit: Unit, some: Sequence[str]) -> dict[tuple[str, str, str], list[Any]]:
    c = unit.tables.outbox.c
    ours = or_(*(c.cause.like(f"{cause}%") for cause in _CAUSES))
    query = select(c.customer_id, c.kind, c.cause, c.at).where(c.customer_id.in_(some), ours)
    found: dict[tuple[str, str, str], list[Any]] = {}
    for owner, kind, cause, at in unit.connection.execute(query):
        found.setdefault((owner, kind, cause), []).append(at)
    return found


# --- price migrations -----------------------------------------------------------------------------


def _price_moves(unit: Unit) -> Rows:
    """Find subscriptions moved by no change of theirs, or otherwise than their migration stands."""
    p, g, m = (
        getattr(unit.tables, name)
        for name in ("price_moves", "price_migrations", "subscription_moves")
    )
    change = and_(
        m.c.customer_id == p.c.customer_id,
        m.c.subscription_id == p.c.subscription_id,
        m.c.number == p.c.number,
    )
    kind = func.coalesce(m.c.kind, "")
    wrong = or_(
        g.c.id.is_(None),
        and_(p.c.number.is_not(None), kind != "change"),
        and_(p.c.status == "moved", or_(p.c.number.is_(None), p.c.stage.is_(None))),
        and_(p.c.status == "planned", g.c.state.in_(("stopped", "done", "undone"))),
        and_(p.c.status.in_(("moved", "undone")), g.c.state == "planned"),
        p.c.stage > g.c.stage,
    )
    query = (
        select(p.c.customer_id, p.c.migration_id, p.c.subscription_id, p.c.status, p.c.stage)
        .add_columns(p.c.number, g.c.state, m.c.kind)
        .select_from(p.outerjoin(g, g.c.id == p.c.migration_id).outerjoin(m, change))
        .where(wrong)
    )
    return mappings(unit, query.order_by(p.c.migration_id, p.c.subscription_id))


NOTICE_CHECKS: Final[Sequence[Check]] = (
    Check("dunning", "I16", "an unpaid invoice is where its steps have brought it", _dunning),
    Check("price-moves", "I16", "a price migration moved whom it says, by a change", _price_moves),
    Check("notices", "I33", "what happened is told once, and nothing else is", _notices),
)
"""The invariants of dunning, price migrations and the outbox, in the order in which they run."""

"""Price migrations as rows, and what became of each subscription of theirs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from tallystick.core.currency import currency
from tallystick.core.frozen import FrozenDict
from tallystick.core.money import Money
from tallystick.core.price_migration import PriceMigration, PriceMove
from tallystick.core.subscription import Item
from tallystick.core.trees import bytes_of, value_of
from tallystick.errors import Conflict
from tallystick.storage.batches import insert_cells, moments

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import ColumnElement, RowMapping

    from tallystick.core.currency import Currency
    from tallystick.core.price_migration import MoveStatus
    from tallystick.storage.unit import Unit

__all__ = [
    "add_migration",
    "begin_stage",
    "change_move",
    "end_planned",
    "find_migration",
    "list_migrations",
    "moves_of",
    "planned_elsewhere",
    "set_state",
]

_COLUMNS: Final = (
    ("customer_id", "text"),
    ("migration_id", "text"),
    ("subscription_id", "text"),
    ("item", "text"),
    ("currency", "text"),
    ("before_minor", "bigint"),
    ("after_minor", "bigint"),
    ("status", "text"),
    ("reason", "text"),
    ("takes_effect_at", "timestamptz"),
)
_PLAIN: Final = ("id", "to_offer", "at", "notice_days", "cap_percent", "planned_at")
_LISTS: Final = ("from_offers", "without", "stages")
_AT_ONCE: Final = 500


# --- price migrations -----------------------------------------------------------------------------


def add_migration(
    unit: Unit, made: PriceMigration, parts: Sequence[PriceMove], own: Currency
) -> None:
    """Store a price migration with its subscriptions; `own` is the currency of its plan.

    Raises Conflict where its id is taken, or another one came first for a subscription.
    """
    values: dict[str, Any] = {name: getattr(made, name) for name in (*_PLAIN, "state", "stage")}
    values |= {name: list(getattr(made, name)) for name in _LISTS}
    values["customers"] = None if made.customers is None else list(made.customers)
    moment = moments(unit)
    rows = [
        (
            *(each.customer, made.id, each.subscription),
            *(bytes_of(each.item).decode(), _currency_of(each, own).code),
            *(None if money is None else money.minor for money in (each.before, each.after)),
            *(each.status, each.reason, moment(each.takes_effect_at)),
        )
        for each in parts
    ]
    try:
        with unit.savepoint():
            unit.connection.execute(insert(unit.tables.price_migrations).values(values))
            insert_cells(unit, unit.tables.price_moves, _COLUMNS, rows)
    except IntegrityError as refused:
        if "UNIQUE" not in str(refused.orig).upper():
            raise
        raise Conflict(
            f"there is a price migration {made.id!r} already, or another one came first for one of"
            " its subscriptions: look again"
        ) from None


def _currency_of(part: PriceMove, own: Currency) -> Currency:
    return next((each.currency for each in (part.before, part.after) if each is not None), own)


def find_migration(unit: Unit, id_: str, *, lock: bool = False) -> PriceMigration | None:
    """Give a price migration with what it came to; lock it until the end if asked."""
    table = unit.tables.price_migrations
    query = select(table).where(table.c.id == id_)
    row = unit.connection.execute(query.with_for_update() if lock else query).mappings().first()
    return None if row is None else _migration(row, _counts(unit, [id_]).get(id_, {}))


def list_migrations(unit: Unit, limit: int, after: str | None = None) -> tuple[PriceMigration, ...]:
    """Give price migrations in the order of their ids, those after one of them."""
    table = unit.tables.price_migrations
    query = select(table).where(table.c.id > ("" if after is None else after))
    rows = unit.connection.execute(query.order_by(table.c.id).limit(limit)).mappings().all()
    counts = _counts(unit, [row["id"] for row in rows])
    return tuple(_migration(row, counts.get(row["id"], {})) for row in rows)


def set_state(unit: Unit, made: PriceMigration) -> None:
    """Keep how a price migration stands, and at which stage."""
    table = unit.tables.price_migrations
    asked = update(table).where(table.c.id == made.id)
    unit.connection.execute(asked.values(state=made.state, stage=made.stage))


def _counts(unit: Unit, ids: Collection[str]) -> dict[str, dict[str, int]]:
    c = unit.tables.price_moves.c
    query = (
        select(c.migration_id, c.status, func.count())
        .where(c.migration_id.in_(sorted(ids)))
        .group_by(c.migration_id, c.status)
    )
    found: dict[str, dict[str, int]] = {}
    for id_, status, count in unit.connection.execute(query):
        found.setdefault(id_, {})[status] = count
    return found


def _migration(row: RowMapping, counts: Mapping[str, int]) -> PriceMigration:
    lists: dict[str, Any] = {name: tuple(row[name]) for name in _LISTS}
    return PriceMigration(
        **{name: row[name] for name in (*_PLAIN, "state", "stage")},
        **lists,
        customers=None if row["customers"] is None else tuple(row["customers"]),
        counts=FrozenDict(sorted(counts.items())),
    )


# --- their subscriptions --------------------------------------------------------------------------


def moves_of(
    unit: Unit,
    id_: str,
    limit: int,
    after: str | None = None,
    *,
    status: MoveStatus | None = None,
    stage: int | None = None,
) -> tuple[PriceMove, ...]:
    """Give the subscriptions of a price migration in the order of their ids."""
    c = unit.tables.price_moves.c
    where = [c.subscription_id > ("" if after is None else after)]
    where += [] if status is None else [c.status == status]
    where += [] if stage is None else [c.stage == stage]
    return _moves(unit, id_, limit, *where)


def _moves(unit: Unit, id_: str, limit: int, *where: ColumnElement[bool]) -> tuple[PriceMove, ...]:
    moves, customers = unit.tables.price_moves, unit.tables.customers
    query = (
        select(moves, customers.c.name.label("customer_name"))
        .join(customers, customers.c.id == moves.c.customer_id)
        .where(moves.c.migration_id == id_, *where)
        .order_by(moves.c.subscription_id)
        .limit(limit)
    )
    return tuple(map(_move, unit.connection.execute(query).mappings()))


def _move(row: RowMapping) -> PriceMove:
    unit_of = currency(row["currency"])
    prices = [
        None if row[name] is None else Money(row[name], unit_of)
        for name in ("before_minor", "after_minor")
    ]
    return PriceMove(
        customer=row["customer_id"],
        subscription=row["subscription_id"],
        item=value_of(Item, json.loads(row["item"])),
        name=row["customer_name"],
        before=prices[0],
        after=prices[1],
        status=row["status"],
        reason=row["reason"],
        stage=row["stage"],
        number=row["number"],
        takes_effect_at=row["takes_effect_at"],
    )


def planned_elsewhere(unit: Unit, subscriptions: Collection[str]) -> dict[str, str]:
    """Give the price migrations that are going to move subscriptions, by the subscription's id."""
    c = unit.tables.price_moves.c
    ordered, found = sorted(subscriptions), dict[str, str]()
    for start in range(0, len(ordered), _AT_ONCE):
        some = ordered[start : start + _AT_ONCE]
        query = select(c.subscription_id, c.migration_id).where(
            c.subscription_id.in_(some), c.status == "planned"
        )
        found |= {row[0]: row[1] for row in unit.connection.execute(query)}
    return found


def begin_stage(unit: Unit, id_: str, stage: int, size: int | None) -> None:
    """Put the next subscriptions that are planned, in the order of their ids, into a stage."""
    table = unit.tables.price_moves
    free = and_(table.c.migration_id == id_, table.c.status == "planned", table.c.stage.is_(None))
    chosen = select(table.c.subscription_id).where(free).order_by(table.c.subscription_id)
    ids = chosen.limit(size) if size is not None else chosen
    unit.connection.execute(
        update(table).where(free, table.c.subscription_id.in_(ids)).values(stage=stage)
    )


def change_move(unit: Unit, id_: str, move: PriceMove) -> None:
    """Keep what became of one subscription."""
    table = unit.tables.price_moves
    own = and_(
        table.c.customer_id == move.customer,
        table.c.migration_id == id_,
        table.c.subscription_id == move.subscription,
    )
    unit.connection.execute(
        update(table)
        .where(own)
        .values(
            status=move.status,
            reason=move.reason,
            number=move.number,
            takes_effect_at=move.takes_effect_at,
        )
    )


def end_planned(unit: Unit, id_: str, status: MoveStatus, reason: str) -> int:
    """Let nobody be moved for whom nothing was done yet; give how many they were."""
    table = unit.tables.price_moves
    mine = and_(table.c.migration_id == id_, table.c.status == "planned")
    asked = update(table).where(mine).values(status=status, reason=reason)
    return unit.connection.execute(asked).rowcount

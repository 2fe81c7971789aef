"""Roll-ups as rows: what is kept of a meter, customer, group and UTC day, and how it is added to.

Of a state only what its aggregation needs is kept.  All but `time_weighted` add up in SQL, in
whatever order the events come.  A level's area needs both states at hand, and a correction needs
the day counted from its events again: for these the rows are locked first, in one order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import delete, select

from tallystick.core.aggregate import DayState
from tallystick.core.number import ZERO, plain
from tallystick.storage.arrays import execute_rows, insert_rows, many
from tallystick.storage.types import micros

if TYPE_CHECKING:
    from sqlalchemy import Row

    from tallystick.core.meter import Aggregation
    from tallystick.storage.arrays import Cell
    from tallystick.storage.unit import Dialect, Unit

__all__ = [
    "DAY_COLUMNS",
    "DayKey",
    "Labels",
    "add_days",
    "add_labels",
    "clear_meter",
    "day_cells",
    "day_ending",
    "drop_days",
    "lock_days",
    "put_days",
    "put_labels",
    "state_of_row",
]

DayKey: TypeAlias = tuple[int, str, str, date]
"""The meter's number, the customer, the group's key, the UTC day."""

Labels: TypeAlias = Mapping[DayKey, Mapping[str, int]]
"""How many readings carry each label of a `unique` meter, by day."""

_KEY: Final = (
    ("meter_id", "bigint"),
    ("customer_id", "text"),
    ("group_key", "text"),
    ("day", "date"),
)
_KEPT: Final = (
    ("n", "bigint"),
    ("total", "numeric"),
    ("least", "numeric"),
    ("most", "numeric"),
    ("first_at", "timestamptz"),
    ("last_at", "timestamptz"),
    ("last_order", "bigint"),
    ("last_value", "numeric"),
    ("area", "numeric"),
)
DAY_COLUMNS: Final[Sequence[tuple[str, str]]] = (*_KEY, *_KEPT)
"""The columns of a day, with PostgreSQL's types."""
_VALUE: Final = (*_KEY, ("value", "text"), ("n", "bigint"))
_NAMES: Final = ", ".join(name for name, _ in _KEY)
_SAME: Final = " AND ".join(f"d.{name} = k.{name}" for name, _ in _KEY)
_LATER: Final = (
    "d.last_at IS NULL OR (excluded.last_at, excluded.last_order) > (d.last_at, d.last_order)"
)


@dataclass(frozen=True, slots=True)
class _Words:
    """What the two databases say differently."""

    add: str
    least: str
    most: str
    moment: Callable[[datetime], Any]


_POSTGRESQL: Final = _Words(
    "trim_scale(COALESCE(d.{0}, 0) + excluded.{0})",
    "LEAST(d.{0}, excluded.{0})",
    "GREATEST(d.{0}, excluded.{0})",
    str,
)
_SQLITE: Final = _Words(
    "exact_add(d.{0}, excluded.{0})",
    "exact_min(d.{0}, excluded.{0})",
    "exact_max(d.{0}, excluded.{0})",
    micros,
)


def _words(dialect: Dialect) -> _Words:
    return _SQLITE if dialect == "sqlite" else _POSTGRESQL


# --- a state as a row -----------------------------------------------------------------------------


def _cells(
    aggregation: Aggregation, state: DayState, distinct: int, words: _Words
) -> tuple[Cell, ...]:
    """Write what is kept of a state; `distinct` is the number of labels that a day has."""
    nothing = (None,) * 5
    match aggregation:
        case "sum" | "average":
            return state.n, plain(state.total), None, None, *nothing
        case "unique":
            return state.n, str(distinct), None, None, *nothing
        case "min":
            return state.n, None, plain(state.least), None, *nothing
        case "max":
            return state.n, None, None, plain(state.most), *nothing
        case "count":
            return state.n, None, None, None, *nothing
        case "last" | "time_weighted":
            area = None if state.area is None else plain(state.area)
            first = None if area is None else words.moment(state.first_at)
            last = (words.moment(state.last_at), state.last_order, plain(state.last_value))
            return state.n, None, None, None, first, *last, area


def state_of_row(row: Row[Any]) -> DayState:
    """Read a state from its row; what its aggregation does not ask for says nothing."""
    midnight = datetime.combine(row.day, time(), UTC)
    return DayState(
        n=row.n,
        total=row.total or ZERO,
        least=ZERO if row.least is None else row.least,
        most=ZERO if row.most is None else row.most,
        first_at=row.first_at or row.last_at or midnight,
        last_at=row.last_at or midnight,
        last_order=row.last_order or 0,
        last_value=row.last_value or ZERO,
        area=row.area,
    )


# --- writing days ---------------------------------------------------------------------------------


def add_days(unit: Unit, states: Mapping[DayKey, tuple[Aggregation, DayState]]) -> None:
    """Add states of new readings to what is kept, in one statement; not for `time_weighted`.

    The number of labels of a `unique` meter is added by `add_labels`.
    """
    rows = day_cells(unit, states)
    if rows:
        table = unit.tables.usage_days.fullname
        insert_rows(unit, table, DAY_COLUMNS, rows, day_ending(unit.dialect))


def day_cells(
    unit: Unit, states: Mapping[DayKey, tuple[Aggregation, DayState]]
) -> list[tuple[Cell, ...]]:
    """Write states as rows of `DAY_COLUMNS`, in the order in which they are locked."""
    words = _words(unit.dialect)
    return [
        (*_cells_of(key), *_cells(aggregation, state, 0, words))
        for key, (aggregation, state) in sorted(states.items())
    ]


@lru_cache(maxsize=2)
def day_ending(dialect: Dialect) -> str:
    """Write the end of an INSERT into days called `d`: what is there already is added to."""
    words = _words(dialect)
    bounds = {"least": words.least.format("least"), "most": words.most.format("most")}
    later = {
        name: f"CASE WHEN {_LATER} THEN excluded.{name} ELSE d.{name} END"
        for name in ("last_at", "last_order", "last_value")
    }
    total = words.add.format("total")
    return _ending({"n": "d.n + excluded.n", "total": total, **bounds, **later})


def put_days(
    unit: Unit, states: Mapping[DayKey, tuple[Aggregation, DayState, int]], *, fresh: bool = False
) -> None:
    """Put states, each with its number of labels, in the place of what is kept.

    `fresh` says that nothing is kept of these days, which is quicker.
    """
    words = _words(unit.dialect)
    rows = [
        (*_cells_of(key), *_cells(aggregation, state, distinct, words))
        for key, (aggregation, state, distinct) in sorted(states.items())
    ]
    if rows:
        ending = "" if fresh else _ending({name: f"excluded.{name}" for name, _ in _KEPT})
        insert_rows(unit, unit.tables.usage_days.fullname, DAY_COLUMNS, rows, ending)


def _ending(changes: Mapping[str, str]) -> str:
    changed = ", ".join(f"{name} = {change}" for name, change in changes.items())
    return f" ON CONFLICT ({_NAMES}) DO UPDATE SET {changed}"


def _cells_of(key: DayKey) -> tuple[Cell, ...]:
    return key[0], key[1], key[2], key[3].isoformat()


def lock_days(unit: Unit, keys: Iterable[DayKey]) -> dict[DayKey, DayState]:
    """Lock the rows of these days until the transaction ends, and give what is kept of them.

    A day without a row gets an empty one, to be locked by: put or drop it afterwards.
    """
    days = unit.tables.usage_days
    ordered = sorted(set(keys))
    if not ordered:
        return {}
    if unit.dialect == "sqlite":
        found = [
            row
            for key in ordered
            for row in unit.connection.execute(select(days).where(*_at(days, key)))
        ]
        return {(r.meter_id, r.customer_id, r.group_key, r.day): state_of_row(r) for r in found}
    rows = insert_rows(
        unit,
        days.fullname,
        (*_KEY, _KEPT[0]),
        [(*_cells_of(key), 0) for key in ordered],
        f" ON CONFLICT ({_NAMES}) DO UPDATE SET n = d.n RETURNING d.*",
    )
    return {
        (r.meter_id, r.customer_id, r.group_key, r.day): _plain_state(state_of_row(r))
        for r in rows
        if r.n
    }


def _plain_state(state: DayState) -> DayState:
    """Bring the figures of a driver's own row to the form in which ours are."""
    return replace(
        state,
        first_at=state.first_at.astimezone(UTC),
        last_at=state.last_at.astimezone(UTC),
        last_value=Decimal(plain(state.last_value)),
        area=None if state.area is None else Decimal(plain(state.area)),
    )


def _at(table: Any, key: DayKey) -> list[Any]:
    return [table.c[name] == part for (name, _), part in zip(_KEY, key, strict=True)]


def drop_days(unit: Unit, keys: Iterable[DayKey]) -> None:
    """Take the rows of these days away, with their labels."""
    for table in (unit.tables.usage_values, unit.tables.usage_days):
        for key in sorted(set(keys)):
            unit.connection.execute(delete(table).where(*_at(table, key)))


def clear_meter(unit: Unit, meter_id: int) -> None:
    """Take all roll-ups of a meter away."""
    for table in (unit.tables.usage_values, unit.tables.usage_days):
        unit.connection.execute(delete(table).where(table.c.meter_id == meter_id))


# --- labels ---------------------------------------------------------------------------------------


def add_labels(unit: Unit, labels: Labels) -> None:
    """Count labels, and add those that are new on their day to its number of them.

    The rows of the days are there already, and locked by having been written to.
    """
    rows = _label_rows(labels)
    if not rows:
        return
    new: dict[tuple[Cell, ...], int] = {}
    for key in _count(unit, rows):
        new[key] = new.get(key, 0) + 1
    if not new:
        return
    days = unit.tables.usage_days.fullname
    if unit.dialect == "sqlite":
        unit.connection.exec_driver_sql(
            f"UPDATE {days} SET total = exact_add(total, ?) WHERE meter_id = ?"  # noqa: S608 - names of ours
            " AND customer_id = ? AND group_key = ? AND day = ?",
            [(str(n), *key) for key, n in new.items()],
        )
        return
    columns = list(zip(*((*key, n) for key, n in new.items()), strict=True))
    query, given = many((*_KEY, ("new", "numeric")), columns)
    words = f"UPDATE {days} d SET total = d.total + k.new FROM ({query}) k WHERE {_SAME}"  # noqa: S608 - names of ours
    execute_rows(unit, words, given)


def _label_rows(labels: Labels) -> list[tuple[Cell, ...]]:
    return [
        (*_cells_of(key), label, n)
        for key, of_day in sorted(labels.items())
        for label, n in sorted(of_day.items())
    ]


def _count(unit: Unit, rows: Sequence[tuple[Cell, ...]]) -> Iterable[tuple[Cell, ...]]:
    """Count labels; give the day of each that was not there before."""
    table = unit.tables.usage_values.fullname
    ending = f" ON CONFLICT ({_NAMES}, value) DO UPDATE SET n = d.n + excluded.n"
    if unit.dialect == "postgresql":
        returned = " RETURNING d.meter_id, d.customer_id, d.group_key, d.day::text, d.value, d.n"
        stored = map(tuple, insert_rows(unit, table, _VALUE, rows, ending + returned))
        added = set(rows)
        return [row[:4] for row in stored if row in added]  # counted as often as now: never before
    names = ", ".join(name for name, _ in _VALUE)
    statement = f"INSERT INTO {table} AS d ({names}) VALUES (?, ?, ?, ?, ?, ?){ending} RETURNING n"  # noqa: S608 - names of ours
    execute = unit.connection.exec_driver_sql
    return [row[:4] for row in rows if execute(statement, row).scalar() == row[5]]


def put_labels(unit: Unit, keys: Iterable[DayKey], labels: Labels) -> None:
    """Put labels in the place of what is kept of these days."""
    table = unit.tables.usage_values
    for key in sorted(set(keys)):
        unit.connection.execute(delete(table).where(*_at(table, key)))
    rows = _label_rows(labels)
    if rows:
        insert_rows(unit, table.fullname, _VALUE, rows)

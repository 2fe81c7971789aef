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
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import delete, select

from tallystick.core.aggregate import DayState
from tallystick.core.number import ZERO, plain
from tallystick.storage.types import micros

if TYPE_CHECKING:
    from sqlalchemy import Row

    from tallystick.core.meter import Aggregation
    from tallystick.storage.unit import Unit

__all__ = [
    "DayKey",
    "Labels",
    "add_days",
    "add_labels",
    "clear_meter",
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

_KEY: Final = ("meter_id", "customer_id", "group_key", "day")
_KEPT: Final = (
    *("n", "total", "least", "most"),
    *("first_at", "last_at", "last_order", "last_value", "area"),
)
_KINDS: Final = (
    *("bigint", "text", "text", "date"),
    *("bigint", "numeric", "numeric", "numeric"),
    *("timestamptz", "timestamptz", "bigint", "numeric", "numeric"),
)
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


def _words(unit: Unit) -> _Words:
    return _SQLITE if unit.dialect == "sqlite" else _POSTGRESQL


# --- a state as a row -----------------------------------------------------------------------------


def _cells(
    aggregation: Aggregation, state: DayState, distinct: int, words: _Words
) -> tuple[Any, ...]:
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
    words = _words(unit)
    sums = {name: words.add.format(name) for name in ("total",)}
    bounds = {"least": words.least.format("least"), "most": words.most.format("most")}
    later = {
        name: f"CASE WHEN {_LATER} THEN excluded.{name} ELSE d.{name} END"
        for name in ("last_at", "last_order", "last_value")
    }
    changes = {"n": "d.n + excluded.n", **sums, **bounds, **later}
    rows = [
        (*key, *_cells(aggregation, state, 0, words))
        for key, (aggregation, state) in sorted(states.items())
    ]
    _upsert(unit, rows, changes)


def put_days(unit: Unit, states: Mapping[DayKey, tuple[Aggregation, DayState, int]]) -> None:
    """Put states, each with its number of labels, in the place of what is kept."""
    words = _words(unit)
    rows = [
        (*key, *_cells(aggregation, state, distinct, words))
        for key, (aggregation, state, distinct) in sorted(states.items())
    ]
    _upsert(unit, rows, {name: f"excluded.{name}" for name in _KEPT})


def _upsert(unit: Unit, rows: Sequence[tuple[Any, ...]], changes: Mapping[str, str]) -> None:
    if not rows:
        return
    changed = ", ".join(f"{name} = {change}" for name, change in changes.items())
    ending = f" ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET {changed}"
    _insert(unit, unit.tables.usage_days.fullname, (*_KEY, *_KEPT), _KINDS, rows, ending)


def _insert(
    unit: Unit,
    table: str,
    names: Sequence[str],
    kinds: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    ending: str,
) -> Sequence[Any]:
    """Insert rows in their order, by one statement; give what it returns."""
    head = f"INSERT INTO {table} AS d ({', '.join(names)})"
    if unit.dialect == "postgresql":
        arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
        columns = tuple(map(list, zip(*rows, strict=True)))
        done = unit.connection.exec_driver_sql(
            f"{head} SELECT * FROM unnest({arrays}){ending}", columns
        )
        return done.all() if done.returns_rows else ()
    marks = ", ".join("?" * len(names))
    texts = [tuple(_sqlite(cell) for cell in row) for row in rows]
    unit.connection.exec_driver_sql(f"{head} VALUES ({marks}){ending}", texts)
    return ()


def _sqlite(cell: Any) -> Any:
    return cell.isoformat() if isinstance(cell, date) else cell


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
    ending = f" ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET n = d.n RETURNING d.*"
    rows = _insert(
        unit,
        days.fullname,
        (*_KEY, "n"),
        _KINDS[:5],
        [(*key, 0) for key in ordered],
        ending,
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
    return [table.c[name] == part for name, part in zip(_KEY, key, strict=True)]


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
    rows = [
        (*key, label, n)
        for key, of_day in sorted(labels.items())
        for label, n in sorted(of_day.items())
    ]
    if not rows:
        return
    new: dict[DayKey, int] = {}
    for key in _count(unit, rows):
        new[key] = new.get(key, 0) + 1
    days = unit.tables.usage_days.fullname
    if unit.dialect == "sqlite":
        unit.connection.exec_driver_sql(
            f"UPDATE {days} SET total = exact_add(total, ?) WHERE meter_id = ?"  # noqa: S608 - names of ours
            " AND customer_id = ? AND group_key = ? AND day = ?",
            [(str(n), *map(_sqlite, key)) for key, n in new.items()] or [("0", 0, "", "", "")],
        )
        return
    arrays = ", ".join(f"%s::{kind}[]" for kind in (*_KINDS[:4], "numeric"))
    columns = tuple(map(list, zip(*((*key, n) for key, n in new.items()), strict=True)))
    if columns:
        same = " AND ".join(f"d.{name} = k.{name}" for name in _KEY)
        unit.connection.exec_driver_sql(
            f"UPDATE {days} d SET total = d.total + k.new"  # noqa: S608 - names of ours
            f" FROM unnest({arrays}) AS k ({', '.join(_KEY)}, new) WHERE {same}",
            columns,
        )


def _count(unit: Unit, rows: Sequence[tuple[Any, ...]]) -> Iterable[DayKey]:
    """Count labels; give the day of each that was not there before."""
    table = unit.tables.usage_values.fullname
    names = (*_KEY, "value", "n")
    ending = (
        f" ON CONFLICT ({', '.join(_KEY)}, value) DO UPDATE SET n = d.n + excluded.n"
        " RETURNING d.meter_id, d.customer_id, d.group_key, d.day, d.value, d.n"
    )
    if unit.dialect == "postgresql":
        kinds = (*_KINDS[:4], "text", "bigint")
        stored = _insert(unit, table, names, kinds, rows, ending)
        added = {row[:5]: row[5] for row in rows}
        return [tuple(row[:4]) for row in stored if added[tuple(row[:5])] == row[5]]
    marks = ", ".join("?" * len(names))
    statement = (
        f"INSERT INTO {table} AS d ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - names of ours
        f"{ending.partition(' RETURNING')[0]} RETURNING n"
    )
    execute = unit.connection.exec_driver_sql
    return [
        row[:4] for row in rows if execute(statement, tuple(map(_sqlite, row))).scalar() == row[5]
    ]


def put_labels(unit: Unit, keys: Iterable[DayKey], labels: Labels) -> None:
    """Put labels in the place of what is kept of these days."""
    table = unit.tables.usage_values
    for key in sorted(set(keys)):
        unit.connection.execute(delete(table).where(*_at(table, key)))
    rows = [
        (*key, label, n)
        for key, of_day in sorted(labels.items())
        for label, n in sorted(of_day.items())
    ]
    if rows:
        kinds = (*_KINDS[:4], "text", "bigint")
        _insert(unit, table.fullname, (*_KEY, "value", "n"), kinds, rows, "")

"""Storing one event of use and what it adds to its days: on PostgreSQL in one statement."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from sqlalchemy import text

from tallystick.storage.arrays import many
from tallystick.storage.rollups import DAY_COLUMNS, add_days, day_cells, day_ending
from tallystick.storage.types import micros
from tallystick.storage.usage import EVENT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import TextClause

    from tallystick.core.aggregate import DayState
    from tallystick.core.event import UsageEvent
    from tallystick.core.meter import Aggregation
    from tallystick.storage.arrays import Cell
    from tallystick.storage.rollups import DayKey
    from tallystick.storage.tables import Tables
    from tallystick.storage.unit import Dialect, Unit

__all__ = ["store_alone"]

Written: TypeAlias = "tuple[UsageEvent, str, str]"
"""An event, its properties as text, its digest."""

_COLUMNS: Final = tuple(
    (name, kind) for name, kind in EVENT_COLUMNS if name != "seq" and name[:7] != "target_"
)


def store_alone(
    unit: Unit, written: Written, days: Mapping[DayKey, tuple[Aggregation, DayState]]
) -> bool:
    """Store an event of use, and add these states to their days; False where its key is taken.

    Then nothing is added.  Who stores the same key at the same moment waits for the other.
    """
    event, properties, digest = written
    moment = micros if unit.dialect == "sqlite" else str
    given: dict[str, Cell] = {
        "customer_id": event.customer,
        "source": event.source,
        "id": event.id,
        "kind": event.kind,
        "type": event.type,
        "occurred_at": moment(event.occurred_at),
        "received_at": moment(event.received_at or event.occurred_at),
        "properties": properties,
        "digest": digest,
    }
    rows = day_cells(unit, days)
    query = ""
    if rows and unit.dialect == "postgresql":
        query, cells = many(DAY_COLUMNS, list(zip(*rows, strict=True)))
        given |= cells
    words = _statement(unit.tables, unit.dialect, query)
    order = unit.connection.execute(words, given).scalar()
    if order is not None and unit.dialect == "sqlite":
        placed = {
            key: (kind, replace(state, last_order=order)) for key, (kind, state) in days.items()
        }
        add_days(unit, placed)
    return order is not None


@lru_cache(maxsize=64)
def _statement(tables: Tables, dialect: Dialect, days: str) -> TextClause:
    """Write the statement that gives the place of what it stores; `days` gives rows to be added."""
    cast = ":{0}" if dialect == "sqlite" else "CAST(CAST(:{0} AS text) AS {1})"
    names = ", ".join(name for name, _ in _COLUMNS)
    values = ", ".join(cast.format(name, kind) for name, kind in _COLUMNS)
    insert = (
        f"INSERT INTO {tables.usage_events.fullname} ({names}) VALUES ({values})"  # noqa: S608 - names of ours
        " ON CONFLICT (customer_id, source, id) DO NOTHING RETURNING seq"
    )
    if not days:
        return text(insert)
    # A level is as late as its event, whose place only the database knows.
    chosen = ", ".join(
        "CASE WHEN k.last_at IS NOT NULL THEN stored.seq END"
        if name == "last_order"
        else f"k.{name}"
        for name, _ in DAY_COLUMNS
    )
    return text(
        f"WITH stored AS ({insert}), added AS (INSERT INTO {tables.usage_days.fullname} AS d"  # noqa: S608 - names of ours
        f" ({', '.join(name for name, _ in DAY_COLUMNS)})"
        f" SELECT {chosen} FROM stored CROSS JOIN ({days}) k{day_ending(dialect)})"
        " SELECT seq FROM stored"
    )

"""Events of many customers in many stretches of time, in a few statements however many they are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Integer, text

from tallystick.storage.arrays import many
from tallystick.storage.types import micros
from tallystick.storage.usage import (
    EVENT_COLUMNS,
    EventKey,
    corrections_of,
    event_key,
    event_of,
    events_at,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import TextualSelect

    from tallystick.core.event import UsageEvent
    from tallystick.core.period import Instant
    from tallystick.storage.arrays import Cell
    from tallystick.storage.tables import Tables
    from tallystick.storage.unit import Unit

__all__ = [
    "BEGINNING",
    "Stretch",
    "event_columns",
    "event_of_row",
    "events_of",
    "listed",
    "moment_cell",
    "table_of",
    "with_corrections",
]

BEGINNING: Final = datetime(1, 1, 2, tzinfo=UTC)
"""An instant before everything that is kept."""

_NAMES: Final = tuple(name for name, _ in EVENT_COLUMNS if name != "digest")
_KEYS: Final = (
    ("no", "bigint"),
    ("customer_id", "text"),
    ("type", "text"),
    ("since", "timestamptz"),
    ("until", "timestamptz"),
)
_CORRECTED: Final = (("customer_id", "text"),)
_IN: Final = """e.customer_id = k.customer_id AND e.type = k.type
 AND e.occurred_at >= k.since AND e.occurred_at < k.until"""
_EVENTS: Final = "SELECT k.no AS no, {columns} FROM ({k}) k CROSS JOIN {events} e WHERE {within}"
_CORRECTIONS: Final = """SELECT k.no AS no, {columns} FROM ({k}) k CROSS JOIN {events} c
 CROSS JOIN {events} e WHERE c.customer_id = k.customer_id AND c.target_id IS NOT NULL
 AND e.customer_id = c.customer_id AND e.source = c.target_source AND e.id = c.target_id
 AND e.kind = 'use' AND {within}"""
_WHO: Final = """SELECT k.customer_id FROM ({k}) k WHERE EXISTS (SELECT 1 FROM {events} c
 WHERE c.customer_id = k.customer_id AND c.target_id IS NOT NULL)"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time `[start, end)` of one customer's events of a type; no start is from the beginning."""

    customer: str
    type: str
    start: Instant | None
    end: Instant


# --- rows that are asked for ----------------------------------------------------------------------


def moment_cell(unit: Unit, at: Instant) -> Cell:
    """Write an instant as a cell of a row that is given to a statement."""
    return micros(at) if unit.dialect == "sqlite" else str(at)


def table_of(
    unit: Unit, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Cell]]
) -> tuple[str, dict[str, Cell]]:
    """Give a query for rows of ours, and its parameters: one text whatever their number.

    `columns` are names and PostgreSQL's types.  There is at least one row.
    """
    if unit.dialect == "postgresql":
        return many(columns, list(zip(*rows, strict=True)))
    chosen = ", ".join(
        f"json_extract(j.value, '$[{place}]') AS {name}" for place, (name, _) in enumerate(columns)
    )
    return f"SELECT {chosen} FROM json_each(:rows) j", {"rows": json.dumps(rows)}  # noqa: S608 - names of ours


@lru_cache(maxsize=64)
def event_columns(words: str, tables: Tables) -> TextualSelect:
    """Give a statement whose rows are a number `no` and an event: `event_of_row` reads these."""
    types = {name: tables.usage_events.c[name].type for name in _NAMES}
    return text(words).columns(no=Integer, **types)


def event_of_row(row: Sequence[Any]) -> UsageEvent:
    """Read the event of a row."""
    return event_of(row[1:])


def listed(alias: str) -> str:
    """Name the columns of an event of a table with this alias."""
    return ", ".join(f"{alias}.{name}" for name in _NAMES)


# --- events ---------------------------------------------------------------------------------------


def events_of(unit: Unit, stretches: Sequence[Stretch]) -> list[list[UsageEvent]]:
    """Give the events of each stretch with all that corrects them, in the order of arrival.

    Each answer is that of `storage.usage.events_in`: what an amendment moves into that time is
    there, with its target and the target's other corrections.
    """
    if not stretches:
        return []
    rows = [
        (
            *(number, each.customer, each.type),
            moment_cell(unit, BEGINNING if each.start is None else each.start),
            moment_cell(unit, each.end),
        )
        for number, each in enumerate(stretches)
    ]
    found: list[dict[int | None, UsageEvent]] = [{} for _ in stretches]
    _take(unit, _EVENTS, "e", rows, found)
    corrected = with_corrections(unit, {each.customer for each in stretches})
    some = [row for row in rows if row[1] in corrected]
    if some:
        _take(unit, _CORRECTIONS, "c", some, found)
        _add_moved(unit, found)
    return [sorted(each.values(), key=_order) for each in found]


def _order(event: UsageEvent) -> int:
    return event.order or 0


def _take(
    unit: Unit,
    words: str,
    alias: str,
    rows: Sequence[Sequence[Cell]],
    found: Sequence[dict[int | None, UsageEvent]],
) -> None:
    query, given = table_of(unit, _KEYS, rows)
    events = unit.tables.usage_events.fullname
    statement = words.format(columns=listed(alias), k=query, events=events, within=_IN)
    for row in unit.connection.execute(event_columns(statement, unit.tables), given):
        event = event_of_row(row)
        found[row[0]][event.order] = event


def with_corrections(unit: Unit, customers: Iterable[str]) -> set[str]:
    """Give the customers who have any correction at all: most have none."""
    query, given = table_of(unit, _CORRECTED, [(each,) for each in sorted(customers)])
    words = _WHO.format(k=query, events=unit.tables.usage_events.fullname)
    return set(unit.connection.execute(text(words), given).scalars())


def _add_moved(unit: Unit, found: Sequence[dict[int | None, UsageEvent]]) -> None:
    """Add the targets that an amendment moves in from elsewhere, with their corrections."""
    away: list[set[EventKey]] = []
    for events in found:
        moved = [event for event in events.values() if event.kind == "amend"]
        targets = {(each.customer, *each.target) for each in moved if each.target is not None}
        away.append(targets - {event_key(event) for event in events.values()})
    keys = set[EventKey]().union(*away)
    if not keys:
        return
    uses = events_at(unit, keys)
    corrections = _by_target(corrections_of(unit, keys))
    for events, missing in zip(found, away, strict=True):
        for key in missing & uses.keys():
            for event in (uses[key], *corrections.get(key, ())):
                events[event.order] = event


def _by_target(corrections: Iterable[UsageEvent]) -> Mapping[EventKey, list[UsageEvent]]:
    found: dict[EventKey, list[UsageEvent]] = {}
    for each in corrections:
        source, key = each.target or ("", "")
        found.setdefault((each.customer, source, key), []).append(each)
    return found

"""Storing usage events: each once for ever, in the way that is quickest for its database."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Final, TypeAlias

from sqlalchemy import select, text

from tallystick.storage.arrays import execute_rows, insert_rows, many
from tallystick.storage.pipeline import can_pipeline, copied, pipelined
from tallystick.storage.types import micros
from tallystick.storage.usage import EVENT_COLUMNS, last_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tallystick.core.event import UsageEvent
    from tallystick.core.period import Instant
    from tallystick.storage.arrays import Cell
    from tallystick.storage.unit import Unit

__all__ = ["Stored", "insert_events", "next_orders"]

Stored: TypeAlias = "tuple[int, UsageEvent, str, str]"
"""An event to be stored: its place in the order of arrival, itself, its properties, its digest.

The properties are the text that `properties_text` made of them, as the digest needed it anyway.
"""

_Row: TypeAlias = "tuple[Cell, ...]"

_NEXT_ORDERS: Final = text(
    "SELECT string_agg(nextval(s.name)::text, ',') FROM"
    " (SELECT CAST(pg_get_serial_sequence(:table, 'seq') AS regclass) AS name OFFSET 0) s,"
    " generate_series(1, :count)"
)
_NOWHERE: Final[tuple[str | None, str | None]] = (None, None)
# The key is named: other ways to be taken are errors, and fewer indexes are asked.
_UNLESS_TAKEN: Final = " ON CONFLICT (customer_id, source, id) DO NOTHING"
_KEY: Final = "uq_{}_source_id_customer_id"
_COPIED: Final = 200  # from so many events on a COPY is worth its additional questions
_PART: Final = 200  # events in a statement, where statements are sent before the last is answered


def next_orders(unit: Unit, count: int) -> Sequence[int]:
    """Take the next places in the order of arrival, ascending; nobody else is given them."""
    if unit.dialect == "sqlite":
        start = last_order(unit) + 1
        return range(start, start + count)
    table = unit.tables.usage_events.fullname
    taken = unit.connection.execute(_NEXT_ORDERS, {"table": table, "count": count})
    return [int(place) for place in taken.scalar_one().split(",")]


def insert_events(
    unit: Unit,
    events: Iterable[Stored],
    count: int,
    meanwhile: Callable[[], object] = bool,
) -> set[int] | None:
    """Store events of use, or else corrections, unless their keys are taken.

    There are `count` of them, in the order of their keys so that nobody waits in a circle.  Gives
    the places of those that are new, None where all are.  Who stores the same key at the same
    moment waits for the other, and one of the two is new.  `meanwhile` may be called while the
    database is at work.
    """
    if not count:
        return None
    if unit.dialect == "sqlite":
        return _insert_sqlite(unit, list(events))
    left = iter(events)
    first = next(left)
    left = chain([first], left)
    if count < _COPIED or not can_pipeline(unit):
        part = list(left)
        answers = [(part, tuple(execute_rows(unit, *_insertion(unit, part)).one()))]
    else:
        tried: list[Stored] = []
        if first[1].target is None and _copied(unit, left, tried, meanwhile):
            return None
        with pipelined(unit) as send:
            parts = _parts(chain(tried, left))
            sent = [(part, send(*_insertion(unit, part))) for part in parts]
            if not tried:
                meanwhile()
        answers = [(part, fetch()) for part, fetch in sent]
    if all(new == len(part) for part, (new, _) in answers):
        return None
    return {place for part, (new, places) in answers for place in _new(part, new, places)}


def _copied(
    unit: Unit, events: Iterator[Stored], tried: list[Stored], meanwhile: Callable[[], object]
) -> bool:
    """Store events as if none were there yet; False where one is, and then none is stored.

    `tried` is filled with those that were taken from `events`.
    """

    def lines() -> Iterator[list[_Row]]:
        for part in _parts(events):
            tried.extend(part)
            # Without the target: an event of use has none, and the table refuses a correction so.
            yield [row[:-2] for row in _rows_of(part, str)]

    table = unit.tables.usage_events
    names = [name for name, _ in EVENT_COLUMNS[:-2]]
    return copied(unit, (table.fullname, names, _KEY.format(table.name)), lines(), meanwhile)


def _parts(events: Iterator[Stored]) -> Iterator[list[Stored]]:
    return iter(lambda: list(islice(events, _PART)), [])


def _new(part: Sequence[Stored], new: int, places: str | None) -> Iterable[int]:
    if new == len(part):
        return [order for order, *_ in part]
    return map(int, places.split(",")) if places else ()


def _insert_sqlite(unit: Unit, events: Sequence[Stored]) -> set[int] | None:
    table = unit.tables.usage_events
    rows = _rows_of(events, micros)
    done = insert_rows(unit, table.fullname, EVENT_COLUMNS, rows, _UNLESS_TAKEN)
    if done.rowcount == len(rows):
        return None
    places = [order for order, *_ in events]
    found = unit.connection.execute(
        select(table.c.seq).where(table.c.seq >= min(places), table.c.seq <= max(places))
    )
    return set(found.scalars())


def _insertion(unit: Unit, events: Sequence[Stored]) -> tuple[str, dict[str, Cell]]:
    """Write the statement that stores some events: how many are new, and which where not all."""
    query, given = many(EVENT_COLUMNS, list(zip(*_rows_of(events, str), strict=True)))
    names = ", ".join(name for name, _ in EVENT_COLUMNS)
    words = (
        f"WITH stored AS (INSERT INTO {unit.tables.usage_events.fullname} ({names})"  # noqa: S608 - names of ours
        f" OVERRIDING SYSTEM VALUE {query}{_UNLESS_TAKEN} RETURNING seq)"
        " SELECT count(*), CASE WHEN count(*) < CAST(:sent AS bigint)"
        " THEN string_agg(CAST(seq AS text), ',') END FROM stored"
    )
    return words, {**given, "sent": len(events)}


def _rows_of(events: Iterable[Stored], moment: Callable[[Instant], Cell]) -> list[_Row]:
    """Write events as rows of their table."""
    arrivals: dict[Instant, Cell] = {}
    rows: list[_Row] = []
    for order, event, properties, digest in events:
        arrived = event.received_at or event.occurred_at
        at = arrivals.get(arrived)
        if at is None:
            at = arrivals[arrived] = moment(arrived)
        rows.append(
            (
                order,
                event.customer,
                event.source,
                event.id,
                event.kind,
                event.type,
                moment(event.occurred_at),
                at,
                properties,
                digest,
                *(event.target or _NOWHERE),
            )
        )
    return rows

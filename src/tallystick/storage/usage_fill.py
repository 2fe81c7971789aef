"""Filling the roll-ups of a meter from old events, page by page, in the order of an index.

A page is whole days of customers, some thousand events.  Each is right by itself, whatever its
events were corrected by and wherever that stands; so the pages may be filled again, and by several
processes, in any order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import text

from tallystick.core.aggregate import DayState, day_of, state_of
from tallystick.core.event import UsageEvent
from tallystick.core.number import ZERO, exact_sum
from tallystick.core.property import properties_of
from tallystick.core.reading import group_key, readings_of
from tallystick.storage.rollups import put_days, put_labels
from tallystick.storage.types import micros, moment_of
from tallystick.storage.usage import corrections_of, event_key, events_at
from tallystick.storage.usage_asked import HELD, midnight_of

if TYPE_CHECKING:
    from sqlalchemy import TextClause

    from tallystick.core.reading import Group, Reading
    from tallystick.storage.meters import KeptMeter
    from tallystick.storage.rollups import DayKey
    from tallystick.storage.tables import Tables
    from tallystick.storage.unit import Dialect, Unit
    from tallystick.storage.usage import EventKey
    from tallystick.storage.usage_known import PlainReader

__all__ = ["START", "Place", "fill_page"]

Place: TypeAlias = tuple[str, date]
"""A customer and a UTC day: how far the pages have come."""

START: Final[Place] = ("", date.min)
"""Before every customer."""

_AT_ONCE: Final = 20_000
_DAY: Final = timedelta(days=1)
_MICROS: Final = 86_400_000_000
_NO_GROUP: Final = group_key(())
_COLUMNS: Final = (
    "customer_id, occurred_at, seq, received_at, properties, kind, source, id,"
    " target_source, target_id"
)
_REST: Final = """SELECT {columns} FROM {events} WHERE customer_id = :customer AND type = :type
 AND occurred_at >= {since} ORDER BY occurred_at LIMIT :most"""
_NEXT: Final = """SELECT {columns} FROM {events} WHERE customer_id > :customer AND type = :type
 ORDER BY customer_id, occurred_at LIMIT :most"""
# What was moved elsewhere: a void stands where its target does, and is in the page.
_MOVED: Final = """SELECT DISTINCT c.customer_id, c.target_source, c.target_id
 FROM {events} c JOIN {events} e ON e.customer_id = c.customer_id
 AND e.source = c.target_source AND e.id = c.target_id
 WHERE c.customer_id >= :customer AND c.customer_id <= :last AND c.target_id IS NOT NULL
 AND c.kind = 'amend' AND e.type = :type
 AND (e.customer_id > :customer OR e.occurred_at >= {since})
 AND (e.customer_id < :last OR e.occurred_at < {until})"""
_CLEAR: Final = """DELETE FROM {table} WHERE meter_id = :meter
 AND customer_id >= :customer AND customer_id <= :last
 AND (customer_id > :customer OR day > {day}) AND (customer_id < :last OR day <= {until})"""
_CLEAR_REST: Final = """DELETE FROM {table} WHERE meter_id = :meter AND customer_id >= :customer
 AND (customer_id > :customer OR day > {day})"""

_Row: TypeAlias = Sequence[Any]


@dataclass(frozen=True, slots=True)
class _Page:
    """The events of whole days, up to a place; `more` may follow."""

    days: Mapping[Place, list[_Row]]
    last: Place
    more: bool


def fill_page(unit: Unit, kept: KeptMeter, after: Place, reader: PlainReader) -> Place | None:
    """Fill the days of the next events after a place; give the last of them, None at the end.

    `reader` is the meter's own, for all pages.
    """
    page = _page(unit, kept.meter.event_type, after)
    _clear(unit, kept.id, after, page)
    corrected = _corrected(unit, kept.meter.event_type, after, page) if page.days else {}
    taken = _Taken(unit.dialect, kept, reader)
    for (customer, day), rows in page.days.items():
        taken.take(customer, day, rows, corrected.get((customer, day)))
    states = {
        key: (kept.meter.aggregation, state, len(taken.labels.get(key, ())))
        for key, state in taken.states.items()
    }
    put_days(unit, states, fresh=True)
    if taken.labels:
        put_labels(unit, (), taken.labels)
    return page.last if page.more else None


# --- a page ---------------------------------------------------------------------------------------


def _page(unit: Unit, type_: str, after: Place) -> _Page:
    """Read whole days; where one day has more events than a page, read all of it."""
    most, day = _AT_ONCE, _DAY_OF[unit.dialect]
    while True:
        rows = _read(unit, type_, after, most)
        days = _by_day(rows, day)
        if len(rows) < most:
            return _Page(days, max(days, default=after), more=False)
        if len(days) > 1:
            del days[max(days)]
            return _Page(days, max(days), more=True)
        most *= 4


def _by_day(rows: Sequence[_Row], day_of_time: Callable[[Any], date]) -> dict[Place, list[_Row]]:
    """Tell rows apart that come by customer and time; few of them begin a new day."""
    days: dict[Place, list[_Row]] = {}
    customer, day, here = None, None, list[_Row]()
    for row in rows:
        today = day_of_time(row[1])
        if today != day or row[0] != customer:
            customer, day = row[0], today
            here = days[customer, day] = []
        here.append(row)
    return days


def _read(unit: Unit, type_: str, after: Place, most: int) -> list[_Row]:
    customer, day = after
    given: dict[str, object] = {"customer": customer, "type": type_, "most": most}
    rows: list[_Row] = []
    if after != START:
        since = _moment(unit, midnight_of(day + _DAY))
        words = _statement(_REST, unit.tables, unit.dialect)
        rows += unit.connection.execute(words, {**given, "since": since}).all()
    if len(rows) < most:
        words = _statement(_NEXT, unit.tables, unit.dialect)
        rows += unit.connection.execute(words, {**given, "most": most - len(rows)}).all()
    return rows


@lru_cache(maxsize=4096)
def _day_of_micros(day: int) -> date:
    return moment_of(day * _MICROS).date()


# What a driver gives as a time, as a UTC day and as ours.
_DAY_OF: Final[Mapping[Dialect, Callable[[Any], date]]] = {
    "sqlite": lambda at: _day_of_micros(at // _MICROS),
    "postgresql": lambda at: at.astimezone(UTC).date(),
}
_TIME_OF: Final[Mapping[Dialect, Callable[[Any], datetime]]] = {
    "sqlite": moment_of,
    "postgresql": lambda at: at.astimezone(UTC),
}


def _moment(unit: Unit, at: datetime) -> str | int:
    return micros(at) if unit.dialect == "sqlite" else str(at)


@lru_cache(maxsize=256)
def _statement(words: str, tables: Tables, dialect: Dialect, table: str = "") -> TextClause:
    day = "{}" if dialect == "sqlite" else "CAST(CAST({} AS text) AS date)"
    at = "{}" if dialect == "sqlite" else "CAST(CAST({} AS text) AS timestamptz)"
    return text(
        words.format(
            columns=_COLUMNS,
            events=tables.usage_events.fullname,
            table=table,
            since=at.format(":since"),
            until=day.format(":until") if table else at.format(":until"),
            day=day.format(":day"),
        )
    )


def _clear(unit: Unit, meter_id: int, after: Place, page: _Page) -> None:
    """Take away what is kept of the days of a page: an earlier attempt may have left it."""
    given: dict[str, object] = {
        "meter": meter_id,
        "customer": after[0],
        "day": after[1].isoformat(),
    }
    if page.more:
        given |= {"last": page.last[0], "until": page.last[1].isoformat()}
    words = _CLEAR if page.more else _CLEAR_REST
    for table in (unit.tables.usage_values, unit.tables.usage_days):
        statement = _statement(words, unit.tables, unit.dialect, table.fullname)
        unit.connection.execute(statement, given)


# --- corrected days -------------------------------------------------------------------------------


def _corrected(unit: Unit, type_: str, after: Place, page: _Page) -> dict[Place, list[UsageEvent]]:
    """Give the days of a page on which a version of a corrected event stands.

    Each with the versions that its customer's corrected events have, wherever they stand.
    """
    keys: set[EventKey] = {
        (row[0], row[8], row[9])
        for rows in page.days.values()
        for row in rows
        if row[9] is not None
    }
    words = _statement(_MOVED, unit.tables, unit.dialect)
    given = {
        "type": type_,
        "customer": after[0],
        "since": _moment(unit, _after(after)),
        "last": page.last[0],
        "until": _moment(unit, _after(page.last)),
    }
    keys |= {(c, s, i) for c, s, i in unit.connection.execute(words, given)}
    if not keys:
        return {}
    versions: dict[str, dict[EventKey, UsageEvent]] = {}
    for event in (*events_at(unit, keys).values(), *corrections_of(unit, keys)):
        versions.setdefault(event.customer, {})[event_key(event)] = event
    return {
        (customer, day_of(event.occurred_at)): list(found.values())
        for customer, found in versions.items()
        for event in found.values()
    }


def _after(place: Place) -> datetime:
    return midnight_of(place[1] if place == START else place[1] + _DAY)


# --- states ---------------------------------------------------------------------------------------


class _Taken:
    """The states of a page's days and their labels, by the keys of roll-ups."""

    def __init__(self, dialect: Dialect, kept: KeptMeter, reader: PlainReader) -> None:
        self.states: dict[DayKey, DayState] = {}
        self.labels: dict[DayKey, dict[str, int]] = {}
        self._kept, self._reader, self._time = kept, reader, _TIME_OF[dialect]
        self._held = kept.meter.aggregation in HELD
        self._single = not kept.meter.group_by and kept.meter.aggregation != "unique"
        self._keys: dict[Group, str] = {}

    def take(
        self, customer: str, day: date, rows: Iterable[_Row], others: list[UsageEvent] | None
    ) -> None:
        """Take up the events of a day; `others` are all versions of those that were corrected."""
        if others is not None:
            readings: Iterable[Reading] = self._exact(day, rows, others)
        elif self._held or self._reader.refuses:
            time = self._time
            readings = self._reader.read((time(r[1]), r[2], time(r[3]), r[4]) for r in rows)
        else:  # their times do not matter
            reader = self._reader
            readings = [found for row in rows if (found := reader[row[4]]) is not None]
            if self._single:
                if readings:
                    self.states[self._kept.id, customer, _NO_GROUP, day] = _together(day, readings)
                return
        groups: dict[Group, list[Reading]] = {}
        for reading in readings:
            groups.setdefault(reading.group, []).append(reading)
        for group, taken in groups.items():
            self._put((self._kept.id, customer, self._key(group), day), taken)

    def _put(self, key: DayKey, readings: Sequence[Reading]) -> None:
        meter = self._kept.meter
        state = state_of(meter, readings) if self._held else _together(key[3], readings)
        if state is not None:
            self.states[key] = state
        if meter.aggregation == "unique":
            self.labels[key] = Counter(r.label for r in readings if r.label is not None)

    def _key(self, group: Group) -> str:
        found = self._keys.get(group)
        if found is None:
            found = self._keys[group] = group_key(group)
        return found

    def _exact(
        self, day: date, rows: Iterable[_Row], others: Iterable[UsageEvent]
    ) -> list[Reading]:
        """Give the readings of a day as its corrections leave them."""
        events = {event.order: event for event in map(self._event, rows)}
        events |= {event.order: event for event in others}
        found = readings_of(self._kept.meter, events.values())
        return [reading for reading in found if day_of(reading.at) == day]

    def _event(self, row: _Row) -> UsageEvent:
        customer, at, order, received, properties, kind, source, key, *target = row
        return UsageEvent(
            id=key,
            source=source,
            customer=customer,
            type=self._kept.meter.event_type,
            occurred_at=self._time(at),
            properties=properties_of(properties),
            kind=kind,
            target=None if target[1] is None else (target[0], target[1]),
            received_at=self._time(received),
            order=order,
        )


@lru_cache(maxsize=4096)
def _midnight(day: date) -> datetime:
    return midnight_of(day)


def _together(day: date, readings: Sequence[Reading]) -> DayState:
    """Make a state of which neither times nor order are kept."""
    values = [reading.value for reading in readings]
    at = _midnight(day)
    return DayState(
        n=len(values),
        total=exact_sum(*values),
        least=min(values),
        most=max(values),
        first_at=at,
        last_at=at,
        last_order=0,
        last_value=ZERO,
    )

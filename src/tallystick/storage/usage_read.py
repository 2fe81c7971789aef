"""Reading a meter: whole days from the roll-ups, the rest of the period from the events."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from sqlalchemy import and_, func, select

from tallystick.core.aggregate import Cut, Span, cut, day_of, quantity_of_states
from tallystick.core.calendar import boundary
from tallystick.core.fold import selects, shrunk
from tallystick.core.number import ZERO
from tallystick.core.period import Cadence, Period
from tallystick.core.reading import group_of_key, readings_of
from tallystick.errors import InvalidPeriod
from tallystick.storage.meters import find_meter
from tallystick.storage.rollups import state_of_row
from tallystick.storage.usage import events_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

    from tallystick.core.aggregate import DayState
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.core.reading import Group, Reading
    from tallystick.storage.unit import Unit

__all__ = ["Figure", "Window", "read_figures", "windows_of"]

Window: TypeAlias = Literal["hour", "day", "month"]
"""What a period can be cut into: stretches of the UTC calendar."""

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_MOST_WINDOWS: Final = 10_000
_HELD: Final = frozenset({"last", "time_weighted"})
_AT: Final = attrgetter("at")


@dataclass(frozen=True, slots=True)
class Figure:
    """A quantity: of which part of the period, and of which group where groups are told apart."""

    period: Period
    quantity: Decimal
    group: Group = ()


@dataclass(slots=True)
class _Known:
    """What is known of one group, over the whole period that was asked for.

    `days` and `readings` are in the order of time; `before` is the level at the start, None where
    no reading came before it.
    """

    days: list[tuple[date, DayState]] = field(default_factory=list)
    labels: list[tuple[date, str]] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    before: Decimal | None = None


# --- windows --------------------------------------------------------------------------------------


def windows_of(period: Period, window: Window | None) -> list[Period]:
    """Cut a period at every full hour, midnight or first of a month, UTC.

    Raises InvalidPeriod for more than 10,000 parts, and for a window there is none of.
    """
    if window is None:
        return [period]
    found: list[Period] = []
    for at in _cuts(period.start, window):
        start = max(at, period.start)
        if start >= period.end:
            return found
        if len(found) == _MOST_WINDOWS:
            raise InvalidPeriod(f"the period has more than {_MOST_WINDOWS:,} windows: ask for less")
        found.append(Period(start, min(_next(at, window), period.end)))
    return found


def _cuts(start: Instant, window: Window) -> Iterator[Instant]:
    if window not in {"hour", "day", "month"}:
        raise InvalidPeriod(f"a window is an hour, a day or a month, not {str(window)[:40]!r}")
    at = start.replace(minute=0, second=0, microsecond=0)
    if window != "hour":
        at = at.replace(hour=0)
    if window == "month":
        at = at.replace(day=1)
    while True:
        yield at
        at = _next(at, window)


def _next(at: Instant, window: Window) -> Instant:
    if window == "month":
        return boundary(at, Cadence("month"), 1)
    return at + (_HOUR if window == "hour" else _DAY)


# --- reading --------------------------------------------------------------------------------------


def read_figures(
    unit: Unit,
    meter: Meter,
    customer: str,
    period: Period,
    *,
    group: Mapping[str, str | None] | None = None,
    group_by: Sequence[str] = (),
    window: Window | None = None,
    as_of: Instant | None = None,
) -> list[Figure]:
    """Give a meter's figures, equal to a fold over the raw events.

    Raises InvalidUsage for a property that the meter is not grouped by, InvalidPeriod.
    """
    windows = windows_of(period, window)
    names = tuple(dict.fromkeys(group_by))
    for asked in (dict.fromkeys(names), group or {}):
        selects(meter, asked, (None,) * len(meter.group_by))  # a property it is not grouped by
    kept = None if as_of is not None else find_meter(unit, meter)
    ready = kept is not None and kept.state == "ready" and window != "hour"
    if ready and kept is not None:
        known = _from_days(unit, meter, kept.id, customer, period)
    else:
        known = _from_events(unit, meter, customer, period, as_of)
    taken = {each: facts for each, facts in known.items() if selects(meter, group or {}, each)}
    return [
        figure for part in windows for figure in _figures(meter, taken, part, names, days=ready)
    ]


def _figures(
    meter: Meter, known: Mapping[Group, _Known], part: Period, names: Sequence[str], *, days: bool
) -> Iterator[Figure]:
    whole = cut(part) if days else Cut(day_of(part.start), day_of(part.start), (part,))
    spans: dict[Group, list[Span]] = {}
    for group, facts in known.items():
        span, there = _span(meter, facts, part, whole)
        if there:
            spans.setdefault(shrunk(meter, names, group), []).append(span)
    if not names:
        spans = {(): [span for some in spans.values() for span in some]}
    for group in sorted(spans, key=lambda g: tuple((text is not None, text or "") for text in g)):
        yield Figure(part, quantity_of_states(meter, part, spans[group]), group)


def _span(meter: Meter, facts: _Known, part: Period, whole: Cut) -> tuple[Span, bool]:
    """Give what is known of a group in one window, and whether it has a figure there at all."""
    first = bisect_left(facts.days, (whole.first,), key=lambda day: (day[0],))
    after = bisect_left(facts.days, (whole.after,), key=lambda day: (day[0],))
    edges = [reading for edge in whole.edges for reading in _between(facts.readings, edge)]
    before = _level(facts, part, first) if meter.aggregation in _HELD else None
    labels = frozenset(text for day, text in facts.labels if whole.first <= day < whole.after)
    span = Span(
        states=tuple(state for _, state in facts.days[first:after]),
        edges=tuple(edges),
        before=ZERO if before is None else before,
        labels=labels,
    )
    return span, bool(span.states or edges or before is not None)


def _between(readings: Sequence[Reading], part: Period) -> Sequence[Reading]:
    first = bisect_left(readings, part.start, key=_AT)
    return readings[first : bisect_left(readings, part.end, key=_AT)]


def _level(facts: _Known, part: Period, first: int) -> Decimal | None:
    """Give the level of a group at the start of a window; None before its first reading."""
    place = bisect_left(facts.readings, part.start, key=_AT)
    reading = facts.readings[place - 1] if place else None
    state = facts.days[first - 1][1] if first else None
    if reading is not None and (state is None or state.last_at < reading.at):
        return reading.value
    return facts.before if state is None else state.last_value


# --- what is known --------------------------------------------------------------------------------


def _from_events(
    unit: Unit, meter: Meter, customer: str, period: Period, as_of: Instant | None
) -> dict[Group, _Known]:
    """Read everything from the events; a level needs all that came before, too."""
    start = None if meter.aggregation in _HELD else period.start
    known: dict[Group, _Known] = {}
    events = events_in(unit, customer, meter.event_type, start, period.end)
    for reading in readings_of(meter, events, as_of=as_of):
        _note(known, reading, period)
    return known


def _note(known: dict[Group, _Known], reading: Reading, period: Period) -> None:
    """Take up a reading, one after another in the order of time."""
    if reading.at in period:
        known.setdefault(reading.group, _Known()).readings.append(reading)
    elif reading.at < period.start:
        known.setdefault(reading.group, _Known()).before = reading.value


def _from_days(
    unit: Unit, meter: Meter, meter_id: int, customer: str, period: Period
) -> dict[Group, _Known]:
    """Read whole days from the roll-ups, and the ragged ends from the events."""
    whole = cut(period)
    known: dict[Group, _Known] = {}
    held = meter.aggregation in _HELD
    if held:
        for key, row in _latest_days(unit, meter_id, customer, day_of(period.start)):
            known.setdefault(group_of_key(key), _Known()).before = row
    parts = [(edge.start, edge.end) for edge in whole.edges]
    if held and parts and parts[0][0] == period.start:
        midnight = datetime.combine(day_of(period.start), time(), UTC)
        parts[0] = (midnight, parts[0][1])
    if parts:
        (start, end), *more = parts
        events = events_in(unit, customer, meter.event_type, start, end, *more)
        for reading in readings_of(meter, events):
            if any(since <= reading.at < until for since, until in parts):
                _note(known, reading, period)
    if whole.first < whole.after:
        _take_days(unit, known, meter_id, customer, whole)
        if meter.aggregation == "unique":
            _take_labels(unit, known, meter_id, customer, whole)
    return known


def _take_days(
    unit: Unit, known: dict[Group, _Known], meter_id: int, customer: str, whole: Cut
) -> None:
    days = unit.tables.usage_days
    query = select(days).where(
        days.c.meter_id == meter_id,
        days.c.customer_id == customer,
        days.c.day >= whole.first,
        days.c.day < whole.after,
    )
    for row in unit.connection.execute(query.order_by(days.c.day)):
        group = group_of_key(row.group_key)
        known.setdefault(group, _Known()).days.append((row.day, state_of_row(row)))


def _take_labels(
    unit: Unit, known: dict[Group, _Known], meter_id: int, customer: str, whole: Cut
) -> None:
    values = unit.tables.usage_values
    query = select(values.c.group_key, values.c.day, values.c.value).where(
        values.c.meter_id == meter_id,
        values.c.customer_id == customer,
        values.c.day >= whole.first,
        values.c.day < whole.after,
    )
    for key, day, label in unit.connection.execute(query):
        known.setdefault(group_of_key(key), _Known()).labels.append((day, label))


def _latest_days(
    unit: Unit, meter_id: int, customer: str, before: date
) -> Iterator[tuple[str, Decimal]]:
    """Give the last value of each group on the last day it has before a day."""
    days = unit.tables.usage_days
    mine = and_(days.c.meter_id == meter_id, days.c.customer_id == customer, days.c.day < before)
    latest = (
        select(days.c.group_key, func.max(days.c.day).label("day"))
        .where(mine)
        .group_by(days.c.group_key)
        .subquery()
    )
    query = select(days.c.group_key, days.c.last_value).join(
        latest, and_(latest.c.group_key == days.c.group_key, latest.c.day == days.c.day)
    )
    yield from (tuple(row) for row in unit.connection.execute(query.where(mine)))

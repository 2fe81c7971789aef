"""What is known of one customer's use in a period: whole days as kept, the rest as events.

The roll-ups, the raw rows at the ragged ends and whether any of those was corrected are asked for
in one statement, as most of the time a read takes is spent on the way to the database and back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date
from decimal import Decimal
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.aggregate import DayState
from tallystick.core.event import UsageEvent
from tallystick.core.number import ZERO
from tallystick.core.property import properties_of
from tallystick.core.reading import Reading, group_of_key, is_late, reading_of, readings_of
from tallystick.storage.types import moment_of
from tallystick.storage.usage import events_in
from tallystick.storage.usage_asked import HELD, asked_of, midnight_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant, Period
    from tallystick.core.reading import Group
    from tallystick.storage.unit import Unit
    from tallystick.storage.usage_asked import Asked

__all__ = ["Known", "PlainReader", "known_by_days", "known_by_events", "note_readings"]

_AT: Final = attrgetter("at", "order")
_DAY: Final = itemgetter(0)
_MOST_SAID: Final = 10_000
_EPOCH: Final = moment_of(0)


@dataclass(slots=True)
class Known:
    """What is known of one group, over the whole period that was asked for.

    `days`, `labels` and `readings` are in the order of time; `before` is the level at the start,
    None where no reading came before it.
    """

    days: list[tuple[date, DayState]] = field(default_factory=list)
    labels: list[tuple[date, str]] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    before: Decimal | None = None


# --- from the events ------------------------------------------------------------------------------


def known_by_events(
    unit: Unit, meter: Meter, customer: str, period: Period, as_of: Instant | None
) -> dict[Group, Known]:
    """Read everything from the events; a level needs all that came before, too."""
    start = None if meter.aggregation in HELD else period.start
    known: dict[Group, Known] = {}
    events = events_in(unit, customer, meter.event_type, start, period.end)
    note_readings(known, readings_of(meter, events, as_of=as_of), period)
    return known


def note_readings(known: dict[Group, Known], readings: Iterable[Reading], period: Period) -> None:
    """Take up readings of UTC times that come in their order."""
    start, end = period.start, period.end
    for reading in readings:
        if reading.at >= end:
            return
        facts = known.get(reading.group)
        if facts is None:
            facts = known[reading.group] = Known()
        if reading.at >= start:
            facts.readings.append(reading)
        else:
            facts.before = reading.value


class PlainReader(dict[str, "Reading | None"]):
    """Reads events of use that nothing corrects; properties that are written alike, once.

    As a mapping: what properties say, of no time in particular.
    """

    def __init__(self, meter: Meter) -> None:
        """Read for a meter."""
        super().__init__()
        self._meter = meter
        self.refuses = meter.late == "refuse"
        """Whether what an event says depends on when it arrived, too."""

    def __missing__(self, written: str) -> Reading | None:
        """Read properties that were not read before."""
        if len(self) >= _MOST_SAID:
            self.clear()
        found = self[written] = self._reading(_EPOCH, _EPOCH, written)
        return found

    def read(self, rows: Iterable[tuple[Instant, int, Instant, str]]) -> Iterator[Reading]:
        """Give the readings of rows: time, order, arrival and properties."""
        for at, order, arrived, written in rows:
            found = self._reading(at, arrived, written) if self.refuses else self[written]
            if found is not None:
                yield Reading(at, order, found.value, found.group, found.label)

    def _reading(self, at: Instant, arrived: Instant, written: str) -> Reading | None:
        event = UsageEvent(
            id="",
            customer="",
            type=self._meter.event_type,
            occurred_at=at,
            received_at=arrived,
            properties=properties_of(written),
        )
        late = self.refuses and is_late(self._meter, event)
        return None if late else reading_of(self._meter, event)


# --- from the roll-ups ----------------------------------------------------------------------------


def known_by_days(
    unit: Unit, meter: Meter, customer: str, period: Period
) -> dict[Group, Known] | None:
    """Read whole days from the roll-ups, the ragged ends from events; None where none are kept."""
    asked = asked_of(meter, customer, period)
    rows = _Rows(unit, asked)
    if not rows.ready:
        return None
    if rows.corrected:
        (start, end), *more = ends = asked.ends
        events = events_in(unit, customer, meter.event_type, start, end, *more)
        found = readings_of(meter, events)
        readings: Iterable[Reading] = (
            reading for reading in found if any(a <= reading.at < b for a, b in ends)
        )
    else:
        readings = sorted(PlainReader(meter).read(rows.events), key=_AT)
    note_readings(rows.known, readings, period)
    return rows.known


class _Rows:
    """The answer of the one statement, sorted out."""

    def __init__(self, unit: Unit, asked: Asked) -> None:
        self.ready = self.corrected = False
        self.events: list[tuple[Instant, int, Instant, str]] = []
        self.known: dict[Group, Known] = {}
        self._by_key: dict[str, Known] = {}
        self._take(rows_of(unit, asked), sqlite=unit.dialect == "sqlite")
        for each in self._by_key.values():
            each.days.sort(key=_DAY)
            each.labels.sort(key=_DAY)

    def _take(self, rows: Iterable[Sequence[Any]], *, sqlite: bool) -> None:
        for what, *cells in rows:
            if what == "event":
                self._event(cells, sqlite=sqlite)
            elif what == "day":
                self._day(cells, sqlite=sqlite)
            elif what == "label":
                day = date.fromisoformat(cells[2]) if sqlite else cells[2]
                self._of(cells[1]).labels.append((day, cells[3]))
            elif what == "before":
                self._of(cells[1]).before = Decimal(cells[3])
            elif what == "meter":
                self.ready = cells[1] == "ready"
            else:
                self.corrected = True

    def _of(self, key: str) -> Known:
        found = self._by_key.get(key)
        if found is None:
            found = self._by_key[key] = self.known.setdefault(group_of_key(key), Known())
        return found

    def _event(self, cells: Sequence[Any], *, sqlite: bool) -> None:
        order, properties, _, kind, at, arrived, *_ = cells
        if kind != "use":
            self.corrected = True
        elif sqlite:
            self.events.append((moment_of(at), order, moment_of(arrived), properties))
        else:
            self.events.append((at.astimezone(UTC), order, arrived, properties))

    def _day(self, cells: Sequence[Any], *, sqlite: bool) -> None:
        n, key, day, figure, first, last, order, area = cells
        if sqlite:
            day = date.fromisoformat(day)
        midnight = midnight_of(day)
        value = ZERO if figure is None else Decimal(figure)
        if last is not None:
            last = moment_of(last) if sqlite else last.astimezone(UTC)
        if first is not None:
            first = moment_of(first) if sqlite else first.astimezone(UTC)
        state = DayState(
            n=n,
            total=value,
            least=value,
            most=value,
            first_at=first or last or midnight,
            last_at=last or midnight,
            last_order=order or 0,
            last_value=value,
            area=None if area is None else Decimal(area),
        )
        self._of(key).days.append((day, state))

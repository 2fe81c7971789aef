"""Keeping roll-ups up: what new events add, what a correction changes, what arrived meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from tallystick.core.aggregate import DayState, day_of, labels_of, merged, states_of
from tallystick.core.reading import group_key, reading_of, readings_of
from tallystick.storage.rollups import (
    DayKey,
    add_days,
    add_labels,
    drop_days,
    lock_days,
    put_days,
    put_labels,
)
from tallystick.storage.usage import corrections_of, event_key, events_at, events_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from tallystick.core.event import UsageEvent
    from tallystick.storage.meters import KeptMeter
    from tallystick.storage.unit import Unit
    from tallystick.storage.usage_tally import Tally

__all__ = ["add_usage", "days_touched", "recount", "recount_since"]

_DAY: Final = timedelta(days=1)
_AT_ONCE: Final = 20_000


# --- new events -----------------------------------------------------------------------------------


def add_usage(
    unit: Unit, meters: Sequence[KeptMeter], new: Tally, corrected: Iterable[DayKey] = ()
) -> None:
    """Bring the roll-ups of these meters up to new events of use, stored in this transaction.

    `corrected` are the days to be counted from their events again, new ones included.
    """
    again = set(corrected)
    days, levels, labels = new.days, new.levels, new.labels
    for key in again:
        for kind in (days, levels, labels):
            kind.pop(key, None)
    if levels or again:
        before = lock_days(unit, {*days, *levels, *again})
        again |= _join_levels(unit, levels, before)
        recount(unit, meters, again)
    add_days(unit, days)
    add_labels(unit, labels)


def _join_levels(
    unit: Unit, levels: dict[DayKey, DayState], before: dict[DayKey, DayState]
) -> set[DayKey]:
    """Put new states behind those that are kept; give the days where that cannot be done."""
    joined = {
        key: merged(before[key], state) if key in before else state for key, state in levels.items()
    }
    put_days(unit, {k: ("time_weighted", s, 0) for k, s in joined.items() if s.area is not None})
    return {key for key, state in joined.items() if state.area is None}


# --- corrected days -------------------------------------------------------------------------------


def days_touched(meters: Iterable[KeptMeter], versions: Iterable[UsageEvent]) -> set[DayKey]:
    """Give the days on which an event stands, or would, in any of its versions."""
    taken = tuple(versions)
    found = set[DayKey]()
    for kept in meters:
        for version in taken:
            reading = reading_of(kept.meter, version)
            if reading is not None:
                found.add((kept.id, version.customer, group_key(reading.group), day_of(reading.at)))
    return found


def recount(unit: Unit, meters: Iterable[KeptMeter], keys: Iterable[DayKey]) -> None:
    """Count days from their events again; their rows are locked, or nobody else writes."""
    by_id = {kept.id: kept for kept in meters}
    days: dict[tuple[str, str, date], list[DayKey]] = {}
    for key in sorted(set(keys)):
        days.setdefault((key[1], by_id[key[0]].meter.event_type, key[3]), []).append(key)
    for (customer, type_, day), wanted in days.items():
        start = _midnight(day)
        events = events_in(unit, customer, type_, start, start + _DAY)
        for meter_id in sorted({key[0] for key in wanted}):
            only = {key for key in wanted if key[0] == meter_id}
            _write(unit, by_id[meter_id], events, day, only)


def _write(
    unit: Unit, kept: KeptMeter, events: Sequence[UsageEvent], day: date, only: set[DayKey]
) -> None:
    """Write some groups of one customer's day as its events leave them."""
    customer = events[0].customer if events else ""
    readings = [r for r in readings_of(kept.meter, events) if day_of(r.at) == day]
    counts = {
        (kept.id, customer, group_key(group), day): of_day
        for (group, _), of_day in labels_of(readings).items()
    }
    states = {
        (kept.id, customer, group_key(group), day): state
        for (group, _), state in states_of(kept.meter, readings).items()
    }
    drop_days(unit, only - set(states))
    kind = kept.meter.aggregation
    put_days(unit, {k: (kind, s, len(counts.get(k, ()))) for k, s in states.items() if k in only})
    if kind == "unique":
        put_labels(unit, only, {key: of_day for key, of_day in counts.items() if key in only})


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def recount_since(unit: Unit, kept: KeptMeter, events: Iterable[UsageEvent]) -> None:
    """Count the days again on which these events or their targets stand, in any version."""
    left = (event for event in events if event.type == kept.meter.event_type)
    while mine := list(islice(left, _AT_ONCE)):
        targets = {event_key(e) if e.target is None else (e.customer, *e.target) for e in mine}
        found = [*events_at(unit, targets).values(), *corrections_of(unit, targets)]
        recount(unit, [kept], days_touched([kept], found))

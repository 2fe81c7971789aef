"""Keeping roll-ups up: what new events add, what a correction changes, the same from nothing."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, select

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
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from tallystick.core.event import UsageEvent
    from tallystick.storage.meters import KeptMeter
    from tallystick.storage.unit import Unit
    from tallystick.storage.usage_tally import Tally

__all__ = ["add_usage", "days_touched", "rebuild_customer", "recount", "recount_since"]

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
            _write(unit, by_id[meter_id], events, (day, day + _DAY), only)


def _write(
    unit: Unit,
    kept: KeptMeter,
    events: Sequence[UsageEvent],
    days: tuple[date, date],
    only: set[DayKey] | None = None,
) -> None:
    """Write the days that lie in a stretch of one customer's, whole; or `only` some of them."""
    customer = events[0].customer if events else ""
    readings = [
        reading
        for reading in readings_of(kept.meter, events)
        if days[0] <= day_of(reading.at) < days[1]
    ]
    counts = {
        (kept.id, customer, group_key(group), day): of_day
        for (group, day), of_day in labels_of(readings).items()
    }
    states = {
        (kept.id, customer, group_key(group), day): state
        for (group, day), state in states_of(kept.meter, readings).items()
    }
    if only is not None:
        drop_days(unit, only - set(states))
        states = {key: state for key, state in states.items() if key in only}
        counts = {key: of_day for key, of_day in counts.items() if key in only}
    kind = kept.meter.aggregation
    put_days(unit, {k: (kind, s, len(counts.get(k, ()))) for k, s in states.items()})
    if kind == "unique":
        put_labels(unit, only or (), counts)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


# --- from nothing ---------------------------------------------------------------------------------


def rebuild_customer(unit: Unit, kept: KeptMeter, customer: str) -> None:
    """Build one customer's roll-ups of a meter from the events, in the place of what is kept."""
    for table in (unit.tables.usage_values, unit.tables.usage_days):
        mine = (table.c.meter_id == kept.id, table.c.customer_id == customer)
        unit.connection.execute(delete(table).where(*mine))
    for start, end in _stretches(unit, customer, kept.meter.event_type):
        events = events_in(unit, customer, kept.meter.event_type, _midnight(start), _midnight(end))
        _write(unit, kept, events, (start, end))


def _stretches(unit: Unit, customer: str, type_: str) -> Iterator[tuple[date, date]]:
    """Cut a customer's history into whole days, some thousand events at once."""
    events = unit.tables.usage_events
    mine = select(events.c.occurred_at).where(
        events.c.customer_id == customer, events.c.type == type_
    )
    in_time = mine.order_by(events.c.occurred_at)
    first = unit.connection.execute(in_time.limit(1)).scalar()
    while first is not None:
        start = day_of(first)
        from_here = in_time.where(events.c.occurred_at >= _midnight(start))
        far = unit.connection.execute(from_here.offset(_AT_ONCE).limit(1)).scalar()
        if far is None:
            last = mine.order_by(events.c.occurred_at.desc()).limit(1)
            far = unit.connection.execute(last).scalar_one()
        end = day_of(far) + _DAY
        yield start, end
        later = in_time.where(events.c.occurred_at >= _midnight(end)).limit(1)
        first = unit.connection.execute(later).scalar()


def recount_since(unit: Unit, kept: KeptMeter, events: Iterable[UsageEvent]) -> None:
    """Count the days again on which these events or their targets stand, in any version."""
    mine = [event for event in events if event.type == kept.meter.event_type]
    targets = {event_key(e) if e.target is None else (e.customer, *e.target) for e in mine}
    found = [*events_at(unit, targets).values(), *corrections_of(unit, targets)]
    recount(unit, [kept], days_touched([kept], found))

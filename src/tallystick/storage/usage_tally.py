"""What new events add to each day of a meter, before anything is written.

`readings_of` says what events mean.  Here the same is done for new events of use only, without an
object for each, where a meter just counts, adds or compares: millions of events go through here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from tallystick.core.aggregate import DayState, day_of, labels_of, states_of
from tallystick.core.number import EXACT, ZERO
from tallystick.core.property import within_bounds
from tallystick.core.reading import group_key, group_of, is_late, reading_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallystick.core.event import UsageEvent
    from tallystick.core.meter import Meter
    from tallystick.core.reading import Group, Reading
    from tallystick.storage.meters import KeptMeter
    from tallystick.storage.rollups import DayKey

__all__ = ["Arrived", "by_type", "tally"]

Arrived: TypeAlias = tuple[int, "UsageEvent"]
"""A new event of use and its place in the order of arrival."""

_ONE: Final = Decimal(1)
_ADDS: Final = frozenset({"count", "sum", "average", "min", "max"})
_NO_GROUP: Final = group_key(())


def by_type(events: Iterable[Arrived]) -> dict[str, list[Arrived]]:
    """Tell events apart by their type, which is what meters ask for first."""
    found: dict[str, list[Arrived]] = {}
    for arrived in events:
        found.setdefault(arrived[1].type, []).append(arrived)
    return found


def tally(
    kept: KeptMeter, events: Sequence[Arrived]
) -> tuple[dict[DayKey, DayState], dict[DayKey, dict[str, int]]]:
    """Give the state of each day that these events of the meter's type add to, and its labels."""
    meter = kept.meter
    taken: Iterable[Arrived] = events
    if meter.late == "refuse":
        taken = [arrived for arrived in events if not is_late(meter, arrived[1])]
    if meter.aggregation in _ADDS:
        return _added(kept, taken), {}
    states: dict[DayKey, DayState] = {}
    labels: dict[DayKey, dict[str, int]] = {}
    for customer, readings in _readings(meter, taken).items():
        for (group, day), state in states_of(meter, readings).items():
            states[kept.id, customer, group_key(group), day] = state
        for (group, day), counts in labels_of(readings).items():
            labels[kept.id, customer, group_key(group), day] = counts
    return states, labels


def _readings(meter: Meter, events: Iterable[Arrived]) -> Mapping[str, list[Reading]]:
    found: dict[str, list[Reading]] = {}
    for order, event in events:
        reading = reading_of(meter, event)
        if reading is not None:
            found.setdefault(event.customer, []).append(replace(reading, order=order))
    return found


class _Sum:
    """A state in the making, of what does not ask for the order of its readings."""

    __slots__ = ("least", "most", "n", "total")

    def __init__(self, value: Decimal) -> None:
        self.n, self.total, self.least, self.most = 1, value, value, value

    def take(self, value: Decimal) -> None:
        self.n += 1
        self.total = EXACT.add(self.total, value)
        if value < self.least:
            self.least = value
        elif value > self.most:
            self.most = value

    def state(self, day: date) -> DayState:
        at = datetime.combine(day, time(), UTC)
        return DayState(
            n=self.n,
            total=self.total,
            least=self.least,
            most=self.most,
            first_at=at,
            last_at=at,
            last_order=0,
            last_value=ZERO,
        )


def _added(kept: KeptMeter, events: Iterable[Arrived]) -> dict[DayKey, DayState]:
    """Count, add and compare.  What is not plain is left to `reading_of`."""
    meter = kept.meter
    counts, grouped, name = meter.aggregation == "count", bool(meter.group_by), meter.value
    sums: dict[tuple[str, Group, date], _Sum] = {}
    for _, event in events:
        value: object = _ONE if counts else event.properties.get(name)
        if meter.filter or type(value) is not Decimal or value < ZERO or not within_bounds(value):
            reading = reading_of(meter, event)
            if reading is None:
                continue
            value = reading.value
        at = event.occurred_at
        day = at.date() if at.tzinfo is UTC else day_of(at)
        place = (event.customer, group_of(meter, event) if grouped else (), day)
        known = sums.get(place)
        if known is None:
            sums[place] = _Sum(value)
        elif counts:
            known.n += 1
        else:
            known.take(value)
    return {
        (kept.id, customer, group_key(group) if group else _NO_GROUP, day): found.state(day)
        for (customer, group, day), found in sums.items()
    }

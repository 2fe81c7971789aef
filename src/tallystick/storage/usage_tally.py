"""What new events add to each day of a meter, before anything is written.

`readings_of` says what events mean.  Here the same is done for new events of use only, without an
object for each, where a meter just counts, adds or compares: millions of events go through here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Final, TypeAlias

from tallystick.core.aggregate import DayState, day_of, labels_of, states_of
from tallystick.core.number import EXACT, QUANTITY_DECIMALS, ZERO
from tallystick.core.property import within_bounds
from tallystick.core.reading import feeds, group_key, group_of, is_late, reading_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallystick.core.event import UsageEvent
    from tallystick.core.meter import Aggregation, Meter
    from tallystick.core.reading import Group, Reading
    from tallystick.storage.meters import KeptMeter
    from tallystick.storage.rollups import DayKey

__all__ = ["Arrived", "Tally", "tallied"]

Arrived: TypeAlias = tuple[int, "UsageEvent"]
"""A new event of use and its place in the order of arrival."""

_Place: TypeAlias = "tuple[str, date]"  # the customer and the UTC day
_ADDS: Final = frozenset({"count", "sum", "average", "min", "max"})
_MIDNIGHT: Final = time()
_group_key: Final = lru_cache(maxsize=4096)(group_key)


@dataclass(frozen=True, slots=True)
class Tally:
    """What new events add: to days, to the days of levels (which have an area), to labels."""

    days: dict[DayKey, tuple[Aggregation, DayState]] = field(default_factory=dict)
    levels: dict[DayKey, DayState] = field(default_factory=dict)
    labels: dict[DayKey, dict[str, int]] = field(default_factory=dict)


def tallied(meters: Iterable[KeptMeter], events: Iterable[Arrived]) -> Tally:
    """Give what new events of use add to the roll-ups of these meters."""
    found = Tally()
    places: dict[str, dict[_Place, list[Arrived]]] = {}
    for arrived in events:
        event = arrived[1]
        at = event.occurred_at
        day = at.date() if at.tzinfo is UTC else day_of(at)
        of_type = places.get(event.type)
        if of_type is None:
            of_type = places[event.type] = {}
        of_type.setdefault((event.customer, day), []).append(arrived)
    for kept in meters:
        for place, here in places.get(kept.meter.event_type, {}).items():
            _add(found, kept, place, here)
    return found


def _add(found: Tally, kept: KeptMeter, place: _Place, events: list[Arrived]) -> None:
    """Take up what a meter reads in the events of one customer and day."""
    meter, (customer, day) = kept.meter, place
    if meter.late == "refuse":
        events = [arrived for arrived in events if not is_late(meter, arrived[1])]
    if meter.aggregation in _ADDS:
        for group, here in _groups(meter, events).items():
            state = _plain_state(meter, day, here)
            if state is None:
                break
            key = (kept.id, customer, _group_key(group), day)
            found.days[key] = (meter.aggregation, state)
        else:
            return
    readings = _readings(meter, events)
    for (group, _), state in states_of(meter, readings).items():
        key = (kept.id, customer, group_key(group), day)
        if meter.aggregation == "time_weighted":
            found.levels[key] = state
        else:
            found.days[key] = (meter.aggregation, state)
    for (group, _), counts in labels_of(readings).items():
        found.labels[kept.id, customer, group_key(group), day] = counts


def _groups(meter: Meter, events: list[Arrived]) -> dict[Group, list[Arrived]]:
    """Tell the events that a meter takes apart by their groups."""
    if meter.filter:
        events = [arrived for arrived in events if feeds(meter, arrived[1])]
    if not meter.group_by:
        return {(): events} if events else {}
    groups: dict[Group, list[Arrived]] = {}
    for arrived in events:
        groups.setdefault(group_of(meter, arrived[1]), []).append(arrived)
    return groups


def _readings(meter: Meter, events: Iterable[Arrived]) -> list[Reading]:
    ordered = meter.aggregation not in _ADDS
    found: list[Reading] = []
    for order, event in events:
        reading = reading_of(meter, event)
        if reading is not None:
            found.append(replace(reading, order=order) if ordered else reading)
    return found


def _plain_state(meter: Meter, day: date, events: Sequence[Arrived]) -> DayState | None:
    """Count, add or compare values that are plainly right; None where they are not all that."""
    least = most = total = ZERO
    if meter.aggregation != "count":
        values = [event.properties.get(meter.value) for _, event in events]
        numbers = [value for value in values if type(value) is Decimal]
        if len(numbers) < len(values):
            return None
        least, most, total = min(numbers), max(numbers), reduce(EXACT.add, numbers)
        # The exponent of an exact sum is the smallest of its terms'.
        exponent = total.as_tuple().exponent
        fine = isinstance(exponent, int) and exponent >= -QUANTITY_DECIMALS and within_bounds(most)
        if least < ZERO or not fine:
            return None
    at = datetime.combine(day, _MIDNIGHT, UTC)
    return DayState(
        n=len(events),
        total=total,
        least=least,
        most=most,
        first_at=at,
        last_at=at,
        last_order=0,
        last_value=ZERO,
    )

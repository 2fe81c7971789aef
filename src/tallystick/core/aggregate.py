"""The algebra of day roll-ups: what is kept of a day, and how days become a quantity.

`fold` is the definition: a plain walk over raw events.  `quantity_of_states` gives the same figure
from whole-day states and raw readings at the ragged edges of a period, and property tests hold the
two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tallystick.core.fold import fold, fold_by, rounded
from tallystick.core.number import ZERO, exact_product, exact_sum
from tallystick.core.period import Period, instant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.core.reading import Group, Reading

__all__ = [
    "Cut",
    "DayState",
    "Span",
    "cut",
    "day_of",
    "fold",
    "fold_by",
    "labels_of",
    "merged",
    "quantity_of_states",
    "span_of",
    "state_of",
    "states_of",
]

_MICRO: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)


# --- the state of a day ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DayState:
    """What is kept of the readings of one meter, customer, group and UTC day.

    `last_*` is the last reading by time, then by arrival.  `area` is only kept for
    `time_weighted`: the integral of the level from the first reading to the last, in
    units x microseconds; None where it is not kept, or has to be counted from the readings again.
    """

    n: int
    total: Decimal
    least: Decimal
    most: Decimal
    first_at: Instant
    last_at: Instant
    last_order: int
    last_value: Decimal
    area: Decimal | None = None


def day_of(at: Instant) -> date:
    """Give the UTC day of an instant."""
    return instant(at).date()


def state_of(meter: Meter, readings: Iterable[Reading]) -> DayState | None:
    """Give the state of some readings, in whatever order; None for none at all."""
    taken = sorted(readings, key=_place)
    if not taken:
        return None
    first, last = taken[0], taken[-1]
    values = [reading.value for reading in taken]
    return DayState(
        n=len(taken),
        total=exact_sum(*values),
        least=min(values),
        most=max(values),
        first_at=first.at,
        last_at=last.at,
        last_order=last.order,
        last_value=last.value,
        area=_area(taken) if meter.aggregation == "time_weighted" else None,
    )


def _place(reading: Reading) -> tuple[Instant, int]:
    return reading.at, reading.order


def _area(readings: list[Reading]) -> Decimal:
    steps = (_level(a.value, a.at, b.at) for a, b in pairwise(readings))
    return exact_sum(*steps)


def _level(value: Decimal, since: Instant, until: Instant) -> Decimal:
    """Give the integral of a level that holds from one instant to another."""
    return exact_product(value, Decimal((until - since) // _MICRO))


def states_of(meter: Meter, readings: Iterable[Reading]) -> dict[tuple[Group, date], DayState]:
    """Give the state of each group and UTC day that has a reading."""
    by_day: dict[tuple[Group, date], list[Reading]] = {}
    for reading in readings:
        by_day.setdefault((reading.group, day_of(reading.at)), []).append(reading)
    states = {key: state_of(meter, taken) for key, taken in by_day.items()}
    return {key: state for key, state in states.items() if state is not None}


def labels_of(readings: Iterable[Reading]) -> dict[tuple[Group, date], dict[str, int]]:
    """Count how often each label of a `unique` meter comes, by group and UTC day."""
    counts: dict[tuple[Group, date], dict[str, int]] = {}
    for reading in readings:
        if reading.label is not None:
            of_day = counts.setdefault((reading.group, day_of(reading.at)), {})
            of_day[reading.label] = of_day.get(reading.label, 0) + 1
    return counts


def merged(one: DayState, other: DayState) -> DayState:
    """Put the states of two sets of readings together, in whatever order the two are given.

    Associative and commutative, but for the area: that survives only where all of one set comes
    before all of the other; else it is None, and has to be counted from the readings again.
    """
    if other.first_at < one.first_at:
        one, other = other, one
    last = max(one, other, key=_end)
    return DayState(
        n=one.n + other.n,
        total=exact_sum(one.total, other.total),
        least=min(one.least, other.least),
        most=max(one.most, other.most),
        first_at=one.first_at,
        last_at=last.last_at,
        last_order=last.last_order,
        last_value=last.last_value,
        area=_joined_area(one, other),
    )


def _end(state: DayState) -> tuple[Instant, int]:
    return state.last_at, state.last_order


def _joined_area(one: DayState, other: DayState) -> Decimal | None:
    apart = one.last_at < other.first_at
    if one.area is None or other.area is None or not apart:
        return None
    return exact_sum(one.area, _level(one.last_value, one.last_at, other.first_at), other.area)


# --- a period as days and edges -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cut:
    """A period cut at midnights, UTC: whole days `first <= day < after`, and the ragged edges.

    There are at most two edges, before and after the days; where no whole day lies in it, the
    period itself is the one edge and `first` equals `after`.
    """

    first: date
    after: date
    edges: tuple[Period, ...]


def cut(period: Period) -> Cut:
    """Cut a period into whole days and what is left of it at its ends."""
    first, after = day_of(period.start), day_of(period.end)
    if first < after and _midnight(first) < period.start:
        first += _DAY
    if first == after:
        return Cut(first, first, (period,))
    ends = ((period.start, _midnight(first)), (_midnight(after), period.end))
    return Cut(first, after, tuple(Period(a, b) for a, b in ends if a < b))


def _midnight(day: date) -> Instant:
    return datetime.combine(day, time(), UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What is known of one group over one period: enough for its quantity.

    `states` are of the whole days, `edges` the readings of the ragged ends, both in any order.
    `before` is the value of the last reading before the period, 0 where there was none: only
    `last` and `time_weighted` ask for it, and for them a group without a reading in the period
    has a span too.  `labels` are those of the whole days: only `unique` asks for them.
    """

    states: tuple[DayState, ...] = ()
    edges: tuple[Reading, ...] = ()
    before: Decimal = ZERO
    labels: frozenset[str] = frozenset()


def span_of(meter: Meter, readings: Iterable[Reading], period: Period) -> Span:
    """Give the span of one group's readings, of all time, as if days had been kept of them."""
    taken = sorted(readings, key=_place)
    parts = cut(period)
    whole = [r for r in taken if parts.first <= day_of(r.at) < parts.after]
    earlier = [r.value for r in taken if r.at < period.start]
    return Span(
        states=tuple(states_of(meter, whole).values()),
        edges=tuple(r for r in taken if any(r.at in edge for edge in parts.edges)),
        before=earlier[-1] if earlier else ZERO,
        labels=frozenset(r.label for r in whole if r.label is not None),
    )


def quantity_of_states(meter: Meter, period: Period, spans: Iterable[Span]) -> Decimal:
    """Give the quantity of a half-open period: one Span for each group that is asked for.

    The groups' readings are taken together, but for `last` and `time_weighted`: each group has a
    level of its own there, and the levels are added.  Raises ValueError where a state that should
    have an area has none.
    """
    taken = list(spans)
    if meter.aggregation == "unique":
        labels = [span.labels.union(r.label for r in span.edges) for span in taken]
        return rounded(meter, Fraction(len(frozenset().union(*labels))))
    states = [_whole(meter, span) for span in taken]
    if meter.aggregation == "last":
        pairs = zip(taken, states, strict=True)
        levels = (span.before if state is None else state.last_value for span, state in pairs)
        return rounded(meter, Fraction(exact_sum(*levels)))
    if meter.aggregation == "time_weighted":
        pairs = zip(taken, states, strict=True)
        areas = (_area_in(period, span.before, state) for span, state in pairs)
        length = (period.end - period.start) // _MICRO
        return rounded(meter, Fraction(exact_sum(*areas)) / length)
    return rounded(meter, _of_all(meter, [state for state in states if state is not None]))


def _whole(meter: Meter, span: Span) -> DayState | None:
    """Put days and edges together, in the order of time so that areas can be joined."""
    states = [*span.states, *states_of(meter, span.edges).values()]
    states.sort(key=lambda state: state.first_at)
    return reduce(merged, states) if states else None


def _area_in(period: Period, before: Decimal, state: DayState | None) -> Decimal:
    if state is None:
        return _level(before, period.start, period.end)
    if state.area is None:
        raise ValueError("a state has no area: count its day from the readings again")
    return exact_sum(
        _level(before, period.start, state.first_at),
        state.area,
        _level(state.last_value, state.last_at, period.end),
    )


def _of_all(meter: Meter, states: list[DayState]) -> Fraction:
    """Give the aggregations that do not care for the order of readings, nor for their group."""
    n = sum(state.n for state in states)
    if not states or meter.aggregation == "count":
        return Fraction(n)
    if meter.aggregation == "min":
        return Fraction(min(state.least for state in states))
    if meter.aggregation == "max":
        return Fraction(max(state.most for state in states))
    total = Fraction(exact_sum(*(state.total for state in states)))
    return total / n if meter.aggregation == "average" else total

"""Roll-ups, in any order and with any corrections, equal a plain fold over the raw events."""

from __future__ import annotations

from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Final, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.core.aggregate import (
    DayState,
    Span,
    cut,
    day_of,
    labels_of,
    merged,
    quantity_of_states,
    span_of,
    state_of,
    states_of,
)
from tallystick.core.canonical import canonical_json
from tallystick.core.event import EventKind, UsageEvent
from tallystick.core.fold import fold, fold_by
from tallystick.core.meter import Aggregation, Meter
from tallystick.core.period import Period, instant_text
from tallystick.core.reading import Reading, effective, readings_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

START: Final = datetime(2027, 1, 30, tzinfo=UTC)
SECONDS: Final = 5 * 86_400
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def after(seconds: int, micros: int = 0) -> datetime:
    return START + timedelta(seconds=seconds, microseconds=micros)


# Few instants, so that ties and midnights come often.
TIMES = st.one_of(
    st.builds(after, st.sampled_from([n * 43_200 for n in range(10)])),
    st.builds(after, st.integers(0, SECONDS), st.integers(0, 999_999)),
)
VALUES = st.one_of(
    st.integers(-9, 9).map(Decimal),
    st.decimals(-(10**17), 10**17, places=12),
    st.just(Decimal("999999999999999999.999999999999")),
)
PERIODS = (
    st.tuples(st.integers(0, 10), st.integers(0, SECONDS))
    .map(lambda ends: (ends[0] * 43_200, ends[1]))
    .filter(lambda ends: ends[0] != ends[1])
    .map(lambda ends: Period(after(min(ends)), after(max(ends))))
)


AGGREGATIONS: Final[tuple[Aggregation, ...]] = get_args(Aggregation)
KINDS: Final[tuple[EventKind, ...]] = ("void", "amend")


@st.composite
def meters(draw: st.DrawFn, only: Aggregation | None = None) -> Meter:
    return Meter(
        key="m",
        event_type="use",
        aggregation=draw(st.sampled_from(AGGREGATIONS)) if only is None else only,
        filter=draw(st.sampled_from([{}, {"kind": ("a",)}, {"kind": ("a", "7")}])),
        group_by=draw(st.sampled_from([(), ("place",), ("place", "kind")])),
        rounding=draw(st.sampled_from([None, 0, 2])),
        allow_negative=draw(st.booleans()),
        late_after=draw(st.sampled_from([None, 1])),
        late=draw(st.sampled_from(["adjust", "refuse", "reissue"])),
    )


@st.composite
def properties(draw: st.DrawFn) -> dict[str, str | Decimal | bool | None]:
    found: dict[str, str | Decimal | bool | None] = {}
    if draw(st.integers(0, 4)):
        found["quantity"] = draw(st.one_of(VALUES, VALUES, st.sampled_from(["1.5", "x", None])))
    for name in ("place", "kind"):
        if draw(st.booleans()):
            found[name] = draw(st.sampled_from(["a", "b", Decimal("7.0"), True, None, "é" * 90]))
    return found


@st.composite
def histories(draw: st.DrawFn) -> list[UsageEvent]:
    """Give events and corrections of one customer, in the order of arrival."""
    events: list[UsageEvent] = []
    for place in range(draw(st.integers(0, 12))):
        arrived = after(SECONDS + place * 7_200)
        correct = place and draw(st.integers(0, 2)) == 0
        target = ("api", f"e{draw(st.integers(0, place))}") if correct else None
        kind: EventKind = draw(st.sampled_from(KINDS)) if correct else "use"
        events.append(
            UsageEvent(
                id=f"e{place}",
                customer="c",
                received_at=arrived,
                order=place,
                type=draw(st.sampled_from(["use", "use", "use", "other"])),
                occurred_at=draw(TIMES),
                properties={} if kind == "void" else draw(properties()),
                kind=kind,
                target=target,
                timed=kind == "use" or draw(st.booleans()),
            )
        )
    return events


def spans(meter: Meter, events: Iterable[UsageEvent], period: Period) -> list[Span]:
    """Give a span for each group."""
    by_group: dict[object, list[Reading]] = {}
    for reading in readings_of(meter, events):
        by_group.setdefault(reading.group, []).append(reading)
    return [span_of(meter, taken, period) for taken in by_group.values()]


@FEW
@given(meters(), histories(), PERIODS, st.randoms())
def test_days_and_edges_give_what_the_fold_gives(
    meter: Meter, events: list[UsageEvent], period: Period, dice: object
) -> None:
    expected = fold(meter, events, period)
    assert quantity_of_states(meter, period, spans(meter, events, period)) == expected
    shuffled = list(events)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert quantity_of_states(meter, period, spans(meter, shuffled, period)) == expected
    assert fold(meter, shuffled, period) == expected
    assert fold(meter, effective(events) if meter.late != "refuse" else events, period) == expected


@FEW
@given(meters(), histories(), PERIODS)
def test_the_fold_is_what_an_oracle_counts_by_hand(
    meter: Meter, events: list[UsageEvent], period: Period
) -> None:
    """Walk through the period in another way: by what is in force, not by what happened."""
    readings = [r for r in readings_of(meter, events) if r.at < period.end]
    if meter.aggregation not in {"last", "time_weighted"}:
        readings = [r for r in readings if r.at >= period.start]
    inside = [r.value for r in readings]
    exact = replace(meter, rounding=None)
    quantity = fold(exact, events, period)
    if meter.aggregation == "count":
        assert quantity == len(inside)
    elif meter.aggregation == "unique":
        assert quantity == len({r.label for r in readings})
    elif meter.aggregation in {"min", "max"}:
        assert quantity == (
            sorted(inside)[0 if meter.aggregation == "min" else -1] if inside else 0
        )
    elif meter.aggregation == "last":
        levels = {r.group: r.value for r in readings}
        assert whole(quantity) == sum(map(whole, levels.values()))
    elif meter.aggregation == "sum":
        assert whole(quantity) == sum(map(whole, inside))
    elif meter.aggregation == "average":
        total, n = sum(map(whole, inside)), len(inside) or 1
        assert abs(whole(quantity) * n - total) * 2 <= n
    else:
        marks = sorted({period.start, period.end, *(r.at for r in readings if r.at > period.start)})
        area = 0
        for since, until in pairwise(marks):
            levels = {r.group: r.value for r in readings if r.at <= since}
            area += sum(map(whole, levels.values())) * (
                (until - since) // timedelta(microseconds=1)
            )
        length = period.seconds * 10**6
        assert abs(whole(quantity) * length - area) * 2 <= length


def whole(value: Decimal) -> int:
    """Count in units of the twelfth decimal, in whole numbers that never round."""
    scaled = Fraction(value) * 10**12
    assert scaled.denominator == 1
    return scaled.numerator


@FEW
@given(meters(), histories(), PERIODS)
def test_groups_told_apart_add_up_to_the_whole(
    meter: Meter, events: list[UsageEvent], period: Period
) -> None:
    exact = replace(meter, rounding=None)
    apart = fold_by(exact, events, period, meter.group_by)
    for group, quantity in apart.items():
        wanted = dict(zip(meter.group_by, group, strict=True))
        assert fold(exact, events, period, group=wanted) == quantity
    if meter.aggregation in {"sum", "count", "last"}:
        total = sum(map(whole, apart.values()))
        assert whole(fold(exact, events, period)) == total


READINGS = st.lists(st.tuples(TIMES, VALUES), max_size=12).map(
    lambda rows: [Reading(at, order, value) for order, (at, value) in enumerate(rows)]
)


def states(meter: Meter, parts: Iterable[Sequence[Reading]]) -> list[DayState]:
    return [state for part in parts if (state := state_of(meter, part)) is not None]


@FEW
@given(meters("sum"), READINGS, st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_states_merge_in_any_order_and_any_grouping(
    meter: Meter, readings: list[Reading], parts: list[int]
) -> None:
    split = [[r for r, part in zip(readings, parts, strict=False) if part == n] for n in range(4)]
    found = states(meter, split)
    expected = state_of(meter, readings)
    assert (reduce(merged, found) if found else None) == expected
    assert (reduce(merged, reversed(found)) if found else None) == expected
    if len(found) == 4:
        one, two, three, four = found
        assert merged(merged(one, two), merged(three, four)) == expected
        assert merged(one, merged(two, merged(three, four))) == expected


@FEW
@given(meters("time_weighted"), READINGS, st.lists(st.integers(0, 12), min_size=3, max_size=3))
def test_areas_of_successive_readings_merge_in_any_grouping(
    meter: Meter, readings: list[Reading], ends: list[int]
) -> None:
    taken = sorted(readings, key=lambda r: (r.at, r.order))
    cuts = [n for n in ends if 0 < n < len(taken) and taken[n - 1].at < taken[n].at]
    marks = [0, *sorted(cuts), len(taken)]
    found = states(meter, [taken[a:b] for a, b in pairwise(marks)])
    expected = state_of(meter, readings)
    assert (reduce(merged, found) if found else None) == expected
    if len(found) >= 3:
        one, two, *rest = found
        assert merged(one, merged(two, reduce(merged, rest))) == expected
        assert merged(merged(reduce(merged, rest), two), one) == expected


@FEW
@given(meters("time_weighted"), READINGS)
def test_an_area_that_cannot_be_joined_is_unknown_and_never_wrong(
    meter: Meter, readings: list[Reading]
) -> None:
    found = states(meter, [readings[::2], readings[1::2]])
    if len(found) == 2:
        both = merged(*found)
        whole_state = state_of(meter, readings)
        assert whole_state is not None
        assert both.area in {None, whole_state.area}
        assert replace(both, area=whole_state.area) == whole_state


def text(state: DayState) -> bytes:
    """Write a state canonically."""
    plain = [instant_text(v) if isinstance(v, datetime) else v for v in astuple(state)]
    return canonical_json(plain)


@FEW
@given(meters(), histories(), st.randoms())
def test_days_kept_as_events_come_equal_days_rebuilt_from_raw_to_the_byte(
    meter: Meter, events: list[UsageEvent], dice: object
) -> None:
    readings = list(readings_of(meter, events))
    rebuilt = states_of(meter, readings)
    dice.shuffle(readings)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    kept: dict[object, DayState] = {}
    for reading in readings:
        key = (reading.group, day_of(reading.at))
        state = state_of(meter, [reading])
        assert state is not None
        kept[key] = merged(kept[key], state) if key in kept else state
        if meter.aggregation == "time_weighted" and kept[key].area is None:
            seen = readings[: readings.index(reading) + 1]
            kept[key] = states_of(meter, seen)[key]
    assert kept == rebuilt
    assert {k: text(s) for k, s in kept.items()} == {k: text(s) for k, s in rebuilt.items()}
    assert labels_of(readings) == labels_of(readings_of(meter, events))


@FEW
@given(PERIODS)
def test_a_cut_covers_its_period_once(period: Period) -> None:
    parts = cut(period)
    assert len(parts.edges) <= 2
    days = [parts.first + timedelta(days=n) for n in range((parts.after - parts.first).days)]
    midnights = [datetime(d.year, d.month, d.day, tzinfo=UTC) for d in days]
    pieces = [*parts.edges, *(Period(m, m + timedelta(days=1)) for m in midnights)]
    pieces.sort()
    assert [pieces[0].start, *(p.end for p in pieces)] == [*(p.start for p in pieces), period.end]
    assert pieces[0].start == period.start


@FEW
@given(meters(), histories(), PERIODS, st.integers(0, 12))
def test_looking_back_is_folding_what_had_arrived(
    meter: Meter, events: list[UsageEvent], period: Period, seen: int
) -> None:
    as_of = after(SECONDS + seen * 7_200)
    known = events[: seen + 1]
    assert fold(meter, events, period, as_of=as_of) == fold(meter, known, period)

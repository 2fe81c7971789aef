"""Figures of days and periods, reckoned by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest

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
from tallystick.core.event import UsageEvent
from tallystick.core.fold import fold, fold_by
from tallystick.core.meter import Aggregation, Meter
from tallystick.core.period import Period
from tallystick.core.reading import Reading, readings_of
from tallystick.errors import InvalidUsage

if TYPE_CHECKING:
    from collections.abc import Sequence

JAN: Final = Period(datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC))


def on(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """Give a time in January 2027; day 0 is New Year's Eve."""
    return datetime(2026, 12, 31, hour, minute, tzinfo=UTC) + timedelta(days=day)


def used(*rows: tuple[datetime, Any], **properties: Any) -> list[UsageEvent]:
    """Record quantities at times, arriving in this order."""
    return [
        UsageEvent(
            id=f"e{order}",
            customer="c",
            type="m",
            occurred_at=at,
            properties={"quantity": value, **properties},
            order=order,
        )
        for order, (at, value) in enumerate(rows)
    ]


def both(meter: Meter, events: Sequence[UsageEvent], period: Period) -> Decimal:
    """Fold, and see that days and edges give the same."""
    groups: dict[object, list[Reading]] = {}
    for reading in readings_of(meter, events):
        groups.setdefault(reading.group, []).append(reading)
    quantity = quantity_of_states(
        meter, period, [span_of(meter, taken, period) for taken in groups.values()]
    )
    assert quantity == fold(meter, events, period)
    return quantity


EVENTS: Final = used(
    (on(0, 12), Decimal(40)),  # before the period
    (on(1), Decimal(5)),
    (on(10, 12), Decimal(2)),
    (on(10, 6), Decimal(9)),
    (on(31, 23, 59), Decimal(2)),
    (on(32), Decimal(100)),  # on its end, which belongs to the next
)


@pytest.mark.parametrize(
    ("aggregation", "quantity"),
    [
        ("count", "4"),
        ("sum", "18"),
        ("min", "2"),
        ("max", "9"),
        ("last", "2"),
        ("unique", "3"),
        ("average", "4.5"),
        # 5 for 9 d 6 h, 9 for 6 h, 2 for 21 d 12 h: (46.25 + 2.25 + 43) / 31
        ("time_weighted", "2.951612903226"),
    ],
)
def test_each_aggregation_gives_the_figure_reckoned_by_hand(
    aggregation: Aggregation, quantity: str
) -> None:
    meter = Meter(key="m", aggregation=aggregation)
    assert str(both(meter, EVENTS, JAN)) == quantity
    assert both(meter, [], JAN) == 0


@pytest.mark.parametrize(
    ("aggregation", "quantity"), [("sum", 0), ("max", 0), ("last", 40), ("time_weighted", 40)]
)
def test_a_level_is_in_force_until_another_one_is_said(
    aggregation: Aggregation, quantity: int
) -> None:
    assert both(Meter(key="m", aggregation=aggregation), EVENTS[:1], JAN) == quantity


def test_a_gauge_before_its_first_event_is_nothing() -> None:
    meter = Meter(key="m", aggregation="time_weighted")
    assert both(meter, used((on(16, 12), Decimal(31))), JAN) == Decimal("15.5")


def test_of_two_at_one_time_the_later_arrival_is_the_last() -> None:
    meter = Meter(key="m", aggregation="last")
    events = used((on(3), Decimal(1)), (on(3), Decimal(2)), (on(2), Decimal(3)))
    assert both(meter, events, JAN) == 2
    assert both(meter, list(reversed(events)), JAN) == 2
    level = Meter(key="m", aggregation="time_weighted")
    assert both(level, events, Period(on(3), on(4))) == 2


def test_an_event_belongs_to_the_period_that_begins_with_it() -> None:
    at = datetime(2027, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    feb = Period(JAN.end, JAN.end + timedelta(days=28))
    meter = Meter(key="m")
    assert [both(meter, used((at, Decimal(1))), p) for p in (JAN, feb)] == [1, 0]
    assert [both(meter, used((JAN.end, Decimal(1))), p) for p in (JAN, feb)] == [0, 1]


def test_sums_are_exact_beyond_28_digits() -> None:
    big, small = Decimal("999999999999999999.999999999999"), Decimal("0.000000000001")
    events = used((on(1), big), (on(2), big), (on(2), small))
    assert str(both(Meter(key="m"), events, JAN)) == "1999999999999999999.999999999999"
    mean = both(Meter(key="m", aggregation="average"), events, JAN)
    assert str(mean) == "666666666666666666.666666666666"
    level = Meter(key="m", aggregation="time_weighted")
    assert both(level, used((on(1), big)), JAN) == big


@pytest.mark.parametrize(
    ("decimals", "quantity"), [(None, "0.333333333333"), (4, "0.3333"), (0, "0")]
)
def test_a_quotient_is_rounded_once(decimals: int | None, quantity: str) -> None:
    meter = Meter(key="m", aggregation="average", rounding=decimals)
    events = used((on(1), Decimal(1)), (on(2), Decimal(0)), (on(3), Decimal(0)))
    assert str(both(meter, events, JAN)) == quantity


def test_rounding_is_half_away_from_zero_and_once_for_the_period() -> None:
    meter = Meter(key="m", rounding=0, allow_negative=True)
    half = Decimal("0.5")
    assert both(meter, used((on(1), half)), JAN) == 1
    assert both(meter, used((on(1), half), (on(2), half)), JAN) == 1
    assert both(meter, used((on(1), -half)), JAN) == -1
    mean = Meter(key="m", rounding=0, aggregation="average")  # 0.4999999999999, never 0.5 first
    rows = [(on(1), Decimal("4.999999999999")), *[(on(2), Decimal(0))] * 9]
    assert both(mean, used(*rows), JAN) == 0


def test_groups_share_a_sum_and_add_their_levels() -> None:
    events = [
        *used((on(1), Decimal(10)), region="eu"),
        *[replace(e, id="x", order=1) for e in used((on(2), Decimal(4)), region="us")],
        *[replace(e, id="y", order=2) for e in used((on(17), Decimal(6)), region="eu")],
    ]
    grouped: dict[Aggregation, int] = {"sum": 20, "last": 10, "max": 10, "min": 4, "count": 3}
    for aggregation, quantity in grouped.items():
        meter = Meter(key="m", aggregation=aggregation, group_by=("region", "model"))
        assert both(meter, events, JAN) == quantity
    last = Meter(key="m", aggregation="last", group_by=("region", "model"))
    assert fold_by(last, events, JAN, ["region"]) == {("eu",): 6, ("us",): 4}
    assert fold(last, events, JAN, group={"region": "eu", "model": None}) == 6
    assert fold(last, events, JAN, group={"region": "none"}) == 0
    assert fold_by(last, events, JAN, []) == {(): 10}
    february = Period(JAN.end, JAN.end + timedelta(days=1))
    assert fold_by(last, events, february, ["region"]) == {("eu",): 6, ("us",): 4}
    assert fold_by(replace(last, aggregation="sum"), events, february, ["region"]) == {}


def test_a_property_that_is_no_group_is_refused() -> None:
    meter = Meter(key="m", group_by=("region",))
    with pytest.raises(InvalidUsage, match="only by region"):
        fold(meter, EVENTS, JAN, group={"model": "x"})
    with pytest.raises(InvalidUsage, match="not grouped by 'model'"):
        fold_by(meter, EVENTS, JAN, ["model"])


# --- days ---------------------------------------------------------------------------------------

LEVEL: Final = Meter(key="m", aggregation="time_weighted")


def test_a_day_keeps_what_every_aggregation_needs() -> None:
    rows = [Reading(on(1, 6), 2, Decimal(4)), Reading(on(1, 1), 7, Decimal(3))]
    hours = Decimal(5 * 3600 * 10**6)
    assert state_of(LEVEL, rows) == DayState(
        n=2,
        total=Decimal(7),
        least=Decimal(3),
        most=Decimal(4),
        first_at=on(1, 1),
        last_at=on(1, 6),
        last_order=2,
        last_value=Decimal(4),
        area=3 * hours,
    )
    other = state_of(Meter(key="m"), rows)
    assert other is not None
    assert other.area is None
    assert state_of(LEVEL, []) is None


def test_days_are_of_utc_and_told_apart_by_group() -> None:
    rows = [
        Reading(on(1, 23), 0, Decimal(1), ("a",), "x"),
        Reading(on(2), 1, Decimal(1), ("a",), "x"),
        Reading(on(2), 2, Decimal(1), ("b",), "x"),
        Reading(on(2), 3, Decimal(1), ("b",), "x"),
    ]
    first, second = date(2027, 1, 1), date(2027, 1, 2)
    assert set(states_of(LEVEL, rows)) == {(("a",), first), (("a",), second), (("b",), second)}
    assert labels_of(rows)[("b",), second] == {"x": 2}
    assert day_of(on(1, 23)) == first


def test_an_area_that_cannot_be_joined_is_asked_for_again() -> None:
    outer = state_of(LEVEL, [Reading(on(1), 0, Decimal(1)), Reading(on(1, 9), 1, Decimal(1))])
    inner = state_of(LEVEL, [Reading(on(1, 5), 2, Decimal(9))])
    assert outer is not None
    assert inner is not None
    torn = merged(outer, inner)
    assert torn == merged(inner, outer)
    assert (torn.area, torn.n, torn.most) == (None, 3, 9)
    with pytest.raises(ValueError, match="count its day"):
        quantity_of_states(LEVEL, JAN, [Span(states=(torn,))])


@pytest.mark.parametrize(
    ("start", "end", "first", "after", "edges"),
    [
        (on(1), on(3), 1, 3, []),
        (on(1, 5), on(3, 6), 2, 3, [(on(1, 5), on(2)), (on(3), on(3, 6))]),
        (on(1, 5), on(3), 2, 3, [(on(1, 5), on(2))]),
        (on(1), on(2, 6), 1, 2, [(on(2), on(2, 6))]),
        (on(1, 5), on(2, 6), 2, 2, [(on(1, 5), on(2, 6))]),
        (on(1, 5), on(2), 2, 2, [(on(1, 5), on(2))]),
        (on(1), on(1, 6), 1, 1, [(on(1), on(1, 6))]),
        (on(1, 5), on(1, 6), 1, 1, [(on(1, 5), on(1, 6))]),
    ],
)
def test_a_period_is_cut_at_midnights(
    start: datetime, end: datetime, first: int, after: int, edges: list[tuple[datetime, datetime]]
) -> None:
    parts = cut(Period(start, end))
    assert (parts.first, parts.after) == (date(2027, 1, first), date(2027, 1, after))
    assert parts.edges == tuple(Period(*edge) for edge in edges)


def test_the_ends_of_the_calendar_can_be_cut() -> None:
    last = datetime(9999, 12, 31, 23, 59, 58, tzinfo=UTC)
    period = Period(last, last + timedelta(seconds=1))
    assert cut(period).edges == (period,)

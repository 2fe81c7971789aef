"""Bill days: the same day of every month, on dates."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.bill_day import (
    DatePeriod,
    advance,
    first_bill_date,
    period_with_bill_day,
    whole_periods_between,
)
from tallystick.core.period import Cadence
from tallystick.errors import InvalidPeriod

if TYPE_CHECKING:
    from collections.abc import Callable

WEEK, MONTH, QUARTER, YEAR = Cadence("week"), Cadence("month"), Cadence("month", 3), Cadence("year")
THIRTY_DAYS = Cadence("day", 30)
day = date.fromisoformat

dates = st.dates(min_value=date(1990, 1, 1), max_value=date(2090, 12, 31))
cadences = st.builds(
    Cadence,
    st.sampled_from(["day", "week", "month", "year"]),
    st.integers(min_value=1, max_value=6),
)


@pytest.mark.parametrize(
    ("start", "cadence", "count", "expected"),
    [
        ("2016-04-08", MONTH, 0, "2016-04-08"),
        ("2016-04-08", MONTH, 7, "2016-11-08"),
        ("2016-04-08", THIRTY_DAYS, 7, "2016-11-04"),
        ("2016-04-08", WEEK, 7, "2016-05-27"),
        ("2016-11-04", THIRTY_DAYS, -7, "2016-04-08"),
        ("2017-01-31", MONTH, 1, "2017-02-28"),
        ("2017-01-31", MONTH, 2, "2017-03-31"),
        ("2016-02-29", YEAR, 1, "2017-02-28"),
        ("2016-02-29", YEAR, 4, "2020-02-29"),
        ("2016-03-31", QUARTER, 1, "2016-06-30"),
    ],
)
def test_a_date_advances_by_whole_cadences(
    start: str, cadence: Cadence, count: int, expected: str
) -> None:
    assert advance(day(start), cadence, count) == day(expected)


@pytest.mark.parametrize(
    ("start", "end", "cadence", "count"),
    [
        ("2012-07-16", "2012-09-15", MONTH, 1),
        ("2012-07-16", "2012-09-16", MONTH, 2),
        ("2012-07-16", "2012-09-13", THIRTY_DAYS, 1),
        ("2012-07-16", "2012-09-14", THIRTY_DAYS, 2),
        ("2012-07-16", "2012-07-29", WEEK, 1),
        ("2012-07-16", "2012-07-30", WEEK, 2),
        ("2017-01-31", "2017-04-30", MONTH, 3),
        ("2017-01-31", "2017-04-29", MONTH, 2),
        ("2016-02-29", "2017-02-28", YEAR, 1),
        ("2016-02-29", "2016-02-29", YEAR, 0),
        ("2016-12-31", "2017-01-01", YEAR, 0),
    ],
)
def test_whole_periods_are_counted(start: str, end: str, cadence: Cadence, count: int) -> None:
    assert whole_periods_between(day(start), day(end), cadence) == count


@given(dates, st.integers(min_value=0, max_value=4000), cadences)
@settings(max_examples=100)
def test_a_count_of_whole_periods_is_the_last_that_fits(
    start: date, days: int, cadence: Cadence
) -> None:
    end = date.fromordinal(start.toordinal() + days)
    count = whole_periods_between(start, end, cadence)
    assert advance(start, cadence, count) <= end < advance(start, cadence, count + 1)


@pytest.mark.parametrize(
    ("start", "bill_day", "monthly", "yearly"),
    [
        ("2012-01-16", 17, "2012-01-17", "2012-01-17"),
        ("2012-02-16", 30, "2012-02-29", "2012-02-29"),
        ("2012-01-31", 30, "2012-02-29", "2013-01-30"),
        ("2012-02-16", 14, "2012-03-14", "2013-02-14"),
        ("2012-03-03", 3, "2012-03-03", "2012-03-03"),
        ("2012-03-04", 3, "2012-04-03", "2013-03-03"),
        ("2012-04-30", 31, "2012-04-30", "2012-04-30"),
        ("2012-12-31", 30, "2013-01-30", "2013-12-30"),
    ],
)
def test_the_first_bill_date_is_on_or_after_the_start(
    start: str, bill_day: int, monthly: str, yearly: str
) -> None:
    assert first_bill_date(day(start), bill_day, MONTH) == day(monthly)
    assert first_bill_date(day(start), bill_day, YEAR) == day(yearly)
    assert first_bill_date(day(start), bill_day, THIRTY_DAYS) == day(start)


@pytest.mark.parametrize(
    ("start", "bill_day", "cadence", "at", "expected"),
    [
        ("2024-01-01", 1, MONTH, "2024-01-01", ("2024-01-01", "2024-02-01", 0)),
        ("2024-01-01", 1, MONTH, "2024-02-01", ("2024-02-01", "2024-03-01", 1)),
        ("2021-01-01", 1, MONTH, "2024-01-15", ("2024-01-01", "2024-02-01", 36)),
        ("2024-01-01", 10, MONTH, "2024-01-09", ("2024-01-01", "2024-01-10", 0)),
        ("2024-01-01", 10, MONTH, "2024-01-10", ("2024-01-10", "2024-02-10", 1)),
        ("2024-01-01", 10, MONTH, "2024-03-15", ("2024-03-10", "2024-04-10", 3)),
        ("2024-01-31", 31, MONTH, "2024-02-29", ("2024-02-29", "2024-03-31", 1)),
        ("2024-01-31", 31, MONTH, "2024-04-29", ("2024-03-31", "2024-04-30", 2)),
        ("2024-02-29", 31, MONTH, "2024-03-30", ("2024-02-29", "2024-03-31", 0)),
        ("2024-01-10", 1, QUARTER, "2024-03-31", ("2024-01-10", "2024-04-01", 0)),
        ("2024-01-10", 1, QUARTER, "2024-07-15", ("2024-07-01", "2024-10-01", 2)),
        ("2024-01-01", 10, QUARTER, "2024-04-09", ("2024-01-10", "2024-04-10", 1)),
        ("2021-01-10", 1, YEAR, "2023-01-01", ("2023-01-01", "2024-01-01", 2)),
        ("2021-01-01", 10, YEAR, "2022-01-09", ("2021-01-10", "2022-01-10", 1)),
        ("2024-06-01", 1, MONTH, "2024-01-01", ("2024-06-01", "2024-07-01", 0)),
        ("2024-06-02", 10, MONTH, "2024-01-01", ("2024-06-02", "2024-06-10", 0)),
        ("2024-06-03", 10, WEEK, "2024-06-17", ("2024-06-17", "2024-06-24", 2)),
    ],
)
def test_the_period_of_a_date_and_how_many_ended_before(
    start: str, bill_day: int, cadence: Cadence, at: str, expected: tuple[str, str, int]
) -> None:
    begin, end, elapsed = expected
    got = period_with_bill_day(day(start), bill_day, cadence, day(at))
    assert got == DatePeriod(day(begin), day(end), elapsed)


@given(dates, st.integers(min_value=1, max_value=31), cadences)
@settings(max_examples=100)
def test_periods_of_a_bill_day_tile_and_are_counted_one_by_one(
    start: date, bill_day: int, cadence: Cadence
) -> None:
    begin = start
    for elapsed in range(15):
        period = period_with_bill_day(start, bill_day, cadence, begin)
        assert (period.start, period.elapsed) == (begin, elapsed)
        last = date.fromordinal(period.end.toordinal() - 1)
        assert period_with_bill_day(start, bill_day, cadence, last) == period
        begin = period.end
        after = date.fromordinal(begin.toordinal() + 1)
        month_end = after.day == 1
        if cadence.months:
            assert begin.day == bill_day or (begin.day < bill_day and month_end)


TODAY = date(2027, 1, 31)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: first_bill_date(TODAY, 0, MONTH),
        lambda: first_bill_date(TODAY, 32, MONTH),
        lambda: first_bill_date(TODAY, -1, THIRTY_DAYS),
        lambda: first_bill_date(TODAY, True, MONTH),
        lambda: first_bill_date(TODAY, 10**5000, MONTH),
        lambda: period_with_bill_day(TODAY, 32, MONTH, TODAY),
        lambda: whole_periods_between(TODAY, date(2027, 1, 30), MONTH),
        lambda: advance(TODAY, MONTH, 10**30),
        lambda: advance(TODAY, WEEK, -(10**30)),
        lambda: advance(date.max, MONTH, 1),
        lambda: first_bill_date(date.max, 30, MONTH),
        lambda: period_with_bill_day(TODAY, 31, YEAR, date.max),
    ],
)
def test_a_question_without_an_answer_is_refused(ask: Callable[[], object]) -> None:
    with pytest.raises(InvalidPeriod):
        ask()


@pytest.mark.parametrize("what", ["2027-01-31", None, datetime(2027, 1, 31, tzinfo=UTC), 5])
def test_a_bill_date_is_a_date_alone(what: Any) -> None:
    for ask in (
        lambda: advance(what, MONTH, 1),
        lambda: first_bill_date(what, 1, WEEK),
        lambda: period_with_bill_day(TODAY, 1, MONTH, what),
        lambda: whole_periods_between(what, TODAY, MONTH),
    ):
        with pytest.raises(InvalidPeriod):
            ask()

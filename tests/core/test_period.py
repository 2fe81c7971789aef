"""Instants, periods and cadences as values."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.catalog import Plan
from tallystick.core.currency import currency
from tallystick.core.period import (
    Cadence,
    Period,
    cadence_of,
    instant,
    instant_text,
    longer_than_three_years,
    parse_instant,
    tiled,
    to_the_second,
)
from tallystick.errors import InvalidPeriod

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
HUGE = 10**5000  # Python refuses to write it out
SHORT = count()  # an id for a case whose value makes none

instants = st.datetimes(
    min_value=datetime(1900, 1, 2),  # noqa: DTZ001 - hypothesis wants its bounds naive
    max_value=datetime(2199, 12, 30),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)


def hours(start: int, end: int) -> Period:
    return Period(NEW_YEAR + start * HOUR, NEW_YEAR + end * HOUR)


# --- instants -------------------------------------------------------------------------------------


def test_an_instant_is_brought_to_utc() -> None:
    moment = datetime(2027, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert instant(moment) == datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert instant(moment).tzinfo is UTC


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2027, 1, 1),  # noqa: DTZ001 - that is what is refused
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
        datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-2))),
        "2027-01-01T00:00:00Z",
        1_800_000_000,
        None,
        NEW_YEAR.date(),
    ],
)
def test_what_is_no_point_in_time_is_refused(moment: Any) -> None:
    with pytest.raises(InvalidPeriod):
        instant(moment)


def test_acts_are_cut_downwards_to_the_second() -> None:
    assert to_the_second(NEW_YEAR.replace(microsecond=999_999)) == NEW_YEAR


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2027-01-31T09:30:00Z", "2027-01-31T09:30:00Z"),
        ("2027-01-31t09:30:00z", "2027-01-31T09:30:00Z"),
        ("2027-01-31T09:30:00+02:00", "2027-01-31T07:30:00Z"),
        ("2027-01-31T00:30:00-23:59", "2027-02-01T00:29:00Z"),
        ("2027-01-31T09:30:00-00:00", "2027-01-31T09:30:00Z"),
        ("2027-01-31T09:30:00.25Z", "2027-01-31T09:30:00.250000Z"),
        ("2027-01-31T09:30:00.123456789Z", "2027-01-31T09:30:00.123456Z"),
        ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00Z"),
        ("2199-12-31T23:59:59Z", "2199-12-31T23:59:59Z"),
        ("2028-02-29T00:00:00Z", "2028-02-29T00:00:00Z"),
    ],
)
def test_rfc_3339_text_is_read(text: str, same: str) -> None:
    assert instant_text(parse_instant(text)) == same


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("2027-01-31T09:30:00", "no time zone"),
        ("2027-06-30T23:59:60Z", "leap second"),
        ("0001-01-01T00:00:00Z", "between the years"),
        ("9999-12-31T23:59:59Z", "between the years"),
        ("1899-12-31T23:59:59Z", "between the years"),
        ("2027-02-29T00:00:00Z", "not on the calendar"),
        ("2027-13-01T00:00:00Z", "not on the calendar"),
        ("2027-01-31T24:00:00Z", "not on the calendar"),
        ("2027-01-31T09:30:61Z", "not on the calendar"),
        ("2027-01-31T09:30:00+24:00", "offset"),
        ("2027-01-31T09:30:00+02:60", "offset"),
        ("2027-01-31 09:30:00Z", "not a time"),
        ("2027-01-31T09:30Z", "not a time"),
        ("2027-1-31T09:30:00Z", "not a time"),
        ("20270131T093000Z", "not a time"),
        ("2027-01-31T09:30:00,5Z", "not a time"),
        ("2027-01-31T09:30:00.Z", "not a time"),
        ("2027-01-31T09:30:00+0200", "not a time"),
        ("٢٠٢٧-01-31T09:30:00Z", "not a time"),
        ("2027-01-31T09:30:00Z\n", "not a time"),
        ("2027-01-31", "not a time"),
        ("1800000000", "not a time"),
        ("", "not a time"),
        ("2" * 5_000, "too long"),
        (1_800_000_000, "from int"),
        (None, "from NoneType"),
    ],
    ids=SHORT,
)
def test_other_text_is_refused_in_words(text: Any, part: str) -> None:
    with pytest.raises(InvalidPeriod, match=part):
        parse_instant(text)


@given(instants)
def test_what_is_written_is_read_back(at: datetime) -> None:
    assert parse_instant(instant_text(at)) == at


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidPeriod):
        assert parse_instant(text).tzinfo is UTC


# --- periods --------------------------------------------------------------------------------------


def test_a_period_has_its_start_and_not_its_end() -> None:
    day = hours(0, 24)
    assert NEW_YEAR in day
    assert NEW_YEAR + 24 * HOUR - timedelta(microseconds=1) in day
    assert NEW_YEAR + 24 * HOUR not in day
    assert NEW_YEAR - timedelta(microseconds=1) not in day
    assert day.seconds == 86_400
    assert str(day) == "[2027-01-01T00:00:00Z, 2027-01-02T00:00:00Z)"


def test_the_ends_of_a_period_are_kept_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    period = Period(NEW_YEAR.astimezone(east), (NEW_YEAR + HOUR).astimezone(east))
    assert period == hours(0, 1)
    assert period.start.tzinfo is UTC


@pytest.mark.parametrize(
    ("start", "end", "part"),
    [
        (NEW_YEAR, NEW_YEAR, "empty"),
        (NEW_YEAR + HOUR, NEW_YEAR, "empty"),
        (NEW_YEAR.replace(microsecond=1), NEW_YEAR + HOUR, "whole seconds"),
        (NEW_YEAR, (NEW_YEAR + HOUR).replace(microsecond=1), "whole seconds"),
        (NEW_YEAR.replace(tzinfo=None), NEW_YEAR + HOUR, "time zone"),
        ("now", NEW_YEAR, "not str"),
    ],
)
def test_a_period_that_is_none_is_refused(start: Any, end: Any, part: str) -> None:
    with pytest.raises(InvalidPeriod, match=part):
        Period(start, end)


def test_whether_something_that_is_no_time_is_in_a_period_is_refused() -> None:
    with pytest.raises(InvalidPeriod):
        assert NEW_YEAR.replace(tzinfo=None) in hours(0, 1)


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ((0, 4), (2, 6), (2, 4)),
        ((0, 6), (2, 4), (2, 4)),
        ((0, 2), (0, 2), (0, 2)),
        ((0, 2), (2, 4), None),
        ((0, 1), (3, 4), None),
    ],
)
def test_periods_intersect_where_both_are(
    one: tuple[int, int], other: tuple[int, int], common: tuple[int, int] | None
) -> None:
    left, right = hours(*one), hours(*other)
    expected = None if common is None else hours(*common)
    assert left.intersection(right) == expected
    assert right.intersection(left) == expected
    assert left.overlaps(right) is right.overlaps(left) is (common is not None)


def test_tiles_give_the_whole() -> None:
    assert tiled([hours(0, 1), hours(1, 5), hours(5, 6)]) == hours(0, 6)


@pytest.mark.parametrize(
    ("tiles", "part"),
    [
        ([], "nothing is covered"),
        ([hours(0, 1), hours(2, 3)], "a gap between"),
        ([hours(0, 2), hours(1, 3)], "an overlap between"),
        ([hours(1, 2), hours(0, 1)], "an overlap between"),
    ],
)
def test_gaps_and_overlaps_are_named(tiles: list[Period], part: str) -> None:
    with pytest.raises(InvalidPeriod, match=part):
        tiled(tiles)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=20))
@settings(max_examples=50)
def test_cutting_a_period_loses_no_second(lengths: list[int]) -> None:
    ends = [NEW_YEAR]
    for length in lengths:
        ends.append(ends[-1] + timedelta(seconds=length))
    parts = [Period(a, b) for a, b in pairwise(ends)]
    assert tiled(parts).seconds == sum(part.seconds for part in parts) == sum(lengths)


# --- cadences -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cadence", "label"),
    [
        (Cadence("day"), "Daily"),
        (Cadence("week"), "Weekly"),
        (Cadence("month"), "Monthly"),
        (Cadence("month", 3), "Quarterly"),
        (Cadence("month", 12), "Yearly"),
        (Cadence("year"), "Yearly"),
        (Cadence("day", 30), "Every 30 days"),
        (Cadence("day", 7), "Every 7 days"),
        (Cadence("week", 2), "Every 2 weeks"),
        (Cadence("month", 6), "Every 6 months"),
        (Cadence("year", 2), "Every 2 years"),
    ],
)
def test_a_cadence_has_a_label_for_people(cadence: Cadence, label: str) -> None:
    assert cadence.label == label


def test_a_year_and_twelve_months_mean_the_same_and_stay_as_written() -> None:
    year, months = Cadence("year"), Cadence("month", 12)
    assert year.same_as(months)
    assert year.key == months.key
    assert year != months
    assert year.unit == months.unit == Cadence("year")
    assert Cadence("week", 2).same_as(Cadence("day", 14))
    assert not Cadence("month").same_as(Cadence("day", 30))
    assert not Cadence("year").same_as(Cadence("day", 365))


@pytest.mark.parametrize(
    ("cadence", "unit", "units"),
    [
        (Cadence("month", 3), Cadence("month"), 3),
        (Cadence("month", 24), Cadence("year"), 2),
        (Cadence("day", 21), Cadence("week"), 3),
        (Cadence("day", 30), Cadence("day"), 30),
        (Cadence("year", 4), Cadence("year"), 4),
    ],
)
def test_a_cadence_is_a_multiple_of_one_unit(cadence: Cadence, unit: Cadence, units: int) -> None:
    assert (cadence.unit, cadence.units) == (unit, units)


@pytest.mark.parametrize(
    ("cadence", "per_year"),
    [
        (Cadence("year"), Fraction(1)),
        (Cadence("month"), Fraction(12)),
        (Cadence("month", 5), Fraction(12, 5)),
        (Cadence("year", 2), Fraction(1, 2)),
        (Cadence("week"), Fraction(365, 7)),
        (Cadence("day"), Fraction(365)),
    ],
)
def test_a_year_is_12_months_or_365_days(cadence: Cadence, per_year: Fraction) -> None:
    assert cadence.per_year == per_year


@pytest.mark.parametrize(
    ("cadence", "longer"),
    [
        (Cadence("year", 3), False),
        (Cadence("year", 4), True),
        (Cadence("month", 36), False),
        (Cadence("month", 37), True),
        (Cadence("week", 156), False),
        (Cadence("week", 157), True),
        (Cadence("day", 1095), False),
        (Cadence("day", 1096), True),
    ],
)
def test_a_catalogue_takes_up_to_three_years(cadence: Cadence, longer: bool) -> None:
    assert longer_than_three_years(cadence) is longer


@pytest.mark.parametrize("times", [0, -1, True, 1.0, "1", None, 10**7, HUGE, -HUGE], ids=SHORT)
def test_a_count_is_a_whole_number_from_one(times: Any) -> None:
    with pytest.raises(InvalidPeriod, match="whole number from 1"):
        Cadence("month", times)


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("months", "did you mean 'month'"),
        ("Year", "did you mean 'year'"),
        ("fortnight", "is not an interval"),
        ("", "is not an interval"),
        (None, "is not an interval"),
        (["day"], "is not an interval"),
        ("x" * 10_000, "is not an interval"),
    ],
    ids=SHORT,
)
def test_an_interval_is_one_of_four_words(word: Any, part: str) -> None:
    with pytest.raises(InvalidPeriod, match=part):
        Cadence(word)


def test_a_plan_has_a_cadence_unless_it_is_paid_once() -> None:
    plan = Plan(id="pro", name="Pro", currency=currency("USD"), product_id="pro")
    assert cadence_of(plan) == Cadence("month")
    once = Plan(id="x", name="X", currency=currency("USD"), product_id="x", interval=None)
    assert cadence_of(once) is None

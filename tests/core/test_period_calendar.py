"""Boundaries: counted from the anchor, clamped, in zones, aligned to the calendar."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core import calendar
from tallystick.core.calendar import (
    at_wall_clock,
    boundary,
    check_zone,
    completed_periods,
    first_boundary,
    next_boundary,
    next_boundary_after,
    period_containing,
    previous_boundary,
    wall_clock,
)
from tallystick.core.period import Cadence, Period, instant_text, parse_instant, tiled
from tallystick.errors import InvalidPeriod

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.calendar import CalendarUnit, WeekStart

DAY, WEEK, MONTH, QUARTER, YEAR = (
    Cadence("day"),
    Cadence("week"),
    Cadence("month"),
    Cadence("month", 3),
    Cadence("year"),
)
ZONES = (
    None,
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Havana",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Africa/Casablanca",
    "America/Sao_Paulo",
)


def at(text: str) -> datetime:
    """Read `2027-01-31`, `2027-01-31 09:30` or `2027-01-31 09:30:15` as UTC."""
    day, _, clock = text.partition(" ")
    return parse_instant(f"{day}T{(clock or '00:00') + (':00' if clock.count(':') < 2 else '')}Z")


def local(text: str, zone: str) -> datetime:
    """Read the same as wall time of a zone."""
    return at_wall_clock(at(text).replace(tzinfo=None), zone)


def shown(moment: datetime, zone: str | None = None) -> str:
    """Write a time as these tests do."""
    return wall_clock(moment, zone).isoformat(" ").removesuffix(":00").removesuffix(" 00:00")


cadences = st.builds(
    Cadence,
    st.sampled_from(["day", "week", "month", "year"]),
    st.integers(min_value=1, max_value=6),
)
moments = st.datetimes(
    min_value=datetime(1971, 1, 1),  # noqa: DTZ001 - hypothesis wants its bounds naive
    max_value=datetime(2099, 12, 31),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
).map(lambda moment: moment.replace(microsecond=0))


# --- counting from the anchor ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("anchor", "cadence", "expected"),
    [
        ("2027-01-31", MONTH, ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]),
        ("2027-11-30", QUARTER, ["2028-02-29", "2028-05-30", "2028-08-30", "2028-11-30"]),
        ("2024-02-29", YEAR, ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
        ("2024-02-29", Cadence("month", 12), ["2025-02-28", "2026-02-28"]),
        ("2027-02-28", MONTH, ["2027-03-28", "2027-04-28"]),
        ("2027-12-31 23:59:59", Cadence("month", 2), ["2028-02-29 23:59:59"]),
        ("2028-02-27", Cadence("day", 3), ["2028-03-01", "2028-03-04"]),
        ("2027-12-29", Cadence("week", 2), ["2028-01-12", "2028-01-26"]),
        ("2000-02-29", Cadence("year", 4), ["2004-02-29", "2008-02-29"]),
        ("2096-02-29", Cadence("year", 4), ["2100-02-28", "2104-02-29"]),
    ],
)
def test_a_boundary_keeps_the_anchor_day(
    anchor: str, cadence: Cadence, expected: list[str]
) -> None:
    got = [shown(boundary(at(anchor), cadence, n)) for n in range(1, len(expected) + 1)]
    assert got == expected


def test_boundary_nought_is_the_anchor_and_negative_ones_lie_before_it() -> None:
    anchor = at("2027-03-31 12:00")
    got = [shown(boundary(anchor, MONTH, n)) for n in (-2, -1, 0)]
    assert got == ["2027-01-31 12:00", "2027-02-28 12:00", "2027-03-31 12:00"]


@pytest.mark.parametrize("months", [1, 2, 3, 6, 12])
def test_no_anchor_day_drifts_in_a_hundred_years(months: int) -> None:
    cadence = Cadence("month", months)
    for day in range(1, 32):
        anchor = datetime(2027, 1, day, 9, 30, tzinfo=UTC)
        for n in range(1, 1200 // months + 1):
            got = boundary(anchor, cadence, n)
            year, month = divmod(n * months, 12)
            assert (got.year, got.month) == (2027 + year, month + 1)
            after = got.date() + timedelta(days=1)
            assert got.day == day or (got.day < day and after.day == 1)
            assert (got.hour, got.minute) == (9, 30)


@given(
    moments,
    cadences,
    st.sampled_from(ZONES),
    st.integers(min_value=-30, max_value=30),
)
@settings(max_examples=100)
def test_periods_tile_for_any_anchor_cadence_and_zone(
    anchor: datetime, cadence: Cadence, zone: str | None, first: int
) -> None:
    ends = [boundary(anchor, cadence, n, zone) for n in range(first, first + 30)]
    distinct = sorted(set(ends))
    assert ends == sorted(ends)
    assert tiled([Period(*pair) for pair in pairwise(distinct)]) == Period(ends[0], ends[-1])


@given(moments, moments, cadences, st.sampled_from(ZONES))
@settings(max_examples=100)
def test_the_period_found_is_the_one_a_walk_would_find(
    anchor: datetime, moment: datetime, cadence: Cadence, zone: str | None
) -> None:
    moment = anchor + (moment - anchor) % timedelta(days=900) - timedelta(days=450)
    n = 0  # a walk from the anchor over every boundary, without any estimate
    while boundary(anchor, cadence, n, zone) > moment:
        n -= 1
    while boundary(anchor, cadence, n + 1, zone) <= moment:
        n += 1
    ends = sorted({boundary(anchor, cadence, near, zone) for near in range(n - 3, n + 3)})
    walked = next(Period(a, b) for a, b in pairwise(ends) if a <= moment < b)
    assert period_containing(anchor, cadence, moment, zone) == walked
    assert next_boundary_after(anchor, cadence, moment, zone) == walked.end
    before = walked.start if walked.start < moment else max(e for e in ends if e < moment)
    assert previous_boundary(anchor, cadence, moment, zone) == before


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
@pytest.mark.parametrize("cadence", [DAY, WEEK, MONTH, Cadence("month", 7), YEAR])
def test_a_far_period_is_found_in_a_few_steps(
    cadence: Cadence, zone: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counted(*question: Any) -> datetime:
        asked.append(question)
        return boundary(*question)

    monkeypatch.setattr(calendar, "boundary", counted)
    for moment in (at("1900-03-01"), at("2199-11-30 23:59:59")):
        assert moment in period_containing(at("2027-01-31 10:00"), cadence, moment, zone)
    assert len(asked) <= 12


@pytest.mark.parametrize(
    ("anchor", "cadence", "moment", "start", "end"),
    [
        ("2027-01-31 10:00", MONTH, "2027-04-30 09:59", "2027-03-31 10:00", "2027-04-30 10:00"),
        ("2027-01-31 10:00", MONTH, "2027-04-30 10:00", "2027-04-30 10:00", "2027-05-31 10:00"),
        ("2027-01-31 10:00", QUARTER, "2027-04-30 11:00", "2027-04-30 10:00", "2027-07-31 10:00"),
        ("2027-05-31", Cadence("month", 2), "2027-02-15", "2027-01-31", "2027-03-31"),
        ("2027-05-31", MONTH, "2027-03-15", "2027-02-28", "2027-03-31"),
        ("2024-02-29 12:00", YEAR, "2025-02-28 22:00", "2025-02-28 12:00", "2026-02-28 12:00"),
        ("2028-12-15", YEAR, "2027-03-01", "2026-12-15", "2027-12-15"),
        ("2027-01-28", WEEK, "2027-01-07", "2027-01-07", "2027-01-14"),
        ("2027-01-10", DAY, "2027-01-09 23:59:59", "2027-01-09", "2027-01-10"),
    ],
)
def test_the_period_of_an_instant(
    anchor: str, cadence: Cadence, moment: str, start: str, end: str
) -> None:
    period = period_containing(at(anchor), cadence, at(moment))
    assert (shown(period.start), shown(period.end)) == (start, end)


def test_the_last_microsecond_of_a_period_is_still_in_it() -> None:
    moment = at("2027-02-28") - timedelta(microseconds=1)
    assert shown(period_containing(at("2027-01-31"), MONTH, moment).start) == "2027-01-31"


@pytest.mark.parametrize(
    ("moment", "previous", "following"),
    [
        ("2027-02-28", "2027-01-31", "2027-03-31"),
        ("2027-02-28 00:00:01", "2027-02-28", "2027-03-31"),
        ("2027-02-27 23:59:59", "2027-01-31", "2027-02-28"),
        ("2027-01-31", "2026-12-31", "2027-02-28"),
        ("2026-11-15", "2026-10-31", "2026-11-30"),
    ],
)
def test_neighbouring_boundaries_are_strictly_before_and_after(
    moment: str, previous: str, following: str
) -> None:
    anchor = at("2027-01-31")
    assert shown(previous_boundary(anchor, MONTH, at(moment))) == previous
    assert shown(next_boundary_after(anchor, MONTH, at(moment))) == following


# --- zones ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("month", "hours"), [("02", 672), ("03", 743), ("04", 720), ("10", 745), ("12", 744)]
)
def test_a_month_in_a_zone_with_summer_time_is_one_period(month: str, hours: int) -> None:
    anchor = local("2027-01-01", "Europe/Berlin")
    middle = at(f"2027-{month}-15")
    period = period_containing(anchor, MONTH, middle, "Europe/Berlin")
    assert period.seconds == hours * 3600


def test_an_anchor_without_a_zone_keeps_utc_and_with_one_the_wall_clock() -> None:
    anchor = at("2027-02-01 05:00")
    assert shown(boundary(anchor, MONTH, 2)) == "2027-04-01 05:00"
    assert shown(boundary(anchor, MONTH, 2, "America/New_York")) == "2027-04-01 04:00"


def test_a_skipped_wall_clock_time_moves_on_by_the_gap() -> None:
    anchor = local("2027-02-28 02:30", "Europe/Berlin")
    on_the_day = boundary(anchor, MONTH, 1, "Europe/Berlin")
    assert shown(on_the_day, "Europe/Berlin") == "2027-03-28 03:30"
    assert shown(boundary(anchor, MONTH, 2, "Europe/Berlin"), "Europe/Berlin") == "2027-04-28 02:30"


def test_of_a_repeated_wall_clock_time_the_first_counts() -> None:
    anchor = local("2027-08-31 02:30", "Europe/Berlin")
    assert boundary(anchor, MONTH, 2, "Europe/Berlin") == at("2027-10-31 00:30")
    assert local("2027-10-31 02:30", "Europe/Berlin") == at("2027-10-31 00:30")


def test_an_anchor_in_the_second_pass_of_an_hour_stays_where_it_is() -> None:
    anchor = at("2027-10-31 01:30")  # 02:30 in Berlin, for the second time
    assert boundary(anchor, MONTH, 0, "Europe/Berlin") == anchor
    assert period_containing(anchor, MONTH, anchor, "Europe/Berlin").start == anchor
    assert next_boundary(anchor, anchor, MONTH, "Europe/Berlin") == at("2027-11-30 01:30")


def test_a_day_that_a_zone_leaves_out_is_no_period() -> None:
    zone, anchor = "Pacific/Apia", local("2011-12-28", "Pacific/Apia")
    ends = [anchor]
    while len(ends) < 4:
        ends.append(next_boundary(ends[-1], anchor, DAY, zone))
    days = ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]
    assert [shown(end, zone) for end in ends] == days
    assert {Period(*pair).seconds for pair in pairwise(ends)} == {86_400}
    assert previous_boundary(anchor, DAY, ends[2], zone) == ends[1]


def transitions_of_2027(zone: ZoneInfo) -> list[datetime]:
    """Find, to the second, when the offset of a zone changes in 2027."""
    found = []
    days = [datetime(2027, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(366)]
    for low, high in pairwise(days):
        if low.astimezone(zone).utcoffset() == high.astimezone(zone).utcoffset():
            continue
        before = low.astimezone(zone).utcoffset()
        while high - low > timedelta(seconds=1):
            middle = (low + (high - low) / 2).replace(microsecond=0)
            if middle.astimezone(zone).utcoffset() == before:
                low = middle  # noqa: PLW2901 - a bisection
            else:
                high = middle  # noqa: PLW2901 - the same
        found.append(high)
    return found


def test_every_zone_passes_both_changes_of_2027_in_order() -> None:
    changed = 0
    for name in sorted(available_timezones() - {"Factory", "localtime"}):
        assert check_zone(name) == name
        for change in transitions_of_2027(ZoneInfo(name)):
            changed += 1
            for minutes in (-90, -30, 0, 30, 90):
                anchor = change - timedelta(days=31) + timedelta(minutes=minutes)
                ends = [boundary(anchor, DAY, n, name) for n in range(28, 35)]
                assert all(a < b for a, b in pairwise(ends)), (name, anchor)
                period = period_containing(anchor, DAY, change, name)
                assert change in period
                assert period.seconds in range(22 * 3600, 26 * 3600 + 1)
    assert changed > 300  # more than 150 names, twice a year


@pytest.mark.parametrize("place", ["UTC", "America/New_York", "Asia/Kathmandu"])
def test_the_zone_of_the_machine_makes_no_difference(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", place)
    time.tzset()
    try:
        anchor = local("2027-01-31 02:30", "Europe/Berlin")
        got = [instant_text(boundary(anchor, MONTH, n, "Europe/Berlin")) for n in (2, 9)]
        assert got == ["2027-03-31T00:30:00Z", "2027-10-31T00:30:00Z"]
        assert instant_text(boundary(anchor, MONTH, 2)) == "2027-03-31T01:30:00Z"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("Europe/Berln", "did you mean 'Europe/Berlin'"),
        ("europe/berlin", "did you mean 'Europe/Berlin'"),
        ("Europe", "is not the name"),
        ("../Europe/Berlin", "is not the name"),
        ("/etc/localtime", "is not the name"),
        ("localtime", "is not the name"),
        ("Factory", "is not the name"),
        ("right/UTC", "is not the name"),
        ("UTC\0", "is not the name"),
        ("UTC\n", "is not the name"),
        ("+02:00", "is not the name"),
        ("", "is not the name"),
        ("\ud800", "is not the name"),
        ("x" * 100_000, "is not the name"),
        (2, "not as int"),
        (None, "not as NoneType"),
        (ZoneInfo("UTC"), "not as ZoneInfo"),
    ],
    ids=count(),
)
def test_what_is_no_zone_is_refused_in_words(name: Any, part: str) -> None:
    with pytest.raises(InvalidPeriod, match=part) as caught:
        check_zone(name)
    assert len(str(caught.value)) < 500


def test_a_wall_clock_time_has_no_zone() -> None:
    with pytest.raises(InvalidPeriod, match="has a zone"):
        at_wall_clock(at("2027-01-01"), "Europe/Berlin")
    with pytest.raises(InvalidPeriod, match="not str"):
        at_wall_clock("2027-01-01")  # type: ignore[arg-type]  # that is what is tried


# --- the edges of the calendar --------------------------------------------------------------------

FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: boundary(FIRST, MONTH, -1),
        lambda: boundary(FIRST, DAY, -1),
        lambda: boundary(LAST, YEAR, 1),
        lambda: boundary(LAST, WEEK, 1),
        lambda: boundary(FIRST, MONTH, 10**30),
        lambda: boundary(FIRST, DAY, 10**30),
        lambda: boundary(FIRST, DAY, -(10**5000)),
        lambda: boundary(FIRST, MONTH, 1, "America/New_York"),
        lambda: boundary(LAST, MONTH, -1, "Asia/Tokyo"),
        lambda: at_wall_clock(FIRST.replace(tzinfo=None), "Asia/Tokyo"),
        lambda: at_wall_clock(LAST.replace(tzinfo=None), "America/New_York"),
        lambda: period_containing(FIRST, YEAR, LAST),
        lambda: next_boundary_after(FIRST, YEAR, LAST),
        lambda: next_boundary(LAST, FIRST, DAY),
        lambda: previous_boundary(LAST, YEAR, FIRST),
        lambda: first_boundary(LAST, DAY),
        lambda: first_boundary(FIRST, WEEK, week_starts="sunday"),
        lambda: boundary(FIRST, MONTH, 1.5),  # type: ignore[arg-type]  # that is what is tried
    ],
)
def test_beyond_the_calendar_there_is_no_answer(ask: Callable[[], object]) -> None:
    with pytest.raises(InvalidPeriod):
        ask()


def test_next_to_the_edges_there_is_one() -> None:
    middle = datetime(2027, 6, 15, tzinfo=UTC)
    assert next_boundary_after(middle, MONTH, FIRST) == FIRST.replace(day=15)
    assert previous_boundary(middle, MONTH, LAST) == LAST.replace(
        day=15, hour=0, minute=0, second=0
    )
    assert boundary(FIRST, YEAR, 9998).year == 9999
    assert boundary(FIRST, DAY, 3_652_058).date() == date(9999, 12, 31)


@given(
    st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0)),
    st.datetimes(timezones=st.just(UTC)),
    st.builds(Cadence, st.sampled_from(["day", "week", "month", "year"]), st.integers(1, 5000)),
    st.sampled_from(ZONES),
)
@settings(max_examples=100)
def test_every_question_has_an_answer_or_a_typed_error(
    anchor: datetime, moment: datetime, cadence: Cadence, zone: str | None
) -> None:
    with suppress(InvalidPeriod):
        assert moment in period_containing(anchor, cadence, moment, zone)


# --- the periods of a subscription ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "anchor", "cadence", "end"),
    [
        # on the anchor's day and clock: whole intervals
        ("2027-01-15", "2027-01-15", MONTH, "2027-02-15"),
        ("2027-01-31", "2027-01-31", MONTH, "2027-02-28"),
        ("2027-02-28", "2027-01-31", MONTH, "2027-03-31"),
        ("2028-02-28", "2027-02-28", MONTH, "2028-03-28"),
        ("2024-02-29", "2024-02-29", Cadence("year", 3), "2027-02-28"),
        ("2027-04-29", "2024-02-29", Cadence("month", 2), "2027-06-29"),
        ("2024-03-08 18:00", "2023-01-06 18:00", Cadence("week", 2), "2024-03-22 18:00"),
        ("2027-03-10", "2027-03-10", Cadence("day", 10), "2027-03-20"),
        # a start on the anchor's day, but not on its grid of three months
        ("2026-06-01", "2026-04-01", QUARTER, "2026-09-01"),
        ("2027-03-01", "2026-07-01", Cadence("month", 6), "2027-09-01"),
        # any other: to the next anchor date
        ("2027-04-01", "2027-01-15 12:00", MONTH, "2027-04-15 12:00"),
        ("2027-04-15", "2027-01-15 12:00", MONTH, "2027-04-15 12:00"),
        ("2028-02-28", "2028-01-31", MONTH, "2028-02-29"),
        ("2024-03-04 10:00", "2024-01-03 14:00", WEEK, "2024-03-06 14:00"),
        ("2024-12-29", "2024-01-04 15:30", Cadence("week", 3), "2025-01-16 15:30"),
        ("2023-12-31 10:37", "2023-12-31", Cadence("month", 2), "2024-02-29"),
        ("2024-03-10 08:00", "2024-01-01 14:30", DAY, "2024-03-10 14:30"),
        # before the anchor: never past it
        ("2024-01-15", "2024-06-15 12:00", YEAR, "2024-06-15 12:00"),
        ("2024-01-15", "2024-02-29", YEAR, "2024-02-29"),
        ("2026-10-05", "2027-01-01", Cadence("month", 6), "2027-01-01"),
        ("2027-02-01", "2027-04-01", QUARTER, "2027-04-01"),
        ("2027-01-05", "2027-02-01", MONTH, "2027-02-01"),
        # a year is twelve months, however it was written
        ("2027-04-15", "2027-01-15", YEAR, "2028-01-15"),
        ("2027-04-15", "2027-01-15", Cadence("month", 12), "2028-01-15"),
    ],
)
def test_where_a_period_ends(start: str, anchor: str, cadence: Cadence, end: str) -> None:
    assert shown(next_boundary(at(start), at(anchor), cadence)) == end


def test_a_period_in_a_zone_runs_by_the_wall_clock() -> None:
    zone = "America/New_York"
    start, anchor = local("2027-03-01", zone), local("2027-02-01", zone)
    assert shown(next_boundary(start, anchor, MONTH, zone)) == "2027-04-01 04:00"
    # Moved on by the gap it still stands on the anchor's day and clock.
    skipped = local("2027-03-14 02:30", zone)
    end = next_boundary(skipped, local("2027-02-14 02:30", zone), MONTH, zone)
    assert shown(end, zone) == "2027-04-14 02:30"


def test_the_end_of_the_subscription_caps_its_last_period() -> None:
    start, anchor = at("2026-03-22"), at("2026-04-01")
    for last, end in [("2026-03-28", "2026-03-28"), ("2026-06-30", "2026-04-01")]:
        got = next_boundary(start, anchor, QUARTER, subscription_end=at(last))
        assert shown(got) == end
    with pytest.raises(InvalidPeriod, match="ends before"):
        next_boundary(start, anchor, QUARTER, subscription_end=start)


@given(
    moments,
    st.timedeltas(timedelta(days=-400), timedelta(days=400)),
    st.builds(Cadence, st.sampled_from(["week", "month", "year"]), st.integers(1, 4)),
    st.sampled_from(ZONES),
    st.lists(st.integers(min_value=0, max_value=2000), min_size=1, max_size=5),
)
@settings(max_examples=60)
def test_catching_up_gives_the_periods_that_on_time_runs_gave(
    anchor: datetime, lead: timedelta, cadence: Cadence, zone: str | None, asked: list[int]
) -> None:
    start = (anchor + lead).replace(microsecond=0)
    on_time: list[Period] = []
    for day in sorted(asked):
        until = start + timedelta(days=day)
        begin = on_time[-1].end if on_time else start
        on_time += completed_periods(begin, anchor, cadence, zone, until=until)
    late = list(
        completed_periods(start, anchor, cadence, zone, until=start + timedelta(days=max(asked)))
    )
    assert late == on_time
    if late:
        assert tiled(late).start == start


def test_a_period_is_complete_at_its_end() -> None:
    start = at("2027-01-31")
    for until, complete in [("2027-03-30 23:59:59", 1), ("2027-03-31", 2)]:
        assert len(list(completed_periods(start, start, MONTH, until=at(until)))) == complete


def test_completed_periods_stop_with_the_subscription() -> None:
    start, last = at("2027-01-31"), at("2027-04-10")
    periods = list(
        completed_periods(start, start, MONTH, until=at("2028-01-01"), subscription_end=last)
    )
    assert [shown(period.end) for period in periods] == [
        "2027-02-28",
        "2027-03-31",
        "2027-04-10",
    ]
    assert not list(completed_periods(start, start, MONTH, until=start))
    assert not list(completed_periods(last, start, MONTH, until=last, subscription_end=last))


# --- alignment to the calendar --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "cadence", "unit", "end"),
    [
        ("2023-01-15", MONTH, None, "2023-02-01"),
        ("2023-01-15", Cadence("month", 2), None, "2023-03-01"),
        ("2024-12-30 10:37", Cadence("month", 2), None, "2025-02-01"),
        ("2023-12-31 23:59:59", YEAR, None, "2024-01-01"),
        ("2023-12-31", Cadence("year", 2), None, "2025-01-01"),
        ("2024-01-01", YEAR, None, "2025-01-01"),
        ("2024-03-06", WEEK, None, "2024-03-11"),
        ("2024-03-06", Cadence("week", 2), None, "2024-03-18"),
        ("2024-03-11", WEEK, None, "2024-03-18"),
        ("2024-03-10", WEEK, None, "2024-03-11"),
        ("2026-03-02 07:58:45", DAY, None, "2026-03-03"),
        ("2026-03-22", QUARTER, None, "2026-04-01"),
        ("2026-04-01", QUARTER, None, "2026-07-01"),
        ("2026-03-22", QUARTER, "month", "2026-06-01"),
        ("2026-10-05", Cadence("month", 6), None, "2027-01-01"),
        ("2026-10-05", Cadence("month", 6), "quarter", "2027-04-01"),
        ("2026-10-05", Cadence("month", 18), None, "2028-04-01"),
        ("2024-02-29", Cadence("month", 12), None, "2025-01-01"),
    ],
)
def test_the_part_unit_counts_as_the_first(
    start: str, cadence: Cadence, unit: CalendarUnit | None, end: str
) -> None:
    assert shown(first_boundary(at(start), cadence, unit=unit)) == end


@pytest.mark.parametrize(
    ("start", "week_starts", "end"),
    [
        ("2024-03-06", "sunday", "2024-03-10"),
        ("2024-03-10", "sunday", "2024-03-17"),
        ("2024-03-10", "monday", "2024-03-11"),
    ],
)
def test_a_week_starts_on_monday_or_on_sunday(start: str, week_starts: WeekStart, end: str) -> None:
    assert shown(first_boundary(at(start), WEEK, week_starts=week_starts)) == end


def test_alignment_is_to_the_midnight_of_the_zone() -> None:
    start = at("2024-02-15 18:30")  # Feb 16 in Kolkata
    assert shown(first_boundary(start, MONTH, "Asia/Kolkata")) == "2024-02-29 18:30"
    assert shown(first_boundary(start, DAY, "Asia/Kolkata")) == "2024-02-16 18:30"


def test_a_midnight_that_comes_twice_leaves_no_empty_period() -> None:
    # St. John's set its clocks back at one minute past midnight, so the evening came again.
    # The 29th began with its first midnight, so what comes again belongs to it already.
    again = at("2006-10-29 03:00")
    assert shown(again, "America/St_Johns") == "2006-10-28 23:30"
    end = first_boundary(again, DAY, "America/St_Johns")
    assert shown(end, "America/St_Johns") == "2006-10-30"
    for minutes in range(0, 180, 7):
        start = at("2006-10-29 01:30") + timedelta(minutes=minutes)
        assert first_boundary(start, DAY, "America/St_Johns") > start


@pytest.mark.parametrize(
    ("cadence", "settings_", "part"),
    [
        (MONTH, {"unit": "quarter"}, "not a whole number of the unit"),
        (WEEK, {"unit": "month"}, "not a whole number of the unit"),
        (MONTH, {"unit": "fortnight"}, "is not one of"),
        (WEEK, {"week_starts": "friday"}, "monday or sunday"),
    ],
)
def test_an_alignment_that_is_none_is_refused(
    cadence: Cadence, settings_: dict[str, Any], part: str
) -> None:
    with pytest.raises(InvalidPeriod, match=part):
        first_boundary(at("2027-01-15"), cadence, **settings_)


@given(moments, cadences, st.sampled_from(ZONES))
@settings(max_examples=100)
def test_after_the_first_part_periods_run_on_at_local_midnight(
    start: datetime, cadence: Cadence, zone: str | None
) -> None:
    first = first_boundary(start, cadence, zone)
    assert start < first
    following = next_boundary(first, first, cadence, zone)
    assert first < following
    wall = wall_clock(first, zone)
    if first == at_wall_clock(datetime.combine(wall.date(), datetime.min.time()), zone):
        assert wall.hour in {0, 1}  # 1 where a zone skips its midnight
    assert cadence.interval != "month" or wall.day in {1, 2}

"""A hundred years of periods, from every day of a month, in every zone: no gap and no overlap.

Every boundary is worked out a second time by `tests.oracle.calendar`, which counts by hand.
`PROOF=full` takes every day for every cadence and zone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, available_timezones

import pytest

from tallystick.core.calendar import (
    at_wall_clock,
    boundary,
    completed_periods,
    next_boundary,
    period_containing,
    wall_clock,
)
from tallystick.core.period import Cadence, Period, tiled
from tallystick.core.span import period_from
from tallystick.errors import InvalidPeriod
from tests.oracle import calendar as oracle
from tests.proof.settings import FULL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.catalog import Interval

CADENCES: Final[list[tuple[Interval, int]]] = [
    ("day", 1),
    ("day", 30),
    ("week", 1),
    ("week", 2),
    ("month", 1),
    ("month", 2),
    ("month", 3),
    ("month", 6),
    ("month", 12),
    ("year", 1),
    ("year", 2),
    ("year", 3),
]
ZONES: Final = sorted(available_timezones() - {"Factory", "localtime"})
SECOND: Final = timedelta(seconds=1)
YEAR: Final = 2027
CENTURY: Final = datetime(YEAR + 100, 1, 1, tzinfo=UTC)


# --- a hundred years ------------------------------------------------------------------------------


@pytest.mark.parametrize("every", CADENCES, ids=lambda every: f"{every[1]}-{every[0]}")
@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_a_hundred_years_from_every_anchor_day_tile(
    every: tuple[Interval, int], zone: str | None
) -> None:
    whole = FULL or (zone is None and every[0] in {"month", "year"})
    for day in range(1, 32) if whole else (31,) if every == ("day", 1) else (1, 29, 31):
        anchor = datetime(YEAR, 1, day, 2, 30, tzinfo=UTC)
        periods = list(completed_periods(anchor, anchor, Cadence(*every), zone, until=CENTURY))
        by_hand = [oracle.boundary(anchor, every, n, zone) for n in range(len(periods) + 2)]
        assert [each.start for each in periods] == by_hand[:-2]
        assert tiled(periods) == Period(anchor, by_hand[-2])
        assert by_hand[-2] <= CENTURY < by_hand[-1]  # none is missing at the end


def test_a_gap_an_overlap_and_a_drift_would_be_seen() -> None:
    anchor = datetime(YEAR, 1, 31, tzinfo=UTC)
    good = list(completed_periods(anchor, anchor, Cadence("month"), until=CENTURY))
    assert len(good) == 1199
    drifted = [anchor]
    while len(drifted) < 12:  # counted from the boundary before, as must never be
        drifted.append(boundary(drifted[-1], Cadence("month"), 1))
    assert drifted[2].day == 28
    assert drifted != [each.start for each in good[:12]]
    for bad in (good[:3] + good[4:], [*good[:3], good[2], *good[3:]]):
        with pytest.raises(InvalidPeriod, match=r"a gap|an overlap"):
            tiled(bad)


# --- every zone -----------------------------------------------------------------------------------


def _changes(zone: str) -> Iterator[tuple[datetime, timedelta]]:
    """Give the first instants of the year at which a zone has another offset, and by how much."""
    place = ZoneInfo(zone)

    def offset(at: datetime) -> timedelta:
        return at.astimezone(place).utcoffset() or timedelta()

    days = [datetime(YEAR, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(367)]
    for low, high in pairwise(days):
        seconds = [0, 86_400]
        before, after = offset(low), offset(high)
        while before != after and seconds[1] - seconds[0] > 1:
            middle = sum(seconds) // 2
            seconds[offset(low + middle * SECOND) != before] = middle
        if before != after:
            yield low + seconds[1] * SECOND, after - before


CHANGES: Final = [(zone, at, moved) for zone in ZONES for at, moved in _changes(zone)]


def test_most_zones_that_change_change_twice_a_year() -> None:
    zones = [zone for zone, *_ in CHANGES]
    assert len(set(zones)) > 150
    assert {zones.count(zone) for zone in set(zones)} == {2}
    assert {moved.total_seconds() for *_, moved in CHANGES} == {
        3600,
        -3600,
        1800,
        -1800,
        7200,
        -7200,
    }


def test_a_month_over_every_change_of_every_zone_is_whole() -> None:
    month = Cadence("month")
    for zone, change, moved in CHANGES:
        for anchor in (change - timedelta(days=31), change - timedelta(days=63, seconds=-1)):
            period = period_containing(anchor, month, change, zone)
            walls = [wall_clock(end, zone) for end in (period.start, period.end)]
            assert period.start <= change < period.end
            # as long as the calendar says, less what the clock was put on
            own = (walls[1] - walls[0]) - timedelta(seconds=period.seconds)
            assert own in {timedelta(), moved}, (zone, anchor)
            around = oracle.around(anchor, ("month", 1), change, zone)
            assert (period.start, period.end) == around


def test_a_walk_of_days_over_every_change_neither_stands_nor_turns_back() -> None:
    day = Cadence("day")
    for zone, change, moved in CHANGES:
        for minutes in (-90, -30, 0, 30, 90):
            anchor = change - timedelta(days=3) + timedelta(minutes=minutes)
            start, ends = anchor, []
            for _ in range(6):
                start = next_boundary(start, anchor, day, zone)
                ends.append(start)
            assert ends == [oracle.boundary(anchor, ("day", 1), n, zone) for n in range(1, 7)]
            lengths = {(b - a) - timedelta(days=1) for a, b in pairwise([anchor, *ends])}
            assert lengths <= {timedelta(), moved, -moved}, (zone, anchor)


def test_an_absent_time_moves_on_by_the_gap_and_of_a_repeated_one_the_first_counts() -> None:
    met = {True: 0, False: 0}
    for zone, change, moved in CHANGES:
        absent = moved > timedelta()
        met[absent] += 1
        before = wall_clock(change - SECOND, zone) + SECOND  # what the clock would have shown
        for part in (0, 1, 2):
            inside = part * (abs(moved) - SECOND) // 2 // SECOND * SECOND
            if absent:  # the clock shows before + inside only as before + moved + inside
                wall = before + inside
                assert wall_clock(at_wall_clock(wall, zone), zone) == wall + moved, zone
            else:  # the hour up to `before` comes twice, and its first pass ends at the change
                wall = before + moved + inside
                assert at_wall_clock(wall, zone) == change + moved + inside, zone
                assert wall_clock(change + inside, zone) == wall, zone
    assert min(met.values()) > 150


# --- whoever asks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", [None, "Europe/Berlin", "Australia/Lord_Howe"])
@pytest.mark.parametrize("every", [("month", 1), ("month", 3), ("year", 1)])
def test_a_period_does_not_depend_on_what_was_asked_before(
    every: tuple[Interval, int], zone: str | None
) -> None:
    cadence = Cadence(*every)
    anchors = [datetime(YEAR, 1, day, 0, 30, tzinfo=UTC) for day in (28, 29, 30, 31)]
    asks = [(anchor, anchor + timedelta(days=9 * n)) for n in range(60) for anchor in anchors]

    def answers(order: list[tuple[datetime, datetime]]) -> dict[object, object]:
        period_from.cache_clear()
        return {ask: period_from(ask[1], ask[0], cadence, zone) for ask in order}

    assert answers(asks) == answers(asks[::-1]) == answers([*asks, *asks])

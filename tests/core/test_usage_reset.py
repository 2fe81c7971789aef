"""When a quota starts again: anchors, short months, time zones, clocks that skip and repeat."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.catalog import Reset
from tallystick.core.period import Cadence
from tallystick.core.schedule import Schedule
from tallystick.core.usage_reset import last_usage_reset, next_usage_reset
from tallystick.errors import InvalidPeriod

if TYPE_CHECKING:
    from tallystick.core.period import Instant

ZONES = ["UTC", "Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Asia/Kolkata"]
RESETS = [each for each in get_args(Reset) if each != "billing_period"]


def at(text: str, zone: str = "UTC") -> Instant:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def resets(
    now: str, reset: Any, start: str, anchor: str | None = None, zone: str = "UTC", **more: Any
) -> str:
    """Ask in the wall clock of a zone and answer in it."""
    schedule = Schedule(
        start=at(start, zone), anchor=None if anchor is None else at(anchor, zone), zone=zone
    )
    came = next_usage_reset(at(now, zone), reset, schedule, **more)
    assert came is not None
    return f"{came.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}"


@pytest.mark.parametrize(
    ("now", "reset", "start", "anchor", "zone", "expected"),
    [
        ("2024-01-10T12:00", "month", "2024-01-05", None, "UTC", "2024-02-05T00:00"),
        ("2024-10-19T09:15", "month", "2024-01-05", None, "UTC", "2024-11-05T00:00"),
        ("2024-01-10T12:00", "month", "2024-01-05", "2024-02-01", "UTC", "2024-02-01T00:00"),
        ("2024-02-15T14:30", "month", "2024-01-05", "2024-02-01", "UTC", "2024-03-01T00:00"),
        ("2024-02-15T12:00", "month", "2024-01-31", None, "UTC", "2024-02-29T00:00"),
        ("2024-02-29T00:00", "month", "2024-01-31", None, "UTC", "2024-03-31T00:00"),
        ("2024-12-15T12:00", "month", "2024-11-05", None, "UTC", "2025-01-05T00:00"),
        ("2024-03-15T14:30", "month", "2024-01-05T05:30", None, ZONES[4], "2024-04-05T00:00"),
        ("2024-04-05T02:00", "month", "2024-01-05T05:30", None, ZONES[4], "2024-05-05T00:00"),
        ("2024-01-10T00:00", "week", "2024-01-03T08:00", None, "UTC", "2024-01-17T00:00"),
        ("2024-02-29T23:59:59", "day", "2024-01-01", None, "UTC", "2024-03-01T00:00"),
        ("2024-03-15T12:30", "day", "2024-01-01T05:30", None, ZONES[4], "2024-03-16T00:00"),
        ("2025-01-01T00:00", "year", "2024-02-29T10:00", None, "UTC", "2025-02-28T00:00"),
        ("2024-01-10T12:34:56", "hour", "2024-01-01", None, ZONES[4], "2024-01-10T13:00"),
        ("2024-01-10T12:34:56", "minute", "2024-01-01", None, "UTC", "2024-01-10T12:35"),
        ("2024-01-10T12:00", Cadence("month", 3), "2024-01-05", None, "UTC", "2024-04-05T00:00"),
    ],
)
def test_a_quota_starts_again_at_local_midnight_of_the_anchors_day(
    now: str, reset: Any, start: str, anchor: str | None, *, zone: str, expected: str
) -> None:
    assert resets(now, reset, start, anchor, zone) == expected


def test_a_billing_period_is_that_of_the_plan() -> None:
    quarter = Cadence("month", 3)
    came = resets("2024-01-10T12:00", "billing_period", "2024-01-05T09:00", billing=quarter)
    assert came == "2024-04-05T00:00"
    with pytest.raises(InvalidPeriod, match="needs the cadence of the plan"):
        resets("2024-01-10T12:00", "billing_period", "2024-01-05T09:00")


def test_the_end_of_the_subscription_caps_it() -> None:
    schedule = Schedule(start=at("2024-01-05"), end=at("2024-03-15T12:00"))
    ends = [next_usage_reset(at(now), "month", schedule) for now in ("2024-03-10", "2024-03-15T12")]
    assert ends == [schedule.end, schedule.end]


def test_what_never_resets_counts_from_the_start() -> None:
    schedule = Schedule(start=at("2024-01-05"))
    assert next_usage_reset(at("2024-03-10"), None, schedule) is None
    assert last_usage_reset(at("2024-03-10"), None, schedule) == at("2024-01-05")


def test_before_the_subscription_there_is_no_answer() -> None:
    schedule = Schedule(start=at("2024-01-05"))
    for ask in (next_usage_reset, last_usage_reset):
        with pytest.raises(InvalidPeriod, match="has started"):
            ask(at("2024-01-04"), "day", schedule)
    reset: Any = "fortnight"
    with pytest.raises(InvalidPeriod, match="'fortnight' is not an interval"):
        next_usage_reset(at("2024-01-06"), reset, schedule)


def test_a_midnight_that_a_zone_skips_moves_on_and_the_others_stay() -> None:
    zone = "America/Sao_Paulo"  # on 2018-11-04 the clock goes from 23:59 to 01:00
    assert resets("2018-11-03T12:00", "day", "2018-11-01", zone=zone) == "2018-11-04T01:00"
    assert resets("2018-11-04T12:00", "day", "2018-11-01", zone=zone) == "2018-11-05T00:00"
    assert resets("2018-11-10T12:00", "month", "2018-11-04T05:00", zone=zone) == "2018-12-04T00:00"


def test_of_a_midnight_that_comes_twice_the_first_counts() -> None:
    zone = "America/Havana"  # on 2023-11-05 the clock goes from 01:00 back to 00:00
    schedule = Schedule(start=at("2023-11-01", zone), zone=zone)
    first = at("2023-11-05T00:00", zone)
    again = first + timedelta(minutes=90)
    assert next_usage_reset(first - timedelta(seconds=1), "day", schedule) == first
    assert next_usage_reset(again, "day", schedule) == at("2023-11-06T00:00", zone)
    assert last_usage_reset(again, "day", schedule) == first


def test_a_midnight_that_is_past_does_not_come_again() -> None:
    zone = "America/Goose_Bay"  # on 2010-11-07 the clock went from 00:01 back to 23:01
    schedule = Schedule(start=at("2010-11-01", zone), zone=zone)
    first = at("2010-11-07T00:00", zone)
    evening_again = first + timedelta(minutes=30)
    assert evening_again.astimezone(ZoneInfo(zone)).day == 6
    assert next_usage_reset(evening_again, "day", schedule) == at("2010-11-08T00:00", zone)
    assert last_usage_reset(evening_again, "day", schedule) == first


def test_usage_counts_from_the_last_reset_or_from_the_start() -> None:
    schedule = Schedule(start=at("2024-01-05T09:00"))
    assert last_usage_reset(at("2024-01-20"), "month", schedule) == at("2024-01-05T09:00")
    assert last_usage_reset(at("2024-02-05"), "month", schedule) == at("2024-02-05")
    assert last_usage_reset(at("2024-02-04T23:59"), "month", schedule) == at("2024-01-05T09:00")
    assert last_usage_reset(at("2024-02-05T10:20:30"), "hour", schedule) == at("2024-02-05T10:00")


@given(
    st.sampled_from(RESETS),
    st.sampled_from(ZONES),
    st.datetimes(datetime(2018, 1, 1), datetime(2019, 12, 31)),  # noqa: DTZ001 - as Hypothesis asks
    st.integers(0, 500 * 86_400),
)
def test_windows_tile(reset: Any, zone: str, start: datetime, later: int) -> None:
    schedule = Schedule(start=start.replace(tzinfo=UTC), zone=zone)
    now = schedule.start + timedelta(seconds=later)
    last, then = (ask(now, reset, schedule) for ask in (last_usage_reset, next_usage_reset))
    assert then is not None
    assert last is not None
    assert last <= now < then
    assert last_usage_reset(then, reset, schedule) == then
    assert next_usage_reset(last, reset, schedule) == then
    assert last_usage_reset(then - timedelta(microseconds=1), reset, schedule) == last

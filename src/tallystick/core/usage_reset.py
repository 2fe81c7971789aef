"""When a quota starts again.

A quota of a day or longer starts again at local midnight, on the days that are counted from the
anchor's day: from the 31st of January on the 28th or 29th of February, then on the 31st of March.
One of a minute or an hour starts again with the next minute or hour of the clock on the wall.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tallystick.core.calendar import (
    at_wall_clock,
    next_boundary_after,
    previous_boundary,
    wall_clock,
)
from tallystick.core.period import Cadence, instant
from tallystick.errors import InvalidPeriod

if TYPE_CHECKING:
    from tallystick.core.catalog import Reset
    from tallystick.core.period import Instant
    from tallystick.core.schedule import Schedule

__all__ = ["last_usage_reset", "next_usage_reset"]

_CLOCK: Final = {"minute": 60, "hour": 3_600}


def next_usage_reset(
    now: Instant,
    reset: Reset | Cadence | None,
    schedule: Schedule,
    *,
    billing: Cadence | None = None,
) -> Instant | None:
    """Give when a quota next starts again, strictly after `now`; None where it never does.

    `billing` is the cadence of the plan, for a reset at each billing period.  The end of the
    subscription caps it, also where that is past.

    Raises InvalidPeriod, also before the subscription has started.
    """
    now = _since_the_start(now, schedule)
    if reset is None:
        return None
    at = _next(now, _size(reset, billing), schedule)
    return at if schedule.end is None else min(at, schedule.end)


def last_usage_reset(
    now: Instant,
    reset: Reset | Cadence | None,
    schedule: Schedule,
    *,
    billing: Cadence | None = None,
) -> Instant:
    """Give when a quota last started, at `now` or before: usage counts from there on.

    That is the start of the subscription where there was no reset since.  Raises InvalidPeriod,
    also before the subscription has started.
    """
    now = _since_the_start(now, schedule)
    if reset is None:
        return schedule.start
    return max(schedule.start, _last(now, _size(reset, billing), schedule))


def _since_the_start(now: Instant, schedule: Schedule) -> Instant:
    now = instant(now)
    if now < schedule.start:
        raise InvalidPeriod("a quota does not reset before its subscription has started")
    return now


def _size(reset: Reset | Cadence, billing: Cadence | None) -> Cadence | int:
    """Give the length between resets: a cadence, or seconds of the clock on the wall."""
    if isinstance(reset, Cadence):
        return reset
    if reset == "billing_period":
        if billing is None:
            raise InvalidPeriod("a reset at each billing period needs the cadence of the plan")
        return billing
    return _CLOCK[reset] if reset in _CLOCK else Cadence(reset)  # type: ignore[arg-type]  # checked there


def _next(now: Instant, size: Cadence | int, schedule: Schedule) -> Instant:
    wall = wall_clock(now, schedule.zone)
    if isinstance(size, int):
        return now - _passed(wall, size) + timedelta(seconds=size)
    while True:
        wall = _plain(next_boundary_after(_midnight(schedule), size, _as_utc(wall)))
        at = at_wall_clock(wall, schedule.zone)
        # Where a zone repeats an hour over midnight, its first midnight is past already.
        if at > now:
            return at


def _last(now: Instant, size: Cadence | int, schedule: Schedule) -> Instant:
    wall = wall_clock(now, schedule.zone)
    if isinstance(size, int):
        return now - _passed(wall, size)
    # A midnight later on this clock may have passed already, where the zone repeats an hour.
    wall = _plain(next_boundary_after(_midnight(schedule), size, _as_utc(wall)))
    while (at := at_wall_clock(wall, schedule.zone)) > now:
        wall = _plain(previous_boundary(_midnight(schedule), size, _as_utc(wall)))
    return at


def _passed(wall: datetime, seconds: int) -> timedelta:
    """Give how much of a minute or an hour has passed on the wall."""
    since = timedelta(minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)
    return since % timedelta(seconds=seconds)


def _midnight(schedule: Schedule) -> Instant:
    """Give local midnight of the anchor's day, as the wall shows it."""
    wall = wall_clock(schedule.origin, schedule.zone)
    return _as_utc(wall.replace(hour=0, minute=0, second=0, microsecond=0))


# Midnights are counted on the wall and turned into instants one by one: a zone that skips one
# midnight keeps all others.
def _as_utc(wall: datetime) -> Instant:
    return wall.replace(tzinfo=UTC)


def _plain(at: Instant) -> datetime:
    return at.replace(tzinfo=None)

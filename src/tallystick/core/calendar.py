"""Where the boundaries of a cadence fall: anchors, clamping, time zones, alignment.

Boundary *n* is counted from the anchor, never from boundary *n-1*, so a short month never drags
the days after it: an anchor on Jan 31 gives Feb 28, then Mar 31.  An anchor is an instant in UTC
unless a zone is given; then it is the wall clock of that IANA zone that is kept, and the length
of a day or month in seconds follows the zone.  A wall-clock time that a zone skips is moved on by
the gap (02:30 becomes 03:30); of one that comes twice the first counts.

A question whose answer would lie before year 1 or after year 9999 raises InvalidPeriod, as does
every unknown zone.  Zones are read by name from the zone database that Python finds (the system's,
else the `tzdata` package): a table of constants, like that of the currencies.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo, available_timezones

from tallystick.core.period import Cadence, Period, instant
from tallystick.core.spelling import nearest
from tallystick.errors import InvalidPeriod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.period import Instant

__all__ = [
    "CalendarUnit",
    "WeekStart",
    "at_wall_clock",
    "boundary",
    "check_zone",
    "completed_periods",
    "days_in_month",
    "first_boundary",
    "next_boundary",
    "next_boundary_after",
    "period_containing",
    "previous_boundary",
    "shift",
    "wall_clock",
]

CalendarUnit: TypeAlias = Literal["day", "week", "month", "quarter", "half_year", "year"]
"""What periods can be aligned to: a stretch of the calendar that begins at local midnight."""

WeekStart: TypeAlias = Literal["monday", "sunday"]
"""The day on which a calendar week begins."""

_LAST_YEAR: Final = 9999
_FEBRUARY: Final = 2
_LENGTHS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_ZONE_NAME: Final = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,2}", re.ASCII)
# Not places: the clock of this machine, and fillers of the database.
_NOT_ZONES: Final = frozenset({"localtime", "posixrules", "Factory"})
_UNIT_OF_MONTHS: Final[dict[int, CalendarUnit]] = {1: "month", 3: "quarter", 6: "half_year"}
_SIZES: Final[dict[CalendarUnit, Cadence]] = {
    "day": Cadence("day"),
    "week": Cadence("week"),
    "month": Cadence("month"),
    "quarter": Cadence("month", 3),
    "half_year": Cadence("month", 6),
    "year": Cadence("year"),
}


# --- zones and wall clocks ------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones()) - _NOT_ZONES


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    """Give a zone of the database by its exact name.  Raises InvalidPeriod."""
    known = _zone_names()
    if _ZONE_NAME.fullmatch(name) is None or name not in known:
        near = nearest(name, known)
        hint = f"; did you mean {near!r}?" if near else ", such as 'Europe/Berlin'"
        raise InvalidPeriod(f"{name[:64]!r} is not the name of an IANA time zone{hint}")
    return ZoneInfo(name)


def check_zone(name: str) -> str:
    """Give back the name of an IANA time zone.  Raises InvalidPeriod with a "did you mean"."""
    if not isinstance(name, str):
        raise InvalidPeriod(f"a time zone is given by its name, not as {type(name).__name__}")
    return _zone(name).key


def wall_clock(at: Instant, zone: str | None = None) -> datetime:
    """Give what a clock on the wall shows in a zone: a datetime without a zone.

    Without a zone the wall clock is that of UTC.  Raises InvalidPeriod.
    """
    utc = instant(at)
    if zone is None:
        return utc.replace(tzinfo=None)
    try:
        local = utc.astimezone(_zone(check_zone(zone)))
    except OverflowError:
        raise InvalidPeriod(f"{utc.isoformat()} is outside the calendar of {zone}") from None
    return local.replace(tzinfo=None)


def at_wall_clock(wall: datetime, zone: str | None = None) -> Instant:
    """Give the instant at which a zone's clock shows a time.

    A time that the zone skips is moved on by the gap; of a time that comes twice the first
    counts.  Raises InvalidPeriod, also for a time that has a zone already.
    """
    if not isinstance(wall, datetime):
        raise InvalidPeriod(f"a wall-clock time is a datetime, not {type(wall).__name__}")
    if wall.tzinfo is not None:
        raise InvalidPeriod(f"{wall.isoformat()} has a zone: a wall-clock time has none")
    if zone is None:
        return wall.replace(tzinfo=UTC)
    # fold=0 reads a skipped time by the offset before the gap, a repeated one by the first.
    try:
        return wall.replace(tzinfo=_zone(check_zone(zone)), fold=0).astimezone(UTC)
    except OverflowError:
        raise InvalidPeriod(f"{wall.isoformat()} in {zone} is outside the calendar") from None


# --- counting from an anchor ----------------------------------------------------------------------


def days_in_month(year: int, month: int) -> int:
    """Give the length of a month."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _LENGTHS[month - 1] + (leap and month == _FEBRUARY)


def shift(wall: datetime, cadence: Cadence, n: int) -> datetime:
    """Move a wall-clock time by n cadences, keeping clock and day; short months clamp the day.

    Raises InvalidPeriod beyond the years 1 to 9999.
    """
    if not isinstance(n, int):
        raise InvalidPeriod(f"boundaries are counted in whole numbers, not {type(n).__name__}")
    if cadence.months:
        year, month = divmod(wall.year * 12 + wall.month - 1 + n * cadence.months, 12)
        if not 1 <= year <= _LAST_YEAR:
            raise InvalidPeriod("a boundary lies outside the years 1 to 9999")
        day = min(wall.day, days_in_month(year, month + 1))
        return wall.replace(year=year, month=month + 1, day=day)
    try:
        return wall + timedelta(days=n * cadence.days)
    except OverflowError:
        raise InvalidPeriod("a boundary lies outside the years 1 to 9999") from None


def boundary(anchor: Instant, cadence: Cadence, n: int, zone: str | None = None) -> Instant:
    """Give the n-th boundary, counted from the anchor; n may be negative, 0 is the anchor.

    Short months clamp and the day comes back: an anchor on Jan 31 gives Feb 28, then Mar 31; one
    on Feb 29 gives Feb 28 until the next leap year.  Raises InvalidPeriod.
    """
    if n == 0:  # the anchor itself, also where it stands in the second pass of a repeated hour
        return instant(anchor)
    return at_wall_clock(shift(wall_clock(anchor, zone), cadence, n), zone)


def _last_at_or_before(anchor: Instant, cadence: Cadence, at: Instant, zone: str | None) -> int:
    """Give the greatest n whose boundary is not after an instant.

    Estimated on wall clocks, then corrected by a step or two: never a walk over all periods.
    """

    def is_after(n: int) -> bool:
        try:
            return boundary(anchor, cadence, n, zone) > at
        except InvalidPeriod:  # beyond the calendar: later than all, or earlier than all
            return n > 0

    here, origin = wall_clock(at, zone), wall_clock(anchor, zone)
    if cadence.months:
        months = (here.year - origin.year) * 12 + here.month - origin.month
        n = months // cadence.months
    else:
        n = (here - origin) // timedelta(days=1) // cadence.days
    while is_after(n):
        n -= 1
    while not is_after(n + 1):
        n += 1
    return n


def next_boundary_after(
    anchor: Instant, cadence: Cadence, at: Instant, zone: str | None = None
) -> Instant:
    """Give the first boundary strictly after an instant.  Raises InvalidPeriod."""
    at = instant(at)
    return boundary(anchor, cadence, _last_at_or_before(anchor, cadence, at, zone) + 1, zone)


def previous_boundary(
    anchor: Instant, cadence: Cadence, at: Instant, zone: str | None = None
) -> Instant:
    """Give the last boundary strictly before an instant.  Raises InvalidPeriod."""
    at = instant(at)
    n = _last_at_or_before(anchor, cadence, at, zone)
    while (latest := boundary(anchor, cadence, n, zone)) >= at:
        n -= 1
    return latest


def period_containing(
    anchor: Instant, cadence: Cadence, at: Instant, zone: str | None = None
) -> Period:
    """Give the period between two boundaries into which an instant falls.

    An instant on a boundary belongs to the period that begins there.  Raises InvalidPeriod.
    """
    at = instant(at)
    n = _last_at_or_before(anchor, cadence, at, zone)
    return Period(boundary(anchor, cadence, n, zone), boundary(anchor, cadence, n + 1, zone))


# --- the periods of a subscription ----------------------------------------------------------------


def next_boundary(
    start: Instant,
    anchor: Instant,
    cadence: Cadence,
    zone: str | None = None,
    *,
    subscription_end: Instant | None = None,
) -> Instant:
    """Give the end of the period that begins at `start`.

    A start on the anchor's (clamped) day and clock runs whole intervals; any other runs to the
    next anchor date, so a first period before the anchor ends there at the latest.
    The end of the subscription caps it.

    Raises InvalidPeriod, also where the subscription ends before the period begins.
    """
    start, anchor = instant(start), instant(anchor)
    if subscription_end is not None and instant(subscription_end) <= start:
        raise InvalidPeriod("the subscription ends before the period begins")
    end = _end_of_period(start, anchor, cadence, zone)
    return end if subscription_end is None else min(end, instant(subscription_end))


def _end_of_period(start: Instant, anchor: Instant, cadence: Cadence, zone: str | None) -> Instant:
    if start >= anchor:
        unit = cadence.unit
        n = _last_at_or_before(anchor, unit, start, zone)
        if boundary(anchor, unit, n, zone) == start:
            return boundary(anchor, unit, n + cadence.units, zone)
    return next_boundary_after(anchor, cadence, start, zone)


def completed_periods(
    start: Instant,
    anchor: Instant,
    cadence: Cadence,
    zone: str | None = None,
    *,
    until: Instant,
    subscription_end: Instant | None = None,
) -> Iterator[Period]:
    """Give the periods from `start` on that have ended at `until`, in order.

    They are the same whoever asks and however late: what comes out for a later `until` begins
    with what came out for an earlier one.  Raises InvalidPeriod.
    """
    start, until = instant(start), instant(until)
    last = None if subscription_end is None else instant(subscription_end)
    while last is None or start < last:
        end = next_boundary(start, anchor, cadence, zone, subscription_end=last)
        if end > until:
            return
        yield Period(start, end)
        start = end


# --- alignment to the calendar --------------------------------------------------------------------


def first_boundary(
    start: Instant,
    cadence: Cadence,
    zone: str | None = None,
    *,
    week_starts: WeekStart = "monday",
    unit: CalendarUnit | None = None,
) -> Instant:
    """Give the end of the first period of a subscription aligned to the calendar.

    Periods then begin at local midnight of the first day of a calendar unit, and the part of a
    unit at the beginning counts as the first of them: every 2 months from Jan 15 first ends on
    Mar 1.  `unit` is what is aligned to; left out it is what the cadence is called: the quarter
    for 3 months, the half-year for 6, the year for whole years, else the month, week or day.

    Raises InvalidPeriod.
    """
    start = instant(start)
    size = _SIZES.get(unit or _unit_named_by(cadence))
    if size is None:
        raise InvalidPeriod(f"{str(unit)[:40]!r} is not one of {', '.join(_SIZES)}")
    if week_starts not in get_args(WeekStart):
        raise InvalidPeriod(f"a week starts on monday or sunday, not {str(week_starts)[:40]!r}")
    if cadence.key[0] != size.key[0] or cadence.key[1] % size.key[1]:
        raise InvalidPeriod(f"{cadence.label!r} is not a whole number of the unit {unit!r}")
    first = _first_midnight(wall_clock(start, zone), size, week_starts)
    end, n = start, cadence.key[1] // size.key[1]
    # A zone that sets its clock back over midnight has a start that is "yesterday" again.
    while end <= start:
        end, n = at_wall_clock(shift(first, size, n), zone), n + 1
    return end


def _unit_named_by(cadence: Cadence) -> CalendarUnit:
    return _UNIT_OF_MONTHS.get(cadence.months, cadence.unit.interval)


def _first_midnight(wall: datetime, size: Cadence, week_starts: WeekStart) -> datetime:
    """Give the midnight with which the calendar unit of a wall-clock time begins."""
    midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    if size.months:
        return midnight.replace(month=(wall.month - 1) // size.months * size.months + 1, day=1)
    if size.days == 1:
        return midnight
    passed = (wall.weekday() + (week_starts == "sunday")) % 7
    return shift(midnight, Cadence("day"), -passed)

"""Instants, periods and cadences: the words in which everything about time is said.

* An `Instant` is an aware datetime in UTC.  Nothing here reads a clock.
* A `Period` is half-open, `[start, end)`: its end belongs to the next one, so periods tile.
* A `Cadence` is "every n days, weeks, months or years".

Where the boundaries of a cadence fall is the business of `tallystick.core.calendar`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from tallystick.core.catalog import Interval
from tallystick.core.spelling import nearest
from tallystick.errors import InvalidPeriod

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.core.catalog import Plan

__all__ = [
    "FIRST_YEAR",
    "LAST_YEAR",
    "Cadence",
    "Instant",
    "Period",
    "cadence_of",
    "instant",
    "instant_text",
    "known_cadence",
    "longer_than_three_years",
    "parse_instant",
    "tiled",
    "to_the_second",
]

Instant: TypeAlias = datetime
"""A point in time: an aware datetime whose zone is UTC.  `instant` makes one."""

FIRST_YEAR: Final = 1900
"""The first year that text from outside may name; others are slips of a unit or of a pen."""

LAST_YEAR: Final = 2199
"""The last year that text from outside may name."""

_SECOND: Final = timedelta(seconds=1)
_INTERVALS: Final[tuple[str, ...]] = get_args(Interval)
_MONTHS: Final = {"month": 1, "year": 12}
_DAYS: Final = {"day": 1, "week": 7}
_ADVERBS: Final = {
    ("day", 1): "Daily",
    ("week", 1): "Weekly",
    ("month", 1): "Monthly",
    ("month", 3): "Quarterly",
    ("month", 12): "Yearly",
    ("year", 1): "Yearly",
}
_LONGEST: Final = 40
_DAYS_OF_THE_CALENDAR: Final = 3_652_059  # years 1 to 9999: a longer cadence has no boundary
_RFC_3339: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]"
    r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))?",
)


def instant(moment: datetime) -> Instant:
    """Give an aware datetime in UTC.

    Raises InvalidPeriod for a datetime without a zone, and for one that UTC cannot hold.
    """
    if not isinstance(moment, datetime):
        raise InvalidPeriod(f"an instant is a datetime, not {type(moment).__name__}")
    if moment.tzinfo is UTC:
        return moment
    if moment.utcoffset() is None:
        raise InvalidPeriod(f"{moment.isoformat()} has no time zone: give one, such as UTC")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidPeriod(f"{moment.isoformat()} is outside the calendar in UTC") from None


def to_the_second(at: Instant) -> Instant:
    """Cut an instant to its whole second, always downwards: the rule for acts at the door."""
    return instant(at).replace(microsecond=0)


def parse_instant(text: str) -> Instant:
    """Read RFC 3339 text, such as `2027-01-31T09:30:00Z` or `2027-01-31T09:30:00.25+02:00`.

    Years from 1900 to 2199.  A zone is required; a leap second (`:60`) is refused, as no clock
    of ours counts one; digits beyond the microsecond are dropped.

    Raises InvalidPeriod.
    """
    if not isinstance(text, str):
        raise InvalidPeriod(f"a time is read from its text, not from {type(text).__name__}")
    if len(text) > _LONGEST:
        raise InvalidPeriod(f"a time of {len(text)} characters is too long")
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise InvalidPeriod(f"{text!r} is not a time such as 2027-01-31T09:30:00Z")
    *clock, fraction, zulu, sign, hours, minutes = match.groups()
    if zulu is None and sign is None:
        raise InvalidPeriod(f"{text!r} has no time zone: end it with Z or with +02:00")
    year, month, day, hour, minute, second = map(int, clock)
    if second == 60:  # noqa: PLR2004 - RFC 3339 writes a leap second as 60
        raise InvalidPeriod(f"{text!r} is a leap second, which no clock here counts: use :59")
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise InvalidPeriod(f"{text!r} is not between the years {FIRST_YEAR} and {LAST_YEAR}")
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        moment = datetime(year, month, day, hour, minute, second, microsecond, UTC)
    except ValueError as error:
        raise InvalidPeriod(f"{text!r} is not on the calendar: {error}") from None
    return moment - _offset(text, sign, hours, minutes)


def _offset(text: str, sign: str | None, hours: str | None, minutes: str | None) -> timedelta:
    """Read the offset of a time; none stands for Z."""
    if sign is None or hours is None or minutes is None:
        return timedelta()
    if int(hours) > 23 or int(minutes) > 59:  # noqa: PLR2004 - the last hour and minute
        raise InvalidPeriod(f"{text!r} has an offset of more than 23:59")
    size = timedelta(hours=int(hours), minutes=int(minutes))
    return -size if sign == "-" else size


def instant_text(at: Instant) -> str:
    """Write an instant as RFC 3339 text in UTC; `parse_instant` reads it back.

    2027-01-31T09:30:00Z, with decimals only where there is a part of a second.
    """
    return instant(at).replace(tzinfo=None).isoformat() + "Z"


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A half-open stretch of time, `[start, end)`, in whole seconds.

    Raises InvalidPeriod where the end is not after the start, or an end has a part of a second
    (acts are cut to the second at the door, see `to_the_second`).
    """

    start: Instant
    end: Instant

    def __post_init__(self) -> None:
        """Bring both ends to UTC and check them."""
        object.__setattr__(self, "start", instant(self.start))
        object.__setattr__(self, "end", instant(self.end))
        if self.start.microsecond or self.end.microsecond:
            raise InvalidPeriod(f"{self} does not begin and end on whole seconds")
        if self.start >= self.end:
            raise InvalidPeriod(f"{self} is empty: its end must come after its start")

    def __str__(self) -> str:
        """Give the two ends in the notation of a half-open interval."""
        return f"[{instant_text(self.start)}, {instant_text(self.end)})"

    def __contains__(self, at: Instant) -> bool:
        """Whether an instant falls into the period; the end does not."""
        return self.start <= instant(at) < self.end

    @property
    def seconds(self) -> int:
        """The length in seconds, which have no leap seconds among them."""
        return (self.end - self.start) // _SECOND

    def overlaps(self, other: Period) -> bool:
        """Whether the two have an instant in common; neighbours have none."""
        return self.start < other.end and other.start < self.end

    def intersection(self, other: Period) -> Period | None:
        """Give what the two have in common, or None."""
        if not self.overlaps(other):
            return None
        return Period(max(self.start, other.start), min(self.end, other.end))


def tiled(periods: Iterable[Period]) -> Period:
    """Give the one period that these cover, each beginning where the one before ends.

    Raises InvalidPeriod at the first gap or overlap, and where there is none at all.
    """
    tiles = tuple(periods)
    if not tiles:
        raise InvalidPeriod("no periods: nothing is covered")
    for before, after in pairwise(tiles):
        if before.end != after.start:
            fault = "a gap" if before.end < after.start else "an overlap"
            raise InvalidPeriod(f"{fault} between {before} and {after}")
    return Period(tiles[0].start, tiles[-1].end)


@dataclass(frozen=True, slots=True)
class Cadence:
    """Every `count` days, weeks, months or years.

    Equality is of what was written; `same_as` compares what is meant.  The count is at least 1,
    and bounded only by the calendar's own length (a catalogue's by `longer_than_three_years`).

    Raises InvalidPeriod.
    """

    interval: Interval
    count: int = 1

    def __post_init__(self) -> None:
        """Check the interval's word and the count."""
        if self.interval not in _INTERVALS:
            word = str(self.interval)[:_LONGEST]
            near = nearest(word, _INTERVALS)
            hint = f"; did you mean {near!r}?" if near else ""
            raise InvalidPeriod(f"{word!r} is not an interval: day, week, month or year{hint}")
        if type(self.count) is not int:  # bool is an int, and no count
            kind = type(self.count).__name__
            raise InvalidPeriod(f"an interval count is a whole number from 1, not of type {kind}")
        if not 1 <= self.count <= _DAYS_OF_THE_CALENDAR:
            raise InvalidPeriod("an interval count is a whole number from 1 to 3,652,059")

    @property
    def months(self) -> int:
        """The length in months; 0 where it is counted in days."""
        return _MONTHS.get(self.interval, 0) * self.count

    @property
    def days(self) -> int:
        """The length in days; 0 where it is counted in months."""
        return _DAYS.get(self.interval, 0) * self.count

    @property
    def key(self) -> tuple[Literal["day", "month"], int]:
        """What is meant: 12 months for a year, 7 days for a week.  For sorting and comparing."""
        return ("month", self.months) if self.months else ("day", self.days)

    def same_as(self, other: Cadence) -> bool:
        """Whether the two mean the same, as year x 1 and month x 12 do."""
        return self.key == other.key

    @property
    def unit(self) -> Cadence:
        """The one calendar unit of which the cadence is a multiple.

        A year for whole years, else a month; a week for whole weeks, else a day.  Whatever was
        written, so cadences that mean the same have the same unit.
        """
        if self.months:
            return Cadence("month" if self.months % 12 else "year")
        return Cadence("day" if self.days % 7 else "week")

    @property
    def units(self) -> int:
        """How many of its `unit` the cadence has."""
        unit = self.unit
        return self.months // unit.months if self.months else self.days // unit.days

    @property
    def per_year(self) -> Fraction:
        """How many periods a year has, for comparing list prices of different cadences.

        A year is 12 months, and 365 days for what is counted in days or weeks.
        """
        return Fraction(12, self.months) if self.months else Fraction(365, self.days)

    @property
    def label(self) -> str:
        """The words for people: Daily, Weekly, Monthly, Quarterly, Yearly, else Every N ...s."""
        adverb = _ADVERBS.get((self.interval, self.count))
        return adverb or f"Every {self.count} {self.interval}s"


def cadence_of(plan: Plan) -> Cadence | None:
    """Give the cadence of a plan; None for one that is paid once."""
    return None if plan.interval is None else known_cadence(plan.interval, plan.count)


known_cadence: Final = lru_cache(maxsize=256, typed=True)(Cadence)
"""`Cadence` itself, for the few that plans and prices have."""


def longer_than_three_years(cadence: Cadence) -> bool:
    """Whether a catalogue would refuse it: more than 36 months, or more than 3 x 365 days."""
    return cadence.months > 3 * 12 or cadence.days > 3 * 365

"""Where periods end: the slow way, counting from the anchor until the date is passed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

__all__ = [
    "Every",
    "Frame",
    "around",
    "boundary",
    "calendar_start",
    "frame_within",
    "next_period",
    "wall_days",
]

Every = tuple[str, int]
"""An interval as plain words: `("month", 3)`."""

SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Frame:
    """A stretch that is being charged: when it ends, and the whole period its share is of.

    `holes` are pauses that moved its end on, `pauses` those that left it where it was.
    """

    end: datetime
    whole: tuple[datetime, datetime]
    holes: tuple[tuple[datetime, datetime], ...] = ()
    pauses: tuple[tuple[datetime, datetime], ...] = ()

    def moved(self, since: datetime, until: datetime) -> Frame:
        """Stand still for a while: everything ahead moves on."""
        length = until - since
        whole = (self.whole[0], self.whole[1] + length)
        return replace(
            self, end=self.end + length, whole=whole, holes=(*self.holes, (since, until))
        )

    def seconds(self, start: datetime, end: datetime) -> int:
        """Count the seconds between two instants that are in no pause."""
        left = end - start
        for since, until in (*self.holes, *self.pauses):
            left -= max(timedelta(), min(end, until) - max(start, since))
        return int(left / SECOND)

    def full(self) -> int:
        """Count the seconds of the whole period as long as it would be without any pause."""
        return replace(self, pauses=()).seconds(*self.whole)


def _local(at: datetime, zone: str | None) -> datetime:
    return at.astimezone(ZoneInfo(zone) if zone else UTC).replace(tzinfo=None)


def _utc(wall: datetime, zone: str | None) -> datetime:
    return wall.replace(tzinfo=ZoneInfo(zone) if zone else UTC, fold=0).astimezone(UTC)


def _days_of(year: int, month: int) -> int:
    return (datetime(year + month // 12, month % 12 + 1, 1) - datetime(year, month, 1)).days  # noqa: DTZ001 - a wall clock has no zone


def wall_days(at: datetime, days: int, zone: str | None) -> datetime:
    """Move by days on the wall clock."""
    return _utc(_local(at, zone) + timedelta(days=days), zone)


def boundary(anchor: datetime, every: Every, n: int, zone: str | None) -> datetime:
    """Give the n-th boundary from the anchor; a short month clamps the day, and it comes back."""
    if n == 0:
        return anchor
    unit, size = every
    wall = _local(anchor, zone)
    if unit in {"day", "week"}:
        return _utc(wall + timedelta(days=n * size * (7 if unit == "week" else 1)), zone)
    months = wall.year * 12 + wall.month - 1 + n * size * (12 if unit == "year" else 1)
    year, month = divmod(months, 12)
    day = min(wall.day, _days_of(year, month + 1))
    return _utc(wall.replace(year=year, month=month + 1, day=day), zone)


def around(
    anchor: datetime, every: Every, at: datetime, zone: str | None
) -> tuple[datetime, datetime]:
    """Give the two boundaries around an instant; one on a boundary has it as its first."""
    back = next(n for n in count() if boundary(anchor, every, -n, zone) <= at)
    n = next(n for n in count(-back) if boundary(anchor, every, n + 1, zone) > at)
    return boundary(anchor, every, n, zone), boundary(anchor, every, n + 1, zone)


def next_period(anchor: datetime, every: Every, at: datetime, zone: str | None) -> Frame:
    """Give the period that begins at an instant: whole intervals from the anchor's own day."""
    unit, size = every
    first, last = around(anchor, every, at, zone)
    if at >= anchor:
        for n in count():
            step = boundary(anchor, (unit, 1), n, zone)
            if step == at:
                last = boundary(anchor, (unit, 1), n + size, zone)
                break
            if step > at:
                break
    same = (first, last) == around(anchor, every, at, zone)
    return Frame(last, (first, last) if same else (at, last))


def frame_within(
    anchor: datetime,
    every: Every,
    period: tuple[datetime, datetime],
    at: datetime,
    zone: str | None,
) -> Frame:
    """Give what begins within a period that runs: its rest, of the interval before its end."""
    first, last = around(anchor, every, period[1] - SECOND, zone)
    if last != period[1]:
        return Frame(period[1], period)
    return Frame(period[1], (min(first, at) if first <= at else at, last))


def calendar_start(at: datetime, every: Every, zone: str | None) -> datetime:
    """Give the first midnight after an instant with which a month (quarter, year) begins."""
    unit, size = every
    months = size * (12 if unit == "year" else 1)
    step = {1: 1, 3: 3, 6: 6, 12: 12}.get(months, 1)
    wall = _local(at, zone)
    first = datetime(wall.year, (wall.month - 1) // step * step + 1, 1)  # noqa: DTZ001 - a wall clock
    ahead = (boundary(_utc(first, zone), ("month", 1), n * months, zone) for n in count(1))
    return next(each for each in ahead if each > at)

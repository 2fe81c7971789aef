"""Clocks for tests, for replays and for trying out: one that stands still, one that runs ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tallystick.errors import InvalidPeriod

if TYPE_CHECKING:
    from tallystick.ports import Clock

__all__ = ["AheadClock", "FrozenClock"]


class FrozenClock:
    """A clock that shows what it was set to until it is set again.

    >>> clock = FrozenClock(datetime(2026, 11, 21, tzinfo=UTC))
    >>> clock.advance(timedelta(days=1))
    datetime.datetime(2026, 11, 22, 0, 0, tzinfo=datetime.timezone.utc)
    """

    def __init__(self, at: datetime) -> None:
        """Set the clock.  Raises InvalidPeriod for a time without an offset."""
        self._at = _utc(at)

    def now(self) -> datetime:
        """Give the time it shows, in UTC."""
        return self._at

    def set(self, at: datetime) -> datetime:
        """Show another time, earlier or later.  Raises InvalidPeriod."""
        self._at = _utc(at)
        return self._at

    def advance(self, by: timedelta) -> datetime:
        """Let time pass, and give what it shows then."""
        self._at += by
        return self._at


class AheadClock:
    """A clock that runs as another does, and ahead of it by as much as was skipped.

    >>> clock = AheadClock(FrozenClock(datetime(2026, 11, 21, tzinfo=UTC)))
    >>> clock.skip(timedelta(days=31))
    datetime.datetime(2026, 12, 22, 0, 0, tzinfo=datetime.timezone.utc)
    """

    def __init__(self, clock: Clock) -> None:
        """Run as a clock does, not ahead of it yet."""
        self._clock, self._ahead = clock, timedelta()

    def now(self) -> datetime:
        """Give the time it shows, in UTC."""
        return self._clock.now() + self._ahead

    def skip(self, by: timedelta) -> datetime:
        """Run ahead by more, and give what it shows then.  Raises InvalidPeriod for going back."""
        if by < timedelta():
            raise InvalidPeriod("this clock is never turned back: skip a time of zero or more")
        self._ahead += by
        return self.now()


def _utc(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise InvalidPeriod(f"{at.isoformat()} has no offset: write datetime(…, tzinfo=UTC)")
    return at.astimezone(UTC)

"""A clock that stands still, for tests and for replays."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tallystick.errors import InvalidPeriod

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = ["FrozenClock"]


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


def _utc(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise InvalidPeriod(f"{at.isoformat()} has no offset: write datetime(…, tzinfo=UTC)")
    return at.astimezone(UTC)

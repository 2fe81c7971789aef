"""When something of a subscription comes again: grants of a cadence, resets of a quota."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.core.calendar import check_zone
from tallystick.core.period import instant
from tallystick.errors import InvalidPeriod

if TYPE_CHECKING:
    from tallystick.core.period import Instant

__all__ = ["Schedule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a subscription starts, what its periods are counted from, where, and when it ends.

    Without an anchor periods are counted from the start; without a zone the clock is that of UTC.

    Raises InvalidPeriod (an unknown zone, an end that is not after the start).
    """

    start: Instant
    anchor: Instant | None = None
    zone: str | None = None
    end: Instant | None = None

    def __post_init__(self) -> None:
        """Bring the instants to UTC and check the zone."""
        for name in ("start", "anchor", "end"):
            at = getattr(self, name)
            if at is not None:
                object.__setattr__(self, name, instant(at))
        if self.end is not None and self.end <= self.start:
            raise InvalidPeriod("a subscription ends after it starts")
        if self.zone is not None:
            check_zone(self.zone)

    @property
    def origin(self) -> Instant:
        """What periods are counted from."""
        return self.start if self.anchor is None else self.anchor

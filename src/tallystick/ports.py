"""The few holes in the wall: what the engine asks of the world outside.

A port stands here only where there are two real ways through it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Clock", "Ids"]


class Clock(Protocol):
    """What time it is: `wiring.SystemClock`, or `testing.clock.FrozenClock`."""

    def now(self) -> datetime:
        """Give the time, aware and in UTC."""
        ...


class Ids(Protocol):
    """New names for our own rows: `wiring.SystemIds`, or `testing.ids.CountedIds`."""

    def new(self, prefix: str) -> str:
        """Give an id that was never given before, as `cus_…`; ids sort in the order of birth."""
        ...

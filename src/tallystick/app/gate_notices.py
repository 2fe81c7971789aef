"""Levels of a limit that are reached: each told once for each window, where it became true."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tallystick.core.access import allowance_window
from tallystick.core.entitlement import UpTo
from tallystick.core.number import EXACT, plain
from tallystick.core.period import instant_text
from tallystick.storage.outbox import Notice, put_notices

if TYPE_CHECKING:
    from decimal import Decimal

    from tallystick.app.turn import Turn
    from tallystick.core.entitlement import WarningLevel

__all__ = ["KIND", "tell_levels"]

KIND: Final = "limit.reached"
"""The kind of these notices in the outbox."""

_LEVELS: Final[tuple[WarningLevel, ...]] = (80, 100)


def tell_levels(turn: Turn) -> None:
    """Tell that so many percent of a limit are used, once for each limit, window and level.

    A sliding window is told of once in its length; what never starts again once for each limit.
    """
    given, counted = turn.given, turn.counted
    if not isinstance(given.entitlement, UpTo):
        return
    units = EXACT.add(given.entitlement.units, counted.granted)
    reached = [level for level in _LEVELS if _is_reached(level, counted.used, units)]
    place = _place(turn)
    notices = [
        Notice(
            customer=turn.wish.customer,
            kind=KIND,
            cause=f"{turn.wish.feature}/{plain(units)}/{place}/{level}",
            at=turn.now,
            body={
                "feature": turn.wish.feature,
                "percent": level,
                "limit": plain(units),
                "used": plain(counted.used),
                "plan": "" if given.had is None else given.had.plan.ref,
                "since": place,
            },
        )
        for level in reached
    ]
    if notices:
        put_notices(turn.unit, notices)


def _is_reached(level: WarningLevel, used: Decimal, units: Decimal) -> bool:
    return units > 0 and Fraction(used) * 100 >= level * Fraction(units)


def _place(turn: Turn) -> str:
    """Name the window that a level is reached in."""
    feature = turn.given.feature
    window = allowance_window(turn.given, turn.at)
    if window is None or feature is None:
        return "always"
    if feature.window_seconds is not None:
        return f"sliding {int(turn.at.timestamp()) // feature.window_seconds}"
    return instant_text(window.start)

"""Levels of a limit that are reached: each told once for each window, where it became true."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.core.access import allowance_window
from tallystick.core.entitlement import Unlimited, UpTo
from tallystick.core.number import EXACT, exact_product, plain
from tallystick.core.period import instant_text
from tallystick.storage.gates import see_limit
from tallystick.storage.outbox import Notice, put_notices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.app.turn import Turn
    from tallystick.core.entitlement import WarningLevel

__all__ = ["CHANGED", "REACHED", "tell_levels"]

REACHED: Final = "limit.reached"
"""The kind of a notice that so many percent of a limit are used."""

CHANGED: Final = "limit.changed"
"""The kind of a notice that a limit is not what it was."""

_LEVELS: Final[tuple[WarningLevel, ...]] = (80, 100)
_UNLIMITED: Final = "unlimited"
_HUNDRED: Final = Decimal(100)


def tell_levels(turn: Turn) -> None:
    """Tell that so many percent of a limit are used, and that it is not what it was.

    A level is told once for each limit and window: for a sliding window once in its length, for
    what never starts again once for each limit.  A change is told at the first turn that sees it.
    """
    limit = _limit(turn)
    if limit is None:
        return
    notices = [_reached(turn, limit, level) for level in _LEVELS if _is_reached(turn, limit, level)]
    if turn.seen != limit:
        see_limit(turn.unit, turn.wish.customer, turn.meter.key, limit)
        if turn.seen is not None:
            notices.append(_notice(turn, CHANGED, turn.wish.id, limit, {"before": turn.seen}))
    if notices:
        put_notices(turn.unit, notices)


def _limit(turn: Turn) -> str | None:
    """Write the limit with all that is granted beside it."""
    given = turn.given.entitlement
    if isinstance(given, Unlimited):
        return _UNLIMITED
    if not isinstance(given, UpTo):
        return None
    return plain(EXACT.add(given.units, turn.counted.granted))


def _reached(turn: Turn, limit: str, level: WarningLevel) -> Notice:
    place = _place(turn)
    return _notice(turn, REACHED, f"{limit}/{place}/{level}", limit, {"percent": level})


def _notice(turn: Turn, kind: str, cause: str, limit: str, more: Mapping[str, object]) -> Notice:
    had = turn.given.had
    return Notice(
        customer=turn.wish.customer,
        kind=kind,
        cause=f"{turn.wish.feature}/{cause}",
        at=turn.now,
        body={
            "feature": turn.wish.feature,
            "limit": limit,
            "used": plain(turn.counted.used),
            "plan": "" if had is None else had.plan.ref,
            "since": _place(turn),
            **more,
        },
    )


def _is_reached(turn: Turn, limit: str, level: WarningLevel) -> bool:
    if limit in {_UNLIMITED, "0"}:
        return False
    used, most = exact_product(turn.counted.used, _HUNDRED), Decimal(limit)
    return used >= exact_product(most, Decimal(level))


def _place(turn: Turn) -> str:
    """Name the window that a level is reached in."""
    feature = turn.given.feature
    window = allowance_window(turn.given, turn.at)
    if window is None or feature is None:
        return "always"
    if feature.window_seconds is not None:
        return f"sliding {int(turn.at.timestamp()) // feature.window_seconds}"
    return instant_text(window.start)

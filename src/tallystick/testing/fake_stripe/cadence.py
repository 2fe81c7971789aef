"""When the periods of a subscription end, counted from its anchor.

Source: docs.stripe.com/billing/subscriptions/billing-cycle: a month that is too short ends on its
last day, and the anchor's day comes back.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Thing

__all__ = ["after", "boundary", "months_after"]

_SECONDS: Final = {"day": 86_400, "week": 7 * 86_400}
_MONTHS: Final = {"month": 1, "year": 12}


def months_after(start: int, months: int) -> int:
    """Give the second some months later."""
    at = datetime.fromtimestamp(start, UTC)
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    day = min(at.day, monthrange(year, month + 1)[1])
    return int(at.replace(year=year, month=month + 1, day=day).timestamp())


def boundary(anchor: int, recurring: Thing, number: int) -> int:
    """Give the second at which the period of a number begins; 0 is the anchor."""
    steps, interval = recurring["interval_count"] * number, recurring["interval"]
    if interval in _SECONDS:
        return anchor + int(_SECONDS[interval]) * int(steps)
    return months_after(anchor, _MONTHS[interval] * steps)


def after(anchor: int, recurring: Thing, at: int) -> int:
    """Give the first boundary after a second."""
    number = 1
    while boundary(anchor, recurring, number) <= at:
        number += 1
    return boundary(anchor, recurring, number)

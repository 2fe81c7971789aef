"""When something happens to a subscription by itself next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.core.subscription import TERMINAL
from tallystick.core.subscription_grants import grants_next
from tallystick.core.subscription_pauses import end_of_period, is_frozen

if TYPE_CHECKING:
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Subscription

__all__ = ["when_due", "when_next"]


def when_next(now: Subscription) -> Instant | None:
    """Give when something happens next by itself; None where nothing ever will.

    Nothing does to one that a provider bills: what it says is mirrored.
    """
    if now.origin is not None:
        return None
    times = (when_due(now), grants_next(now))
    return min((at for at in times if at is not None), default=None)


def when_due(now: Subscription) -> Instant | None:
    """Give when something but a grant of credits happens next; None where nothing ever will."""
    if now.state in TERMINAL:
        return None
    times = [now.ends_at, now.resumes_at, *(planned.at for planned in now.planned)]
    end = end_of_period(now)
    if not is_frozen(now):
        times += [now.cancel_at, end, *(span.end for span in now.spans)]
    elif now.cancel_at != end:
        times.append(now.cancel_at)  # the end of the period moves on, and a cancellation with it
    return min((at for at in times if at is not None), default=None)

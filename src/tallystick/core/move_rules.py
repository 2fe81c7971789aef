"""Which moves there are: by the state of a subscription, and by who bills it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.core.frozen import FrozenDict
from tallystick.core.move import (
    Cancel,
    Change,
    Keep,
    Lapse,
    Mirror,
    Pause,
    Recover,
    Resume,
    Start,
    Unplan,
)
from tallystick.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.move import MoveKind
    from tallystick.core.subscription import State, Subscription

__all__ = ["ALLOWED", "KINDS", "check_allowed", "check_biller"]

_ANY: Final[frozenset[MoveKind]] = frozenset({"change", "cancel", "keep", "unplan", "mirror"})

ALLOWED: Final[Mapping[State, frozenset[MoveKind]]] = FrozenDict(
    {
        "scheduled": _ANY,
        "trialing": _ANY,
        "active": _ANY | {"pause", "lapse"},
        "past_due": _ANY | {"pause", "recover"},
        "paused": _ANY | {"resume", "lapse", "recover"},
        "canceled": frozenset(),
        "ended": frozenset(),
    }
)
"""Which moves there are in which state; `start` makes a subscription and is in none.

`mirror` is the only one of what a provider bills, and of nothing else.
"""

KINDS: Final[Mapping[type[Any], MoveKind]] = FrozenDict(
    {
        Start: "start",
        Change: "change",
        Pause: "pause",
        Resume: "resume",
        Cancel: "cancel",
        Keep: "keep",
        Unplan: "unplan",
        Lapse: "lapse",
        Recover: "recover",
        Mirror: "mirror",
    }
)
"""The word for each move."""


def check_allowed(subscription: Subscription, kind: MoveKind) -> None:
    """Hold a move to what the state allows.  Raises Conflict, which says what it can do."""
    allowed = ALLOWED[subscription.state]
    if kind not in allowed:
        can = (
            f"it can {', '.join(sorted(allowed))}" if allowed else "nothing happens to it any more"
        )
        text = f"subscription {subscription.id!r} is {subscription.state}: no {kind} now; {can}"
        raise Conflict(text, state=subscription.state, move=kind)


def check_biller(subscription: Subscription, kind: MoveKind) -> None:
    """Hold a move to who bills: a provider's is only ever mirrored, and ours never.

    Raises Conflict, which says who bills it.
    """
    origin = subscription.origin
    if origin is not None and kind != "mirror":
        raise Conflict(
            f"{origin.provider} bills subscription {subscription.id!r} ({origin.reference}): no"
            f" {kind} of it here; without a host's connection, change, cancel, keep, pause and"
            f" resume ask {origin.provider} for it",
            biller="provider",
            provider=origin.provider,
            reference=origin.reference,
        )
    if origin is None and kind == "mirror":
        raise Conflict(f"subscription {subscription.id!r} is billed here: it mirrors no other")

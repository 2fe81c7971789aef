"""Subscriptions made again from their moves alone, as if nothing else were kept of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.core.move import Mirror, Start
from tallystick.core.subscription_moves import Outcome, advance, apply, start
from tallystick.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.catalog import Plan
    from tallystick.core.charge import Due
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Subscription
    from tallystick.core.subscription_grants import PlanGrant
    from tallystick.storage.moves import MoveRecord

__all__ = ["BY_MOVES", "made_by_moves", "refolded"]

BY_MOVES: Final = frozenset({"boundary", "change", "end", "resume"})
"""The first words of the causes that moves and time make; what else there is has another maker."""


def made_by_moves(cause: str) -> bool:
    """Whether a document's cause is one that moves and time make."""
    return cause.partition("/")[0] in BY_MOVES


def refolded(
    records: Sequence[MoveRecord], until: Instant, offers: Mapping[str, Plan[Any]]
) -> Outcome:
    """Give what moves and time, up to and with an instant, make of a subscription.

    Moves that were made later than that are taken up all the same: they are part of what it is.

    Raises Conflict where the first is no start or a number is missing, and what the moves raise.
    """
    if not records or not isinstance(records[0].move, Start | Mirror):
        raise Conflict("the moves of a subscription begin with its start, and this one's do not")
    first, *others = records
    assert isinstance(first.move, Start | Mirror)  # noqa: S101 - it was just looked at
    outcome = start(first.subscription, first.move, first.at, offers)
    now, dues, grants = outcome.subscription, list(outcome.dues), list(outcome.grants)
    for place, record in enumerate(others, start=2):
        if record.number != place:
            raise Conflict(f"move {place} of subscription {record.subscription!r} is missing")
        now = _went_on(apply(now, record.move, record.at, offers), dues, grants)
    now = _went_on(advance(now, until, offers), dues, grants)
    return Outcome(now, tuple(dues), tuple(grants))


def _went_on(outcome: Outcome, dues: list[Due], grants: list[PlanGrant]) -> Subscription:
    dues += outcome.dues
    grants += outcome.grants
    return outcome.subscription

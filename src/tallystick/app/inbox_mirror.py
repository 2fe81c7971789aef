"""Subscriptions that a provider bills and told of: mirrored, or none of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.app.inbox_apply import NOT_OURS, Note
from tallystick.app.mirror import mirror_subscription
from tallystick.storage import customers

if TYPE_CHECKING:
    from tallystick.app.inbox_apply import Act, Room
    from tallystick.core.mirror import Mirrored
    from tallystick.core.period import Instant
    from tallystick.core.provider_event import Fetched
    from tallystick.storage.unit import Unit

__all__ = ["apply_subscription"]


def apply_subscription(room: Room, fetched: Fetched) -> Act:
    """Read a subscription as it was fetched, and mirror it; that of a stranger is none of ours.

    Raises SetupError where nobody said which prices are which lines; Conflict, InvalidInput.
    """
    told = room.biller(fetched.provider).read(fetched.tree, fetched.asked_at)
    return lambda unit, at: _mirrored(unit, at, told)


def _mirrored(unit: Unit, at: Instant, told: Mirrored) -> Note | None:
    unit.as_all()
    if customers.by_provider(unit, told.payer) is None:
        return Note(NOT_OURS, f"no customer of ours is {told.payer!r}, whose {told.reference!r} is")
    mirror_subscription(unit, at, told)
    return None

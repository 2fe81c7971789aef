"""One event of use on its way in, where all that bears on it is known: the short way of a gate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tallystick.core.event import digest
from tallystick.core.property import properties_text
from tallystick.core.reading import check_event
from tallystick.errors import InvalidUsage
from tallystick.storage.usage_alone import store_alone
from tallystick.storage.usage_tally import tallied

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallystick.core.event import UsageEvent
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.storage.meters import KeptMeter
    from tallystick.storage.unit import Unit

__all__ = ["recorded_alone"]


def recorded_alone(
    unit: Unit,
    event: UsageEvent,
    meters: Iterable[Meter],
    kept: Sequence[KeptMeter],
    closed: Instant | None,
) -> bool:
    """Store an event with its roll-ups; False where something is in its way, and nothing is stored.

    That is its key, a meter of the catalogue that refuses it, and a roll-up that is more than
    added to: `app.recording` knows what to do.  The meters are held; `kept` are those whose
    roll-ups are, and until `closed` usage is closed.  All of them take events of this type.
    """
    if closed is not None and (event.received_at is None or event.received_at < closed):
        event = replace(event, received_at=closed)
    try:
        check_event(event, meters)
    except InvalidUsage:
        return False
    tally = tallied(kept, [(0, event)])
    if tally.levels or tally.labels:
        return False
    text = properties_text(event.properties)
    return store_alone(unit, (event, text, digest(event, text)), tally.days)

"""Meters whose roll-ups are kept: made ready over old events, and built again from nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from tallystick.errors import NotFound
from tallystick.storage.meters import (
    KeptMeter,
    find_meter,
    hold,
    hold_alone,
    hold_meter,
    is_building,
    kept_meters,
    register,
    set_state,
)
from tallystick.storage.rollups import clear_meter
from tallystick.storage.usage import last_order, stored_events
from tallystick.storage.usage_days import recount_since
from tallystick.storage.usage_fill import START, fill_page
from tallystick.storage.usage_known import PlainReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.core.meter import Meter
    from tallystick.storage.unit import Storage, Unit
    from tallystick.storage.usage_fill import Place

__all__ = ["KeptMeter", "meter_states", "prepare", "rebuild"]

_FEW: Final = 1_000


def meter_states(unit: Unit) -> tuple[KeptMeter, ...]:
    """List every meter that was ever registered, with whether its roll-ups are ready."""
    return tuple(kept_meters(unit, ("building", "ready")))


def prepare(storage: Storage, meters: Iterable[Meter]) -> tuple[KeptMeter, ...]:
    """Make sure that the roll-ups of these meters are kept, and hold every event there is.

    A new meter is computed over the old events, in many short transactions; whoever records
    meanwhile is not held up but for the first and the last of them, and what arrives is neither
    lost nor counted twice.  Until a meter is ready it is read from the events: the same figures,
    more slowly.  May be interrupted, called again, and called by several processes at once.

    Raises StorageUnavailable.
    """
    wanted = tuple(meters)
    known = storage.attempt(lambda unit: _known(unit, wanted), reading=True)
    if known is not None:
        return known
    registered = storage.attempt(lambda unit: _registered(unit, wanted), repeatable=True)
    for kept in registered:
        if kept.state == "building":
            _build(storage, kept)
    return storage.attempt(lambda unit: _known(unit, wanted), reading=True) or ()


def rebuild(unit: Unit, meter: Meter) -> None:
    """Drop the roll-ups of a meter and build them again from the events, to the same bytes.

    Nobody records until the transaction ends.  Raises NotFound for a meter that was never
    registered.
    """
    unit.as_all()
    hold_alone(unit)
    kept = find_meter(unit, meter)
    if kept is None:
        raise NotFound("meter", meter.key)
    clear_meter(unit, kept.id)
    after, reader = START, PlainReader(kept.meter)
    while (page := fill_page(unit, kept, after, reader)) is not None:
        after = page
    set_state(unit, kept.id, "ready")


def _known(unit: Unit, meters: tuple[Meter, ...]) -> tuple[KeptMeter, ...] | None:
    """Give the meters where all of them are ready."""
    found = [find_meter(unit, meter) for meter in meters]
    ready = tuple(kept for kept in found if kept is not None and kept.state == "ready")
    return ready if len(ready) == len(meters) else None


def _registered(unit: Unit, meters: tuple[Meter, ...]) -> list[KeptMeter]:
    hold_alone(unit)
    return register(unit, meters)


def _build(storage: Storage, kept: KeptMeter) -> None:
    """Fill the roll-ups of a meter, page by page, then add what arrived meanwhile."""
    since = storage.attempt(_seen)
    after: Place | None = START
    reader = PlainReader(kept.meter)
    while after is not None:
        after = storage.attempt(partial(_fill, kept=kept, after=after, reader=reader))
    few = _FEW
    while True:
        up_to = storage.attempt(partial(_finish, kept=kept, since=since, few=few))
        if up_to is None:
            return
        storage.attempt(partial(_catch_up, kept=kept, since=since, up_to=up_to))
        since, few = up_to, few * 2  # so that it ends, however fast the events come


def _seen(unit: Unit) -> int:
    """Give a place in the order of arrival up to which every event is there, or never will be."""
    hold_alone(unit)
    return last_order(unit)


def _fill(unit: Unit, *, kept: KeptMeter, after: Place, reader: PlainReader) -> Place | None:
    """Fill the days of some events; give the last of them, None where there are no more."""
    hold(unit)
    hold_meter(unit, kept.id)
    return fill_page(unit, kept, after, reader) if is_building(unit, kept.id) else None


def _catch_up(unit: Unit, *, kept: KeptMeter, since: int, up_to: int) -> None:
    """Count again what events touch that arrived since, while others go on recording."""
    hold(unit)
    hold_meter(unit, kept.id)
    if is_building(unit, kept.id):
        recount_since(unit, kept, stored_events(unit, after=since, up_to=up_to))


def _finish(unit: Unit, *, kept: KeptMeter, since: int, few: int) -> int | None:
    """Add the rest and make the meter ready, alone; where it is long, give a place to go to."""
    hold_alone(unit)
    hold_meter(unit, kept.id)
    if not is_building(unit, kept.id):
        return None
    up_to = last_order(unit)
    if up_to - since > few:
        return up_to
    recount_since(unit, kept, stored_events(unit, after=since))
    set_state(unit, kept.id, "ready")
    return None

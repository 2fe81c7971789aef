"""Using what is limited: check and record in one step, and say what of a gauge exists now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tallystick.app.answers import answers
from tallystick.app.entitlement import Asked, standings
from tallystick.app.gate_notices import tell_levels
from tallystick.app.turn import (
    CHANGE,
    Turn,
    decided,
    fits,
    is_level,
    recorded_before,
    refusal,
    taken,
    write_level,
    write_use,
)
from tallystick.core.access import Counted, access_to, keys_of, whole_number
from tallystick.core.access_denial import denial
from tallystick.core.number import EXACT, ZERO
from tallystick.core.text import refused_at
from tallystick.errors import Conflict

if TYPE_CHECKING:
    from decimal import Decimal

    from tallystick.app.entitlement import PlanShelf
    from tallystick.app.turn import Wish
    from tallystick.core.access import Given
    from tallystick.core.entitlement import Access
    from tallystick.core.event import UsageEvent
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["answer_after", "check_all", "set_level", "use"]


def check_all(
    unit: Unit, at: Instant, now: Instant, customer: str, shelf: PlanShelf, *, plan: str | None
) -> dict[str, Access]:
    """Answer for every feature of the plans that a customer has, by key, in the plans' order."""
    standing = standings(unit, at, [customer], shelf, plan=plan)[customer]
    keys = keys_of(standing)
    asked = [Asked(customer, key) for key in keys]
    found = answers(unit, at, now, asked, shelf, plan=plan)
    return dict(zip(keys, found, strict=True))


def use(unit: Unit, now: Instant, wish: Wish, shelf: PlanShelf) -> Access:
    """Check and record in one: give what is left once it is used.

    The event of the feature's meter is the count and the bill.  A switch has nothing to count: it
    is only checked.

    Raises what `core.access_denial.denial` makes of a denied answer, and then no row is changed;
    InvalidInput for what cannot be counted so; Conflict where the id names another use.
    """
    turn = taken(unit, now, wish, shelf)
    if not isinstance(turn, Turn):
        return _uncounted(unit, now, wish, turn)
    fits(turn.meter, wish)
    answer = decided(turn)
    if not answer.allowed or is_level(turn.meter):
        before = recorded_before(unit, wish)
        if before is not None:
            return _again(turn, before)
    if not answer.allowed:
        raise refusal(turn, answer)
    if write_use(turn, wish.quantity, wish.at) == "duplicate":
        return _repeated(turn)
    return answer_after(turn, answer, wish.quantity)


def set_level(
    unit: Unit, now: Instant, wish: Wish, shelf: PlanShelf, *, less: bool = False
) -> Access:
    """Say how much of a gauge exists now, or by how much `less`; give what is left.

    What exists is not denied: where it is more than the limit, the answer says so.  Raises
    InvalidInput for a feature that is no gauge, and what `use` raises where it is not given.
    """
    turn = taken(unit, now, wish, shelf)
    if not isinstance(turn, Turn):
        answer = _uncounted(unit, now, wish, turn)
        raise refused_at("feature", f"{answer.feature} is a switch: there is nothing to set")
    if not is_level(turn.meter):
        raise refused_at("feature", f"{wish.feature} is counted by its events, not set to a level")
    before = recorded_before(unit, wish)
    if before is None:
        level = wish.quantity
        if less:
            level = max(ZERO, EXACT.subtract(turn.counted.used, wish.quantity))
        write_level(turn, level, change=-wish.quantity if less else None)
        turn = turn._replace(counted=replace(turn.counted, used=level))
    else:
        _same_level(turn.meter, wish, before, less=less)
    tell_levels(turn)
    return access_to(turn.given, turn.counted, 0, turn.at)


def _uncounted(unit: Unit, now: Instant, wish: Wish, given: Given) -> Access:
    """Answer for what nothing counts: a switch, or what is not given at all."""
    at = now if wish.at is None else wish.at
    answer = access_to(given, Counted(), whole_number(wish.quantity), at)
    if not answer.allowed and recorded_before(unit, wish) is None:
        raise denial(answer)
    return answer if answer.allowed else replace(answer, allowed=True, reason="ok")


def answer_after(turn: Turn, answer: Access, quantity: Decimal) -> Access:
    """Give the answer once so much was used, and tell the levels that are reached."""
    counted = replace(turn.counted, used=EXACT.add(turn.counted.used, quantity))
    tell_levels(turn._replace(counted=counted))
    after = access_to(turn.given, counted, 0, turn.at)
    return replace(after, requested=answer.requested)


# --- the same once more ---------------------------------------------------------------------------


def _again(turn: Turn, before: UsageEvent) -> Access:
    """Answer a use that is stored already: it counts nothing more.  Raises Conflict."""
    if is_level(turn.meter):
        _same_change(turn.meter, turn.wish, before, turn.wish.quantity)
    else:
        write_use(turn, turn.wish.quantity, turn.wish.at)  # which finds it there, or another one
    return _repeated(turn)


def _repeated(turn: Turn) -> Access:
    answer = access_to(turn.given, turn.counted, 0, turn.at)
    requested = whole_number(turn.wish.quantity)
    return replace(answer, requested=requested, allowed=True, reason="ok")


def _same_change(meter: Meter, wish: Wish, before: UsageEvent, change: Decimal) -> None:
    if before.type != meter.event_type or before.properties.get(CHANGE) != change:
        raise _other_use(wish)


def _same_level(meter: Meter, wish: Wish, before: UsageEvent, *, less: bool) -> None:
    if less:
        _same_change(meter, wish, before, -wish.quantity)
    elif before.type != meter.event_type or before.properties.get(meter.value) != wish.quantity:
        raise _other_use(wish)


def _other_use(wish: Wish) -> Conflict:
    return Conflict(f"the key {wish.id!r} was used for something else", id=wish.id)

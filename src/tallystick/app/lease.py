"""Blocks of a limit that somebody answers from in memory: taken at once, reported in batches.

A block counts against the limit from when it was taken.  What is reported of it becomes events;
what is left goes back when its holder closes it.  Only the holder knows what was used, so what a
holder that died never reported counts as used, and is on no bill: no event says that it was used.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.app.gate import answer_after
from tallystick.app.turn import (
    Turn,
    decided,
    refusal,
    taken,
    taken_again,
    use_event,
    write_use,
)
from tallystick.core.access import Counted, access_to, allowance_window
from tallystick.core.access_denial import denial
from tallystick.core.text import refused_at
from tallystick.errors import NotFound, ReservationOver
from tallystick.storage.leases import LeaseRow, add_lease, lease_by_id, report_lease

if TYPE_CHECKING:
    from tallystick.app.entitlement import PlanShelf
    from tallystick.app.turn import Wish
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["LONGEST_LEASE", "MOST_LEASED", "report", "take"]

LONGEST_LEASE: Final = timedelta(hours=1)
"""The longest that a block may be answered from: for so long no other change is seen."""

MOST_LEASED: Final = 1_000_000_000
"""The largest block."""

_MICRO: Final = timedelta(microseconds=1)


def take(unit: Unit, now: Instant, wish: Wish, held: timedelta, shelf: PlanShelf) -> LeaseRow:
    """Take a block of so many units, or as many as are left; it ends with the quota's window.

    The same id again gives the same block.

    Raises what `use` raises where not one is left; InvalidInput for a switch, a gauge and what does
    not add up.
    """
    turn = taken(unit, now, wish, shelf)
    if not isinstance(turn, Turn):
        answer = access_to(turn, Counted(), 1, now)
        if not answer.allowed:
            raise denial(answer)
        raise refused_at("feature", f"{wish.feature} is a switch: there is nothing to lease")
    given, meter = turn.given, turn.meter
    if meter.aggregation != "sum":
        raise refused_at("feature", f"is counted as {meter.aggregation}: use one at a time")
    before = lease_by_id(unit, wish.customer, wish.id)
    if before is not None:  # the answer was lost on its way
        return before
    size = _most(turn, int(wish.quantity))
    if not size:
        one = turn._replace(wish=replace(wish, quantity=Decimal(1)))
        raise refusal(one, decided(one))
    use_event(turn, {**(wish.properties or {}), meter.value: Decimal(1)}, now)  # or say so now
    window = allowance_window(given, now)
    end = now + held
    row = LeaseRow(
        customer=wish.customer,
        id=wish.id,
        meter=meter.key,
        feature=wish.feature,
        plan=wish.plan,
        size=size,
        taken_at=now,
        expires_at=end if window is None or window.sliding else min(end, window.end),
    )
    add_lease(unit, row)
    return row


def _most(turn: Turn, wanted: int) -> int:
    """Give how many of the wanted units are allowed: all of them, or as many as are left."""

    def allowed(size: int) -> bool:
        return access_to(turn.given, turn.counted, size, turn.at).allowed

    if allowed(wanted):
        return wanted
    least, beyond = 0, wanted
    while beyond - least > 1:
        middle = (least + beyond) // 2
        least, beyond = (middle, beyond) if allowed(middle) else (least, middle)
    return least


def report(
    unit: Unit, now: Instant, wish: Wish, shelf: PlanShelf, *, close: bool = False
) -> LeaseRow:
    """Say that `wish.quantity` units of a lease are used in all: one event of what is new.

    The same again changes nothing.  A report that comes after the lease has expired counts in its
    time.  `close` gives back what is left.

    Raises NotFound; ReservationOver where it is closed and something else was reported.
    """
    used = int(wish.quantity)
    row = _found(unit, wish)
    at = min(now, row.expires_at - _MICRO)
    again = replace(wish, feature=row.feature, at=at, plan=row.plan)
    turn = taken_again(unit, now, again, row.meter, shelf)
    row = _found(unit, wish)  # as it is now that it is our turn
    more = used - row.reported
    if row.closed_at is not None and not more:
        return row
    if turn is None or row.closed_at is not None or more < 0 or used > row.size:
        text = f"the lease {row.id!r} of {row.size} {row.feature} cannot be told {used}"
        raise ReservationOver(text, id=row.id, state="open" if row.closed_at is None else "closed")
    if more:
        turn = turn._replace(wish=replace(again, id=f"{row.id}/{row.reports + 1}"))
        write_use(turn, Decimal(more), at)
    if more or close:
        report_lease(unit, row, used, now if close else None)
    if more:
        answer_after(turn, decided(turn), Decimal(more))
    return replace(row, reported=used, reports=row.reports + bool(more))


def _found(unit: Unit, wish: Wish) -> LeaseRow:
    unit.as_customer(wish.customer)
    row = lease_by_id(unit, wish.customer, wish.id)
    if row is None:
        raise NotFound("lease", wish.id)
    return row

"""Units held for a while: reserved, then committed with what was used of them, or released.

A reservation ends once: committed, released or expired.  Whoever comes after that finds it closed;
what has expired was given back to others, so to commit it is refused.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from tallystick.app.gate import answer_after
from tallystick.app.turn import (
    Turn,
    Wish,
    decided,
    fits,
    is_level,
    refusal,
    taken,
    taken_again,
    write_use,
)
from tallystick.core.access import Counted, access_to, whole_number
from tallystick.core.access_denial import denial
from tallystick.core.number import EXACT, ZERO, plain
from tallystick.core.text import refused_at
from tallystick.errors import NotFound, ReservationOver
from tallystick.storage.gates import (
    ReservationRow,
    add_reservation,
    close_reservation,
    next_token,
    reservation_by_id,
    take_turn,
)

if TYPE_CHECKING:
    from decimal import Decimal

    from tallystick.app.entitlement import PlanShelf
    from tallystick.core.entitlement import Access
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["LONGEST_HOLD", "commit", "release", "reserve"]

LONGEST_HOLD: Final = timedelta(days=7)
"""The longest that units may be reserved."""


def reserve(
    unit: Unit, now: Instant, wish: Wish, expires_at: Instant, shelf: PlanShelf
) -> tuple[ReservationRow, Access]:
    """Hold so much for somebody until an instant; give the reservation and what is left.

    Raises what `use` raises; InvalidInput for a switch, of which there is nothing to hold.
    """
    turn = taken(unit, now, wish, shelf)
    if not isinstance(turn, Turn):
        answer = access_to(turn, Counted(), whole_number(wish.quantity), now)
        if not answer.allowed:
            raise denial(answer)
        raise refused_at("feature", f"{wish.feature} is a switch: there is nothing to reserve")
    given, meter = turn.given, turn.meter
    fits(meter, wish)
    before = reservation_by_id(unit, wish.customer, wish.id)
    if before is not None:  # the answer of a commit was lost on its way
        return before, access_to(given, turn.counted, 0, turn.at)
    answer = decided(turn)
    if not answer.allowed:
        raise refusal(turn, answer)
    row = ReservationRow(
        customer=wish.customer,
        id=wish.id,
        meter=meter.key,
        feature=wish.feature,
        quantity=wish.quantity,
        token=next_token(unit, wish.customer, meter.key),
        reserved_at=now,
        counts_at=turn.at,
        expires_at=expires_at,
        plan=wish.plan,
    )
    add_reservation(unit, row)
    reserved = EXACT.add(turn.counted.reserved, wish.quantity)
    after = access_to(given, replace(turn.counted, reserved=reserved), 0, turn.at)
    return row, replace(after, requested=answer.requested)


def commit(  # noqa: PLR0917 - what a commit is made of
    unit: Unit,
    now: Instant,
    wish: Wish,
    token: int,
    actual: Decimal | None,
    shelf: PlanShelf,
) -> Access:
    """Use what was reserved, or as much of it as was used in the end; give what is left.

    More than was reserved is allowed as far as the limit goes.  The same again changes nothing.

    Raises NotFound; ReservationOver where it has expired, was released, or was committed with
    another quantity; QuotaExceeded, and the reservation stays.
    """
    row = _held(unit, wish, token)
    size = row.quantity if actual is None else actual
    wish = replace(wish, feature=row.feature, quantity=size, at=row.counts_at, plan=row.plan)
    turn = _turn_of(unit, now, wish, row, shelf)
    row = _held(unit, wish, token)  # as it is now that it is our turn
    if row.state == "committed" and row.actual == size:
        return access_to(turn.given, turn.counted, 0, turn.at)
    if row.state != "open":
        raise _over(row)
    reserved = max(ZERO, EXACT.subtract(turn.counted.reserved, row.quantity))
    turn = turn._replace(counted=replace(turn.counted, reserved=reserved))
    answer = decided(turn)
    if size > row.quantity and not answer.allowed:
        raise refusal(turn, answer)
    if size:
        # A level is written when it is known; what adds up counts where it was admitted.
        write_use(turn, size, None if is_level(turn.meter) else row.counts_at)
    event = wish.id if size else None
    if not close_reservation(unit, row, "committed", now, actual=size, event_id=event):
        raise _over(row)
    return answer_after(turn, answer, size)


def release(unit: Unit, now: Instant, customer: str, id_: str, token: int) -> None:
    """Give back what was reserved.  What has expired or was released is given back already.

    Raises NotFound, ReservationOver where it was committed.
    """
    wish = Wish(id=id_, customer=customer, feature="", quantity=ZERO)
    unit.as_customer(customer)
    row = _held(unit, wish, token)
    take_turn(unit, customer, row.meter)
    row = _held(unit, wish, token)
    if row.state == "committed":
        raise _over(row)
    if row.state == "open":
        close_reservation(unit, row, "expired" if row.expires_at <= now else "released", now)


def _turn_of(unit: Unit, now: Instant, wish: Wish, row: ReservationRow, shelf: PlanShelf) -> Turn:
    """Take a turn at the gate of a reservation, whatever the customer has by now."""
    turn = taken_again(unit, now, wish, row.meter, shelf)
    if turn is None:
        text = f"the meter {row.meter!r} of {row.id!r} is not known any more"
        raise ReservationOver(text, id=row.id, state=row.state)
    return turn


def _held(unit: Unit, wish: Wish, token: int) -> ReservationRow:
    """Give a reservation.  Raises NotFound; ReservationOver for a token that is not its own."""
    row = reservation_by_id(unit, wish.customer, wish.id)
    if row is None:
        raise NotFound("reservation", wish.id)
    if not compare_digest(str(row.token), str(token)):
        raise ReservationOver(f"the token of {wish.id!r} is another one", id=wish.id)
    return row


def _over(row: ReservationRow) -> ReservationOver:
    size = plain(row.quantity)
    text = f"the reservation {row.id!r} of {size} {row.feature} is {row.state}"
    return ReservationOver(text, id=row.id, state=row.state)

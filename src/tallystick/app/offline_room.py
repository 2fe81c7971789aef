"""What a process may let pass by itself, in units: how many there are, and what is taken."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from hmac import compare_digest
from typing import TYPE_CHECKING, Final, TypeAlias

from tallystick.core.number import EXACT, ZERO, exact_sum, plain
from tallystick.errors import Conflict, ReservationOver

if TYPE_CHECKING:
    from tallystick.app.turn import Wish
    from tallystick.core.entitlement import Access
    from tallystick.core.period import Instant

__all__ = ["Held", "Room"]

_REMEMBERED: Final = timedelta(hours=1)

Key: TypeAlias = tuple[str, str]
"""A customer, and an id or a feature of theirs."""


@dataclass(frozen=True, slots=True)
class Held:
    """Units held in memory for work that is not done yet; `token` is its own.

    `actual` is what was used of them in the end, None as long as nobody has said.
    """

    wish: Wish
    token: int
    expires_at: Instant
    actual: Decimal | None = None


@dataclass(frozen=True, slots=True)
class _Owed:
    """How far a limit was passed by units that are counted by now, until its quota starts again."""

    units: Decimal
    until: Instant | None


class Room:
    """So many units, and who has them: uses that wait to be counted, and what is held.

    What is counted makes room again, but for the same feature of the same customer not as far as
    their limit was passed: so it is never passed by more than all the units.  Not for two threads
    at once.
    """

    def __init__(self, units: int) -> None:
        """Begin with all the units free."""
        self.units = units
        self._waiting: dict[Key, Wish] = {}
        self._held: dict[Key, Held] = {}
        self._owed: dict[Key, _Owed] = {}
        self._tokens = 0

    def left(self, now: Instant, customer: str = "", feature: str = "") -> Decimal:
        """Give how many units are free, for a feature of a customer where one is named."""
        held = [
            each.wish.quantity
            for each in self._held.values()
            if each.actual is None and now < each.expires_at
        ]
        taken = exact_sum(ZERO, *(each.quantity for each in self._waiting.values()), *held)
        owed = self._owed.get((customer, feature))
        if owed is not None and (owed.until is None or now < owed.until):
            taken = EXACT.add(taken, owed.units)
        return max(ZERO, EXACT.subtract(Decimal(self.units), taken))

    # --- uses -------------------------------------------------------------------------------------

    def wait(self, wish: Wish) -> None:
        """Note a use that is on the disk and waits to be counted."""
        self._waiting[wish.customer, wish.id] = wish

    def waits(self, wish: Wish) -> bool:
        """Whether this use waits already.  Raises Conflict where its id names another."""
        before = self._waiting.get((wish.customer, wish.id))
        if before is None:
            return False
        if (before.feature, before.quantity) != (wish.feature, wish.quantity):
            raise Conflict(f"the key {wish.id!r} was used for something else", id=wish.id)
        return True

    def counted(self, wish: Wish, after: Access) -> Decimal:
        """Note that a use is counted; give how far its limit is passed by what was let pass."""
        key = wish.customer, wish.feature
        self._waiting.pop((wish.customer, wish.id), None)
        bounded = after.limit not in {None, -1} and after.overage_price is None
        over = max(ZERO, EXACT.subtract(Decimal(after.used), Decimal(after.limit or 0)))
        before = self._owed.pop(key, None)
        let_pass = EXACT.add(wish.quantity, ZERO if before is None else before.units)
        owed = min(over, let_pass) if bounded else ZERO
        if owed:
            self._owed[key] = _Owed(owed, after.resets_at)
        return owed

    def dropped(self, wish: Wish) -> None:
        """Note that a use will never be counted: the ledger refused it."""
        self._waiting.pop((wish.customer, wish.id), None)

    def settled(self, customer: str, feature: str) -> None:
        """Note that the ledger itself has let something pass: its limit is not passed any more."""
        self._owed.pop((customer, feature), None)

    # --- what is held -----------------------------------------------------------------------------

    def hold(self, wish: Wish, now: Instant, expires_at: Instant) -> Held:
        """Hold units for a while.  The token is below zero: those of the ledger are above."""
        old = now - _REMEMBERED
        self._held = {key: each for key, each in self._held.items() if old < each.expires_at}
        self._tokens -= 1
        held = Held(wish, self._tokens, expires_at)
        self._held[wish.customer, wish.id] = held
        return held

    def held(self, customer: str, id_: str) -> Held | None:
        """Give what is held under an id, or was committed under it."""
        return self._held.get((customer, id_))

    def open(self, customer: str, id_: str, token: int, now: Instant) -> Held:
        """Give what is held, to be committed or released by who has its token.

        Raises ReservationOver for another token, and once the time is over.
        """
        held = self._held.get((customer, id_))
        if held is None or (held.actual is None and held.expires_at <= now):
            raise ReservationOver(f"the reservation {id_!r} is expired", id=id_, state="expired")
        if not compare_digest(str(held.token), str(token)):
            raise ReservationOver(f"the token of {id_!r} is another one", id=id_)
        return held

    def commit(self, held: Held, actual: Decimal) -> Held:
        """Note what was used of what was held.  Raises ReservationOver for another quantity."""
        if held.actual is not None and held.actual != actual:
            text = f"the reservation {held.wish.id!r} was committed with {plain(held.actual)}"
            raise ReservationOver(text, id=held.wish.id, state="committed")
        done = replace(held, actual=actual)
        self._held[held.wish.customer, held.wish.id] = done
        return done

    def reopen(self, held: Held) -> None:
        """Take a commit back that could not be kept."""
        self._held[held.wish.customer, held.wish.id] = held

    def release(self, held: Held) -> None:
        """Give units back.  Raises ReservationOver where they were committed."""
        if held.actual is not None:
            text = f"the reservation {held.wish.id!r} is committed"
            raise ReservationOver(text, id=held.wish.id, state="committed")
        del self._held[held.wish.customer, held.wish.id]

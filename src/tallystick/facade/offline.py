"""`tally.offline`: a few units let pass while the database is away, and counted when it is back."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeVar

from tallystick.app.delivery import spool_folder
from tallystick.app.exits import guard, release
from tallystick.app.offline import text_of_use
from tallystick.app.offline_spool import OfflineSpool
from tallystick.app.turn import Wish
from tallystick.core.access import Given, denied, whole_number
from tallystick.core.access_denial import denial
from tallystick.core.entitlement import Access, check_limit
from tallystick.core.property import shown
from tallystick.errors import SetupError, StorageUnavailable
from tallystick.facade.reservation import Reservation

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from tallystick.app.entitlement import Asked
    from tallystick.app.offline_room import Held
    from tallystick.core.catalog import Feature
    from tallystick.facade.gate import Gate
    from tallystick.wiring import Tallystick

__all__ = ["Offline", "check_without", "open_offline"]

R = TypeVar("R")

_LOG: Final = logging.getLogger(__name__)
_ASK_AGAIN: Final = 1.0  # seconds: for so long nobody waits for a database that was away
_MOST_UNITS: Final = 1_000_000_000


class Offline:
    """At most so many units, of all customers together, that this process lets pass by itself.

    Each is on disk before the answer, and is counted once when the database is back, by the id of
    its use; what a crash leaves in the folder, the next process counts.  So no limit is passed by
    more than `units` in each process.  Any thread may ask.  Each process has a part of the folder
    to itself, a forked child too.
    """

    def __init__(self, tally: Tallystick, units: int, folder: str | Path | None) -> None:
        """Open the folder, and begin to count what was left there.

        Raises SetupError for what is no whole number of units, and for a folder that cannot be
        used; StorageUnavailable where its disk refuses.
        """
        if type(units) is not int or not 0 < units <= _MOST_UNITS:
            text = f"is a whole number from 1 to {_MOST_UNITS:,}, not {shown(units)}"
            raise SetupError(f"offline_units {text}")
        if folder is not None and not isinstance(folder, (str, Path)):
            raise SetupError(f"offline_spool is the path of a folder, not {shown(folder)}")
        self._tally, self.units = tally, units
        found = spool_folder(tally) if folder is None else Path(folder)
        self.folder = found / "offline"  # never among the events of a buffer
        self._opening, self._closed = Lock(), False
        self._asked_until, self._away = 0.0, "the database is away"
        self._begin()

    def _begin(self) -> None:
        self._kept = OfflineSpool(self._tally, self.units, self.folder)
        self._pid = os.getpid()  # last: from here on any thread takes what is kept
        guard(self)

    def _open(self) -> OfflineSpool:
        """Give this process's part of the folder; a forked child opens its own.

        Raises SetupError once it is closed.
        """
        if self._closed:
            raise SetupError("the ledger is closed: open another one")
        if self._pid != os.getpid():
            with self._opening:
                if self._pid != os.getpid():
                    self._begin()
        return self._kept

    @property
    def waiting(self) -> int:
        """How many uses wait to be counted."""
        return self._kept.waiting

    @property
    def left(self) -> int | Decimal:
        """How many units may still be let pass before something is counted."""
        kept = self._kept
        with kept.memory:
            return whole_number(kept.room.left(self._tally.clock.now()))

    # --- asking -----------------------------------------------------------------------------------

    def instead(
        self, wish: Wish, ask: Callable[[], R], without: Callable[[Wish, StorageUnavailable], R]
    ) -> R:
        """Let the ledger decide; where it does not answer, or did not a second ago, do without.

        Raises what both raise.
        """
        try:
            answer = self.asked(ask)
        except StorageUnavailable as away:
            return without(wish, away)
        with self._kept.memory:
            self._kept.room.settled(wish.customer, wish.feature)
        return answer

    def asked(self, ask: Callable[[], R]) -> R:
        """Ask the ledger; for a second after it did not answer nobody waits for it again.

        Raises StorageUnavailable, and what it answers.
        """
        self._open()
        if self._asked_until and monotonic() < self._asked_until:
            raise StorageUnavailable(self._away)
        try:
            return ask()
        except StorageUnavailable as away:
            self._asked_until, self._away = monotonic() + _ASK_AGAIN, str(away)
            raise

    def check(self, wish: Wish) -> Access:
        """Say whether so much would be let pass; takes nothing."""
        known = self._known(wish)
        if known is not None and not known.allowed:
            return known
        with self._kept.memory:
            room = self._left(wish)
        return _answer(wish, room, allowed=known is not None and wish.quantity <= room)

    def use(self, wish: Wish, away: StorageUnavailable) -> Access:
        """Let so much pass: on the disk, then in the answer; the same id again takes no more.

        Raises `away` where there is no room or nothing to count; what `Gate.use` raises where the
        plan that the host names does not include it; Conflict for an id of another use.
        """
        kept, now = self._kept, self._tally.clock.now()
        text_of_use(wish, now)  # or say so now
        with kept.memory:
            if not kept.room.waits(wish):
                self._admit(wish, away)
                kept.keep(wish, now)
                _tell("let pass", wish, self._left(wish))
            return _answer(wish, self._left(wish), allowed=True)

    def _admit(self, wish: Wish, away: StorageUnavailable) -> None:
        known = self._known(wish)
        if known is not None and not known.allowed:
            raise denial(known)
        room = self._left(wish)
        if known is None or wish.quantity > room:
            _tell("denied", wish, room)
            raise away

    def _left(self, wish: Wish) -> Decimal:
        now = self._tally.clock.now()
        return self._kept.room.left(now, wish.customer, wish.feature)

    def _known(self, wish: Wish) -> Access | None:
        """Say what is known without the ledger: by the plan that the host names, else by any.

        None where there is nothing to count: a switch, or what no plan has.
        """
        book = self._tally.price_book
        named = None if book is None or wish.plan is None else book.find(wish.plan)
        if named is not None:
            found = check_limit(named, wish.feature, wish.used or 0, wish.quantity)
            if not found.allowed:
                return found
        plans = [named] if named is not None else [] if book is None else list(book)
        if book is not None and not any(_counts(each.features.get(wish.feature)) for each in plans):
            return None
        return _answer(wish, Decimal(self.units), allowed=True)

    # --- reserving --------------------------------------------------------------------------------

    def reserve(
        self, gate: Gate, length: timedelta, wish: Wish, away: StorageUnavailable
    ) -> Reservation:
        """Hold so much in memory until it is committed or released, or the time is over.

        Raises as `use` does.
        """
        held = self._hold(wish, length, away)
        return Reservation(
            id=held.wish.id,
            customer=held.wish.customer,
            feature=held.wish.feature,
            quantity=whole_number(held.wish.quantity),
            token=held.token,
            expires_at=held.expires_at,
            access=_answer(held.wish, Decimal(self.left), allowed=True),
            _gate=gate,
        )

    def _hold(self, wish: Wish, length: timedelta, away: StorageUnavailable) -> Held:
        kept, now = self._kept, self._tally.clock.now()
        text_of_use(wish, now)  # or say so now
        with kept.memory:
            before = kept.room.held(wish.customer, wish.id)
            if before is not None:
                return before
            self._admit(wish, away)
            return kept.room.hold(replace(wish, at=wish.at or now), now, now + length)

    def holds(self, customer: str, id_: str) -> bool:
        """Whether a reservation is one of these, and not the ledger's."""
        return self._open().room.held(customer, id_) is not None

    def commit(self, customer: str, id_: str, token: int, actual: Decimal | None) -> Access:
        """Use what is held, or as much of it as was used; the same again changes nothing.

        Raises ReservationOver; StorageUnavailable for more than is held and left.
        """
        kept, now = self._kept, self._tally.clock.now()
        with kept.memory:
            held = kept.room.open(customer, id_, token, now)
            size = held.wish.quantity if actual is None else actual
            wish = replace(held.wish, quantity=size)
            if held.actual is None and size > held.wish.quantity:
                more = replace(wish, quantity=size - held.wish.quantity)
                self._admit(more, StorageUnavailable(self._away))
            kept.room.commit(held, size)
            if held.actual is None and size:
                try:
                    kept.keep(wish, now)
                except StorageUnavailable:
                    kept.room.reopen(held)
                    raise
                _tell("let pass", wish, self._left(wish))
            return _answer(wish, self._left(wish), allowed=True)

    def release(self, customer: str, id_: str, token: int) -> None:
        """Give back what is held.  Raises ReservationOver where it was committed."""
        kept = self._kept
        with kept.memory:
            kept.room.release(kept.room.open(customer, id_, token, self._tally.clock.now()))

    # --- the end ----------------------------------------------------------------------------------

    def reconcile(self) -> int:
        """Count all that waits, and give how many uses it was.

        It is done by itself, within seconds of the database's return.  Raises StorageUnavailable:
        what is not counted then waits.
        """
        count = self._open().reconcile()
        self._asked_until = 0.0
        return count

    def close(self) -> None:
        """Count what can be counted now; the rest stays in the folder for the next process."""
        if not self._closed and self._pid == os.getpid():
            self._kept.close()
            self._closed = True
            release(self)

    def forget(self) -> None:
        """Let go of the parent's files in a forked child; a program need not call it."""
        if self._pid:
            self._kept.forget()
        self._opening, self._pid = Lock(), 0  # the next call opens the child's own


def open_offline(tally: Tallystick, units: int | None, folder: str | Path | None) -> Offline | None:
    """Open what a host asks for, None where it does not.  Raises SetupError as `Offline` does."""
    if units is None and folder is not None:
        raise SetupError("offline_spool says where: say how much by offline_units as well")
    return None if units is None else Offline(tally, units, folder)


def check_without(offline: Offline | None, one: Asked, plan: str | None = None) -> Access:
    """Answer while the database is away: no, unless the host lets some units pass."""
    if offline is None:
        return denied(Given(key=one.feature, had=None, reason="dependency_away"), one.requested)
    wish = Wish(
        id="",
        customer=one.customer,
        feature=one.feature,
        quantity=Decimal(one.requested),
        used=one.used,
        plan=plan,
    )
    return offline.check(wish)


def _counts(feature: Feature | None) -> bool:
    """Whether a feature is counted in units, and not a switch."""
    return feature is not None and feature.enabled and feature.limit is not None


def _answer(wish: Wish, left: Decimal, *, allowed: bool) -> Access:
    """Answer without the ledger: `remaining` is what this process may still let pass."""
    word = "is let pass" if allowed else "is not let pass"
    return Access(
        allowed=allowed,
        plan=wish.plan or "",
        feature=wish.feature,
        reason="dependency_away",
        text=f"{wish.feature} {word} while the database is away",
        requested=whole_number(wish.quantity),
        remaining=whole_number(left),
    )


def _tell(what: str, wish: Wish, left: Decimal) -> None:
    _LOG.warning(
        "%s while the database is away: customer=%s feature=%s quantity=%s left=%s",
        what,
        wish.customer,
        wish.feature,
        wish.quantity,
        left,
    )

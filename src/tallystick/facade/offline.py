"""`tally.offline`: a few units let pass while the database is away, and counted when it is back."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeVar

from tallystick.app.delivery import refused_line, spool_folder
from tallystick.app.exits import guard, release
from tallystick.app.offline import count_offline, text_of_use, use_of_text
from tallystick.app.offline_room import Room
from tallystick.app.spool import Spool
from tallystick.app.turn import Wish
from tallystick.core.access import Given, denied, whole_number
from tallystick.core.access_denial import denial
from tallystick.core.entitlement import Access, check_limit
from tallystick.core.property import shown
from tallystick.errors import SetupError, StorageUnavailable, TallystickError
from tallystick.facade.reservation import Reservation

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from tallystick.app.entitlement import Asked
    from tallystick.app.offline import LetPass
    from tallystick.app.offline_room import Held
    from tallystick.core.catalog import Feature
    from tallystick.facade.gate import Gate
    from tallystick.wiring import Tallystick

__all__ = ["Offline", "check_without", "open_offline"]

R = TypeVar("R")

_LOG: Final = logging.getLogger(__name__)
_ASK_AGAIN: Final = 1.0  # seconds: for so long nobody waits for a database that was away
_MOST_UNITS: Final = 1_000_000_000
_MOST_DISK: Final = 64_000_000
_BATCH: Final = 200


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
        self._begin()

    def _begin(self) -> None:
        self._turn, self._memory = Lock(), Lock()  # of the counting, taken first; of the room
        self._room = Room(self.units)
        self._spool = Spool(self.folder, most_bytes=_MOST_DISK)
        self._pid, self._closed, self._ended = os.getpid(), False, Event()
        self._thread: Thread | None = None
        self._asked_until, self._away = 0.0, StorageUnavailable("the database is away")
        now = self._tally.clock.now()
        for text in self._spool.texts():
            with suppress(TallystickError):  # it is put aside when it is its turn
                self._room.wait(use_of_text(text, now).wish)
        guard(self)
        with self._memory:
            self._count_beside()

    def _open(self) -> None:
        """Open a forked child's own part of the folder.  Raises SetupError once closed."""
        if self._pid != os.getpid():
            self._begin()
        if self._closed:
            raise SetupError("the ledger is closed: open another one")

    @property
    def waiting(self) -> int:
        """How many uses wait to be counted."""
        return self._spool.waiting

    @property
    def left(self) -> int | Decimal:
        """How many units may still be let pass before something is counted."""
        with self._memory:
            return whole_number(self._room.left(self._tally.clock.now()))

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
        with self._memory:
            self._room.settled(wish.customer, wish.feature)
        return answer

    def asked(self, ask: Callable[[], R]) -> R:
        """Ask the ledger; for a second after it did not answer nobody waits for it again.

        Raises StorageUnavailable, and what it answers.
        """
        self._open()
        if self._asked_until and monotonic() < self._asked_until:
            raise self._away
        try:
            return ask()
        except StorageUnavailable as away:
            self._asked_until, self._away = monotonic() + _ASK_AGAIN, away
            raise

    def check(self, wish: Wish) -> Access:
        """Say whether so much would be let pass; takes nothing."""
        with self._memory:
            known = self._known(wish)
            if known is not None and not known.allowed:
                return known
            room = self._left(wish)
        return _answer(wish, room, allowed=known is not None and wish.quantity <= room)

    def use(self, wish: Wish, away: StorageUnavailable) -> Access:
        """Let so much pass: on the disk, then in the answer; the same id again takes no more.

        Raises `away` where there is no room or nothing to count; what `Gate.use` raises where the
        plan that the host names does not include it; Conflict for an id of another use.
        """
        text = text_of_use(wish, self._tally.clock.now())
        with self._memory:
            if not self._room.waits(wish):
                self._admit(wish, away)
                self._spool.append([text])
                self._waits(wish)
            return _answer(wish, self._left(wish), allowed=True)

    def _waits(self, wish: Wish) -> None:
        """Note a use that is on the disk, tell of it, and see that it is counted."""
        self._room.wait(wish)
        _tell("let pass", wish, self._left(wish))
        self._count_beside()

    def _admit(self, wish: Wish, away: StorageUnavailable) -> None:
        known = self._known(wish)
        if known is not None and not known.allowed:
            raise denial(known)
        room = self._left(wish)
        if known is None or wish.quantity > room:
            _tell("denied", wish, room)
            raise away

    def _left(self, wish: Wish) -> Decimal:
        return self._room.left(self._tally.clock.now(), wish.customer, wish.feature)

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
        now = self._tally.clock.now()
        text_of_use(wish, now)  # or say so now
        with self._memory:
            before = self._room.held(wish.customer, wish.id)
            if before is not None:
                return before
            self._admit(wish, away)
            return self._room.hold(replace(wish, at=wish.at or now), now, now + length)

    def holds(self, customer: str, id_: str) -> bool:
        """Whether a reservation is one of these, and not the ledger's."""
        self._open()
        return self._room.held(customer, id_) is not None

    def commit(self, customer: str, id_: str, token: int, actual: Decimal | None) -> Access:
        """Use what is held, or as much of it as was used; the same again changes nothing.

        Raises ReservationOver; StorageUnavailable for more than is held and left.
        """
        now = self._tally.clock.now()
        with self._memory:
            held = self._room.open(customer, id_, token, now)
            size = held.wish.quantity if actual is None else actual
            wish = replace(held.wish, quantity=size)
            if held.actual is None and size > held.wish.quantity:
                more = replace(wish, quantity=size - held.wish.quantity)
                self._admit(more, self._away)
            done = self._room.commit(held, size)
            if held.actual is None and size:
                try:
                    self._spool.append([text_of_use(wish, now)])
                except StorageUnavailable:
                    self._room.reopen(held)
                    raise
                self._waits(wish)
            return _answer(done.wish, self._left(wish), allowed=True)

    def release(self, customer: str, id_: str, token: int) -> None:
        """Give back what is held.  Raises ReservationOver where it was committed."""
        with self._memory:
            self._room.release(self._room.open(customer, id_, token, self._tally.clock.now()))

    # --- counting ---------------------------------------------------------------------------------

    def reconcile(self) -> int:
        """Count all that waits, and give how many uses it was.

        It is done by itself, within seconds of the database's return.  Raises StorageUnavailable:
        what is not counted then waits.
        """
        self._open()
        count = 0
        with self._turn:
            while self._spool.waiting:
                taken = self._spool.take(_BATCH)
                for text in taken.texts:
                    count += self._counted(text)
                self._spool.advance(taken)
            self._asked_until = 0.0
        return count

    def _counted(self, text: bytes) -> bool:
        """Count one use; put it aside where the ledger refuses it for good."""
        wish = None
        try:
            use = use_of_text(text, self._tally.clock.now())
            wish = use.wish
            after = self._in_the_ledger(use)
        except StorageUnavailable:
            raise
        except TallystickError as refused:
            _LOG.exception("a use that was let pass cannot be counted: %s", self.folder)
            self._spool.reject([refused_line(text, refused.code, str(refused))])
            if wish is not None:
                with self._memory:
                    self._room.dropped(wish)
            return False
        with self._memory:
            over = self._room.counted(wish, after)
        _LOG.warning(
            "counted: %s %s of %s, %s over", wish.quantity, wish.feature, wish.customer, over
        )
        return True

    def _in_the_ledger(self, use: LetPass) -> Access:
        shelf = self._tally._plans()  # noqa: SLF001 - of the same ledger
        return self._tally.act(
            lambda unit, now: count_offline(unit, now, use, shelf), repeatable=True
        )

    def _count_beside(self) -> None:
        """Have what waits counted by a thread, which ends when nothing does."""
        if self._thread is None and self._spool.waiting and not self._closed:
            self._thread = Thread(target=self._run, name="tallystick-offline", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(_ASK_AGAIN):
            try:
                self.reconcile()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                _LOG.warning("what was let pass waits to be counted: %s", error)
            with self._memory:
                if not self._spool.waiting:
                    self._thread = None
                    return

    # --- the end ----------------------------------------------------------------------------------

    def close(self) -> None:
        """Count what can be counted now; the rest stays in the folder for the next process."""
        if self._closed or self._pid != os.getpid():
            return
        try:
            self.reconcile()
        except TallystickError as error:
            _LOG.warning("%d uses stay in %s: %s", self.waiting, self.folder, error)
        self._ended.set()
        with self._turn, self._memory:
            self._closed = True
            self._spool.close()
        release(self)

    def forget(self) -> None:
        """Let go of the parent's files in a forked child; a program need not call it."""
        self._spool.forget()
        self._closed, self._pid = True, 0  # the next call opens the child's own


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

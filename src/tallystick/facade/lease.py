"""A lease in the hands of its holder: a block of a limit, answered from memory."""

from __future__ import annotations

import logging
from dataclasses import replace
from decimal import Decimal
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Final, Self

from tallystick.app import lease
from tallystick.app.exits import guard, release
from tallystick.core.text import refused_at
from tallystick.errors import QuotaExceeded, SetupError, StorageUnavailable, TallystickError

if TYPE_CHECKING:
    from datetime import timedelta
    from types import TracebackType

    from tallystick.app.entitlement import PlanShelf
    from tallystick.app.turn import Wish
    from tallystick.core.period import Instant
    from tallystick.storage.leases import LeaseRow
    from tallystick.storage.unit import Unit
    from tallystick.wiring import Tallystick

__all__ = ["Lease", "LeaseHold"]

_LOG: Final = logging.getLogger(__name__)
_DRY: Final = 1.0  # seconds: for so long a denial is answered from memory


class LeaseHold:
    """Units of a block that somebody holds: commit them, or release them, once.

    Neither asks the database.  Where the block has ended meanwhile they count as used, as nobody
    else could have been given them.
    """

    __slots__ = ("_lease", "_number", "_quantity")

    def __init__(self, lease: Lease, number: int, quantity: int) -> None:
        """Hold so much of a lease's block of that number."""
        self._lease, self._number, self._quantity = lease, number, quantity

    def commit(self) -> None:
        """Say that they were used."""
        self._lease.settle(self._number, self._quantity, back=False)
        self._quantity = 0

    def release(self) -> None:
        """Give them back."""
        self._lease.settle(self._number, self._quantity, back=True)
        self._quantity = 0


class Lease:
    """Units of a limit that this process holds and gives out without asking the database.

    Any thread may `use` it.  Where the block is used up or over, the next one is taken by whoever
    comes; a denial is remembered for one second.  What was used is reported `report_every` so many
    seconds by a thread of its own, and by `close()`, which gives back the rest.

    The limit holds over all processes: what a holder has counts as taken.  Where a process is
    killed, what it had not reported counts as used until the quota starts again, for ever where it
    never does: at most one block.  It is on no bill.  In a forked child a lease is closed.
    """

    def __init__(
        self,
        tally: Tallystick,
        shelf: PlanShelf,
        wish: Wish,
        held: timedelta,
        report_every: float,
    ) -> None:
        """Take the first block.  Raises what `tally.lease` does."""
        self._tally, self._shelf = tally, shelf
        self._wish, self._held, self._every = wish, held, report_every
        self.customer, self.feature, self.size = wish.customer, wish.feature, int(wish.quantity)
        self._memory = Lock()  # of `_left`: held for a few instructions
        self._turn = Lock()  # of the block: held while the database is asked; taken first
        self._block: LeaseRow | None = None
        self._left = self._returned = self._pending = 0
        self._number = 1  # of the block, as this process counts them
        self._until = self._dry_until = 0.0
        self._dry_for = 0
        self._next = wish.id
        self._ended = Event()
        self._take()
        self._thread = Thread(target=self._run, name="tallystick-lease", daemon=True)
        self._thread.start()
        guard(self)

    def use(self, quantity: int = 1) -> bool:
        """Use so much, and say whether it was allowed; nothing is used where it was not.

        It is False also where the database would have to be asked and does not answer.

        Raises InvalidInput for what is no whole number between 1 and the size of the block;
        SetupError after `close()`; what `Gate.use` raises where the plan gives it no more.
        """
        with self._memory:
            if type(quantity) is int and 0 < quantity <= self._left and monotonic() < self._until:
                self._left -= quantity
                return True
        return bool(self._use_of_next(quantity))

    def hold(self, quantity: int = 1, *, wait: bool = True) -> LeaseHold | None:
        """Hold so much until it is known whether it is used; None where that is not allowed.

        Without `wait` nobody is asked: it is None also where the next block has to be taken first.
        A process that is killed, or a block that ends, counts what is held as used.

        Raises what `use` raises.
        """
        number = self._from_memory(quantity, held=True) if type(quantity) is int else 0
        if not number and wait:
            number = self._use_of_next(quantity, held=True)
        return LeaseHold(self, number, quantity) if number else None

    def settle(self, number: int, quantity: int, *, back: bool) -> None:
        """Count what was held of the block of that number as used, or have it `back`."""
        with self._memory:
            if number == self._number:
                self._pending -= quantity
                self._left += quantity if back else 0

    @property
    def left(self) -> int:
        """How many units of the block are left."""
        return self._left if monotonic() < self._until else 0

    def close(self) -> None:
        """Report what was used, and give back the rest; once more does nothing.

        Raises StorageUnavailable: what was not reported counts as used, until `close` succeeds.
        """
        self._ended.set()
        with self._turn:
            self._end_block()
        release(self)

    def forget(self) -> None:
        """Let go of the parent's block in a forked child; a program need not call it."""
        self._ended.set()
        self._memory, self._turn = Lock(), Lock()
        self._block, self._left, self._pending = None, 0, 0
        self._number += 1

    def __enter__(self) -> Self:
        """Give itself, to be closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    # --- where the block does not answer ------------------------------------------------------

    def _use_of_next(self, quantity: int, *, held: bool = False) -> int:
        """Take it of the next block; give the number of that, 0 where it is denied."""
        if type(quantity) is not int or not 0 < quantity <= self.size:
            raise refused_at("quantity", f"is a whole number from 1 to {self.size:,}")
        with self._turn:
            if self._ended.is_set():
                raise SetupError("the lease is closed: take another one")
            if number := self._from_memory(quantity, held=held):
                return number  # of the block that another thread took
            if monotonic() < self._dry_until and quantity >= self._dry_for:
                return 0
            if self._renewed() and (number := self._from_memory(quantity, held=held)):
                return number
            self._dry_until, self._dry_for = monotonic() + _DRY, quantity
            return 0

    def _from_memory(self, quantity: int, *, held: bool) -> int:
        with self._memory:
            if not 0 < quantity <= self._left or monotonic() >= self._until:
                return 0
            self._left -= quantity
            self._pending += quantity if held else 0
            return self._number

    def _renewed(self) -> bool:
        try:
            self._end_block()
            self._take()
        except QuotaExceeded:
            return False
        except StorageUnavailable as error:
            _LOG.warning("no block of %s can be taken: %s", self.feature, error)
            return False
        return True

    # --- blocks -------------------------------------------------------------------------------

    def _take(self) -> None:
        """Take a block; where the last answer was lost, the same one."""
        asked = monotonic()  # before the ledger's clock, so that it never ends later than there
        wish = replace(self._wish, id=self._next)

        def act(unit: Unit, now: Instant) -> tuple[LeaseRow, float]:
            row = lease.take(unit, now, wish, self._held, self._shelf)
            return row, (row.expires_at - now).total_seconds()

        self._block, seconds = self._tally.act(act, repeatable=True)
        self._next = self._tally.ids.new("lse")
        with self._memory:
            self._left, self._returned = self._block.size, 0
            self._until = asked + seconds

    def _end_block(self) -> None:
        """Report the block to its end, and give back what is left of it.

        From here on nobody uses it, whether or not the database answers.
        """
        with self._memory:
            self._returned += self._left
            self._left = self._pending = 0  # what is held now is told as used
            self._number += 1
        if self._block is not None:
            self._report(self._block, close=True)
            self._block = None

    def _report(self, block: LeaseRow, *, close: bool = False) -> None:
        """Tell the ledger what is used by now, if it does not know."""
        with self._memory:
            used = block.size - self._left - self._returned - self._pending
        if not close and used == block.reported:
            return
        wish = replace(self._wish, id=block.id, quantity=Decimal(used))
        try:
            self._block = self._tally.act(
                lambda unit, now: lease.report(unit, now, wish, self._shelf, close=close),
                repeatable=True,
            )
        except StorageUnavailable:
            raise
        except TallystickError:  # as a meter that refuses what is late: it counts as used
            _LOG.exception("%d units of %s cannot be reported", used, self.feature)
            with self._memory:
                self._left, self._block = 0, None

    def _run(self) -> None:
        """Report now and then, and give back what is left of a block that is over."""
        while not self._ended.wait(self._every):
            try:
                with self._turn:
                    if self._block is None or self._ended.is_set():
                        continue
                    if monotonic() >= self._until:
                        self._end_block()
                    else:
                        self._report(self._block)
            except StorageUnavailable as error:
                _LOG.warning("the use of %s is reported later: %s", self.feature, error)

"""Uses that were let pass while the database was away: on disk until they are counted."""

from __future__ import annotations

import logging
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Final

from tallystick.app.delivery import refused_line
from tallystick.app.offline import count_offline, text_of_use, use_of_text
from tallystick.app.offline_room import Room
from tallystick.app.spool import Spool
from tallystick.errors import StorageUnavailable, TallystickError

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.app.offline import LetPass
    from tallystick.app.turn import Wish
    from tallystick.core.entitlement import Access
    from tallystick.core.period import Instant
    from tallystick.wiring import Tallystick

__all__ = ["OfflineSpool"]

_LOG: Final = logging.getLogger(__name__)
_EVERY: Final = 1.0  # seconds between two tries to count
_MOST_DISK: Final = 64_000_000
_BATCH: Final = 200


class OfflineSpool:
    """A process's part of the folder, and the room that is left: what waits is counted beside.

    `memory` is the lock of the `room`.  What a process that is gone left in the folder is counted
    as if it had been let pass here.
    """

    def __init__(self, tally: Tallystick, units: int, folder: Path) -> None:
        """Open a part of the folder.  Raises SetupError, StorageUnavailable."""
        self._tally, self._folder = tally, folder
        self.memory, self._turn = Lock(), Lock()  # the turn is that of counting, and taken first
        self.room = Room(units)
        self._spool = Spool(folder, most_bytes=_MOST_DISK)
        self._ended = Event()
        self._thread: Thread | None = None
        now = tally.clock.now()
        for text in self._spool.texts():
            with suppress(TallystickError):  # it is put aside when it is its turn
                self.room.wait(use_of_text(text, now).wish)
        with self.memory:
            self._count_beside()

    @property
    def waiting(self) -> int:
        """How many uses wait to be counted."""
        return self._spool.waiting

    def keep(self, wish: Wish, at: Instant) -> None:
        """Put a use on the disk, and see that it is counted; to be called with the `memory`.

        Raises StorageUnavailable where the disk refuses: it is not let pass then.
        """
        self._spool.append([text_of_use(wish, at)])
        self.room.wait(wish)
        self._count_beside()

    def reconcile(self) -> int:
        """Count all that waits, and give how many uses it was.

        Raises StorageUnavailable: what is not counted then waits.
        """
        count = 0
        with self._turn:
            while self._spool.waiting:
                taken = self._spool.take(_BATCH)
                for text in taken.texts:
                    count += self._counted(text)
                self._spool.advance(taken)
        return count

    def _counted(self, text: bytes) -> bool:
        """Count one use; put it aside where the ledger refuses it for good."""
        wish: Wish | None = None
        try:
            use = use_of_text(text, self._tally.clock.now())
            wish = use.wish
            after = self._in_the_ledger(use)
        except StorageUnavailable:
            raise
        except TallystickError as refused:
            self._put_aside(text, wish, refused)
            return False
        with self.memory:
            over = self.room.counted(wish, after)
        told = (wish.quantity, wish.feature, wish.customer, over)
        _LOG.warning("counted what was let pass: %s %s of %s, %s over the limit", *told)
        return True

    def _in_the_ledger(self, use: LetPass) -> Access:
        shelf = self._tally._plans()  # noqa: SLF001 - of the same ledger
        return self._tally.act(
            lambda unit, now: count_offline(unit, now, use, shelf), repeatable=True
        )

    def _put_aside(self, text: bytes, wish: Wish | None, refused: TallystickError) -> None:
        kept = self._spool.reject([refused_line(text, refused.code, str(refused))])
        where = f"it is in {self._folder}" if kept else "there is no room for it"
        _LOG.error("what was let pass cannot be counted, %s: %s", where, refused)
        if wish is not None:
            with self.memory:
                self.room.dropped(wish)

    # --- beside -----------------------------------------------------------------------------------

    def _count_beside(self) -> None:
        """Have what waits counted by a thread, which ends when nothing does."""
        if self._thread is None and self._spool.waiting and not self._ended.is_set():
            self._thread = Thread(target=self._run, name="tallystick-offline", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(_EVERY):
            try:
                self.reconcile()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                _LOG.warning("what was let pass waits to be counted: %s", error)
            with self.memory:
                if not self._spool.waiting:
                    self._thread = None
                    return

    # --- the end ----------------------------------------------------------------------------------

    def close(self) -> None:
        """Count what can be counted now; the rest stays in the folder for the next process."""
        try:
            self.reconcile()
        except TallystickError as error:
            _LOG.warning("%d uses stay in %s: %s", self.waiting, self._folder, error)
        self._ended.set()
        with self._turn, self.memory:
            self._spool.close()

    def forget(self) -> None:
        """Let go of the parent's files in a forked child."""
        self._spool.forget()

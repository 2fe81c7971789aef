"""Recording usage without waiting for the database: batches in the background, a spool on disk.

The id of an event is made once, before the first try, and the ledger counts an id once.  So the
buffer may send what it holds as often as it must.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from contextlib import suppress
from itertools import islice
from pathlib import Path
from threading import Condition, Thread
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias

from tallystick.app.buffer_state import BufferState, Counts
from tallystick.app.delivery import deliver, spool_folder
from tallystick.app.exits import guard, release
from tallystick.app.sent import event_text, use_tree
from tallystick.app.spool import Spool, SpoolFull
from tallystick.core.event import DEFAULT_SOURCE, parse_event
from tallystick.errors import (
    InvalidInput,
    SetupError,
    StorageUnavailable,
    TallystickError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal
    from types import TracebackType

    from tallystick.wiring import Tallystick

__all__ = ["UsageBuffer", "WhenFull"]

WhenFull: TypeAlias = Literal["wait", "raise"]
"""What `record` does where there is no room: wait for some, or raise StorageUnavailable."""

_LOG: Final = logging.getLogger(__name__)
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_WAIT: Final = 0.5  # how long a thread sleeps at most before it looks around again


class UsageBuffer:
    """Records usage in batches of its own thread, in the order in which it was recorded.

    It takes at most `most_events` and `most_bytes` into memory, and `most_disk` bytes into its
    spool; where there is no room, `full` says what `record` does.  The spool is a folder, one for
    each ledger, that any number of processes may share.  What a process left there when it died
    is sent by the next buffer that opens it.

    An event that the ledger refuses goes to `N.rejected` in that folder with the reason, as a line
    of JSON, and holds up no other.

    It ends with `close()`, with the `with` block, or with the program: by itself at the
    interpreter's exit, and on SIGTERM where the host has no handler of its own (the program then
    exits with status 143).  After a fork the child needs a buffer of its own.
    """

    def __init__(  # noqa: PLR0913 - bounds that only its owner can know
        self,
        tally: Tallystick,
        *,
        durable: bool = False,
        folder: Path | str | None = None,
        batch: int = 500,
        every: float = 0.2,
        most_events: int = 10_000,
        most_bytes: int = 16_000_000,
        most_disk: int = 1_000_000_000,
        full: WhenFull = "wait",
    ) -> None:
        """Open it and begin to send what was left in the folder.

        A batch is sent when it has `batch` events, or `every` so many seconds.  Without a
        `folder` it is `.tallystick/spool-…` where the program runs, its name made of the
        ledger's address.

        Raises SetupError where the folder cannot be used, InvalidInput for a size below 1.
        """
        _check(batch=batch, most_events=most_events, most_bytes=most_bytes, most_disk=most_disk)
        if full not in {"wait", "raise"}:
            raise InvalidInput(f"full is 'wait' or 'raise', not {str(full)[:40]!r}")
        self.durable = durable
        self._tally, self._batch, self._every, self._full = tally, batch, every, full
        self._most_events, self._most_bytes = most_events, most_bytes
        self.folder = spool_folder(tally) if folder is None else Path(folder)
        self._spool = Spool(self.folder, most_bytes=most_disk)
        self._counts = Counts(recorded=self._spool.waiting, lost=self._spool.lost)
        self._changed = Condition()
        self._memory: deque[bytes] = deque()
        self._memory_bytes = 0
        self._inside = 0  # threads that are writing to the spool
        self._urgent = self._closing = self._closed = False
        self._pause = 0.0
        self._error: str | None = None
        self._process = os.getpid()
        self._last = BufferState()
        if self._spool.lost:
            _LOG.warning("a buffer of %s died with %d events", self.folder, self._spool.lost)
        self._thread = Thread(target=self._run, name="tallystick-usage", daemon=True)
        self._thread.start()
        guard(self)

    # --- recording ----------------------------------------------------------------------------

    def record(
        self,
        customer: str,
        type: str,  # noqa: A002 - the field's word
        *,
        quantity: Decimal | int | str | None = None,
        id: str | None = None,  # noqa: A002 - the field's word
        source: str = DEFAULT_SOURCE,
        occurred_at: datetime | str | None = None,
        properties: Mapping[str, object] | None = None,
    ) -> str:
        """Take an event and give its id; it is stored later, and counted once.

        What is promised when this returns:

        * with `durable=True` the event is on the disk (fsync), and is stored sooner or later even
          if the process is killed at once.  Only the loss of the disk loses it.
        * without it, the event is in memory, and a kill loses what is not sent or spooled yet:
          at most `most_events`, usually what comes within `every` seconds.  The next buffer in the
          folder tells how many were lost (`state().lost`, never too few).

        Nothing was taken where this raises.  The time is now unless you say when; the id is made
        here unless you name one, which you should where your own caller may try again.

        Raises InvalidUsage for what is no event; StorageUnavailable where there is no room or
        the disk refuses; SetupError after `close()` and in a forked child.
        """
        self._check_process()
        key = self._tally.ids.new("evt") if id is None else id
        tree = use_tree(
            customer,
            type,
            quantity=quantity,
            id=key,
            source=source,
            occurred_at=occurred_at,
            properties=properties,
        )
        self.record_many([tree])
        return key

    def record_many(self, events: Iterable[object]) -> None:
        """Take events as plain values (native or CloudEvents), all of them or none.

        Promises and raises what `record` does.  Each needs an id.
        """
        self._check_process()
        now = self._tally.clock.now()
        parsed = [parse_event(tree, received_at=now) for tree in events]
        texts = [event_text(event).encode() for event in parsed]
        if self.durable:
            self._to_disk(texts)
        else:
            self._to_memory(texts)

    def _to_disk(self, texts: Sequence[bytes]) -> None:
        while True:
            if self._appended(texts):
                return
            with self._changed:
                self._changed.wait(_WAIT)

    def _appended(self, texts: Sequence[bytes]) -> bool:
        """Write events to the spool; False where it is full and there may be room later."""
        taken = 0
        with self._changed:
            self._check_open()
            self._inside += 1
        try:
            self._spool.append(texts)
            taken = len(texts)
        except SpoolFull:
            if self._full == "raise":
                raise
        finally:
            with self._changed:
                self._inside -= 1
                self._counts.recorded += taken
                self._changed.notify_all()
        return bool(taken or not texts)

    def _to_memory(self, texts: Sequence[bytes]) -> None:
        size = sum(map(len, texts))
        with self._changed:
            self._check_open()
            while self._memory and (
                len(self._memory) + len(texts) > self._most_events
                or self._memory_bytes + size > self._most_bytes
            ):
                if self._full == "raise":
                    count = len(self._memory)
                    raise StorageUnavailable(f"the buffer is full: {count:,} events wait")
                self._changed.wait(_WAIT)
                self._check_open()
            self._memory.extend(texts)
            self._memory_bytes += size
            self._counts.recorded += len(texts)
            self._note()
            if len(self._memory) == len(texts) or self._enough():
                self._changed.notify_all()

    def _note(self) -> None:
        """Leave behind how many events only this memory has, should the process be killed."""
        self._spool.lane.count(len(self._memory), 0)

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise SetupError(
                "this buffer was opened before the process forked: open one in each process"
            )

    def _check_open(self) -> None:
        if self._closing:
            raise SetupError("the buffer is closed: open another one")

    # --- state and end ------------------------------------------------------------------------

    def state(self) -> BufferState:
        """Tell what became of the events so far, and what waits."""
        if self._closed:
            return self._last
        with self._changed:
            return self._counts.state(
                in_memory=len(self._memory),
                on_disk=self._spool.waiting,
                torn=self._spool.torn,
                error=self._error,
            )

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was recorded before is stored; False where that takes too long.

        While the database is away it is tried again until the timeout.
        """
        self._check_process()
        with self._changed:
            wanted = self._counts.recorded
            now = asked = time.monotonic()
            end = None if timeout is None else now + timeout
            while self._counts.settled < wanted and self._thread.is_alive():
                left = _WAIT if end is None else min(_WAIT, end - now)
                if left <= 0:
                    return False
                if now >= asked:  # not at every wake: the database may be away
                    self._urgent, asked = True, now + _WAIT
                    self._changed.notify_all()
                self._changed.wait(left)
                now = time.monotonic()
            return self._counts.settled >= wanted

    def close(self, timeout: float = 10.0) -> BufferState:
        """Store what waits, for at most so many seconds; the rest goes to the spool and stays.

        Raises StorageUnavailable where events are still in memory because the disk refuses them.
        """
        self._check_process()
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._inside, _WAIT)
        self._thread.join(timeout)
        if not self._closed:
            self._spill()
            state = self.state()
            with self._changed:
                self._closed = True
            self._spool.close()
            self._last = state
            release(self)
        return self._last

    def forget(self) -> None:
        """Let go of the parent's files in a forked child; a program need not call it."""
        self._closing = self._closed = True
        self._spool.forget()

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

    # --- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        while self._awaited():
            try:
                self._deliver()
            except Exception as error:  # noqa: BLE001 - whatever it is, the events are kept
                self._away(error)

    def _awaited(self) -> bool:
        """Wait for enough to send; False where it is over."""
        with self._changed:
            if self._pause:
                self._changed.wait_for(lambda: self._urgent or self._closing, self._pause)
            while not (self._memory or self._spool.waiting or self._closing):
                self._urgent = False
                self._changed.wait()
            self._changed.wait_for(self._enough, self._every)
            self._urgent = False
            if self._closed or (self._closing and self._pause):
                return False
            return bool(self._memory or self._spool.waiting)

    def _enough(self) -> bool:
        waiting = len(self._memory) + self._spool.waiting
        return waiting >= self._batch or self._urgent or self._closing

    def _deliver(self) -> None:
        """Send the oldest batch: what is in the spool is older than what is in memory."""
        if self._spool.waiting:
            with suppress(StorageUnavailable):  # there will be room when some of it was sent
                self._spill()
            taken = self._spool.take(self._batch)
            deliver(self._tally, taken.texts, self._spool, self._counts)
            self._spool.advance(taken)
            self._settle(0)
        else:
            texts = list(islice(self._memory, self._batch))
            deliver(self._tally, texts, self._spool, self._counts)
            self._settle(len(texts))

    def _settle(self, count: int) -> None:
        """Let go of the first events in memory: they are safe elsewhere."""
        with self._changed:
            for _ in range(min(count, len(self._memory))):
                self._memory_bytes -= len(self._memory.popleft())
            if not self._closed:
                self._note()
            self._pause, self._error = 0.0, None
            self._changed.notify_all()

    def _away(self, error: Exception) -> None:
        """Keep everything, on the disk from now on, and try again later."""
        text = str(error)
        if text != self._error:
            ours = isinstance(error, TallystickError)
            _LOG.warning("usage waits: %s", text, exc_info=None if ours else error)
        with self._changed:
            self._error = text
            self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
        try:
            self._spill()
        except StorageUnavailable as refused:
            _LOG.warning("usage stays in memory: %s", refused)

    def _spill(self) -> None:
        """Move what is in memory to the spool, behind what is there.  Raises StorageUnavailable."""
        with self._changed:
            texts = list(self._memory)
        if texts:
            self._spool.append(texts)
            with self._changed:
                for text in texts:
                    self._memory.popleft()
                    self._memory_bytes -= len(text)
                self._note()
                self._changed.notify_all()


def _check(**sizes: int) -> None:
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise InvalidInput(f"{name} is a whole number of at least 1, not {str(size)[:40]}")

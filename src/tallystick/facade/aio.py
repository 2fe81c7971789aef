"""`tally.aio`: the same calls, awaitable, by one wrapper for all of them.

The types of what it gives stand in `aio_types.pyi`, which is written from the facade itself.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, cast

from tallystick.core.property import shown
from tallystick.core.text import refused_at

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tallystick.facade.aio_types import AsyncTallystick
    from tallystick.facade.keys import Key
    from tallystick.wiring import Tallystick

__all__ = ["Aio", "Threads", "awaitable", "end_threads"]

_THREADS: Final = 8
_NO_CALLS: Final = frozenset({"act", "aio", "begin", "close"})  # not for other threads
_SHELVES: Final = "tallystick.facade."


class Threads:
    """A few threads, started when they are first needed, and anew in a forked process."""

    def __init__(self, most: int = _THREADS) -> None:
        """Start none yet."""
        self._most, self._lock = most, Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._pid = 0

    def pool(self) -> ThreadPoolExecutor:
        """Give the threads of this process."""
        with self._lock:
            if self._pool is None or self._pid != os.getpid():
                self._pool = ThreadPoolExecutor(self._most, thread_name_prefix="tallystick-aio")
                self._pid = os.getpid()
            return self._pool

    async def run(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - of every call
        """Run a call in one of them."""
        return await asyncio.get_running_loop().run_in_executor(self.pool(), call)

    def close(self) -> None:
        """End them once what they do is done."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None and self._pid == os.getpid():
            pool.shutdown()


class Aio:
    """Every call of a ledger or of one of its shelves, awaitable under its own name.

    A call runs in one of a few threads, so the event loop goes on.  With a host's
    `AsyncConnection` or `AsyncSession` as `connection` it runs by that one's `run_sync`, in the
    host's transaction.  What is cancelled while it waits may be done all the same.  Calls that give
    an iterator are left out.
    """

    def __init__(self, target: object, threads: Threads) -> None:
        """Stand before a ledger or a shelf."""
        self._target, self._threads = target, threads

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as typed in aio_types.pyi
        """Give the awaitable call of that name, or the shelf.  Raises AttributeError."""
        if name.startswith("_") or name in _NO_CALLS:
            raise AttributeError(f"{name!r} is not awaitable")
        found = getattr(self._target, name)
        if callable(found):
            return _awaited(found, self._threads)
        if type(found).__module__.startswith(_SHELVES):
            return Aio(found, self._threads)
        raise AttributeError(f"{name!r} is no call: ask the ledger itself")


def awaitable(tally: Tallystick[Key], threads: Threads | None = None) -> AsyncTallystick[Key]:
    """Give every call of a ledger, awaitable; no thread is started before the first."""
    return cast("AsyncTallystick[Key]", Aio(tally, Threads() if threads is None else threads))


def end_threads(aio: AsyncTallystick) -> None:
    """End the threads behind a ledger's `aio`, once what they do is done."""
    cast("Any", aio)._threads.close()  # noqa: SLF001 - what `awaitable` gave it


def _awaited(call: Callable[..., Any], threads: Threads) -> Callable[..., Coroutine[Any, Any, Any]]:
    if str(call.__annotations__.get("return")).startswith("Iterator"):
        text = f"{call.__name__!r} gives an iterator: go through it in a thread of your own"
        raise AttributeError(text)

    async def awaited(*args: Any, connection: Any = None, **named: Any) -> Any:  # noqa: ANN401 - of every call
        if connection is None:
            whole = partial(copy_context().run, call, *args, **named)
            return await threads.run(whole)
        if not hasattr(connection, "run_sync"):
            text = f"is an AsyncConnection or an AsyncSession here, not {shown(connection)}"
            raise refused_at("connection", text)
        return await connection.run_sync(lambda own: call(*args, connection=own, **named))

    return awaited

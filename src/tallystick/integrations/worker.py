"""The worker of a host's program: reads events, bills what is due, finishes payments and acts."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, TypeVar

from tallystick.core.property import shown
from tallystick.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tallystick.wiring import Tallystick

__all__ = ["run_worker", "seconds_between", "set_up"]

R = TypeVar("R")
_log: Final = logging.getLogger("tallystick.integrations")
_LONGEST: Final = 86_400
_AT_ONCE: Final = 500  # documents: a program that ends waits for no more than these


def seconds_between(every: object) -> int | None:
    """Read how many seconds the worker waits between two runs, None for no worker.

    Raises SetupError.
    """
    if every is None:
        return None
    if type(every) is not int or not 0 < every <= _LONGEST:
        raise SetupError(f"worker_every is whole seconds up to {_LONGEST}, not {shown(every)}")
    return every


async def set_up(tally: Tallystick, author: str) -> None:
    """Apply our migrations, and publish the ledger's catalogue where it is a new one.

    Raises MigrationRefused, StorageUnavailable, Conflict.
    """
    await tally.aio.migrate()
    if tally.price_book is not None:
        await tally.aio.publish(author=author)


async def run_worker(tally: Tallystick, every: int) -> None:
    """Read events, bill what is due, finish payments, and again so many seconds later.

    It ends when it is cancelled.  Any number of processes may do so at once.  A run that fails is
    logged, holds up no other, and is tried again.
    """
    while True:
        read = await _tried(tally.aio.provider_events.run, "events were not read", every)
        billed = await _tried(tally.aio.invoices.run, "what is due was not billed", every)
        paid = await _tried(tally.aio.payments.run, "payments were not gone on with", every)
        await _tried(tally.aio.mirrors.run, "what providers bill was not gone on with", every)
        more = billed is not None and billed.documents >= _AT_ONCE
        more = more or (paid is not None and paid.asked >= _AT_ONCE)
        more = more or (read is not None and read.asked >= _AT_ONCE)
        await asyncio.sleep(0 if more else every)


async def _tried(run: Callable[..., Awaitable[R]], sentence: str, every: int) -> R | None:
    try:
        return await run(limit=_AT_ONCE)
    except Exception:  # noqa: BLE001 - whatever it is, the next run goes on once it is cured
        _log.exception("%s; it is tried again in %s seconds", sentence, every)
        return None

"""The worker of a host's program: it goes on with all that is due, again and again."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from tallystick.app.billing import Run
from tallystick.core.property import shown
from tallystick.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tallystick.wiring import Tallystick

__all__ = ["run_worker", "seconds_between", "set_up"]

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
    """Go on with all that is due, and again so many seconds later, until it is cancelled.

    Any number of processes may do so at once.  A run that fails is logged, holds up no other, and
    is tried again.
    """
    rounds: tuple[tuple[Callable[..., Awaitable[Any]], str], ...] = (
        (tally.aio.provider_events.run, "events were not read"),
        (tally.aio.invoices.run, "what is due was not billed"),
        (tally.aio.payments.run, "payments were not gone on with"),
        (tally.aio.checkouts.run, "checkouts were not gone on with"),
        (tally.aio.mirrors.run, "what providers bill was not gone on with"),
    )
    while True:
        done = [await _done(run, sentence, every) for run, sentence in rounds]
        await asyncio.sleep(0 if max(done) >= _AT_ONCE else every)


async def _done(run: Callable[..., Awaitable[Any]], sentence: str, every: int) -> int:
    """Go on with one part; give how many there were of it."""
    try:
        found = await run(limit=_AT_ONCE)
    except Exception:  # noqa: BLE001 - whatever it is, the next run goes on once it is cured
        _log.exception("%s; it is tried again in %s seconds", sentence, every)
        return 0
    many: int = found.documents if isinstance(found, Run) else found.asked
    return many

"""`tallystick worker`: going on with all that is due, once or for ever."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from tallystick.cli.arguments import AsJson, Usage, ends_well
from tallystick.cli.invoice_run import tell_run
from tallystick.cli.ledger import over_ledger
from tallystick.cli.output import say_counts, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.app.billing import Run
    from tallystick.wiring import Tallystick

__all__ = ["PARTS", "worker"]

_MOMENT = 0.2  # seconds until a signal is heard


class _Stop:
    """Whether we were asked to end.  A plain flag: a signal may come while a lock is held."""

    def __init__(self) -> None:
        self.asked = False

    def wait(self, seconds: float) -> None:
        """Wait, a moment at a time, until we are asked or the time is over."""
        end = time.monotonic() + seconds
        while not self.asked and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _MOMENT))


class _Room(NamedTuple):
    """A part of the ledger that is gone on with: how its run is called and told.

    `over` tells how many of a run came to an end, so that there may be more to do at once.
    """

    name: str
    words: str
    over: Callable[[Any], int]


_EVENTS: Final = _Room("provider_events", "events", lambda done: done.applied)
_ROOMS: Final = (
    _Room("payments", "payments", lambda done: done.answered),
    _Room("checkouts", "checkouts", lambda done: done.over),
    _Room("mirrors", "acts", lambda done: done.done + done.refused),
)
PARTS: Final = (_EVENTS.name, "invoices", *(room.name for room in _ROOMS))
"""The parts of a ledger that a worker goes on with, each by its `run`, in this order."""


@ends_well
@over_ledger
def worker(
    tally: Tallystick,
    once: Annotated[
        bool, typer.Option("--once", help="Stop where nothing is due any more.")
    ] = False,
    every: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long to wait where nothing is due.")
    ] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Read events, bill what is due, finish payments, checkouts and acts, for ever.

    Any number of workers may run. SIGTERM and Ctrl-C end one after the batch it is at. Cron can do
    the same: tallystick worker --once
    """
    if not 0.1 <= every <= 86_400:  # noqa: PLR2004 - a tenth of a second, a day
        raise Usage("--every is from 0.1 to 86400 seconds")
    stop = _Stop()
    with _ends_at_signals(stop):
        while not stop.asked:
            went_on = _gone_on(tally, _EVENTS, stop, as_json=as_json)
            went_on = _billed(tally, stop, as_json=as_json) or went_on
            for room in _ROOMS:
                went_on = _gone_on(tally, room, stop, as_json=as_json) or went_on
            if went_on:
                continue
            if once:
                return
            stop.wait(every)


def _billed(tally: Tallystick, stop: _Stop, *, as_json: bool) -> bool:
    """Bill until nothing is due, or until we are to stop; tell whether anything was done."""
    from tallystick.errors import StorageUnavailable

    total: Run | None = None
    try:
        for step in tally.invoices.steps():
            total = step if total is None else total + step
            if stop.asked:
                break
    except StorageUnavailable as away:
        warn(f"{away}; trying again later")
    if total is None or not total.did_work:
        return False
    tell_run(total, total.set_aside, as_json=as_json, line=True)
    sys.stdout.flush()
    return True


def _gone_on(tally: Tallystick, room: _Room, stop: _Stop, *, as_json: bool) -> bool:
    """Go on with one part; tell whether anything of it came to an end."""
    from tallystick.errors import StorageUnavailable

    try:
        done = getattr(tally, room.name).run(stop=lambda: stop.asked)
    except StorageUnavailable as away:
        warn(f"{away}; trying again later")
        return False
    if done.asked:
        say_counts(room.words, done, as_json=as_json)
        sys.stdout.flush()
    return bool(room.over(done))


@contextlib.contextmanager
def _ends_at_signals(stop: _Stop) -> Iterator[None]:
    """Turn the signals that ask us to end into a word; the first time gently."""

    def ask(number: int, _: object) -> None:
        if stop.asked:
            raise KeyboardInterrupt  # asked twice: at once
        warn("stopping after this batch" if number == signal.SIGINT else "stopping")
        stop.asked = True

    kinds = (signal.SIGTERM, signal.SIGINT)
    before = {kind: signal.signal(kind, ask) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)

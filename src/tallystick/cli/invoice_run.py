"""`tallystick invoice run` and `tallystick worker`: billing what is due, once or for ever."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson, Usage, ends_well
from tallystick.cli.ledger import over_ledger
from tallystick.cli.output import say, say_json, warn
from tallystick.cli.payments import tell_finished
from tallystick.cli.stripe_events import tell_read
from tallystick.cli.times import At, moment_or_none

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallystick.app.billing import Run, SetAside
    from tallystick.app.inbox_run import ReadObjects
    from tallystick.app.intent_run import Finished
    from tallystick.app.provider_act import ActsDone
    from tallystick.wiring import Tallystick

__all__ = ["run", "worker"]

_TOLD = 20
_MOMENT = 0.2  # seconds until a signal is heard


def run(
    tally: Tallystick,
    at: At = None,
    limit: Annotated[
        int | None, typer.Option(help="The most documents to issue.", show_default="all")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bill everything that is due; a second run changes nothing.

    Any number of processes may run at once. What cannot be billed is set aside with its reason, and
    blocks nobody.
    Exit status: 0 done, 1 something is set aside.
    """
    with _progress(quiet=as_json) as tell:
        done = tally.invoices.run(moment_or_none(at, "--at"), limit=limit, tell=tell)
    left = tally.invoices.set_aside()
    if as_json:
        say_json(_tree(done, left))
    else:
        say(*_summary(done))
        _print_set_aside(done, left)
    if left:
        raise typer.Exit(1)


@contextlib.contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[Run], object]]:
    """Show how far the run is, on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("billing", total=None)
        yield lambda done: bar.update(task, description=_counts(done))


def _counts(done: Run) -> str:
    empty = f", {done.empty:,} came to nothing" if done.empty else ""
    went_on = f"{done.subscriptions:,} subscription{_s(done.subscriptions)} went on"
    unpaid = f", {done.dunning:,} unpaid invoice{_s(done.dunning)} went on" if done.dunning else ""
    return f"{went_on}, {done.documents:,} document{_s(done.documents)}{empty}{unpaid}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _summary(done: Run) -> list[str]:
    from tallystick.core.currency import currency
    from tallystick.core.money import Money

    if not done.did_work:
        return ["nothing was due"]
    totals = (f"total  {Money(minor, currency(code))}" for code, minor in done.totals.items())
    return [_counts(done), *totals]


def _print_set_aside(done: Run, left: Sequence[SetAside]) -> None:
    """Tell what blocks itself: that of this run, and how many wait from before."""
    new = {(each.kind, each.id) for each in done.set_aside}
    for each in done.set_aside[:_TOLD]:
        reason = each.reason
        warn(
            f"set aside: {each.kind} {each.id} of {each.customer}: {reason['message']}"
            f" [{reason['code']}]",
            f"    look into it: {reason['replay']}",
            f"    when it is cured: tallystick invoice retry {each.id}",
        )
    if len(done.set_aside) > _TOLD:
        warn(f"… and {len(done.set_aside) - _TOLD:,} more; see --json")
    older = sum((each.kind, each.id) not in new for each in left)
    if older:
        warn(f"{older:,} set aside before: see --json, then tallystick invoice retry ID")


def _tree(done: Run, left: Sequence[SetAside]) -> dict[str, Any]:
    from tallystick.core.period import instant_text

    return {
        "at": instant_text(done.at),
        "subscriptions": done.subscriptions,
        "documents": done.documents,
        "empty": done.empty,
        "dunning": done.dunning,
        "totals": dict(done.totals),
        "set_aside": [
            {
                "kind": each.kind,
                "customer": each.customer,
                "id": each.id,
                "reason": dict(each.reason),
                "new": each in done.set_aside,
            }
            for each in left
        ],
    }


# --- the worker -----------------------------------------------------------------------------------


class _Stop:
    """Whether we were asked to end.  A plain flag: a signal may come while a lock is held."""

    def __init__(self) -> None:
        self.asked = False

    def wait(self, seconds: float) -> None:
        """Wait, a moment at a time, until we are asked or the time is over."""
        end = time.monotonic() + seconds
        while not self.asked and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _MOMENT))


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
    """Read events, bill what is due, finish payments and acts, for ever; any number may run.

    SIGTERM and Ctrl-C end it after the batch it is at.  Cron can do the same: tallystick worker
    --once
    """
    if not 0.1 <= every <= 86_400:  # noqa: PLR2004 - a tenth of a second, a day
        raise Usage("--every is from 0.1 to 86400 seconds")
    stop = _Stop()
    with _ends_at_signals(stop):
        while not stop.asked:
            read = _one_event_round(tally, stop)
            done, paid = _one_round(tally, stop), _one_payment_round(tally, stop)
            acted = _one_act_round(tally, stop)
            if read is not None and read.asked:
                tell_read(read, as_json=as_json)
            if done is not None and done.did_work:
                _tell(done, as_json=as_json)
            if paid is not None and paid.asked:
                tell_finished(paid, as_json=as_json)
            if (done is not None and done.did_work) or (paid is not None and paid.answered):
                continue
            if read is not None and read.applied:
                continue
            if acted is not None and acted.done + acted.refused:
                continue
            if once:
                return
            stop.wait(every)


def _one_round(tally: Tallystick, stop: _Stop) -> Run | None:
    """Bill until nothing is due, or until we are to stop; None where the database was away."""
    from tallystick.errors import StorageUnavailable

    total: Run | None = None
    try:
        for step in tally.invoices.steps():
            total = step if total is None else total + step
            if stop.asked:
                break
    except StorageUnavailable as away:
        warn(f"{away}; trying again later")
    return total


def _one_event_round(tally: Tallystick, stop: _Stop) -> ReadObjects | None:
    """Ask for what events told of; None where the database was away."""
    from tallystick.errors import StorageUnavailable

    try:
        return tally.provider_events.run(stop=lambda: stop.asked)
    except StorageUnavailable as away:
        warn(f"{away}; trying again later")
        return None


def _one_payment_round(tally: Tallystick, stop: _Stop) -> Finished | None:
    """Go on with payment intents; None where the database was away."""
    from tallystick.errors import StorageUnavailable

    try:
        return tally.payments.run(stop=lambda: stop.asked)
    except StorageUnavailable as away:
        warn(f"{away}; trying again later")
        return None


def _one_act_round(tally: Tallystick, stop: _Stop) -> ActsDone | None:
    """Go on with acts on what a provider bills; None where the database was away."""
    from tallystick.errors import StorageUnavailable

    try:
        return tally.mirrors.run(stop=lambda: stop.asked)
    except StorageUnavailable as away:
        warn(f"{away}; trying again later")
        return None


def _tell(done: Run, *, as_json: bool) -> None:
    if as_json:
        say_json(_tree(done, done.set_aside), line=True)
    else:
        say("; ".join(_summary(done)))
        _print_set_aside(done, done.set_aside)
    sys.stdout.flush()


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

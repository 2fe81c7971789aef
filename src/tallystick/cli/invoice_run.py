"""`tallystick invoice run`: billing what is due, once; and how a run is told."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson
from tallystick.cli.output import say, say_json, warn
from tallystick.cli.times import At, moment_or_none

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallystick.app.billing import Run, SetAside
    from tallystick.wiring import Tallystick

__all__ = ["run", "tell_run"]

_TOLD = 20


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
    tell_run(done, left, as_json=as_json)
    if left:
        raise typer.Exit(1)


def tell_run(done: Run, left: Sequence[SetAside], *, as_json: bool, line: bool = False) -> None:
    """Tell what a run did, and what is `left` set aside; for a machine, on a `line` if asked."""
    if as_json:
        say_json(_tree(done, left), line=line)
    else:
        say(*(["; ".join(_summary(done))] if line else _summary(done)))
        _print_set_aside(done, left)


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

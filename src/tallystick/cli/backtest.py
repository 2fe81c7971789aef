"""`tallystick backtest`: what a new catalogue would have asked for, over what was really issued."""

from __future__ import annotations

import contextlib
import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tallystick.cli.arguments import AsJson, Environment, Usage, ends_well, opened
from tallystick.cli.ledger import over_ledger
from tallystick.cli.output import say, say_json, say_table
from tallystick.cli.times import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallystick.app.backtest import Progress
    from tallystick.core.backtest import Backtest, CustomerDifference, Summary
    from tallystick.wiring import Tallystick

__all__ = ["backtest"]

_NAMED: Final = 10
_LONGEST: Final = 40
_COLUMNS: Final = ("customer", "currency", "documents", "issued", "repriced", "difference")


@ends_well
@over_ledger
def backtest(
    tally: Tallystick,
    file: Annotated[str, typer.Argument(help="The new catalogue.", show_default=False)],
    since: Annotated[
        str, typer.Option("--from", metavar="TIME", help="Documents issued from then on.")
    ],
    until: Annotated[
        str, typer.Option("--to", metavar="TIME", help="Up to then, and no longer at it.")
    ],
    plan: Annotated[
        list[str] | None,
        typer.Option(metavar="A=B", help="Plan B takes the place of A (or of pro@1 alone)."),
    ] = None,
    csv_: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write each customer's figures.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as an HTML page.")
    ] = None,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Say what a new catalogue would have asked each customer for; changes nothing.

    It counts as if the catalogue had been in force all along. What cannot be compared keeps its
    amounts, and is named.
    Example: tallystick backtest new.yaml --from 2026-01-01 --to 2027-01-01 --html new.html
    """
    for path in (csv_, html):
        if path is not None and not path.parent.is_dir():
            raise Usage(f"there is no folder {path.parent} to write to")
    catalog = opened(file, environment).catalog
    page = None if html is None else _page()
    with _progress(quiet=as_json) as tell:
        found = tally.backtest(
            catalog,
            since=moment(since, "--from"),
            until=moment(until, "--to"),
            plans=_plans(plan or []),
            tell=tell,
        )
    if csv_ is not None:
        _write_csv(csv_, found)
    if html is not None and page is not None:
        html.write_text(page(found), encoding="utf-8")
    if as_json:
        say_json(_tree(found))
        return
    _print(found)
    say(*(f"wrote {path}" for path in (csv_, html) if path is not None))


def _plans(words: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        mine, sign, theirs = word.partition("=")
        if not (mine and sign and theirs) or mine in found:
            raise Usage(f"--plan is A=B, each A once, not {word!r}")
        found[mine] = theirs
    return found


def _page() -> Callable[[Backtest], str]:
    """Give what writes the page; before the work begins, as it needs an extra."""
    from tallystick.documents.backtest_html import backtest_html

    return backtest_html


@contextlib.contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[Progress], object]]:
    """Show how far it is, on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking back", total=None)
        yield lambda done: bar.update(
            task, description=f"{done.customers:,} customers, {done.documents:,} documents"
        )


# --- for people -----------------------------------------------------------------------------------


def _print(found: Backtest) -> None:
    summaries = found.summaries()
    if not summaries:
        say("nothing was issued in that time")
    for each in summaries:
        _print_summary(each)
        _print_customers("would pay less", found.winners(_NAMED), each)
        _print_customers("would pay more", found.losers(_NAMED), each)
    if found.not_compared:
        say("", "not compared, and the same on both sides:")
        for apart in found.not_compared:
            what = apart.charge or "whole documents"
            say(f"  {apart.plan} {what}: {apart.why} ({apart.lines:,} × in all {apart.amount})")
    if found.added:
        say("", f"new, on no document, and not counted: {', '.join(found.added)}")


def _print_summary(summary: Summary) -> None:
    from tallystick.core.backtest_words import bar_lengths, bin_words, change_words, signed

    say(
        f"{_counted(summary.customers, 'customer')}, {_counted(summary.documents, 'document')}"
        f" in {summary.currency.code}",
        f"issued           {summary.issued}",
        f"would have been  {summary.repriced}",
        f"difference       {change_words(summary)}",
        f"less for {summary.winners:,} ({summary.won}), more for {summary.losers:,}"
        f" ({summary.lost}), the same for {summary.unchanged:,}",
        "at most, for so many of them: "
        + ", ".join(f"{percent}% {signed(amount)}" for percent, amount in summary.quantiles),
    )
    if summary.bins:
        words = [bin_words(each, summary) for each in summary.bins]
        bars = zip(summary.bins, bar_lengths(summary, _LONGEST), words, strict=True)
        wide = max(map(len, words))
        say("", *(f"{text:>{wide}}  {'█' * long} {each.customers:,}" for each, long, text in bars))


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _print_customers(title: str, customers: Sequence[CustomerDifference], summary: Summary) -> None:
    from tallystick.core.backtest_words import signed

    mine = [each for each in customers if each.currency == summary.currency]
    if mine:
        say("")
        say_table(
            (title, "issued", "would have been", "difference"),
            (
                (each.customer, str(each.issued), str(each.repriced), signed(each.difference))
                for each in mine
            ),
            right="issued difference",
        )


# --- for machines ---------------------------------------------------------------------------------


def _write_csv(path: Path, found: Backtest) -> None:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(_COLUMNS)
        for each in found.customers:
            amounts = (each.issued, each.repriced, each.difference)
            row = (each.customer, each.currency.code, each.documents)
            table.writerow((*row, *(f"{amount.major:f}" for amount in amounts)))


def _tree(found: Backtest) -> dict[str, Any]:
    from tallystick.core.period import instant_text

    return {
        "since": instant_text(found.since),
        "until": instant_text(found.until),
        "documents": found.documents,
        "currencies": [_summary_tree(each) for each in found.summaries()],
        "customers": [
            {
                "customer": each.customer,
                "currency": each.currency.code,
                "documents": each.documents,
                "issued": each.issued.minor,
                "repriced": each.repriced.minor,
                "difference": each.difference.minor,
            }
            for each in found.customers
        ],
        "not_compared": [
            {
                "plan": each.plan,
                "charge": each.charge,
                "why": each.why,
                "lines": each.lines,
                "amount": each.amount.minor,
                "currency": each.amount.currency.code,
            }
            for each in found.not_compared
        ],
        "added": list(found.added),
    }


def _summary_tree(summary: Summary) -> dict[str, Any]:
    return {
        "currency": summary.currency.code,
        "customers": summary.customers,
        "documents": summary.documents,
        "issued": summary.issued.minor,
        "repriced": summary.repriced.minor,
        "difference": summary.difference.minor,
        "winners": summary.winners,
        "losers": summary.losers,
        "unchanged": summary.unchanged,
        "won": summary.won.minor,
        "lost": summary.lost.minor,
        "quantiles": {str(percent): amount.minor for percent, amount in summary.quantiles},
        "bins": [
            {"low": each.low, "high": each.high, "customers": each.customers}
            for each in summary.bins
        ],
    }

"""`tallystick stripe usage`: usage that Stripe bills, told to its meters, and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tallystick.cli.arguments import AsJson, ends_well
from tallystick.cli.ledger import over_ledger
from tallystick.cli.output import say, say_json
from tallystick.cli.stripe_book import Live, open_provider
from tallystick.cli.times import At, moment_or_none

if TYPE_CHECKING:
    from tallystick.app.meter_report import UsageDifference
    from tallystick.app.meter_report_run import UsageRun
    from tallystick.wiring import Tallystick

__all__ = ["COMMANDS"]


@ends_well
@over_ledger
def usage(
    tally: Tallystick,
    check: Annotated[
        bool,
        typer.Option("--check", help="Tell nothing: compare what Stripe has added up with ours."),
    ] = False,
    at: At = None,
    live: Live = False,
    as_json: AsJson = False,
) -> None:
    """Tell Stripe's meters what was used since they were told last: for cron, each hour or so.

    It is for the subscriptions that Stripe bills. Late usage and corrections come along, as more or
    less; a report without an answer is told again and counts once. Stripe adds up a little later,
    so believe a difference when it is there twice.
    Exit status: 0, or 1 where a report was not taken, or with --check where anything differs.
    """
    provider = open_provider(live=live)
    moment = moment_or_none(at, "--at")
    if check:
        differences = tally.meter_reports.check(provider=provider, at=moment)
        _tell_differences(differences, as_json=as_json)
        failed = bool(differences)
    else:
        done = tally.meter_reports.run(provider=provider, at=moment)
        _tell_run(done, as_json=as_json)
        failed = bool(done.silent or done.refused)
    if failed:
        raise typer.Exit(1)


COMMANDS: Final = (usage,)
"""The commands of this file."""


def _tell_run(done: UsageRun, *, as_json: bool) -> None:
    counts = {name: getattr(done, name) for name in ("begun", "told", "silent", "refused")}
    if as_json:
        say_json(counts)
        return
    told = (f"{count:,} {name}" for name, count in counts.items() if count)
    say(", ".join(told) or "nothing to tell")


def _tell_differences(differences: tuple[UsageDifference, ...], *, as_json: bool) -> None:
    trees = [_tree(each) for each in differences]
    if as_json:
        say_json({"differences": trees})
        return
    for tree in trees:
        known = "nothing" if tree["known"] is None else tree["known"]
        say(
            f"{tree['customer']} {tree['meter']} from {tree['from']} to {tree['to']}",
            f"    used {tree['used']}, reported {tree['reported']}, known there {known}",
        )
    say(f"{len(trees)} differ")


def _tree(difference: UsageDifference) -> dict[str, Any]:
    from tallystick.core.number import plain
    from tallystick.core.period import instant_text

    metered = difference.metered
    return {
        "customer": metered.customer,
        "provider_id": metered.payer,
        "meter": metered.meter,
        "from": instant_text(metered.window.start),
        "to": instant_text(metered.window.end),
        "used": plain(difference.used),
        "reported": plain(difference.reported),
        "known": None if difference.known is None else plain(difference.known),
    }

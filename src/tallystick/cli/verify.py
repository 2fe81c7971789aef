"""`tallystick verify`: the invariants, run over what is stored."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import typer

from tallystick.cli.arguments import AsJson, ends_well
from tallystick.cli.ledger import json_value, over_ledger
from tallystick.cli.output import say, say_json
from tallystick.core.number import plain

if TYPE_CHECKING:
    from tallystick.app.verify import Checked, Report
    from tallystick.wiring import Tallystick

__all__ = ["verify"]


@ends_well
@over_ledger
def verify(
    tally: Tallystick,
    as_json: AsJson = False,
) -> None:
    """Check the invariants of everything that is stored; changes nothing.

    Prints each row that breaks one.  Exit status: 0 all hold, 1 one is broken.
    """
    report = tally.verify()
    if as_json:
        say_json({"ok": report.ok, "checks": [_tree(each) for each in report.checks]})
    else:
        _print(report)
    if not report.ok:
        raise typer.Exit(1)


def _print(report: Report) -> None:
    for each in report.checks:
        say(f"{'ok' if each.ok else 'BROKEN'}  {each.name} ({each.invariants}): {each.sentence}")
        for row in each.rows:
            say("    " + ", ".join(f"{name} {_word(value)}" for name, value in row.items()))
        if each.more:
            say(f"    … and more: the first {len(each.rows)} are shown")
    broken = len(report.broken)
    say(f"{len(report.checks)} checks, {broken or 'none'} broken")


def _word(value: object) -> str:
    found = json_value(value)
    if found is None:
        return "none"
    return plain(found) if isinstance(found, Decimal) else str(found)


def _tree(each: Checked) -> dict[str, Any]:
    return {
        "name": each.name,
        "invariants": each.invariants.split(),
        "sentence": each.sentence,
        "ok": each.ok,
        "rows": [json_value(dict(row)) for row in each.rows],
        "more": each.more,
    }

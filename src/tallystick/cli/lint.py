"""`tallystick lint`: everything that is wrong with a catalogue, at once."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tallystick.cli.arguments import AsJson, Environment, ends_well, opened
from tallystick.cli.output import say, say_json
from tallystick.errors import InvalidCatalog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.period import Instant
    from tallystick.errors import Problem

__all__ = ["lint"]


@ends_well
def lint(
    file: Annotated[str | None, typer.Argument(help="The catalogue.", show_default=False)] = None,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Check a catalogue: every problem with its place and cure, and hints worth a look.

    Exit status: 0 clean or hints only, 1 problems, 2 wrong usage.
    """
    name, plans = file or "catalogue", 0
    findings: Sequence[Problem]
    try:
        found = opened(file, environment, _now)
        name, plans, findings = found.path.name, len(found.catalog), found.findings
    except InvalidCatalog as refused:
        name, findings = Path(refused.source).name, refused.problems
    problems = [each for each in findings if each.severity == "problem"]
    hints = [each for each in findings if each.severity == "hint"]
    if as_json:
        say_json(
            {
                "file": name,
                "ok": not problems,
                "problems": [asdict(each) for each in problems],
                "hints": [asdict(each) for each in hints],
            }
        )
    else:
        say(*(f"{each.severity}: {each}" for each in (*problems, *hints)))
        say(_summary(name, plans, len(problems), len(hints)))
    if problems:
        raise typer.Exit(1)


def _now() -> Instant:
    from tallystick.wiring import SystemClock

    return SystemClock().now()


def _summary(name: str, plans: int, problems: int, hints: int) -> str:
    verdict = f"{problems} problem{'' if problems == 1 else 's'}" if problems else "no problem"
    size = f"{plans} plan{'' if plans == 1 else 's'}, " if plans else ""
    return f"{name}: {size}{verdict}, {hints} hint{'' if hints == 1 else 's'}"

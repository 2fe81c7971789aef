"""`tallystick lint`: everything that is wrong with a catalogue, at once."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tallystick.cli.arguments import AsJson, Environment, Usage, ends_well, opened
from tallystick.cli.exploits import exploit_tree, exploit_words, searched
from tallystick.cli.output import say, say_json
from tallystick.errors import InvalidCatalog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.catalog import Catalog
    from tallystick.core.period import Instant
    from tallystick.errors import Problem

__all__ = ["lint"]


@ends_well
def lint(
    file: Annotated[str | None, typer.Argument(help="The catalogue.", show_default=False)] = None,
    exploits: Annotated[
        bool,
        typer.Option(
            "--exploits",
            help="Search for changes, coupons and credits that leave more than was paid.",
        ),
    ] = False,
    depth: Annotated[
        int | None,
        typer.Option(metavar="N", help="With --exploits: how many acts, 1 to 6.", show_default="3"),
    ] = None,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Check a catalogue: every problem with its place and cure, and hints worth a look.

    Exit status: 0 clean or hints only, 1 problems or exploits, 2 wrong usage.
    """
    if depth is not None and not exploits:
        raise Usage("--depth is for --exploits: name both")
    name, plans = file or "catalogue", 0
    findings: Sequence[Problem]
    catalog: Catalog[str, str] | None = None
    try:
        found = opened(file, environment, _now)
        name, plans, findings = found.path.name, len(found.catalog), found.findings
        catalog = found.catalog
    except InvalidCatalog as refused:
        name, findings = Path(refused.source).name, refused.problems
    problems = [each for each in findings if each.severity == "problem"]
    hints = [each for each in findings if each.severity == "hint"]
    search = None
    if exploits and catalog is not None and not problems:  # what cannot be sold is not tried
        search = searched(catalog, depth, quiet=as_json)
    if as_json:
        tree = {
            "file": name,
            "ok": not problems and (search is None or not search.exploits),
            "problems": [asdict(each) for each in problems],
            "hints": [asdict(each) for each in hints],
        }
        say_json(tree | ({"exploits": exploit_tree(search)} if exploits else {}))
    else:
        say(*(f"{each.severity}: {each}" for each in (*problems, *hints)))
        say(_summary(name, plans, len(problems), len(hints)))
        say(*(exploit_words(search) if exploits else ()))
    if problems or (search is not None and search.exploits):
        raise typer.Exit(1)


def _now() -> Instant:
    from tallystick.system import SystemClock

    return SystemClock().now()


def _summary(name: str, plans: int, problems: int, hints: int) -> str:
    verdict = f"{problems} problem{'' if problems == 1 else 's'}" if problems else "no problem"
    size = f"{plans} plan{'' if plans == 1 else 's'}, " if plans else ""
    return f"{name}: {size}{verdict}, {hints} hint{'' if hints == 1 else 's'}"

"""`tallystick conformance`: run the public cases through the engine."""

from __future__ import annotations

from typing import Annotated

import typer

from tallystick.cli.arguments import AsJson, ends_well
from tallystick.cli.output import say

__all__ = ["conformance"]


@ends_well
def conformance(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Case files; the packaged kit if none.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run conformance cases: figures of other engines that must come out here too.

    Prints a line for each failure and closes with the counts. Exit status: 1 if any failed.
    """
    from tallystick.testing.conformance import run_cases

    report = run_cases(files or None)
    say(*(report.json_lines() if as_json else report.lines()))
    if report.exit_code:
        raise typer.Exit(report.exit_code)

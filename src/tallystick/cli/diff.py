"""`tallystick diff`: what changed between two catalogues, in words."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from tallystick.cli.arguments import AsJson, Environment, ends_well, opened
from tallystick.cli.output import say, say_json

__all__ = ["diff"]


@ends_well
def diff(
    old: Annotated[str, typer.Argument(help="The catalogue as it was.")],
    new: Annotated[str, typer.Argument(help="The catalogue as it would be.")],
    environment: Environment = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 where anything changed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what changed between two catalogues, in the words of a product manager."""
    from tallystick.core.diff import diff as compare

    changes = compare(opened(old, environment).catalog, opened(new, environment).catalog)
    if as_json:
        say_json([asdict(change) for change in changes])
    else:
        say(*(change.text for change in changes) if changes else ("nothing changed",))
    if changes and exit_code:
        raise typer.Exit(1)

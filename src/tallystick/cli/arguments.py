"""What the commands share: where the catalogue is, and how an error ends a command."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

import typer

from tallystick.cli.output import warn
from tallystick.errors import SetupError, TallystickError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.app.catalog import Opened
    from tallystick.core.catalog import Catalog, Plan

__all__ = ["AsJson", "Environment", "Usage", "ends_well", "opened", "plan_of", "split_file"]

P = ParamSpec("P")
R = TypeVar("R")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")]
"""The option of every command that prints for people."""

Environment = Annotated[
    str | None,
    typer.Option(
        "--environment",
        "-e",
        envvar="TALLYSTICK_ENVIRONMENT",
        help="Whose lock file is laid under the catalogue (billing.ENVIRONMENT.lock.json).",
        show_default="test",
    ),
]
"""The option of every command that opens a catalogue."""


class Usage(TallystickError):
    """The command was called with the wrong words."""


def ends_well(command: Callable[P, R]) -> Callable[P, R]:
    """Turn an error into its text and an exit status: 1 for what was read, 2 for how it was asked.

    No traceback: an error of ours says what to do.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except TallystickError as error:
            warn(f"error: {error}")
            raise typer.Exit(2 if isinstance(error, (SetupError, Usage)) else 1) from None
        except BrokenPipeError:
            # whoever read our output has seen enough; the interpreter must not flush it again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None

    return run


def split_file(words: list[str], *names: str) -> tuple[str | None, list[str]]:
    """Tell the catalogue file, which may come first, from the words a command needs.

    Raises Usage where there are too few or too many.
    """
    extra = len(words) - len(names)
    if extra not in (0, 1):
        wanted = " ".join(["[FILE]", *names])
        raise Usage(f"takes {wanted}, not {len(words)} words; see --help")
    return (words[0], words[1:]) if extra else (None, words)


def opened(file: str | None, environment: str | None) -> Opened:
    """Open the catalogue that was named, or the one of the environment or the folder."""
    from tallystick.app.catalog import open_catalog
    from tallystick.files import find_catalog

    path = find_catalog(file, environ=os.environ, folder=Path.cwd())
    return open_catalog(path, environment=environment)


def plan_of(catalog: Catalog[str, str], plan_id: str) -> Plan[str]:
    """Give a plan, or an error that names those there are.  Raises Usage."""
    plan = catalog.find(plan_id)
    if plan is None:
        known = ", ".join(each.id for each in catalog)
        raise Usage(f"no plan {plan_id!r}; the catalogue has {known}")
    return plan

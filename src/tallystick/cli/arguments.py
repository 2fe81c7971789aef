"""What the commands share: where the catalogue is, and how an error ends a command."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

import typer

from tallystick.cli.output import warn
from tallystick.core.lock import check_environment
from tallystick.core.number import quantity_of
from tallystick.errors import InvalidInput, SetupError, TallystickError

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from tallystick.app.catalog import Opened
    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.period import Instant

__all__ = [
    "AsJson",
    "Environment",
    "Usage",
    "ends_well",
    "opened",
    "plan_of",
    "quantity",
    "split_file",
]

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
            try:
                return command(*args, **kwargs)
            finally:
                sys.stdout.flush()  # a full disk is told here, not by the interpreter's last words
        except TallystickError as error:
            warn(f"error: {error}")
            raise typer.Exit(2 if isinstance(error, (SetupError, Usage)) else 1) from None
        except BrokenPipeError:  # whoever read our output has seen enough
            _hush()
            raise typer.Exit(0) from None
        except OSError as error:
            warn(f"error: {error.strerror or error}")
            _hush()
            raise typer.Exit(1) from None

    return run


def _hush() -> None:
    """Send what is left of our output nowhere, so that the interpreter does not flush it again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def split_file(words: list[str], *names: str) -> tuple[str | None, list[str]]:
    """Tell the catalogue file, which may come first, from the words a command needs.

    Raises Usage where there are too few or too many.
    """
    extra = len(words) - len(names)
    if extra not in (0, 1):
        wanted = " ".join(["[FILE]", *names])
        raise Usage(f"takes {wanted}, not {len(words)} words; see --help")
    return (words[0], words[1:]) if extra else (None, words)


def opened(
    file: str | None,
    environment: str | None,
    now: Callable[[], Instant] | None = None,
    *,
    locked: bool = True,
) -> Opened:
    """Open the catalogue that was named, or the one of the environment or the folder.

    With `locked` false its lock file is left out.
    """
    from tallystick.app.catalog import open_catalog
    from tallystick.files import find_catalog

    if environment is not None:
        try:
            check_environment(environment)
        except InvalidInput as refused:
            raise Usage(str(refused)) from None
    path = find_catalog(file, environ=os.environ, folder=_folder())
    return open_catalog(path, environment=environment, now=now, locked=locked)


def _folder() -> Path:
    try:
        return Path.cwd()
    except OSError:  # it was removed under our feet: nothing will be found in it
        return Path()


def quantity(text: str, option: str) -> Decimal:
    """Read the number of an option.  Raises Usage."""
    try:
        return quantity_of(text, option)
    except InvalidInput as refused:
        raise Usage(str(refused)) from None


def plan_of(catalog: Catalog[str, str], plan_id: str) -> Plan[str]:
    """Give a plan, or an error that names those there are.  Raises Usage."""
    plan = catalog.find(plan_id)
    if plan is None:
        known = ", ".join(each.id for each in catalog)
        raise Usage(f"no plan {plan_id!r}; the catalogue has {known}")
    return plan

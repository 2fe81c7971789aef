"""What the commands over a database share: opening it, and asking before something is final."""

from __future__ import annotations

import functools
import inspect
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from tallystick.cli.arguments import Usage
from tallystick.cli.migrate import Database, Prefix, Schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.wiring import Tallystick

__all__ = [
    "Database",
    "Prefix",
    "Schema",
    "Yes",
    "agreed",
    "is_terminal",
    "json_value",
    "ledger",
    "over_ledger",
]

Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Do it without asking; needed outside a terminal.")
]
"""The option of every command that asks first."""


def ledger(database: str | None, tables: str, schema: str | None) -> Tallystick:
    """Open the ledger of a database that was migrated.  Raises Usage, SetupError."""
    from tallystick.errors import SetupError
    from tallystick.storage.engine import is_memory
    from tallystick.wiring import Tallystick

    if database is None:
        raise Usage("say which database: --database sqlite:///FILE, or TALLYSTICK_DATABASE_URL")
    tally = Tallystick(database, tables=tables, schema=schema)
    url = tally.storage.engine.url
    if url.get_backend_name() == "sqlite" and not is_memory(url):
        file = url.database or ""
        if not file.startswith("file:") and not Path(file).exists():
            raise SetupError(f"there is no {file}: run `tallystick migrate` first")
    return tally


def over_ledger(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command a ledger, opened by three options that it thereby has: which database it is.

    The ledger is the command's first argument, by place.
    """

    def run(
        *,
        database: Database = None,
        tables: Prefix = "tallystick_",
        schema: Schema = None,
        **given: Any,  # noqa: ANN401 - what the command itself asks for
    ) -> None:
        with ledger(database, tables, schema) as tally:
            command(tally, **given)

    *options, _ = inspect.signature(run, eval_str=True).parameters.values()
    functools.update_wrapper(run, command)
    hints = get_type_hints(command, localns={"Tallystick": object}, include_extras=True)
    _, *own = inspect.signature(command).parameters.values()
    described = [each.replace(annotation=hints[each.name]) for each in own]
    signature = inspect.Signature(
        [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*described, *options)]
    )
    run.__signature__ = signature  # type: ignore[attr-defined]  # what Typer reads
    run.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()}
    return run


def agreed(question: str, *, yes: bool, quiet: bool = False) -> bool:
    """Ask a person, unless they said yes already.

    Raises Usage where nobody can be asked: no terminal, or `quiet` because a machine reads us.
    """
    if yes:
        return True
    if quiet or not is_terminal():
        raise Usage("there is no terminal to ask at: look at it, then say --yes")
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        return False


def is_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty()


def json_value(value: object) -> Any:  # noqa: ANN401 - JSON has no type of its own
    """Give a value of a row as JSON has it: times as RFC 3339 text, mappings and lists all the way.

    Decimals are left to the writer, which keeps them exact.
    """
    from tallystick.core.period import instant_text

    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: json_value(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(entry) for entry in value]
    return value

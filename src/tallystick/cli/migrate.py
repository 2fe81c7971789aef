"""`tallystick migrate`: make or bring up to date the tables of a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tallystick.cli.arguments import AsJson, Usage, ends_well
from tallystick.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from tallystick.storage.migrate import Migration

__all__ = ["Database", "Prefix", "Schema", "migrate"]

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        "-d",
        envvar="TALLYSTICK_DATABASE_URL",
        help="The database: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.",
        show_envvar=True,
        show_default=False,
    ),
]
"""The option of every command that opens a database."""

Prefix = Annotated[
    str,
    typer.Option("--tables", envvar="TALLYSTICK_TABLES", help="What our tables' names start with."),
]
"""The option that says under which names our tables are."""

Schema = Annotated[
    str | None,
    typer.Option(
        "--schema",
        envvar="TALLYSTICK_SCHEMA",
        help="The schema of our tables, on PostgreSQL.",
        show_default=False,
    ),
]
"""The option that says in which schema our tables are."""


@ends_well
def migrate(
    database: Database = None,
    tables: Prefix = "tallystick_",
    schema: Schema = None,
    status: Annotated[
        bool, typer.Option("--status", help="Only list the migrations; change nothing.")
    ] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="Only print the SQL, to be run by hand; connect nowhere.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make our tables in a database, or bring them up to date.

    May be run any number of times, and by any number of processes at once.
    Example: tallystick migrate --database sqlite:///billing.db
    """
    from tallystick.storage.migrate import migration_sql
    from tallystick.wiring import Tallystick

    if status and sql:
        raise Usage("--status and --sql are two questions: ask one")
    if database is None:
        raise Usage("say which database: --database sqlite:///FILE, or TALLYSTICK_DATABASE_URL")
    with Tallystick(database, tables=tables, schema=schema) as tally:
        if sql:
            say(migration_sql(tally.storage.dialect, tally.storage.tables).rstrip())
            return
        if status:
            _list(tally.migrations(), as_json=as_json)
            return
        applied = tally.migrate()
        if as_json:
            say_json([_row(each) for each in applied])
        elif applied:
            say(*(f"applied {each.revision}: {each.title}" for each in applied))
        else:
            say("nothing to do: every migration is applied")


def _list(found: tuple[Migration, ...], *, as_json: bool) -> None:
    if as_json:
        say_json([_row(each) for each in found])
        return
    say_table(
        ["migration", "applied", "what it makes"],
        [[each.revision, _when(each), each.title] for each in found],
    )


def _row(each: Migration) -> dict[str, object]:
    when = None if each.applied_at is None else _when(each)
    return {
        "revision": each.revision,
        "title": each.title,
        "sha256": each.sha256,
        "applied_at": when,
    }


def _when(each: Migration) -> str:
    if each.applied_at is None:
        return "not yet"
    return each.applied_at.isoformat(timespec="seconds").replace("+00:00", "Z")

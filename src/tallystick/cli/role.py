"""`tallystick role`: the PostgreSQL role that a program connects as."""

from __future__ import annotations

from typing import Annotated

import typer

from tallystick.cli.arguments import Usage, ends_well
from tallystick.cli.migrate import Database, Prefix, Schema
from tallystick.cli.output import say

__all__ = ["role"]


@ends_well
def role(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The role; it is there already.")],
    database: Database = None,
    tables: Prefix = "tallystick_",
    schema: Schema = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only tell whether the role is fit; change nothing.")
    ] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="Only print the SQL, to be run by hand; connect nowhere.")
    ] = False,
) -> None:
    """Give a PostgreSQL role what a program needs, under forced row security.

    Run it as the owner of the tables, and again after each migration.
    Example: tallystick role app --database postgresql://owner@localhost/app
    """
    from tallystick.storage.role import check_role, grant_role, role_sql
    from tallystick.storage.tables import Tables
    from tallystick.wiring import Tallystick

    if check and sql:
        raise Usage("--check and --sql are two questions: ask one")
    if sql:
        say(role_sql(name, Tables(tables, schema)).rstrip())
        return
    if database is None:
        raise Usage("say which database: --database postgresql://…, or TALLYSTICK_DATABASE_URL")
    with Tallystick(database, tables=tables, schema=schema) as tally:
        if not check:
            grant_role(tally.storage, name)
        check_role(tally.storage, name)
    say(f"the role {name} may do what a program needs and no more; row security is forced")

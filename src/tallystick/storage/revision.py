"""What every revision of ours stands on; hosts' own Alembic runs it as ours does."""

from __future__ import annotations

import hashlib
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Final

from alembic import op

from tallystick.errors import MigrationRefused
from tallystick.storage.scope import ALL, bind
from tallystick.storage.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["apply", "file_hash", "undo"]

_LOG: Final = "migration_log"


def file_hash(path: str | Path) -> str:
    """Hash a revision's file; how its lines end does not count."""
    return hashlib.sha256(Path(path).read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def apply(revision: str, file: str, *, sqlite: Sequence[str], postgresql: Sequence[str]) -> None:
    """Run the statements for this database, then write down that the revision was applied.

    In each statement `{s}` is the schema with its dot and `{p}` the prefix of our tables.
    """
    tables, on_sqlite = _tables(), op.get_context().dialect.name == "sqlite"
    for statement in sqlite if on_sqlite else postgresql:
        op.execute(_named(dedent(statement).strip(), tables))
    at = "CAST(strftime('%s', 'now') AS INTEGER) * 1000000" if on_sqlite else "now()"
    log = _named("{s}{p}", tables) + _LOG
    op.execute(
        f"INSERT INTO {log} (revision, sha256, applied_at) "  # noqa: S608 - names and a hash of ours
        f"VALUES ('{revision}', '{file_hash(file)}', {at})"
    )


def undo(
    revision: str,
    names: Sequence[str],
    functions: Sequence[str] = (),
    statements: Sequence[str] = (),
    columns: Sequence[tuple[str, str]] = (),
    *,
    rows: Sequence[tuple[str, str]] = (),
) -> None:
    """Drop tables, the last first, where they hold nothing, and take the revision off the log.

    `columns` of tables that stay go as well, each a table and its column, where all are empty, and
    `rows` name a table and the words of those that could not have been there before.

    `functions` are those that PostgreSQL's triggers call; on SQLite a trigger goes with its table.
    `statements` take back what was done to tables that stay, before their columns go.

    Raises MigrationRefused before anything is touched where one has rows, and for a script of SQL,
    which could not look.
    """
    tables = _tables()
    if op.get_context().as_sql:
        raise MigrationRefused("going back is not written as SQL: it has to look at the rows first")
    bind(op.get_bind(), ALL)  # else forced row security would show even their owner no row
    _refuse_rows(
        [
            *((name, "1 = 1", "records: they are not dropped") for name in names if name != _LOG),
            *((name, f"{of} IS NOT NULL", f"{of}: it is not dropped") for name, of in columns),
            *((name, words, f"records where {words}: they would not fit") for name, words in rows),
        ]
    )
    log = _named("{s}{p}", tables) + _LOG
    op.execute(f"DELETE FROM {log} WHERE revision = '{revision}'")  # noqa: S608 - names of ours
    for name in reversed(names):
        op.execute(f"DROP TABLE {_named('{s}{p}', tables)}{name}")
    for name in functions if op.get_context().dialect.name == "postgresql" else ():
        op.execute(f"DROP FUNCTION {_named('{s}{p}', tables)}{name}()")
    for statement in statements:
        op.execute(_named(statement, tables))
    for name, column in columns:
        op.execute(f"ALTER TABLE {_named('{s}{p}', tables)}{name} DROP COLUMN {column}")


def _refuse_rows(looked_for: Sequence[tuple[str, str, str]]) -> None:
    """Refuse where a table has rows of these words; each comes with what is said of them."""
    for name, words, why in looked_for:
        full = _named("{s}{p}", _tables()) + name
        query = f"SELECT EXISTS (SELECT 1 FROM {full} WHERE {words})"  # noqa: S608 - words of ours
        if op.get_bind().exec_driver_sql(query).scalar():
            raise MigrationRefused(f"{full} holds {why}")


def _tables() -> Tables:
    """Give the tables that the environment was configured with, else those of the usual names."""
    found = op.get_context().opts.get("tallystick")
    return found if isinstance(found, Tables) else Tables()


def _named(statement: str, tables: Tables) -> str:
    schema = "" if tables.schema is None else f'"{tables.schema}".'
    return statement.replace("{s}", schema).replace("{p}", tables.prefix)

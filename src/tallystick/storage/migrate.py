"""Our tables' migrations: applying them once, listing them, printing them.

They are Alembic's, shipped in the wheel and applied in one transaction.  What was applied is
written down with the hash of its file (`migration_log`), whoever's Alembic applied it; a file that
changed afterwards is refused, because nobody could say any more what a database went through.
"""

from __future__ import annotations

import hashlib
import io
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import func, inspect, select
from sqlalchemy.schema import CreateSchema

from tallystick.errors import MigrationRefused
from tallystick.storage.engine import is_memory
from tallystick.storage.revision import file_hash
from tallystick.storage.scope import ALL
from tallystick.storage.tables import Tables
from tallystick.storage.unit import Storage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection, Engine, RowMapping

    from tallystick.storage.unit import Dialect, Unit

__all__ = [
    "Migration",
    "get_billing_migrations_dir",
    "migrate",
    "migration_sql",
    "migrations",
]

_ENVIRONMENT: Final = Path(__file__).parent / "migrations"
_alembic = threading.Lock()  # Alembic keeps the migration it runs in a global


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of our tables: what it is called, what its file hashes to, when it was applied."""

    revision: str
    title: str
    sha256: str
    applied_at: datetime | None = None


def get_billing_migrations_dir() -> Path:
    """Give the folder of our revision files, as Alembic's `version_locations` takes it."""
    return _ENVIRONMENT / "versions"


def migrations(engine: Engine, tables: Tables | None = None) -> tuple[Migration, ...]:
    """List our migrations in their order, with when each was applied.  Changes nothing.

    Raises MigrationRefused where an applied one was changed since, or is not known here.
    """
    storage = Storage(engine, tables)
    if not _exists(engine):
        return _packaged()
    with storage.look() as unit:
        return _compared(_applied(unit.connection, storage.tables))


def migrate(
    engine: Engine, tables: Tables | None = None, *, up_to: str | None = None
) -> tuple[Migration, ...]:
    """Apply what has not been applied yet, all or nothing; give what was.

    `up_to` is the last revision that is wanted, where it is not the newest.

    Any number of processes may start at once: one applies, the others wait and find it done.

    Raises MigrationRefused where an applied migration was changed since or is not known here, where
    tables of those names exist already, and where the host's own Alembic keeps them.
    """
    storage = Storage(engine, tables)
    with _alembic, storage.begin(ALL) as unit:
        _wait_for_others(unit)
        found = _compared(_applied(unit.connection, storage.tables))
        pending = tuple(each for each in _wanted(found, up_to) if each.applied_at is None)
        if pending:
            _refuse_strangers(unit.connection, storage.tables, found)
            _make_schema(unit)
            configuration = _configuration(storage.tables, connection=unit.connection)
            command.upgrade(configuration, up_to or "head")
        unit.commit()
    return pending


def migration_sql(dialect: Dialect, tables: Tables | None = None) -> str:
    """Write the SQL of every migration, to be run by hand on an empty database."""
    text = io.StringIO()
    with _alembic:
        configuration = _configuration(tables or Tables(), dialect=dialect, buffer=text)
        command.upgrade(configuration, "head", sql=True)
    return text.getvalue()


# --- what there is, and what was applied --------------------------------------------------------


def _packaged() -> tuple[Migration, ...]:
    scripts = ScriptDirectory(str(_ENVIRONMENT), version_locations=[get_billing_migrations_dir()])
    steps = [
        Migration(each.revision, each.doc.rstrip("."), file_hash(each.path))
        for each in scripts.walk_revisions()
    ]
    return tuple(reversed(steps))


def _applied(connection: Connection, tables: Tables) -> dict[str, RowMapping]:
    log = tables.migration_log
    if not inspect(connection).has_table(log.name, schema=tables.schema):
        return {}
    return {row["revision"]: row for row in connection.execute(select(log)).mappings()}


def _compared(applied: Mapping[str, RowMapping]) -> tuple[Migration, ...]:
    found = _packaged()
    for unknown in sorted(applied.keys() - {each.revision for each in found}):
        raise MigrationRefused(
            f"the database has migration {unknown!r}, which this version of Tallystick does not "
            "know: install the version that applied it, or a newer one"
        )
    for each in found:
        if each.revision in applied and applied[each.revision]["sha256"] != each.sha256:
            was = applied[each.revision]["sha256"]
            raise MigrationRefused(
                f"migration {each.revision!r} was changed after it was applied (sha256 then "
                f"{was[:12]}…, now {each.sha256[:12]}…): install Tallystick unchanged"
            )
    return tuple(
        replace(each, applied_at=applied[each.revision]["applied_at"])
        if each.revision in applied
        else each
        for each in found
    )


def _wanted(found: tuple[Migration, ...], up_to: str | None) -> tuple[Migration, ...]:
    revisions = [each.revision for each in found]
    return found if up_to is None else found[: revisions.index(up_to) + 1]


def _refuse_strangers(connection: Connection, tables: Tables, found: tuple[Migration, ...]) -> None:
    """Refuse to build upon tables that somebody else made or keeps."""
    there = tables.names & set(inspect(connection).get_table_names(schema=tables.schema))
    begun = any(each.applied_at is not None for each in found)
    if begun and tables.version_table not in there:
        raise MigrationRefused(
            "these tables are kept by the host's own Alembic: run its `alembic upgrade heads`"
        )
    if there and not begun:
        raise MigrationRefused(
            f"the database already has {', '.join(sorted(there))}, which no migration of ours "
            "made: choose another prefix or schema, or an empty database"
        )


# --- applying -----------------------------------------------------------------------------------


def _exists(engine: Engine) -> bool:
    """Tell whether there is a database to look into; looking would make an empty file."""
    if engine.dialect.name != "sqlite" or is_memory(engine.url):
        return True
    name = engine.url.database or ""
    return name.startswith("file:") or Path(name).exists()


def _wait_for_others(unit: Unit) -> None:
    """Let one process migrate at a time.  On SQLite the unit is the one writer already."""
    if unit.dialect == "postgresql":
        name = f"tallystick migrations {unit.tables.schema or ''}.{unit.tables.prefix}"
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        unit.connection.execute(select(func.pg_advisory_xact_lock(number)))


def _make_schema(unit: Unit) -> None:
    schema = unit.tables.schema
    if schema is not None and not inspect(unit.connection).has_schema(schema):
        unit.connection.execute(CreateSchema(schema))


def _configuration(
    tables: Tables,
    *,
    connection: Connection | None = None,
    dialect: Dialect | None = None,
    buffer: io.StringIO | None = None,
) -> Config:
    configuration = Config(output_buffer=buffer or io.StringIO())
    configuration.set_main_option("script_location", _escaped(_ENVIRONMENT))
    configuration.set_main_option("path_separator", "newline")
    configuration.set_main_option("version_locations", _escaped(get_billing_migrations_dir()))
    configuration.attributes.update(tables=tables, connection=connection, dialect=dialect)
    return configuration


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")  # a % of a folder's name is none of the parser's

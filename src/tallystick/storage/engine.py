"""Opening a database: PostgreSQL through psycopg, SQLite as a file or in memory.

What SQLite lacks it is given here: exact arithmetic on the texts of decimals, one writer at a time
from the first statement on, a journal that its version is safe with.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError

from tallystick.core.number import exact_sum, plain
from tallystick.errors import MissingExtra, SetupError, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from sqlalchemy import Connection
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

    _Text: TypeAlias = str | None

__all__ = [
    "exact_add",
    "exact_max",
    "exact_min",
    "give_functions",
    "is_memory",
    "open_engine",
    "raised_inside",
]

_BUSY_SECONDS: Final = 10
_WAL_IS_SAFE: Final = (3, 51, 3)  # before, WAL with several writers could corrupt, if rarely
_OLDEST_SQLITE: Final = (3, 35, 0)  # RETURNING
_JOURNAL_BYTES: Final = 16 * 1024 * 1024  # what is kept of a rollback journal after a commit
_OLDEST_POSTGRESQL: Final = 140000
_SHORT: Final = 40  # digits of two numbers, far from what exact arithmetic holds
_FUNCTIONS_GIVEN: Final = "tallystick.functions"


# --- exact arithmetic for SQLite ----------------------------------------------------------------


def exact_add(left: str | None, right: str | None) -> str | None:
    """Add two decimals written as texts, without any rounding; NULL counts for nothing."""
    if left is None or right is None:
        return right if left is None else left
    if len(left) + len(right) <= _SHORT and left.isdigit() and right.isdigit():
        return str(int(left) + int(right))  # as most are, and it is the quickest
    return plain(exact_sum(Decimal(left), Decimal(right)))


def exact_min(left: str | None, right: str | None) -> str | None:
    """Give the lesser of two decimals written as texts; NULL counts for nothing."""
    if left is None or right is None:
        return right if left is None else left
    return left if Decimal(left) <= Decimal(right) else right


def exact_max(left: str | None, right: str | None) -> str | None:
    """Give the greater of two decimals written as texts; NULL counts for nothing."""
    if left is None or right is None:
        return right if left is None else left
    return left if Decimal(left) >= Decimal(right) else right


def give_functions(connection: Connection) -> None:
    """Teach a SQLite connection the exact functions, once; any other needs no teaching."""
    if connection.dialect.name != "sqlite" or connection.info.get(_FUNCTIONS_GIVEN):
        return
    _register(connection.connection.dbapi_connection)
    connection.info[_FUNCTIONS_GIVEN] = True


def _register(dbapi_connection: Any) -> None:
    for function in (exact_add, exact_min, exact_max):
        told = _remembering(function)
        dbapi_connection.create_function(function.__name__, 2, told, deterministic=True)


class _Inside(threading.local):
    error: Exception | None = None


_inside = _Inside()


def _remembering(function: Callable[[_Text, _Text], _Text]) -> Callable[[_Text, _Text], _Text]:
    def call(left: _Text, right: _Text) -> _Text:
        try:
            return function(left, right)
        except Exception as error:
            _inside.error = error
            raise

    return call


def raised_inside() -> BaseException:
    """Give what a function raised inside SQLite, which only says that one did.

    What is not an error of the function came from outside while it ran: Ctrl-C.  Without this it
    would be lost, as it is whenever a signal finds Python inside SQLite.
    """
    error, _inside.error = _inside.error, None
    return KeyboardInterrupt() if error is None else error


# --- opening ------------------------------------------------------------------------------------


def open_engine(url: str | URL) -> Engine:
    """Open a database by its address: `sqlite:///app.db`, `sqlite://` or `postgresql://…`.

    `sqlite://` is in memory: one connection that everyone shares, gone with the engine.  Nothing
    is connected to before the first use.

    Raises SetupError for an address that names no database we know, MissingExtra where the driver
    is not installed.
    """
    address = _address(url)
    if address.get_backend_name() == "sqlite":
        return _open_sqlite(address)
    try:
        engine = create_engine(address, pool_size=10, max_overflow=20, pool_timeout=_BUSY_SECONDS)
    except ImportError:
        raise MissingExtra("PostgreSQL", "postgres") from None
    _know_forks(engine)
    if engine.dialect.driver == "psycopg":
        event.listen(engine, "connect", _check_postgresql)
    return engine


def _address(url: str | URL) -> URL:
    text = f"postgresql{url[8:]}" if isinstance(url, str) and url[:9] == "postgres:" else url
    try:
        address = make_url(text)
        if address.get_backend_name() not in {"sqlite", "postgresql"}:
            kind = address.get_backend_name()
            raise SetupError(f"the database is PostgreSQL or SQLite, not {kind}")
        asynchronous = address.get_dialect().is_async
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise SetupError(
            "the address of the database cannot be read: write sqlite:///file.db or "
            "postgresql://user:password@host/name"
        ) from None
    except ImportError:
        raise MissingExtra("PostgreSQL", "postgres") from None
    if asynchronous and address.get_driver_name() != "psycopg":
        kind = address.get_backend_name()
        raise SetupError(
            f"{address.drivername} is for asyncio: write {kind}://… here, or pass the host's own "
            "connection through run_sync"
        )
    return address


def _check_postgresql(dbapi_connection: Any, _record: ConnectionPoolEntry) -> None:
    if dbapi_connection.info.server_version < _OLDEST_POSTGRESQL:
        dbapi_connection.close()
        raise SetupError("PostgreSQL 14 or newer is needed")


def _know_forks(engine: Engine) -> None:
    """Let a forked process open connections of its own: two must never speak through one."""

    @event.listens_for(engine, "connect")
    def _remember(_connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        record.info["pid"] = os.getpid()

    @event.listens_for(engine, "checkout")
    def _compare(_connection: DBAPIConnection, record: Any, proxy: Any) -> None:
        if record.info["pid"] != os.getpid():
            record.dbapi_connection = proxy.dbapi_connection = None
            raise DisconnectionError("the connection belongs to the parent process")


# --- SQLite -------------------------------------------------------------------------------------


def is_memory(address: URL) -> bool:
    """Tell whether an address of SQLite names no file."""
    name = address.database or ""
    return name in {"", ":memory:"} or "mode=memory" in str(address.query) + name


def _open_sqlite(address: URL) -> Engine:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise SetupError(f"SQLite 3.35 or newer is needed, not {sqlite3.sqlite_version}")
    arguments = {"check_same_thread": False, "timeout": _BUSY_SECONDS}
    if is_memory(address):
        # One connection, so that there is one database; who comes second waits for it.
        engine = create_engine(
            address,
            connect_args=arguments,
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            pool_timeout=_BUSY_SECONDS,
        )
    else:
        engine = create_engine(
            address,
            connect_args=arguments,
            poolclass=QueuePool,
            max_overflow=50,  # waiting belongs to the lock of the file, not to the pool
            pool_timeout=_BUSY_SECONDS,
        )
        _know_forks(engine)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
    try:
        _register(dbapi_connection)
        record.info[_FUNCTIONS_GIVEN] = True
        with closing(dbapi_connection.cursor()) as cursor:
            cursor.execute("PRAGMA foreign_keys = ON")
            cursor.execute("PRAGMA synchronous = FULL")
            _choose_journal(cursor)
    except BaseException:
        dbapi_connection.close()  # the pool has not taken it, so nobody else would
        raise


def _choose_journal(cursor: sqlite3.Cursor) -> None:
    """Bring a file to the journal that this version of SQLite is safe with.

    The rollback journal stays beside the file with its beginning blanked and synced, which is as
    safe as deleting it and asks less of the disk in every commit.  Leaving WAL needs the file
    alone, for which SQLite does not wait: here it is asked for a while.
    """
    wanted = "wal" if sqlite3.sqlite_version_info >= _WAL_IS_SAFE else "persist"
    cursor.execute(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES}")
    for attempt in range(50):
        try:
            [(mode,)] = cursor.execute("PRAGMA journal_mode").fetchall()
            if mode in {wanted, "memory", "off"}:
                return
            [(mode,)] = cursor.execute(f"PRAGMA journal_mode = {wanted}").fetchall()
        except sqlite3.OperationalError:
            if attempt and wanted == "wal":
                return  # the older journal is as safe
        else:
            if mode == wanted:
                return
        time.sleep(0.02)
    raise StorageUnavailable(
        "the SQLite file is in WAL mode and open elsewhere, and this SQLite "
        f"({sqlite3.sqlite_version}) is not safe with that: close the other program"
    )

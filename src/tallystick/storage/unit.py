"""A unit of work: one transaction, ours or the host's.

::

    with storage.begin() as unit:  # ours: without commit() it leaves no trace
        unit.connection.execute(...)
        unit.commit()

    with storage.within(connection) as unit:  # the host's: commit() does nothing, the host decides
        ...
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from tallystick.errors import SetupError, StorageUnavailable
from tallystick.storage.engine import give_functions
from tallystick.storage.refusal import meaning, translated
from tallystick.storage.scope import ALL, NOBODY, bind, bound, one_customer
from tallystick.storage.tables import Tables, tables_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from tallystick.storage.scope import Scope

__all__ = ["Dialect", "Storage", "Unit"]

Dialect = Literal["postgresql", "sqlite"]
"""The two databases there are."""

R = TypeVar("R")

_ATTEMPTS: Final = 5
_PAUSES: Final = (0.01, 0.05, 0.2, 0.8)  # seconds; a deadlock is gone by the first, a restart not


class Unit:
    """One transaction, open between `with` and its end.

    `connection` is SQLAlchemy's, `tables` are ours.  An error of the database that is not ours to
    mend leaves the block as StorageUnavailable, InvalidInput or SetupError.
    """

    def __init__(
        self,
        storage: Storage,
        host: Connection | None = None,
        *,
        reading: bool = False,
        scope: Scope | None = None,
    ) -> None:
        """Prepare a transaction; `with` begins it.

        `scope` is for whom it is: nobody if None, but in a host's for whom the host says.
        """
        self._storage, self._host, self._reading = storage, host, reading
        self._scope = NOBODY if scope is None and host is None else scope  # not said yet
        self._scope_of_host: Scope | None = None
        self._connection: Connection | None = host
        self.tables: Tables = storage.tables

    @property
    def connection(self) -> Connection:
        """The connection to speak through."""
        if self._connection is None:
            raise SetupError("a unit is used inside `with`, and is over after commit()")
        if self._scope is not None:
            self._bind(self._connection, self._scope)
        return self._connection

    @property
    def owned(self) -> bool:
        """Whether the transaction is ours: a host's is never committed or rolled back here."""
        return self._host is None

    @property
    def dialect(self) -> Dialect:
        """Which database it is."""
        return self._storage.dialect

    def __enter__(self) -> Self:
        """Begin: on SQLite a writer waits here for the others, so that none fails half-way."""
        with translated():
            if self._host is None:
                self._connection = self._storage.engine.connect()
                try:
                    self._begin(self._connection)
                except BaseException:
                    self._close()
                    raise
            else:
                self._join(self._host)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End: what was not committed is undone, unless it is the host's."""
        if self._host is None:
            self._close()
        elif self._scope_of_host is not None:
            with suppress(SQLAlchemyError):  # it failed, and its settings end with it
                bind(self._host, self._scope_of_host)
        ours = meaning(error) if isinstance(error, Exception) else None
        if ours is not None:
            raise ours from error

    def commit(self) -> None:
        """Keep what was done; in a host's transaction, leave that to the host.

        Raises StorageUnavailable; its `unknown` tells that the answer was lost on the way.
        """
        if self._host is None:
            connection = self.connection if self._connection is None else self._connection
            with translated(committing=True):
                connection.commit()
            self._close()

    def as_customer(self, customer_id: str) -> None:
        """Be for one customer from here on: on PostgreSQL, as our role, no other's rows exist.

        It ends with the transaction; in a host's, with the unit.  On SQLite it changes nothing.
        """
        self._be_for(one_customer(customer_id))

    def scope_to_say(self) -> Scope | None:
        """Give for whom the transaction is to be, where that was not said yet: who asks says it.

        For a first statement that does more than that.  In a host's transaction it is None.
        """
        if self._host is not None or self._scope is None:
            return None
        scope, self._scope = self._scope, None
        return scope

    def as_all(self) -> None:
        """Be for all customers from here on, as the merchant's own work is."""
        self._be_for(ALL)

    @contextmanager
    def for_all(self) -> Iterator[None]:
        """Be for all customers inside the block, and after it for whom it was before."""
        before = bound(self.connection)
        self.as_all()
        try:
            yield
        finally:
            self._be_for(before)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Try something that may fail without losing the transaction."""
        with self.connection.begin_nested():
            yield

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Do something only to look at it: at the end of the block it is taken back."""
        attempt = self.connection.begin_nested()
        try:
            yield
        finally:
            if attempt.is_active:
                attempt.rollback()

    def _begin(self, connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            give_functions(connection)
            connection.exec_driver_sql("BEGIN" if self._reading else "BEGIN IMMEDIATE")
        elif self._reading:
            connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    def _join(self, connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            raise SetupError("the host's connection commits by itself: give one that does not")
        give_functions(connection)
        if connection.dialect.name == "sqlite" and not _in_transaction(connection):
            connection.exec_driver_sql("BEGIN" if self._reading else "BEGIN IMMEDIATE")

    def _be_for(self, scope: Scope) -> None:
        """Say for whom: at once, or where nobody has spoken yet, before the first word is."""
        if self._scope is None and self._connection is not None:
            self._bind(self._connection, scope)
        else:
            self._scope = scope

    def _bind(self, connection: Connection, scope: Scope) -> None:
        if self._host is not None and self._scope_of_host is None:
            self._scope_of_host = bound(connection)
        bind(connection, scope)
        self._scope = None

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()  # rolls back what is open


def _in_transaction(connection: Connection) -> bool:
    """Ask SQLite's driver, which begins by itself only before the first change."""
    driver: Any = connection.connection.driver_connection
    return bool(driver.in_transaction)


class Storage:
    """Where it is kept: an engine and our tables in it."""

    def __init__(self, engine: Engine, tables: Tables | None = None) -> None:
        """Take an engine, ours or a host's.  Raises SetupError for one that cannot be used."""
        if getattr(engine, "sync_engine", None) is not None:
            raise SetupError(
                "an AsyncEngine cannot be used directly: give its address, and pass the host's "
                "connection through run_sync"
            )
        if engine.dialect.name not in {"postgresql", "sqlite"}:
            raise SetupError(f"the database is PostgreSQL or SQLite, not {engine.dialect.name}")
        self.engine = engine
        self.tables = tables_of() if tables is None else tables
        if self.tables.schema is not None and engine.dialect.name == "sqlite":
            raise SetupError("SQLite has no schemas: choose a prefix instead")

    @property
    def dialect(self) -> Dialect:
        """Which database it is."""
        return cast("Dialect", self.engine.dialect.name)

    def begin(self, scope: Scope | None = None) -> Unit:
        """Give a transaction of our own, to write in."""
        return Unit(self, scope=scope)

    def look(self, scope: Scope | None = None) -> Unit:
        """Give a transaction of our own that only reads, and sees one moment throughout."""
        return Unit(self, reading=True, scope=scope)

    def within(
        self, host: Connection | Session, *, reading: bool = False, scope: Scope | None = None
    ) -> Unit:
        """Give the host's own transaction; it is never committed or rolled back here.

        Takes a Connection, or the Session that `AsyncSession.run_sync` passes on.  On SQLite a
        host that has not begun to write yet becomes the one writer, unless it is for `reading`.

        Raises SetupError for what is neither, and for a connection that commits by itself.
        """
        return Unit(self, _connection_of(host, self.dialect), reading=reading, scope=scope)

    def attempt(
        self,
        act: Callable[[Unit], R],
        *,
        repeatable: bool = False,
        reading: bool = False,
        scope: Scope = ALL,
    ) -> R:
        """Run `act` in a transaction of its own and commit; begin anew where that can help.

        A deadlock, a failed serialization or a lost connection leaves nothing behind, so `act` is
        called again, up to five times.  Where the answer to COMMIT was lost, only what is
        `repeatable` (does nothing the second time) is tried again.

        It is for all customers, unless `act` says for which one.

        Raises what `act` raises, and StorageUnavailable.
        """
        for pause in (*_PAUSES, None):
            try:
                with Unit(self, reading=reading, scope=scope) as unit:
                    answer = act(unit)
                    unit.commit()
                    return answer
            except StorageUnavailable as refused:
                if pause is None or not (refused.again or (refused.unknown and repeatable)):
                    raise
            time.sleep(pause)
        raise AssertionError  # the last attempt returns or raises

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _connection_of(host: object, dialect: Dialect) -> Connection:
    found = host
    if not isinstance(host, Connection) and hasattr(host, "get_bind"):
        if hasattr(host, "run_sync"):
            raise SetupError("pass the host's session through `await session.run_sync(...)`")
        found = cast("Session", host).connection()
    if not isinstance(found, Connection):
        raise SetupError(
            f"a {type(host).__name__} is no connection: give SQLAlchemy's Connection or Session, "
            "an async one through run_sync"
        )
    if found.dialect.name != dialect:
        raise SetupError(f"the host's connection is to {found.dialect.name}, ours to {dialect}")
    return found

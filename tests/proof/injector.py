"""The crash injector: counts the boundaries of SQL that a process meets, and kills it at one.

A boundary is the moment before or after a statement is given to the driver, or before or after a
COMMIT.  After COMMIT means: kept by the database, and nobody was told.  Statements are counted at
the driver, not at SQLAlchemy, so that what goes past SQLAlchemy (COPY, a raw cursor) counts too.

Crashes are `os._exit` in a forked child.  An exception would not do: a real crash runs no polite
ROLLBACK, and a traceback keeps cursors alive.
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psycopg
from sqlalchemy import event

from tests.proof.children import KILLED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

__all__ = ["Injector", "install"]

_SHOWN: Final = 70


def _nothing() -> None:
    return None


@dataclass
class Injector:
    """What one process meets on its way; it dies at boundary number `at` (from 1)."""

    at: int | None = None
    committed: Callable[[], None] = _nothing
    met: list[str] = field(default_factory=list)

    def meet(self, phase: str, statement: object) -> None:
        """Note a boundary, and die there if it is the one."""
        words = " ".join(str(statement).split())[:_SHOWN]
        self.met.append(f"{phase} {words}")
        if len(self.met) == self.at:
            os._exit(KILLED)
        if phase == "after" and re.match(r"(COMMIT|END)\b", words, re.IGNORECASE):
            self.committed()

    @contextmanager
    def around(self, statement: object) -> Iterator[None]:
        """Meet the two boundaries of a statement."""
        self.meet("before", statement)
        yield
        self.meet("after", statement)


def install(engine: Engine, injector: Injector) -> None:
    """Let an engine meet an injector, on every connection that it opens from now on."""
    if engine.dialect.name == "sqlite":
        _count_on_sqlite(engine, injector)
    else:
        _count_on_postgresql(engine, injector)
    commit = engine.dialect.do_commit  # SQLAlchemy's event of a commit comes before it only

    def do_commit(dbapi_connection: Any) -> None:
        with injector.around("COMMIT"):
            commit(dbapi_connection)

    engine.dialect.do_commit = do_commit  # type: ignore[method-assign]  # of this engine alone


def _count_on_sqlite(engine: Engine, injector: Injector) -> None:
    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, *args: Any) -> Any:
            with injector.around(sql):
                return super().execute(sql, *args)

        def executemany(self, sql: str, *args: Any) -> Any:
            with injector.around(sql):
                return super().executemany(sql, *args)

        def executescript(self, sql: str) -> Any:
            with injector.around(sql):
                return super().executescript(sql)

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, _args: Any, arguments: dict[str, Any]) -> None:
        arguments["factory"] = Connection


def _count_on_postgresql(engine: Engine, injector: Injector) -> None:
    class Cursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, *args: Any, **options: Any) -> Any:
            with injector.around(query):
                return super().execute(query, *args, **options)

        def executemany(self, query: Any, *args: Any, **options: Any) -> Any:
            with injector.around(query):
                return super().executemany(query, *args, **options)

        @contextmanager
        def copy(self, statement: Any, *args: Any, **options: Any) -> Iterator[Any]:
            with injector.around(statement), super().copy(statement, *args, **options) as copying:
                yield copying

    @event.listens_for(engine, "connect")
    def _connected(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.cursor_factory = Cursor

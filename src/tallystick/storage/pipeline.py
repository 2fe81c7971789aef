"""Statements sent to PostgreSQL one after another, while their answers are still being made.

So the database stores the first part of a batch while the next is still being written out here.
Only psycopg 3 speaks so, and only when it is not asynchronous; everyone else waits in turn.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tallystick.storage.unit import Unit

    Send: TypeAlias = Callable[[str, Mapping[str, object]], Callable[[], tuple[Any, ...]]]

__all__ = ["can_pipeline", "pipelined"]


def can_pipeline(unit: Unit) -> bool:
    """Whether a unit's connection can send the next statement before the last is answered."""
    dialect = unit.connection.dialect
    if dialect.driver != "psycopg" or dialect.is_async:
        return False
    import psycopg  # noqa: PLC0415 - there only where PostgreSQL is used

    return psycopg.Pipeline.is_supported()


@contextmanager
def pipelined(unit: Unit) -> Iterator[Send]:
    """Give a function that sends a statement and gives what will fetch its one row afterwards.

    Every answer is there when the block ends.  Raises what SQLAlchemy would.
    """
    driver: Any = unit.connection.connection.driver_connection
    dialect: Any = unit.connection.dialect

    def send(words: str, given: Mapping[str, object]) -> Callable[[], tuple[Any, ...]]:
        cursor = driver.cursor()
        cursor.execute(_compiled(words, dialect.name), given, prepare=True)
        driver.pgconn.flush()  # or it would wait here until there is more
        return cursor.fetchone  # type: ignore[no-any-return]  # the driver is known as Any

    try:
        with driver.pipeline():
            yield send
    except dialect.loaded_dbapi.Error as error:
        lost = dialect.is_disconnect(error, driver, None)
        raise DBAPIError.instance(
            "a statement in a pipeline",
            None,
            error,
            dialect.loaded_dbapi.Error,
            connection_invalidated=lost,
            dialect=dialect,
        ) from error


@lru_cache(maxsize=256)
def _compiled(words: str, name: str) -> str:
    """Write a statement's parameters as the driver wants them."""
    from sqlalchemy.dialects import registry  # noqa: PLC0415 - there only where PostgreSQL is used

    return str(text(words).compile(dialect=registry.load(f"{name}.psycopg")()))

"""Batches sent to PostgreSQL part by part: it stores the first while the next is written out here.

By COPY, which costs the database least but cannot pass over what is there already, or by
statements sent one after another while their answers are still being made.  Only psycopg 3 speaks
so, and only when it is not asynchronous; everyone else waits in turn.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tallystick.storage.arrays import Cell
    from tallystick.storage.unit import Unit

    Send: TypeAlias = Callable[[str, Mapping[str, object]], Callable[[], tuple[Any, ...]]]

__all__ = ["can_pipeline", "copied", "pipelined"]

_CAREFUL: Final = "tallystick.careful"  # of a connection: so many batches may not be copied
_CAREFUL_BATCHES: Final = 16  # who repeats once repeats again, and each failure is work for nothing


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

    with _raising(dialect, driver), driver.pipeline():
        yield send


def copied(
    unit: Unit,
    into: tuple[str, Sequence[str], str],
    parts: Iterable[Sequence[Sequence[Cell]]],
    meanwhile: Callable[[], object],
) -> bool:
    """Store rows by COPY; False where that cannot be done, and then none of them is stored.

    `into` is a table, its columns and the constraint that may be in the way: where a row is there
    already, or the role sees only some rows, they have to be inserted.  No cell is None.
    `meanwhile` is called while the database is at work.
    """
    info = unit.connection.info
    if info.get(_CAREFUL):
        info[_CAREFUL] -= 1
        return False
    driver: Any = unit.connection.connection.driver_connection
    dialect: Any = unit.connection.dialect
    with _raising(dialect, driver):
        asked = driver.execute(
            f"SELECT row_security_active('{into[0]}'); SAVEPOINT tallystick_copy",
            prepare=False,
        )
        taken = asked.fetchone()[0] or not _copy(driver, dialect, into, parts, meanwhile)
        if taken:
            info[_CAREFUL] = _CAREFUL_BATCHES
            driver.execute("ROLLBACK TO SAVEPOINT tallystick_copy")
        driver.execute("RELEASE SAVEPOINT tallystick_copy")
    return not taken


def _copy(
    driver: Any,
    dialect: Any,
    into: tuple[str, Sequence[str], str],
    parts: Iterable[Sequence[Sequence[Cell]]],
    meanwhile: Callable[[], object],
) -> bool:
    table, columns, constraint = into
    try:
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copying,
        ):
            for rows in parts:
                copying.write(_lines(rows))
            meanwhile()
    except dialect.loaded_dbapi.errors.UniqueViolation as clash:
        if clash.diag.constraint_name != constraint:
            raise
        return False
    return True


def _lines(rows: Sequence[Sequence[Cell]]) -> str:
    """Write rows as the lines of a COPY."""
    text = "\n".join(["\t".join(map(str, row)) for row in rows]) + "\n"
    between = sum(map(len, rows)) - len(rows)
    plain = text.count("\n") == len(rows) and text.count("\t") == between
    if plain and "\\" not in text and "\r" not in text:
        return text
    return "".join("\t".join(_escaped(str(cell)) for cell in row) + "\n" for row in rows)


def _escaped(cell: str) -> str:
    for character, written in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        cell = cell.replace(character, written)
    return cell


@contextmanager
def _raising(dialect: Any, driver: Any) -> Iterator[None]:
    """Raise the driver's errors as SQLAlchemy's, which would have if it had been asked."""
    try:
        yield
    except dialect.loaded_dbapi.Error as error:
        lost = dialect.is_disconnect(error, driver, None)
        raise DBAPIError.instance(
            "a batch sent in parts",
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

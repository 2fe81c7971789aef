"""One transaction on an engine, for one tenant."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tallystick.errors import SetupError, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

__all__ = ["quoted", "refuse_other_than_postgresql", "transaction"]


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Open a transaction, commit it at the end, take it back where the block fails.

    Raises StorageUnavailable where no connection is to be had.
    """
    try:
        connection = engine.connect()
    except (OperationalError, PoolTimeout) as error:
        raise StorageUnavailable("the database does not answer now") from error
    with connection, connection.begin():
        yield connection


def refuse_other_than_postgresql(engine: Engine, strategy: str) -> None:
    """Raises SetupError for any database but PostgreSQL."""
    if engine.dialect.name != "postgresql":
        raise SetupError(
            f"the strategy {strategy!r} needs PostgreSQL, not {engine.dialect.name}: elsewhere "
            "take a database for each tenant, or filter by tenant yourself"
        )


def quoted(name: str) -> str:
    """Write a name for SQL."""
    return '"' + name.replace('"', '""') + '"'

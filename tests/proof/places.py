"""Where a path is swept: a database that can be brought back to its start as often as one likes."""

from __future__ import annotations

import functools
import itertools
import os
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from psycopg.errors import ObjectInUse
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.databases import postgresql_server
from tests.proof.settings import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

__all__ = ["KINDS", "Kind", "Place", "in_memory", "place"]

Kind: TypeAlias = Literal["sqlite", "postgresql"]
"""The databases that other processes can open, too."""

KINDS: Final[tuple[Kind, ...]] = ("sqlite", "postgresql")
"""Both."""

_numbers = itertools.count()


class Place(Protocol):
    """An empty database at first; `keep` makes what it holds the start, `restore` goes back."""

    kind: Kind
    url: str

    def keep(self) -> None:
        """Make what the database holds now its start.  No connection may be open."""

    def restore(self) -> None:
        """Bring the database back to its start, whoever is still connected."""


class _File:
    kind: Kind = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._file = folder / f"proof_{next(_numbers)}.db"
        self._start: bytes | None = None
        self.url = f"sqlite:///{self._file}"

    def keep(self) -> None:
        self._start = self._file.read_bytes() if self._file.exists() else None

    def restore(self) -> None:
        for name in ("", "-journal", "-wal", "-shm"):
            Path(f"{self._file}{name}").unlink(missing_ok=True)
        if self._start is not None:
            self._file.write_bytes(self._start)


class _Served:
    kind: Kind = "postgresql"

    def __init__(self) -> None:
        self._name = f"proof_{os.getpid()}_{next(_numbers)}"
        self._start = f"{self._name}_start"
        self.url = (
            postgresql_server().set(database=self._name).render_as_string(hide_password=False)
        )
        _administer(f"CREATE DATABASE {self._start} TEMPLATE template0")
        self.restore()

    def keep(self) -> None:
        self.drop(self._start)
        _administer(f"CREATE DATABASE {self._start} TEMPLATE {self._name} STRATEGY FILE_COPY")

    def restore(self) -> None:
        self.drop(self._name)
        _administer(f"CREATE DATABASE {self._name} TEMPLATE {self._start} STRATEGY FILE_COPY")

    def drop(self, *names: str) -> None:
        for name in names or (self._name, self._start):
            _administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def place(kind: Kind, folder: Path) -> Iterator[Place]:
    """Give an empty database, gone at the end."""
    if kind == "sqlite":
        yield _File(folder)
        return
    served = _Served()
    try:
        yield served
    finally:
        served.drop()


@contextmanager
def in_memory() -> Iterator[Path]:
    """Give a folder in memory, where the system has one: a process that dies takes no file along.

    The files of SQLite are as they would be on a disk, and nobody waits for one.
    """
    memory = Path("/dev/shm")  # noqa: S108 - its folder is made with a name that nobody guesses
    where = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tallystick-", dir=where) as folder:
        yield Path(folder)


@functools.cache
def _administration() -> Engine:
    url = postgresql_server().set(drivername="postgresql+psycopg")
    return create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)


def _administer(statement: str) -> None:
    """Ask the server; who still is in a database that is copied is a process that has died."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with _administration().connect() as connection:
                connection.exec_driver_sql(statement)
        except OperationalError as refused:
            if not isinstance(refused.orig, ObjectInUse) or time.monotonic() > deadline:
                raise
        else:
            return

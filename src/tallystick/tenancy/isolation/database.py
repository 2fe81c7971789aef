"""The strategy `database`: a database for each tenant, and never too many connections."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tallystick.core.property import shown
from tallystick.errors import SetupError, StorageUnavailable
from tallystick.storage.engine import open_engine
from tallystick.tenancy.isolation.opened import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import URL, Connection, Engine

    from tallystick.tenancy.tenant import Tenant

__all__ = ["DatabasePerTenant"]

_WAIT: Final = 10  # seconds


class DatabasePerTenant:
    """Connections to the database of one tenant; those least used are closed for others."""

    strategy: Final = "database"

    def __init__(
        self,
        url_of: Callable[[Tenant], str | URL],
        *,
        most_databases: int = 50,
        most_connections: int = 20,
    ) -> None:
        """Take what names a tenant's database, and how much of all together is open at most.

        At most `most_connections` are in use at once, over all tenants; whoever comes then waits
        for 10 seconds.

        Raises SetupError.
        """
        if not callable(url_of):
            raise SetupError("url_of is a function that gives the address of a tenant's database")
        for name, most in (("databases", most_databases), ("connections", most_connections)):
            if type(most) is not int or most < 1:
                raise SetupError(f"most_{name} is a whole number from 1")
        self._url_of, self._most = url_of, most_databases
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._lock = threading.Lock()
        self._in_use = threading.BoundedSemaphore(most_connections)

    @contextmanager
    def connect(self, tenant: Tenant) -> Iterator[Connection]:
        """Open a transaction in this tenant's database.

        Raises SetupError where another tenant has the same one, StorageUnavailable where it does
        not answer or too many are in use.
        """
        engine = self._engine(tenant)
        if not self._in_use.acquire(timeout=_WAIT):
            raise StorageUnavailable("too many connections are in use; ask again", again=True)
        try:
            with transaction(engine) as connection:
                yield connection
        finally:
            self._in_use.release()

    def close(self) -> None:
        """Close every connection that is not in use."""
        with self._lock:
            while self._engines:
                self._engines.popitem()[1].dispose()

    def _engine(self, tenant: Tenant) -> Engine:
        address = self._url_of(tenant)  # asked each time: it may move
        with self._lock:
            kept = self._engines.pop(tenant.id, None)
            opened = open_engine(address)
            if kept is not None and kept.url == opened.url:
                opened = kept
            elif kept is not None:
                kept.dispose()
            for other, engine in self._engines.items():
                if engine.url == opened.url:
                    raise SetupError(
                        f"the tenants {shown(other)} and {shown(tenant.id)} have one database"
                    )
            self._engines[tenant.id] = opened
            while len(self._engines) > self._most:
                self._engines.popitem(last=False)[1].dispose()
            return opened

"""The strategy `schema`: a schema of PostgreSQL for each tenant, chosen by the search path."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from tallystick.core.property import shown
from tallystick.errors import SetupError
from tallystick.tenancy.isolation.opened import quoted, refuse_other_than_postgresql, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

    from tallystick.tenancy.tenant import Tenant

__all__ = ["SchemaPerTenant"]

_LONGEST: Final = 63  # bytes, NAMEDATALEN - 1: beyond them two names would become one
_BIND: Final = text(
    "SELECT set_config('search_path', :path, true), to_regnamespace(:schema) IS NOT NULL"
)


def _usual(tenant: Tenant) -> str:
    return f"tenant_{tenant.id}"


class SchemaPerTenant:
    """Connections whose unqualified names are those of one tenant's schema."""

    strategy: Final = "schema"

    def __init__(
        self, engine: Engine, schema_of: Callable[[Tenant], str] = _usual, *, beside: str = ""
    ) -> None:
        """Take the engine of a program; `schema_of` names a tenant's schema, `tenant_ID` if None.

        `beside` is a schema of what all share, looked in after the tenant's own; `public` is not
        looked in unless it is named here.

        Raises SetupError for a database that is not PostgreSQL.
        """
        refuse_other_than_postgresql(engine, self.strategy)
        self._engine, self._schema_of, self._beside = engine, schema_of, beside
        if beside:
            _checked(beside)

    @contextmanager
    def connect(self, tenant: Tenant) -> Iterator[Connection]:
        """Open a transaction in this tenant's schema; the next one of the connection is nobody's.

        Raises SetupError where there is no such schema or its name is none, StorageUnavailable.
        """
        schema = quoted(_checked(self._schema_of(tenant)))
        # Temporary tables of whoever had the connection before would come first, if not last.
        path = ", ".join([schema, *([quoted(self._beside)] if self._beside else []), "pg_temp"])
        with transaction(self._engine) as connection:
            _, there = connection.execute(_BIND, {"path": path, "schema": schema}).one()
            if not there:
                raise SetupError(f"there is no schema {schema} for the tenant {shown(tenant.id)}")
            yield connection


def _checked(name: object) -> str:
    """Refuse what PostgreSQL would cut short, or keeps for itself."""
    if (
        not isinstance(name, str)
        or not name.isprintable()
        or not 0 < len(name.encode()) <= _LONGEST
    ):
        raise SetupError(f"a schema cannot be called {shown(name)}: 1 to {_LONGEST} bytes")
    if name.startswith("pg_") or name == "information_schema":
        raise SetupError(f"a schema cannot be called {shown(name)}: PostgreSQL keeps it for itself")
    return name

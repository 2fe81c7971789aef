"""The strategy `shared`: one schema, a tenant's column in each table, row security."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from tallystick.tenancy.isolation.opened import refuse_other_than_postgresql, transaction
from tallystick.tenancy.isolation.row_security import SETTING, check_app_role

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Engine

    from tallystick.tenancy.tenant import Tenant

__all__ = ["SharedTables"]

# First whatever someone left on the pooled connection, then this transaction alone.
_BIND: Final = text(
    f"SELECT set_config('{SETTING}', '', false), set_config('{SETTING}', :tenant, true)"
)


class SharedTables:
    """Connections that see the rows of one tenant in tables that all share."""

    strategy: Final = "shared"

    def __init__(self, engine: Engine, tables: Sequence[str], *, schema: str = "public") -> None:
        """Take the engine of a program and the tables that tenants share; connects at once.

        Raises SetupError for a role that row security does not hold, a table that it does not
        guard, or a database that is not PostgreSQL.
        """
        refuse_other_than_postgresql(engine, self.strategy)
        check_app_role(engine, tables, schema)
        self._engine = engine

    @contextmanager
    def connect(self, tenant: Tenant) -> Iterator[Connection]:
        """Open a transaction in which there are the rows of this tenant alone.

        Raises StorageUnavailable.
        """
        with transaction(self._engine) as connection:
            connection.execute(_BIND, {"tenant": tenant.id})
            yield connection

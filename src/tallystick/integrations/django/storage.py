"""Units of work on Django's connection: our own outside of `atomic`, part of the host's inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import delete, false

from tallystick.integrations.django.connection import engine_on, in_hosts_transaction
from tallystick.storage.scope import ALL, bind, bound
from tallystick.storage.unit import Storage, Unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from tallystick.storage.scope import Scope

__all__ = ["DjangoStorage"]

R = TypeVar("R")


class DjangoStorage(Storage):
    """Where a Django project keeps it: the database of an alias of DATABASES."""

    def __init__(self, alias: str) -> None:
        """Take Django's connection of that name.  Raises SetupError."""
        super().__init__(engine_on(alias))
        self.alias = alias

    def begin(self, scope: Scope | None = None) -> Unit:
        """Give a transaction to write in; inside the host's `atomic`, a savepoint of the host's."""
        return self._unit(scope, reading=False)

    def look(self, scope: Scope | None = None) -> Unit:
        """Give a transaction that only reads; inside the host's `atomic`, the host's."""
        return self._unit(scope, reading=True)

    def attempt(
        self,
        act: Callable[[Unit], R],
        *,
        repeatable: bool = False,
        reading: bool = False,
        scope: Scope = ALL,
    ) -> R:
        """Run `act` and commit; inside the host's `atomic` once, as only the host can begin anew.

        What fails there is undone by itself: the host's transaction goes on.

        Raises what `act` raises, and StorageUnavailable.
        """
        if not in_hosts_transaction(self.alias):
            return super().attempt(act, repeatable=repeatable, reading=reading, scope=scope)
        with self._unit(scope, reading=reading) as unit:
            answer = act(unit)
            unit.commit()
        return answer

    def _unit(self, scope: Scope | None, *, reading: bool) -> Unit:
        kind = _Inner if in_hosts_transaction(self.alias) else Unit
        return kind(self, reading=reading, scope=scope)


class _Inner(Unit):
    """A savepoint of the host's transaction: what it keeps may be undone with that."""

    _before: Scope | None = None

    @property
    def owned(self) -> bool:
        """Whether the transaction is ours: the host ends it."""
        return False

    def commit(self) -> None:
        """Leave it to the host, and be again for whom the transaction was."""
        if self._before is not None:
            bind(self.connection, self._before)
        super().commit()

    def _begin(self, connection: Connection) -> None:
        super()._begin(connection)
        if self.dialect == "sqlite" and not self._reading:
            # Become the one writer before anything is read: later SQLite would not wait for it.
            connection.execute(delete(self.tables.gates).where(false()))

    def _bind(self, connection: Connection, scope: Scope) -> None:
        if self._before is None:
            self._before = bound(connection)
        super()._bind(connection, scope)

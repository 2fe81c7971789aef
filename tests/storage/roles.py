"""Databases on PostgreSQL that are spoken to as their owner, and as the role of a program."""

from __future__ import annotations

import itertools
import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import func, insert, select

from tallystick.storage.engine import open_engine
from tallystick.storage.migrate import migrate
from tallystick.storage.owned import owners
from tallystick.storage.role import grant_role
from tallystick.storage.scope import ALL
from tallystick.storage.tables import Tables
from tallystick.storage.types import json_text
from tallystick.storage.unit import Storage
from tests.databases import new_postgresql, postgresql_server
from tests.storage.billing_rows import fill_billing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.storage.unit import Unit

__all__ = [
    "AT",
    "OURS",
    "Ledger",
    "bare",
    "counts",
    "each",
    "event",
    "fill",
    "filled",
    "ledger",
    "standing",
]

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
OURS = Tables()
_numbers = itertools.count()


@dataclass(frozen=True)
class Ledger:
    """One migrated database, opened by a superuser, by the owner of its tables and by the role."""

    root: Storage
    owner: Storage
    app: Storage

    @property
    def role(self) -> str:
        """The role's name."""
        return self.app.engine.url.username or ""

    @property
    def owners_name(self) -> str:
        """The owner's name."""
        return self.owner.engine.url.username or ""

    def run(self, statement: str) -> None:
        """Run a statement as superuser; `:role` and `:owner` are the names."""
        named = statement.replace(":role", f'"{self.role}"')
        with self.root.engine.connect() as connection:
            connection.exec_driver_sql(named.replace(":owner", f'"{self.owners_name}"'))
            connection.commit()

    def url(self, storage: Storage) -> str:
        """Give the address that a storage was opened by."""
        return storage.engine.url.render_as_string(hide_password=False)


@contextmanager
def _roles(*kinds: str) -> Iterator[list[str]]:
    """Make roles, which belong to the whole server, and take them away again."""
    number = f"{os.getpid()}_{next(_numbers)}"
    names = [f"{kind}_{number}" for kind in kinds]
    url = postgresql_server().set(drivername="postgresql")
    address = url.render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        for name in names:
            connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
        try:
            yield names
        finally:
            for name in names:
                connection.execute(f"DROP ROLE {name}")


@contextmanager
def _migrated() -> Iterator[Ledger]:
    with _roles("owner", "app") as (owner, app), new_postgresql() as url:
        root = Storage(open_engine(url))
        opened = [
            Storage(open_engine(root.engine.url.set(username=name, password="secret")))
            for name in (owner, app)
        ]
        ledger = Ledger(root, *opened)
        ledger.run("GRANT CREATE ON SCHEMA public TO :owner")
        migrate(ledger.owner.engine)
        yield ledger
        for storage in (root, *opened):
            storage.close()


@pytest.fixture
def bare() -> Iterator[Ledger]:
    """A migrated database whose tables have an owner of their own; the role has nothing yet."""
    with _migrated() as opened:
        yield opened


@pytest.fixture
def ledger(bare: Ledger) -> Ledger:
    """The same, and the role has what it needs."""
    grant_role(bare.owner, bare.role)
    return bare


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """Two customers, `a` and `b`, with the same ids in everything."""
    _fill(ledger)
    return ledger


@pytest.fixture(scope="module")
def standing() -> Iterator[Ledger]:
    """As `filled`, but for all tests of a file: what they do is refused, or is not committed."""
    with _migrated() as opened:
        grant_role(opened.owner, opened.role)
        _fill(opened)
        yield opened


def _fill(ledger: Ledger) -> None:
    with ledger.app.begin(ALL) as unit:
        meter = {"key": "calls", "digest": "d", "definition": {}, "state": "ready"}
        unit.connection.execute(insert(unit.tables.meters).values(meter))
        for customer in ("a", "b"):
            fill(unit, customer)
        unit.commit()


def event(customer: str, key: str = "1") -> dict[str, object]:
    """Give the row of an event."""
    return {
        "id": key,
        "source": "api",
        "customer_id": customer,
        "kind": "use",
        "type": "calls",
        "occurred_at": AT,
        "received_at": AT,
        "properties": json_text({}),
        "digest": "0",
    }


def fill(unit: Unit, customer: str) -> None:
    """Give a customer one row of everything, under the ids that every other one has too."""
    tables, c = unit.tables, unit.connection
    place = {"meter_id": 1, "customer_id": customer, "group_key": "", "day": AT.date(), "n": 1}
    row = {"id": customer, "email": "same@example.org", "created_at": AT, "updated_at": AT}
    c.execute(insert(tables.customers).values(row))
    c.execute(insert(tables.usage_events).values(event(customer)))
    c.execute(insert(tables.usage_days).values(place))
    c.execute(insert(tables.usage_values).values({**place, "value": "x"}))
    fill_billing(unit, customer, 1)


def counts(unit: Unit) -> dict[str, int]:
    """Count the rows of every table that customers own."""
    return {
        name: unit.connection.execute(select(func.count()).select_from(column.table)).scalar_one()
        for name, column in owners(unit.tables).items()
    }


def each(number: int) -> dict[str, int]:
    """Give what `counts` gives where every table has so many rows."""
    return dict.fromkeys(owners(OURS), number)

"""One customer's rows in a ledger of their own: all of theirs, nobody else's, and no lock here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from tallystick.errors import Conflict
from tallystick.storage.extract import has_more_events, take_along
from tallystick.storage.owned import owners
from tests.billed import LATE, fill, play
from tests.storage.roles import bare, ledger

if TYPE_CHECKING:
    from tallystick.storage.unit import Storage, Unit
    from tests.storage.roles import Ledger

__all__ = ["bare", "ledger"]


def rows(unit: Unit, customer: str) -> dict[str, list[str]]:
    """Give all that belongs to a customer or to nobody, by table."""
    found: dict[str, list[str]] = {}
    owned = owners(unit.tables)
    for table in unit.tables.metadata.sorted_tables:
        query: Any = select(table)
        if table.name in owned:
            query = query.where(owned[table.name] == customer)
        found[table.name] = sorted(map(repr, unit.connection.execute(query)))
    del found["tallystick_migration_log"]
    return found


@pytest.mark.parametrize("customer", ["acme", "beta"])
def test_all_of_a_customer_is_taken_along_and_nothing_of_another(
    storage: Storage, customer: str
) -> None:
    play(storage, LATE)
    with storage.look() as unit:
        unit.as_all()
        there = rows(unit, customer)
        taken = take_along(unit, customer)
    assert all(there[f"tallystick_{name}"] for name in ("journal", "invoices", "meters"))
    with taken.look() as unit:
        assert rows(unit, customer) == there
        for owner in owners(unit.tables).values():
            assert set(unit.connection.execute(select(owner)).scalars()) <= {customer}
    taken.close()


def test_as_the_role_a_unit_of_the_customer_is_enough(ledger: Ledger) -> None:
    fill(ledger.owner)
    with ledger.app.look() as unit:
        unit.as_customer("beta")
        taken = take_along(unit, "beta")
    with ledger.root.look() as unit, taken.look() as own:
        assert rows(own, "beta") == rows(unit, "beta")
    taken.close()


def test_nothing_is_left_open_where_it_cannot_be_done(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Storage] = []
    monkeypatch.setattr("tallystick.storage.extract._take", _refuse)
    monkeypatch.setattr(type(storage), "close", lambda self: closed.append(self))  # noqa: PLW0108 - a method
    with storage.look() as unit, pytest.raises(Conflict):
        take_along(unit, "acme")
    assert len(closed) == 1
    assert closed[0] is not storage


def _refuse(*_: object) -> None:
    raise Conflict("no")


def test_events_are_counted_no_further_than_asked(storage: Storage) -> None:
    play(storage, LATE)
    with storage.look() as unit:
        unit.as_all()
        assert has_more_events(unit, "acme", 10)
        assert not has_more_events(unit, "acme", 10_000)
        assert not has_more_events(unit, "beta", 0)

"""Customers as rows: kept whole, found three ways, and nothing of theirs left out of an export."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Column, MetaData, Table, Text, insert, select

from tallystick.core.currency import currency
from tallystick.core.customer import Customer, TaxId
from tallystick.core.frozen import FrozenDict
from tallystick.errors import Conflict
from tallystick.storage import customers
from tallystick.storage.owned import kind_of, owned_tables, page_of
from tallystick.storage.tables import Tables
from tests.storage.billing_rows import fill_billing

if TYPE_CHECKING:
    from tallystick.storage.unit import Storage, Unit

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
FULL = Customer(
    id="acme",
    provider_id="cus_1",
    name="Acmé",
    email="a@example.com",
    currency=currency("EUR"),
    time_zone="Europe/Vienna",
    locale="de-AT",
    address=FrozenDict({"line1": "Ring 1", "country": "AT"}),
    tax_ids=(TaxId("eu_vat", "ATU1"),),
    metadata=FrozenDict({"b": "2", "a": "ü"}),
    created_at=NOON,
    updated_at=NOON,
)


def bare(id_: str, **fields: Any) -> Customer:
    return Customer(id=id_, created_at=NOON, updated_at=NOON, **fields)


def add(storage: Storage, *found: Customer) -> None:
    with storage.begin() as unit:
        for customer in found:
            customers.add(unit, customer)
        unit.commit()


def test_a_customer_comes_back_as_it_was(storage: Storage) -> None:
    add(storage, FULL, bare("bare"))
    with storage.look() as unit:
        assert customers.get(unit, "acme") == FULL
        assert customers.get(unit, "bare") == bare("bare")
        assert customers.by_provider(unit, "cus_1") == FULL
        assert customers.by_email(unit, "a@example.com", 5) == (FULL,)
        assert customers.get(unit, "ACME") is None
        assert customers.by_provider(unit, "cus_2") is None
        assert customers.by_email(unit, "b@example.com", 5) == ()


def test_a_taken_id_is_a_conflict_and_the_transaction_goes_on(storage: Storage) -> None:
    add(storage, FULL)
    with storage.begin() as unit:
        with pytest.raises(Conflict, match="'acme' already"):
            customers.add(unit, bare("acme"))
        with pytest.raises(Conflict, match="'cus_1' is another"):
            customers.add(unit, bare("other", provider_id="cus_1"))
        customers.add(unit, bare("other"))
        with pytest.raises(Conflict, match="'cus_1' is another"):
            customers.change(unit, "other", {"provider_id": "cus_1"}, NOON)
        assert customers.get(unit, "other") == bare("other")
        unit.commit()


def test_a_change_is_of_what_is_named(storage: Storage) -> None:
    add(storage, FULL)
    later = NOON + timedelta(days=1)
    with storage.begin() as unit:
        changed = customers.change(unit, "acme", {"name": "B", "metadata": {}}, later)
        assert changed == customers.get(unit, "acme")
        assert changed is not None
        assert (changed.name, changed.metadata, changed.updated_at) == ("B", {}, later)
        assert (changed.email, changed.address) == (FULL.email, FULL.address)
        assert customers.change(unit, "nobody", {"name": "B"}, later) is None


def test_a_page_is_in_the_order_of_bytes_on_both(storage: Storage) -> None:
    ids = ["A", "B", "a", "a_", "b", "é", "ü"]
    add(storage, *map(bare, reversed(ids)))
    with storage.look() as unit:
        assert [c.id for c in customers.page(unit, 100)] == ids
        assert [c.id for c in customers.page(unit, 2, "B")] == ["a", "a_"]
        assert [c.id for c in customers.page(unit, 2, "zz")] == ["é", "ü"]


def test_of_two_at_once_one_is_created(storage_postgresql: Storage) -> None:
    storage, told = storage_postgresql, list[str]()

    def second() -> None:
        with storage.begin() as unit:
            try:
                customers.add(unit, bare("acme", name="second"))
            except Conflict as refused:
                told.append(str(refused))

    with storage.begin() as first:
        customers.add(first, bare("acme", name="first"))
        other = threading.Thread(target=second)
        other.start()
        other.join(0.2)
        assert other.is_alive()
        first.commit()
    other.join(10)
    assert len(told) == 1


# --- what customers own -------------------------------------------------------------------------


def test_every_table_with_an_owner_is_found() -> None:
    tables = Tables("x_")
    named = {t.name for t in tables.metadata.tables.values() if "customer_id" in t.c}
    assert {t.name for t in owned_tables(tables)} == named
    assert named >= {"x_usage_events", "x_usage_days", "x_usage_values"}
    assert kind_of(tables, tables.usage_days) == "usage_days"


def test_a_table_of_tomorrow_is_found_too() -> None:
    tables = Tables()
    new = Table("tallystick_new", tables.metadata, Column("customer_id", Text, primary_key=True))
    assert new in owned_tables(tables)
    assert owned_tables(Tables()) != owned_tables(tables)


def fill(unit: Unit, customer: str, n: int) -> None:
    tables = unit.tables
    customers.add(unit, bare(customer))
    fill_billing(unit, customer, n)
    meter = {"key": "m", "digest": customer, "definition": {}, "state": "ready"}
    meter_id = unit.connection.execute(
        insert(tables.meters).values(meter).returning(tables.meters.c.id)
    ).scalar_one()
    for i in range(n):
        day = date(2026, 1, 1) + timedelta(days=i)
        place = {"meter_id": meter_id, "customer_id": customer, "group_key": "[]", "day": day}
        unit.connection.execute(insert(tables.usage_days).values(place | {"n": i}))
        unit.connection.execute(insert(tables.usage_values).values(place | {"value": "v", "n": i}))
        unit.connection.execute(
            insert(tables.usage_events).values(
                customer_id=customer, source=f"s{i % 2}", id=f"{i:03}", kind="use", type="m",
                occurred_at=NOON, received_at=NOON, properties="{}", digest="d",
            )
        )  # fmt: skip


@pytest.mark.parametrize("size", [1, 3, 7, 8])
def test_pages_hold_each_row_of_one_customer_once(storage: Storage, size: int) -> None:
    with storage.begin() as unit:
        for customer in ("acme", "b"):
            fill(unit, customer, 7)
        for table in owned_tables(unit.tables):
            mine = select(table).where(table.c.customer_id == "acme")
            wanted = sorted(map(str, unit.connection.execute(mine).mappings()))
            found, after = list[dict[str, Any]](), None
            while True:
                rows, after = page_of(unit, table, "acme", size, after)
                found += rows
                assert len(rows) <= size
                if after is None:
                    break
            assert sorted(map(str, found)) == wanted
            assert len(found) == 7


def test_a_table_without_a_key_of_the_owner_is_read_by_the_key_it_has(storage: Storage) -> None:
    table = Table(
        "notes", MetaData(), Column("id", Text, primary_key=True), Column("customer_id", Text)
    )
    with storage.begin() as unit:
        table.create(unit.connection)
        unit.connection.execute(
            insert(table), [{"id": str(i), "customer_id": "ab"[i % 2]} for i in range(6)]
        )
        rows, after = page_of(unit, table, "a", 2)
        assert [row["id"] for row in rows] == ["0", "2"]
        assert [row["id"] for row in page_of(unit, table, "a", 2, after)[0]] == ["4"]

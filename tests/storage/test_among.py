"""Rows of many keys are found, each by an index, and no other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from tallystick.app.usage import record_many
from tallystick.storage.among import among
from tallystick.storage.usage import digests_of

if TYPE_CHECKING:
    from tallystick.storage.unit import Storage

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEYS = {
    "usage_events": ("customer_id", "source", "id"),
    "subscription_moves": ("customer_id", "subscription_id"),
    "invoices": ("customer_id", "subscription_id"),
    "invoice_lines": ("customer_id", "invoice_id"),
    "subscriptions": ("customer_id", "id"),
}
ODD = ["plain", "it's", 'a "name"', "[1]", "1", "null", "ø\U0001f9fe", "back\\slash", "a,b"]


def test_rows_of_these_keys_are_found_and_no_other(storage: Storage) -> None:
    events = [
        {"id": key, "customer": f"c {key}", "type": "calls", "occurred_at": NOON} for key in ODD
    ]
    with storage.begin() as unit:
        assert record_many(unit, [*events, events[0] | {"id": "other"}], {}, NOON).accepted
        wanted = {(f"c {key}", "api", key) for key in ODD}
        crossed = {(f"c {ODD[0]}", "api", ODD[1]), ("nobody", "api", "plain")}
        assert digests_of(unit, wanted | crossed).keys() == wanted
        assert digests_of(unit, crossed) == {}
        c = unit.tables.usage_events.c
        none = select(c.id).where(among(unit, (c.customer_id, c.id), []))
        assert unit.connection.execute(none).all() == []


@pytest.mark.parametrize("name", KEYS)
def test_sqlite_looks_keys_up_by_an_index(storage_sqlite_file: Storage, name: str) -> None:
    with storage_sqlite_file.look() as unit:
        table = getattr(unit.tables, name)
        columns = [table.c[column] for column in KEYS[name]]
        keys = [each[: len(columns)] for each in ("abc", "def")]
        query = select(table).where(among(unit, columns, keys))
        written = query.compile(unit.connection, compile_kwargs={"literal_binds": True})
        plan = unit.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {written}")
        steps = [row.detail for row in plan]
    assert any(step.startswith(f"SEARCH {table.fullname} USING ") for step in steps), steps
    assert not any(step.startswith(f"SCAN {table.fullname}") for step in steps), steps

"""Customers as a caller meets them: added, found, changed, listed, handed over, forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert

from tallystick.app.customer import (
    create_customer,
    export_page,
    find_customer,
    forget_customer,
    get_customer,
    list_customers,
    update_customer,
)
from tallystick.core.customer import PERSONAL_FIELDS, customer_tree
from tallystick.errors import Conflict, InvalidInput, NotFound

if TYPE_CHECKING:
    from tallystick.app.customer import ExportedRecord
    from tallystick.storage.unit import Storage, Unit

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIELDS = {
    "name": "Acme",
    "email": "a@example.com",
    "currency": "EUR",
    "time_zone": "Europe/Vienna",
    "locale": "de-AT",
    "provider_id": "cus_1",
    "address": {"country": "AT"},
    "tax_ids": [{"type": "eu_vat", "value": "ATU1"}],
    "metadata": {"a": "b"},
}


def use(unit: Unit, customer: str, id_: str) -> None:
    unit.connection.execute(
        insert(unit.tables.usage_events).values(
            customer_id=customer, source="api", id=id_, kind="use", type="calls",
            occurred_at=NOON, received_at=NOON, properties="{}", digest="d",
        )
    )  # fmt: skip


def everything(unit: Unit, customer: str) -> list[ExportedRecord]:
    page = export_page(unit, customer)
    found = list(page.records)
    while page.place is not None:
        page = export_page(unit, customer, page.place)
        found += page.records
    return found


def test_a_life_of_a_customer(storage: Storage) -> None:
    with storage.begin() as unit:
        made = create_customer(unit, NOON, "acme", FIELDS)
        assert get_customer(unit, "acme") == made
        assert find_customer(unit, provider_id="cus_1") == made
        assert find_customer(unit, email=" a@EXAMPLE.com ") == made
        assert find_customer(unit, provider_id="cus_2") is None
        later = NOON + timedelta(days=1, microseconds=5)
        changed = update_customer(unit, later, "acme", {"name": None, "locale": "en"})
        assert (changed.name, changed.locale, changed.email) == (None, "en", "a@example.com")
        assert changed.updated_at == later.replace(microsecond=0)
        assert changed.created_at == NOON
        assert update_customer(unit, later, "acme", {}) == changed
        assert list_customers(unit).items == (changed,)


def test_forgetting_replaces_what_is_personal_and_keeps_the_rest(storage: Storage) -> None:
    with storage.begin() as unit:
        create_customer(unit, NOON, "acme", FIELDS)
        use(unit, "acme", "1")
        gone = forget_customer(unit, NOON, "acme")
        tree = customer_tree(gone)
        assert not any(tree[name] for name in PERSONAL_FIELDS)
        assert (gone.id, gone.provider_id, gone.time_zone) == ("acme", "cus_1", "Europe/Vienna")
        assert gone.forgotten_at == NOON
        assert forget_customer(unit, NOON + timedelta(days=1), "acme") == gone
        kinds = [record.kind for record in everything(unit, "acme")]
        assert kinds == ["customers", "usage_events"]
        with pytest.raises(Conflict, match="was forgotten"):
            update_customer(unit, NOON, "acme", {"name": "Acme"})
        with pytest.raises(Conflict, match="already"):
            create_customer(unit, NOON, "acme", {})
        with pytest.raises(NotFound):
            forget_customer(unit, NOON, "nobody")


def test_an_export_is_of_one_customer_and_of_all_kinds(storage: Storage) -> None:
    with storage.begin() as unit:
        create_customer(unit, NOON, "acme", FIELDS)
        for n in range(1_001):
            use(unit, "acme", str(n))
        use(unit, "other", "1")
        found = everything(unit, "acme")
        assert found[0].values["tax_ids"] == [{"type": "eu_vat", "value": "ATU1"}]
        assert len({r.values["id"] for r in found[1:]}) == len(found) - 1 == 1_001
        assert {r.values["customer_id"] for r in found[1:]} == {"acme"}
        # usage of a customer whom nobody registered is somebody's data too
        assert [record.kind for record in everything(unit, "other")] == ["usage_events"]
        with pytest.raises(NotFound):
            export_page(unit, "nobody")


def test_an_email_of_several_is_told(storage: Storage) -> None:
    with storage.begin() as unit:
        for id_ in ("a", "b", "c"):
            create_customer(unit, NOON, id_, {"email": "x@example.com"})
        with pytest.raises(Conflict, match="'a' and 'b' and others"):
            find_customer(unit, email="x@example.com")


def test_pages_hold_everybody_once(storage: Storage) -> None:
    with storage.begin() as unit:
        for n in range(7):
            create_customer(unit, NOON, f"c{n}", {})
        found, cursor = list[str](), None
        while True:
            page = list_customers(unit, 3, cursor)
            found += [customer.id for customer in page]
            cursor = page.cursor
            if cursor is None:
                break
        assert found == [f"c{n}" for n in range(7)]
        assert list_customers(unit, 7).cursor is None
        assert list_customers(unit, 1, "zzz").items == ()


@pytest.mark.parametrize("id_", ["nobody", "", " ", "a\nb", "x" * 5000, "\ud800"])
def test_who_is_not_there_is_not_found(storage_sqlite_file: Storage, id_: str) -> None:
    with storage_sqlite_file.begin() as unit:
        with pytest.raises(NotFound):
            get_customer(unit, id_)
        with pytest.raises(NotFound):
            update_customer(unit, NOON, id_, {"name": "x"})
        with pytest.raises(NotFound):
            update_customer(unit, NOON, id_, {})


def test_what_is_wrongly_asked_is_refused(storage_sqlite_file: Storage) -> None:
    with storage_sqlite_file.begin() as unit:
        for asked in ({}, {"email": "a@b.de", "provider_id": "x"}, {"email": "x"}):
            with pytest.raises(InvalidInput):
                find_customer(unit, **asked)
        with pytest.raises(InvalidInput):
            get_customer(unit, 5)  # type: ignore[arg-type]  # what is no text is refused
        with pytest.raises(InvalidInput, match="limit"):
            list_customers(unit, 0)
        with pytest.raises(InvalidInput, match="currency"):
            create_customer(unit, NOON, "a", {"currency": "X"})
        with pytest.raises(InvalidInput, match="colour"):
            create_customer(unit, NOON, "a", {"colour": "red"})
        with pytest.raises(NotFound):
            get_customer(unit, "a")

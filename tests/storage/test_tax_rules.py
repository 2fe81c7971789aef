"""Published tax rules in the database: never changed, told apart by their number, one winner."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from tallystick.core.customer import Customer
from tallystick.core.tax_rules import TaxRulesVersion
from tallystick.storage import customers, tax_rules

if TYPE_CHECKING:
    from tallystick.storage.unit import Storage

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def version(number: int, digest: str = "d") -> TaxRulesVersion:
    return TaxRulesVersion(number=number, digest=digest, author="anna", published_at=NOON)


def stored(storage: Storage, number: int, digest: str = "d") -> bool:
    with storage.begin() as unit:
        added = tax_rules.add(unit, version(number, digest), f"text {number}")
        unit.commit()
    return added


def test_what_was_added_is_found(storage: Storage) -> None:
    assert stored(storage, 1, "one")
    assert stored(storage, 2, "two")
    with storage.look() as unit:
        assert tax_rules.every(unit) == (version(2, "two"), version(1, "one"))
        assert tax_rules.newest(unit) == version(2, "two")
        assert tax_rules.newest_text(unit) == "text 2"
        assert (tax_rules.text_of(unit, 1), tax_rules.text_of(unit, 3)) == ("text 1", None)
        assert tax_rules.text_of_digest(unit, "one") == "text 1"
        assert tax_rules.text_of_digest(unit, "three") is None


def test_nothing_is_found_in_an_empty_ledger(storage: Storage) -> None:
    with storage.look() as unit:
        assert tax_rules.newest(unit) is None
        assert tax_rules.newest_text(unit) is None
        assert tax_rules.every(unit) == ()


def test_a_number_that_is_taken_is_told_and_the_transaction_goes_on(storage: Storage) -> None:
    assert stored(storage, 1)
    with storage.begin() as unit:
        assert not tax_rules.add(unit, version(1, "other"), "other")
        assert tax_rules.add(unit, version(2, "other"), "other")
        unit.commit()
    with storage.look() as unit:
        assert [each.number for each in tax_rules.every(unit)] == [2, 1]


@pytest.mark.parametrize("what", ["changed", "removed"])
def test_published_rules_are_never_changed_or_removed(storage: Storage, what: str) -> None:
    assert stored(storage, 1)
    table = storage.tables.tax_rules
    act = update(table).values(tree="{}") if what == "changed" else delete(table)
    with (
        pytest.raises(DBAPIError, match="never changed or removed: publish others"),
        storage.begin() as unit,
    ):
        unit.connection.execute(act)
    with storage.look() as unit:
        assert tax_rules.text_of(unit, 1) == "text 1"


def test_a_customer_is_exempt_or_not(storage: Storage) -> None:
    with storage.begin() as unit:
        unit.as_customer("a")
        customers.add(unit, Customer(id="a", created_at=NOON, updated_at=NOON, tax_exempt=True))
        first = customers.get(unit, "a")
        assert first is not None
        assert first.tax_exempt is True
        changed = customers.change(unit, "a", {"tax_exempt": False}, NOON)
        assert changed is not None
        assert changed.tax_exempt is False

"""Published versions in the database: never changed, told apart by constraints, one winner."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, insert, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from tallystick.core.published import CatalogVersion, PlanVersion
from tallystick.storage import catalogs

if TYPE_CHECKING:
    from sqlalchemy import Executable

    from tallystick.storage.unit import Storage

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def version(number: int, digest: str = "d") -> CatalogVersion:
    return CatalogVersion(number=number, digest=digest, author="anna", published_at=NOON)


def plan(plan_id: str, number: int, catalog: int) -> PlanVersion:
    return PlanVersion(
        plan_id=plan_id, version=number, digest="d", catalog_number=catalog, text="{}"
    )


def store(storage: Storage, number: int, *plans: PlanVersion) -> bool:
    with storage.begin() as unit:
        added = catalogs.add(unit, version(number), f"text {number}", plans)
        unit.commit()
    return added


def test_what_was_added_is_found(storage: Storage) -> None:
    assert store(storage, 1, plan("free", 1, 1), plan("pro", 1, 1))
    assert store(storage, 2, plan("pro", 2, 2))
    with storage.look() as unit:
        assert [each.number for each in catalogs.every(unit)] == [2, 1]
        assert catalogs.newest(unit) == version(2)
        assert catalogs.text_of(unit, 1) == "text 1"
        assert catalogs.text_of(unit, 3) is None
        assert catalogs.plan_numbers(unit, 1) == {"free": 1, "pro": 1}
        assert catalogs.plan_numbers(unit, 2) == {"free": 1, "pro": 2}
        assert catalogs.newest_plans(unit) == {"free": plan("free", 1, 1), "pro": plan("pro", 2, 2)}
        assert catalogs.plan(unit, "pro", 1) == plan("pro", 1, 1)
        assert catalogs.plan(unit, "pro", 3) is None


def test_nothing_is_found_in_an_empty_ledger(storage: Storage) -> None:
    with storage.look() as unit:
        assert catalogs.newest(unit) is None
        assert catalogs.every(unit) == ()
        assert catalogs.newest_plans(unit) == {}


def test_a_number_that_is_taken_is_told_and_the_transaction_goes_on(storage: Storage) -> None:
    assert store(storage, 1, plan("pro", 1, 1))
    with storage.begin() as unit:
        assert not catalogs.add(unit, version(1), "other", ())
        assert not catalogs.add(unit, version(2), "other", [plan("pro", 1, 2)])
        assert catalogs.newest(unit) == version(1)
        assert catalogs.add(unit, version(2), "other", [plan("pro", 2, 2)])
        unit.commit()


CHANGES = [
    "catalog changed", "catalog removed", "plan changed", "plan removed", "plan sold twice",
]  # fmt: skip


def change(storage: Storage, what: str) -> Executable:
    c, p = storage.tables.catalog_versions, storage.tables.plan_versions
    return {
        "catalog changed": update(c).values(tree="other"),
        "catalog removed": delete(c),
        "plan changed": update(p).values(tree="other"),
        "plan removed": delete(p),
        "plan sold twice": update(p).values(sold_at=NOON),
    }[what]


@pytest.mark.parametrize("what", CHANGES)
def test_the_database_refuses_to_change_what_was_published(storage: Storage, what: str) -> None:
    with storage.begin() as unit:
        catalogs.add(unit, version(1), "text", [plan("pro", 1, 1)])
        if what == "plan sold twice":
            unit.connection.execute(change(storage, what))
        unit.commit()
    with (
        pytest.raises(DBAPIError, match="never changed or removed"),
        storage.begin() as unit,
    ):
        unit.connection.execute(change(storage, what))
    with storage.look() as unit:
        assert catalogs.text_of(unit, 1) == "text"


def test_selling_a_plan_is_the_one_thing_that_happens_to_it(storage: Storage) -> None:
    store(storage, 1, plan("pro", 1, 1))
    with storage.begin() as unit:
        unit.connection.execute(change(storage, "plan sold twice"))
        unit.commit()
    with storage.look() as unit:
        found = catalogs.plan(unit, "pro", 1)
        assert found is not None
        assert found.sold_at == NOON


@pytest.mark.parametrize("number", [0, -1])
def test_versions_are_counted_from_one(storage: Storage, number: int) -> None:
    with storage.begin() as unit, pytest.raises(IntegrityError):
        unit.connection.execute(
            insert(unit.tables.catalog_versions).values(
                number=number, digest="d", author="a", published_at=NOON, tree="t"
            )
        )


def test_of_two_at_once_one_wins(storage_postgresql: Storage) -> None:
    """The second waits for the first to commit, and is then told."""
    storage, told = storage_postgresql, list[bool]()
    with storage.begin() as first:
        assert catalogs.add(first, version(1), "first", ())
        other = threading.Thread(target=lambda: told.append(store(storage, 1)))
        other.start()
        other.join(0.2)
        assert other.is_alive()
        first.commit()
    other.join(10)
    assert told == [False]
    with storage.look() as unit:
        assert catalogs.text_of(unit, 1) == "first"

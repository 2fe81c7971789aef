"""Publishing: what becomes a version, what does not, and that nothing published is ever lost."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tallystick import Catalog, UnknownPlan, define_plans, load_catalog
from tallystick.app.catalog import open_catalog
from tallystick.app.publish import plan_version, preview, publish, published, versions
from tallystick.core.canonical import canonical_bytes
from tallystick.core.price import Flat
from tallystick.errors import Conflict, InvalidCatalog, InvalidInput, NotFound, StorageUnavailable
from tallystick.storage import catalogs

if TYPE_CHECKING:
    from tallystick.app.publish import Publication
    from tallystick.storage.unit import Storage

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NOON = datetime(2026, 11, 21, 12, 0, 0, 250, tzinfo=UTC)


def book(*, pro: int = 2900, free: bool = True) -> Catalog[str, str]:
    found = [("pro", pro), *([("free", 0)] if free else [])]
    return define_plans(
        [
            {"id": id_, "name": id_, "price": price, "currency": "USD", "interval": "month",
             "features": [{"featureKey": "projects", "enabled": True, "limit": 3}]}
            for id_, price in found
        ]
    )  # fmt: skip


def put(storage: Storage, catalog: Catalog[str, str], *, onto: int | None = None) -> Publication:
    with storage.begin() as unit:
        done = publish(unit, NOON, catalog, author="anna", onto=onto)
        unit.commit()
    return done


def test_a_change_makes_the_next_version_of_the_plan_and_of_no_other(storage: Storage) -> None:
    first, second = put(storage, book()), put(storage, book(pro=3900))
    assert (first.version.number, first.plans, first.onto) == (1, ("pro@1", "free@1"), 0)
    assert (second.version.number, second.plans, second.onto) == (2, ("pro@2",), 1)
    assert second.stored
    assert [change.text for change in second.changes] == [
        "pro: price 29.00 → 39.00 USD a month (+34.5 %)"
    ]
    assert first.version.published_at == NOON.replace(microsecond=0)
    with storage.look() as unit:
        assert [plan.ref for plan in published(unit)] == ["pro@2", "free@1"]
        assert [plan.ref for plan in published(unit, 1)] == ["pro@1", "free@1"]
        assert [each.author for each in versions(unit)] == ["anna", "anna"]


def test_the_same_again_is_nothing(storage: Storage) -> None:
    put(storage, book())
    again = put(storage, book(), onto=7)
    assert (again.unchanged, again.stored, again.version.number) == (True, False, 1)
    with storage.look() as unit:
        assert len(versions(unit)) == 1


def test_going_back_is_a_change_too(storage: Storage) -> None:
    put(storage, book(pro=2900))
    put(storage, book(pro=3900))
    last = put(storage, book(pro=2900))
    assert (last.version.number, last.plans) == (3, ("pro@3",))
    with storage.look() as unit:
        one, three = plan_version(unit, "pro@1"), plan_version(unit, "pro@3")
        assert one == replace(three, version=1)


def test_a_plan_that_left_stays_readable_and_comes_back_as_it_was(storage: Storage) -> None:
    for free in (True, False):
        put(storage, book(free=free))
    with storage.look() as unit:
        with pytest.raises(UnknownPlan):
            plan_version(unit, "free")
        assert plan_version(unit, "free@1").ref == "free@1"
    assert put(storage, book(pro=1)).plans == ("pro@2",)
    with storage.look() as unit:
        assert plan_version(unit, "free").ref == "free@1"


def test_an_older_version_stands_in_the_catalogue_it_came_with(storage: Storage) -> None:
    put(storage, book())
    put(storage, book(pro=3900))
    with storage.look() as unit:
        old, new = plan_version(unit, "pro@1"), plan_version(unit, "pro")
    assert (old.ref, new.ref) == ("pro@1", "pro@2")
    shapes = [p.primary.shape for p in (old, new) if p.primary]
    assert [s.amount for s in shapes if isinstance(s, Flat)] == [2900, 3900]
    assert old.catalog is not None
    assert old.catalog["free"].ref == "free@1"


@pytest.mark.parametrize(
    "ref",
    ["pro@0", "pro@2", "pro@x", "pro@", "@1", "", "p", "pro@１", "pro@" + "9" * 5000, 5, None],
)
def test_what_was_never_published_is_unknown(storage_sqlite_file: Storage, ref: str) -> None:
    put(storage_sqlite_file, book())
    with storage_sqlite_file.look() as unit, pytest.raises(UnknownPlan):
        plan_version(unit, ref)


def test_a_plan_may_be_called_like_a_version(storage: Storage) -> None:
    odd = define_plans(
        [{"id": "pro@1", "name": "Odd", "price": 1, "currency": "USD", "interval": "month",
          "features": []}]
    )  # fmt: skip
    put(storage, odd)
    with storage.look() as unit:
        assert plan_version(unit, "pro@1").name == "Odd"
        assert plan_version(unit, "pro@1@1").name == "Odd"


@pytest.mark.parametrize("name", ["plans.toml", "products.yaml", "shapes.yaml"])
def test_what_was_published_reads_back_byte_for_byte(storage: Storage, name: str) -> None:
    catalog = load_catalog(EXAMPLES / name)
    put(storage, catalog)
    with storage.look() as unit:
        again = published(unit, 1)
    assert canonical_bytes(again) == canonical_bytes(catalog)
    assert again == catalog


def test_a_preview_tells_and_stores_nothing(storage: Storage) -> None:
    put(storage, book())
    with storage.look() as unit:
        seen = preview(unit, NOON, book(pro=3900), author="anna")
        assert (seen.version.number, seen.plans, seen.stored) == (2, ("pro@2",), False)
        assert preview(unit, NOON, book(), author="anna").unchanged
        assert len(versions(unit)) == 1
    assert put(storage, book(pro=3900), onto=seen.onto).changes == seen.changes


def test_who_was_overtaken_is_told(storage: Storage) -> None:
    put(storage, book())
    put(storage, book(pro=3900), onto=1)
    with pytest.raises(Conflict, match="version 2 is by anna") as caught:
        put(storage, book(pro=4900), onto=1)
    assert caught.value.details() == {"expected": 1, "published": 2}
    with pytest.raises(Conflict):
        put(storage, book(pro=4900), onto=0)
    with storage.look() as unit:
        assert len(versions(unit)) == 2


def test_two_at_once_become_two_versions_one_onto_the_other(storage_postgresql: Storage) -> None:
    storage, done = storage_postgresql, list[Any]()
    with storage.begin() as first:
        publish(first, NOON, book(), author="anna")
        other = threading.Thread(target=lambda: done.append(put(storage, book(pro=3900))))
        other.start()
        other.join(0.3)
        assert other.is_alive()
        first.commit()
    other.join(10)
    assert (done[0].version.number, done[0].onto, done[0].plans) == (2, 1, ("pro@2",))


def test_two_at_once_with_the_same_become_one(storage_postgresql: Storage) -> None:
    storage, done = storage_postgresql, list[Any]()
    with storage.begin() as first:
        publish(first, NOON, book(), author="anna")
        other = threading.Thread(target=lambda: done.append(put(storage, book())))
        other.start()
        other.join(0.3)
        first.commit()
    other.join(10)
    assert done[0].unchanged
    with storage.look() as unit:
        assert len(versions(unit)) == 1


def test_who_never_gets_its_number_gives_up(
    storage_sqlite_file: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogs, "add", lambda *_: False)
    with storage_sqlite_file.begin() as unit, pytest.raises(StorageUnavailable) as caught:
        publish(unit, NOON, book(), author="anna")
    assert caught.value.again


@pytest.mark.parametrize("author", ["", " ", "a\nb", "x" * 201, 5, None])
def test_an_author_has_a_name(storage_sqlite_file: Storage, author: str) -> None:
    with storage_sqlite_file.begin() as unit:
        with pytest.raises(InvalidInput, match="author"):
            publish(unit, NOON, book(), author=author)
        assert versions(unit) == ()


def test_a_catalogue_with_problems_is_not_published(storage_sqlite_file: Storage) -> None:
    catalog = open_catalog(EXAMPLES / "products-as-posted.json").catalog
    with storage_sqlite_file.begin() as unit:
        with pytest.raises(InvalidCatalog, match="interval"):
            publish(unit, NOON, catalog, author="anna")
        with pytest.raises(InvalidInput):
            publish(unit, NOON, Catalog(products=()), author="anna")
        assert versions(unit) == ()


@pytest.mark.parametrize(
    "number", [None, 1, 0, -1, 10**5000, True, "1"], ids=lambda n: type(n).__name__
)
def test_a_version_that_is_not_there_is_not_found(
    storage_sqlite_file: Storage, number: int | None
) -> None:
    with storage_sqlite_file.look() as unit, pytest.raises(NotFound):
        published(unit, number)


def test_without_a_commit_nothing_was_published(storage: Storage) -> None:
    with storage.begin() as unit:
        publish(unit, NOON, book(), author="anna")
    with storage.look() as unit:
        assert versions(unit) == ()

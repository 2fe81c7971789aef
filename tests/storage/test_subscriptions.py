"""Subscriptions as rows: kept whole, one live one in a group, claimed by one worker at a time."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tallystick.core.customer import Customer
from tallystick.errors import Conflict, NotFound
from tallystick.storage import customers, subscriptions
from tests.storage.billing_values import AT, filled, later, subscription

if TYPE_CHECKING:
    from datetime import datetime

    from tallystick.core.subscription import Subscription
    from tallystick.storage.unit import Storage, Unit

FOREVER = later(days=1000)


@pytest.fixture
def storage(storage: Storage) -> Storage:
    """A migrated database of each kind, with a customer and its subscription."""
    filled(storage)
    return storage


def insert(unit: Unit, *these: Subscription, due_at: datetime | None = None) -> None:
    for each in these:
        subscriptions.insert_subscription(unit, each, due_at, AT)


def test_a_subscription_comes_back_as_it_was(storage: Storage) -> None:
    with storage.look() as unit:
        assert subscriptions.find_subscription(unit, "sub_1") == subscription()
        assert subscriptions.find_subscription(unit, "sub_1", customer="acme") == subscription()
        assert subscriptions.find_subscription(unit, "sub_1", customer="other") is None
        assert subscriptions.find_subscription(unit, "sub_2") is None
        keys = [("acme", "sub_1"), ("acme", "sub_2"), ("other", "sub_1")]
        assert subscriptions.find_subscriptions(unit, keys) == {keys[0]: subscription()}


def test_what_is_held_is_the_customers_own(storage: Storage) -> None:
    with storage.begin() as unit:
        assert subscriptions.hold_subscription(unit, "acme", "sub_1") == subscription()
        with pytest.raises(NotFound):
            subscriptions.hold_subscription(unit, "other", "sub_1")


def test_a_group_has_one_live_subscription(storage: Storage) -> None:
    with storage.begin() as unit:
        with pytest.raises(Conflict, match="live subscription in the group 'default'"):
            insert(unit, subscription("sub_2"))
        insert(
            unit,
            subscription("sub_2", group="other"),
            subscription("sub_3", state="canceled"),
            subscription("sub_4", state="scheduled"),
        )
        starting = replace(subscription("sub_4", state="active"), moves=2)
        with pytest.raises(Conflict, match="live subscription"):
            subscriptions.save_subscriptions(unit, [(starting, None)])
        ended = replace(subscription(state="ended"), moves=2)
        subscriptions.save_subscriptions(unit, [(ended, None)])
        subscriptions.save_subscriptions(unit, [(starting, None)])
        unit.commit()


def test_the_database_itself_refuses_a_second_live_one(storage: Storage) -> None:
    copied = text(
        "INSERT INTO tallystick_subscriptions (customer_id, id, group_key, plan_id, plan_version,"
        " state, currency, due_at, moves, clock, snapshot, created_at) SELECT customer_id, 'sub_9',"
        " group_key, plan_id, plan_version, 'paused', currency, due_at, moves, clock, snapshot,"
        " created_at FROM tallystick_subscriptions"
    )
    with pytest.raises(IntegrityError), storage.begin() as unit:
        unit.connection.execute(copied)


@pytest.mark.parametrize(
    "changed",
    ["state = 'asleep'", "currency = 'EURO'", "moves = 0", "plan_version = 0", "clock = NULL"],
)
def test_the_database_refuses_what_is_no_subscription(storage: Storage, changed: str) -> None:
    statement = f"UPDATE tallystick_subscriptions SET {changed}"  # noqa: S608 - words of ours
    with pytest.raises(IntegrityError), storage.begin() as unit:
        unit.connection.execute(text(statement))


def test_an_id_is_taken_once_and_the_customer_is_there(storage: Storage) -> None:
    with storage.begin() as unit:
        customers.add(unit, Customer(id="b", created_at=AT, updated_at=AT))
        with pytest.raises(Conflict, match="'sub_1' already"):
            insert(unit, subscription(state="ended"))
        with pytest.raises(Conflict, match="'sub_1' already"):
            insert(unit, subscription(customer="b"))
        with pytest.raises(NotFound, match="customer 'nobody'"):
            insert(unit, subscription("sub_2", "nobody"))
        assert len(subscriptions.list_subscriptions(unit, 10)) == 1


def test_what_went_on_meanwhile_is_not_overwritten(storage: Storage) -> None:
    one = subscription()
    with storage.begin() as unit:
        ahead = replace(one, moves=3, clock=later(days=3))
        subscriptions.save_subscriptions(unit, [(ahead, None)])
        unit.commit()
    older: list[dict[str, Any]] = [{"moves": 2}, {"clock": later(days=2)}]
    for fields in older:
        with pytest.raises(Conflict, match="went on meanwhile"), storage.begin() as unit:
            subscriptions.save_subscriptions(unit, [(replace(ahead, **fields), None)])
    with pytest.raises(Conflict), storage.begin() as unit:
        subscriptions.save_subscriptions(unit, [(ahead, None), (subscription("sub_2"), None)])
    with storage.begin() as unit:
        subscriptions.save_subscriptions(unit, [(ahead, None)])
        subscriptions.save_subscriptions(unit, [])
        assert subscriptions.find_subscription(unit, "sub_1") == ahead


def test_pages_are_in_the_order_of_ids(storage: Storage) -> None:
    with storage.begin() as unit:
        customers.add(unit, Customer(id="b", created_at=AT, updated_at=AT))
        insert(unit, subscription("sub_3", "b"), subscription("sub_2", state="ended"))
        ids = [each.id for each in subscriptions.list_subscriptions(unit, 2)]
        assert ids == ["sub_1", "sub_2"]
        assert [s.id for s in subscriptions.list_subscriptions(unit, 9, "sub_2")] == ["sub_3"]
        assert [s.id for s in subscriptions.list_subscriptions(unit, 9, customer="b")] == ["sub_3"]
        ended = subscriptions.list_subscriptions(unit, 9, states={"ended", "paused"})
        assert [s.id for s in ended] == ["sub_2"]


# --- what is due ----------------------------------------------------------------------------------


def many(storage: Storage, count: int) -> None:
    """Store subscriptions, two due at each hour, the later ids first."""
    with storage.begin() as unit:
        for place in range(count):
            one = subscription(f"s{count - place:03}", group=f"g{place}")
            insert(unit, one, due_at=later(hours=place // 2))
        unit.commit()


def test_the_first_due_is_claimed_first_then_by_id(storage: Storage) -> None:
    many(storage, 6)
    with storage.begin() as unit:
        claimed = [each.id for each in subscriptions.claim_due(unit, later(hours=1), 10)]
        assert claimed == ["s005", "s006", "s003", "s004"]
        assert [s.id for s in subscriptions.claim_due(unit, FOREVER, 1)] == ["s005"]
        assert subscriptions.claim_due(unit, later(hours=-1), 10) == []
        assert subscriptions.lowest_due(unit, FOREVER) == AT
        assert subscriptions.lowest_due(unit, later(hours=-1)) is None
        done = [(subscription(s, group=g), None) for s, g in (("s005", "g1"), ("s006", "g0"))]
        subscriptions.save_subscriptions(unit, done)
        assert subscriptions.lowest_due(unit, FOREVER) == later(hours=1)


def test_what_is_set_aside_is_not_claimed_until_it_is_tried_again(storage: Storage) -> None:
    with storage.begin() as unit:
        subscriptions.set_aside(unit, "acme", "sub_1", '{"why":"x"}')
        assert subscriptions.claim_due(unit, FOREVER, 10) == []
        assert subscriptions.lowest_due(unit, FOREVER) is None
        assert subscriptions.stopped(unit, 10) == (("acme", "sub_1", '{"why":"x"}'),)
        subscriptions.save_subscriptions(unit, [(subscription(), later(days=1))])
        assert subscriptions.claim_due(unit, FOREVER, 10) == []
        subscriptions.retry(unit, "acme", "sub_1")
        assert [each.id for each in subscriptions.claim_due(unit, FOREVER, 10)] == ["sub_1"]
        assert subscriptions.stopped(unit, 10) == ()
        with pytest.raises(NotFound):
            subscriptions.set_aside(unit, "acme", "x", "{}")
        with pytest.raises(NotFound):
            subscriptions.retry(unit, "other", "sub_1")


def test_two_workers_never_claim_the_same_and_miss_none(storage: Storage) -> None:
    many(storage, 40)
    claimed: list[list[str]] = [[], []]
    barrier = threading.Barrier(2)

    def work(mine: list[str]) -> None:
        barrier.wait(10)
        while True:
            with storage.begin() as unit:
                found = subscriptions.claim_due(unit, later(days=20), 3)
                subscriptions.save_subscriptions(unit, [(each, None) for each in found])
                unit.commit()
            if not found:
                return
            mine.extend(each.id for each in found)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in claimed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    both = claimed[0] + claimed[1]
    assert len(both) == len(set(both)) == 40


def test_a_claim_passes_over_what_another_has_and_counts_it_as_undone(
    storage_postgresql: Storage,
) -> None:
    storage = storage_postgresql
    filled(storage)
    many(storage, 4)
    with storage.begin() as first, storage.begin() as second:
        one = subscriptions.claim_due(first, FOREVER, 2)
        two = subscriptions.claim_due(second, FOREVER, 2)
        assert [each.id for each in (*one, *two)] == ["s003", "s004", "s001", "s002"]
        subscriptions.save_subscriptions(first, [(each, None) for each in one])
        assert subscriptions.lowest_due(second, FOREVER) == AT
        first.commit()
        assert subscriptions.lowest_due(second, FOREVER) == later(hours=1)

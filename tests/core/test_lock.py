"""Locks: strict reading of their tree, and the way back."""

from __future__ import annotations

from typing import Any

import pytest

from tallystick.core.bad_number import BadNumber
from tallystick.core.lock import (
    Lock,
    LockedPrice,
    check_environment,
    fee_key,
    line_key,
    lock_from_tree,
    lock_to_tree,
    overage_key,
)
from tallystick.errors import InvalidCatalog, InvalidInput


def tree(**price: Any) -> dict[str, Any]:
    """Give the tree of a lock with one price."""
    prices = {"pro": {"provider_id": "price_1"} | price}
    return {"version": 1, "provider": "stripe", "environment": "production", "prices": prices}


def problems(broken: object) -> dict[str, list[str]]:
    """Give the problems of a tree that is no lock."""
    with pytest.raises(InvalidCatalog) as caught:
        lock_from_tree(broken)
    return caught.value.fields


def test_a_lock_survives_the_way_to_a_tree_and_back() -> None:
    full = LockedPrice(
        provider_id="price_1",
        interval="month",
        interval_count=3,
        amount=2499,
        currency="USD",
        plan_id="quarterly",
    )
    lock = Lock(
        provider="stripe",
        environment="test_2",
        prices={"a": full, "b": LockedPrice(provider_id="price_2")},
    )
    assert lock_from_tree(lock_to_tree(lock)) == lock
    assert lock_to_tree(lock)["prices"]["b"] == {"provider_id": "price_2"}  # type: ignore[index]  # a dict by the form of a lock


def test_whose_it_is_and_every_id_survive_the_way_too() -> None:
    lock = Lock(
        provider="stripe",
        environment="test",
        account="acct_1",
        livemode=False,
        products={"a": "prod_1"},
        meters={"m": "mtr_1"},
        coupons={"c": "C"},
        promotion_codes={"x": "promo_1"},
        retired=frozenset({"price_2", "price_1"}),
    )
    written = lock_to_tree(lock)
    assert lock_from_tree(written) == lock
    assert written["retired"] == ["price_1", "price_2"]
    assert written["livemode"] is False


def test_prices_that_are_no_lines_of_ours_have_keys_of_their_own() -> None:
    assert line_key("pro") == "pro"
    keys = [line_key("pro", "EUR"), fee_key("pro"), fee_key("pro", "EUR"), overage_key("pro", "x")]
    assert len({"pro", *keys}) == 5


def test_a_lock_cannot_be_changed_through_the_mapping_it_was_given() -> None:
    prices = {"a": LockedPrice(provider_id="price_1")}
    lock = Lock(provider="stripe", environment="test", prices=prices)
    prices.clear()
    assert list(lock.prices) == ["a"]
    with pytest.raises(TypeError):
        lock.products["a"] = "prod_1"  # type: ignore[index]  # that it cannot be is the point
    assert hash(lock) == hash(Lock(provider="stripe", environment="test"))


@pytest.mark.parametrize("name", ["", "../x", "a b", "prod.lock", "é", "a" * 65, "a\n", 5, None])
def test_an_environment_that_names_no_file_is_refused(name: Any) -> None:
    with pytest.raises(InvalidInput):
        check_environment(name)
    with pytest.raises(InvalidInput):
        Lock(provider="stripe", environment=name)


@pytest.mark.parametrize("name", ["production", "test_2", "eu-west", "A"])
def test_plain_environments_are_taken(name: str) -> None:
    assert check_environment(name) == name


@pytest.mark.parametrize(
    ("price", "path", "word"),
    [
        ({"provider_id": None}, "prices.pro.provider_id", "missing"),
        ({"provider_id": ""}, "prices.pro.provider_id", "not empty"),
        ({"provider_id": 5}, "prices.pro.provider_id", "text"),
        ({"interval": "fortnight"}, "prices.pro.interval", "one of"),
        ({"interval": ["month"]}, "prices.pro.interval", "one of"),
        ({"interval": "month", "interval_count": 0}, "prices.pro.interval_count", "at least 1"),
        ({"interval_count": 3}, "prices.pro.interval_count", "without an interval"),
        ({"amount": -1, "currency": "USD"}, "prices.pro.amount", "at least 0"),
        ({"amount": 10**18, "currency": "USD"}, "prices.pro.amount", "10^18"),
        ({"amount": True, "currency": "USD"}, "prices.pro.amount", "whole"),
        ({"amount": "5", "currency": "USD"}, "prices.pro.amount", "whole"),
        ({"amount": BadNumber("1e9", "has an exponent")}, "prices.pro.amount", "exponent"),
        ({"amount": 5}, "prices.pro.amount", "without a currency"),
        ({"currency": "usd"}, "prices.pro.currency", "upper-case"),
        ({"currency": {}}, "prices.pro.currency", "upper-case"),
        ({"plan": "pro"}, "prices.pro.plan", "not a field"),
    ],
)
def test_a_bad_field_of_a_price_is_told_with_its_place(
    price: dict[str, Any], path: str, word: str
) -> None:
    assert word in problems(tree(**price))[path][0]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"version": 2}, "version"),
        ({"version": True}, "version"),
        ({"provider": None}, "provider"),
        ({"environment": "../etc"}, "environment"),
        ({"prices": []}, "prices"),
        ({"prices": {"pro": []}}, "prices.pro"),
        ({"locked_at": "now"}, "locked_at"),
        ({"account": ""}, "account"),
        ({"livemode": "no"}, "livemode"),
        ({"products": ["a"]}, "products"),
        ({"coupons": {"a": 5}}, "coupons"),
        ({"retired": "price_1"}, "retired"),
        ({"retired": [""]}, "retired"),
    ],
)
def test_a_bad_field_of_a_lock_is_told_with_its_place(change: dict[str, Any], path: str) -> None:
    assert path in problems(tree() | change)


@pytest.mark.parametrize("broken", [None, [], "lock", 5])
def test_a_lock_is_an_object(broken: object) -> None:
    assert problems(broken) == {"": ["a lock file is an object"]}


def test_all_problems_come_at_once_with_their_lines() -> None:
    broken = tree(currency="usd", interval="x") | {"provider": ""}
    with pytest.raises(InvalidCatalog) as caught:
        lock_from_tree(broken, lines={"prices.pro.interval": 7}, source="a.lock.json")
    found = {problem.path: problem.line for problem in caught.value.problems}
    assert found == {"provider": None, "prices.pro.interval": 7, "prices.pro.currency": None}
    assert str(caught.value).startswith("a.lock.json: 3 problems")

"""Each row of the table of limits is a test, and the borders of each row are too."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tallystick import (
    Catalog,
    InvalidUsage,
    check_limit,
    define_plans,
    get_feature_limit,
    has_feature,
)
from tallystick.core.entitlement import Allowed, Unlimited, UpTo, entitlement_of


def catalog(**feature: Any) -> Catalog[str, str]:
    """Build a catalogue of one plan with one feature `f`."""
    entry = {"featureKey": "f", "enabled": True, **feature}
    return define_plans([listed("p", 0, entry)])


def listed(plan_id: str, price: int, *features: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Write one plan of the flat list."""
    return {
        "id": plan_id,
        "name": plan_id.title(),
        "price": price,
        "currency": "USD",
        "interval": "month",
        "active": True,
        "features": list(features),
        **more,
    }


def limit(key: str, number: int | None = None, *, enabled: bool = True) -> dict[str, Any]:
    """Write one feature."""
    entry: dict[str, Any] = {"featureKey": key, "enabled": enabled}
    return entry if number is None else entry | {"limit": number}


@pytest.mark.parametrize(
    ("feature", "has", "limit_of", "used", "one_more"),
    [
        ({}, True, None, 10**9, True),
        ({"limit": 3}, True, 3, 2, True),
        ({"limit": 3}, True, 3, 3, False),
        ({"limit": 3}, True, 3, 4, False),
        ({"limit": 3, "unitPrice": "0.02"}, True, 3, 3, True),
        ({"limit": 0, "unitPrice": 5}, True, 0, 0, True),
        ({"limit": -1, "enabled": True}, True, -1, 10**17, True),
        ({"limit": 0}, True, 0, 0, False),
        ({"enabled": False}, False, None, 0, False),
        ({"enabled": False, "limit": 5}, False, None, 0, False),
        ({"enabled": False, "limit": -1}, False, None, 0, False),
    ],
)
def test_a_limit_means_what_the_table_says(
    feature: dict[str, Any], has: bool, limit_of: int | None, used: int, one_more: bool
) -> None:
    plans = define_plans([listed("p", 100, {"featureKey": "f", "enabled": True, **feature})])
    plan = plans["p"]
    assert has_feature(plan, "f") is has
    assert get_feature_limit(plan, "f") == limit_of
    assert check_limit(plan, "f", used).allowed is one_more


def test_a_key_that_is_not_in_the_plan_is_no_feature_of_it() -> None:
    plan = catalog()["p"]
    assert has_feature(plan, "g") is False
    assert get_feature_limit(plan, "g") is None
    access = check_limit(plan, "g", 0)
    assert (access.allowed, access.reason) == (False, "not_in_plan")


def test_inside_an_entitlement_has_a_type_of_its_own() -> None:
    assert entitlement_of(catalog()["p"], "f") == Allowed()
    assert entitlement_of(define_plans([listed("p", 1, limit("f", -1))])["p"], "f") == Unlimited()
    assert entitlement_of(catalog(limit=7)["p"], "f") == UpTo(7)
    assert entitlement_of(catalog(limit=7, unitPrice="0.5")["p"], "f") == UpTo(7, Decimal("0.5"))
    assert entitlement_of(catalog(enabled=False)["p"], "f") is None
    assert entitlement_of(catalog()["p"], "absent") is None


def test_a_soft_limit_says_the_overage_and_its_price() -> None:
    access = check_limit(catalog(limit=100, unitPrice="0.02")["p"], "f", 90, 15)
    assert access.allowed
    assert access.reason == "overage"
    assert access.overage == 5
    assert str(access.overage_price) == "0.0002 USD"
    assert access.remaining == 10


def test_a_hard_limit_counts_what_is_over_after_a_downgrade_and_denies_new_use() -> None:
    access = check_limit(catalog(limit=3)["p"], "f", 7)
    assert (access.allowed, access.overage, access.remaining) == (False, 4, 0)
    assert access.reason == "limit_reached"


def test_no_use_at_all_is_allowed_up_to_the_limit_itself() -> None:
    plan = catalog(limit=3)["p"]
    assert check_limit(plan, "f", 3, 0).allowed
    assert not check_limit(plan, "f", 4, 0).allowed


def test_unlimited_is_said_and_has_no_remainder() -> None:
    plan = define_plans([listed("p", 1, limit("f", -1))])["p"]
    access = check_limit(plan, "f", 5)
    assert access.unlimited
    assert access.remaining is None
    assert access.limit == -1


def test_fractions_are_counted_exactly() -> None:
    plan = catalog(limit=1)["p"]
    assert check_limit(plan, "f", Decimal("0.9"), Decimal("0.1")).allowed
    assert not check_limit(plan, "f", Decimal("0.9"), Decimal("0.100000000001")).allowed
    access = check_limit(catalog(limit=10**17)["p"], "f", Decimal("99999999999999999.999999999999"))
    assert not access.allowed
    assert access.remaining == Decimal("0.000000000001")


@pytest.mark.parametrize(
    "bad", [-1, True, 1.0, float("nan"), Decimal("NaN"), Decimal("1e30"), None]
)
def test_a_quantity_that_is_none_is_refused(bad: Any) -> None:
    plan = catalog(limit=3)["p"]
    with pytest.raises(InvalidUsage, match="used"):
        check_limit(plan, "f", bad)
    with pytest.raises(InvalidUsage, match="requested"):
        check_limit(plan, "f", 0, bad)


def test_the_cheapest_plan_that_would_allow_it_is_named() -> None:
    plans = define_plans(
        [
            listed("free", 0, limit("projects", 3)),
            listed("gold", 9900, limit("projects", 500)),
            listed("pro", 2900, limit("projects", 50)),
            listed("yearly", 29_000, limit("projects", 50), interval="year"),
            listed("gone", 100, limit("projects", 50), active=False),
            listed("secret", 100, limit("projects", 50), hidden=True),
            listed("euro", 100, limit("projects", 50), currency="EUR"),
            listed("all", 0, limit("projects", -1)),
        ]
    )
    free = plans["free"]
    assert check_limit(free, "projects", 3).upgrade_to == "yearly"
    assert check_limit(free, "projects", 60).upgrade_to == "gold"
    assert check_limit(free, "projects", 600).upgrade_to == "all"
    assert check_limit(free, "projects", 2).upgrade_to is None
    assert check_limit(plans["pro"], "projects", 50).upgrade_to == "gold"


def test_buying_the_named_plan_makes_the_same_check_pass() -> None:
    plans = define_plans(
        [
            listed("free", 0, limit("projects", 3), limit("sso", enabled=False)),
            listed("pro", 2900, limit("projects", 50)),
            listed("team", 4900, limit("projects", 60), limit("sso")),
        ]
    )
    for key in ("projects", "sso", "nowhere"):
        for used in (0, 2, 3, 49, 50, 59, 60, 61):
            access = check_limit(plans["free"], key, used)
            if access.upgrade_to is not None:
                assert check_limit(plans[access.upgrade_to], key, used).allowed
    assert check_limit(plans["free"], "sso", 0).upgrade_to == "team"


def test_without_a_catalogue_no_plan_is_named() -> None:
    plan = next(iter(catalog(limit=0).products)).plans[0]
    assert check_limit(plan, "f", 0).upgrade_to is None


def test_the_text_tells_a_person_what_to_do() -> None:
    plans = define_plans(
        [listed("free", 0, limit("projects", 3)), listed("pro", 2900, limit("projects", 50))]
    )
    text = check_limit(plans["free"], "projects", 3).text
    assert text == "Free allows 3 projects, 3 used; Pro allows 50"

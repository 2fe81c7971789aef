"""Usage becomes lines exactly: allowance, overage, one rounding, and nothing invented."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick import InvalidUsage, define_plans, map_usage_to_line_items

if TYPE_CHECKING:
    from tallystick.core.catalog import Plan


def plan(*features: dict[str, Any], currency: str = "USD") -> Plan[str]:
    """Build one plan with these features."""
    return define_plans(
        [
            {
                "id": "p",
                "name": "P",
                "price": 2900,
                "currency": currency,
                "interval": "month",
                "active": True,
                "features": [{"enabled": True, **feature} for feature in features],
            }
        ]
    )["p"]


API = {"featureKey": "api", "limit": 10_000, "unitPrice": "0.02", "description": "API requests"}


def test_within_the_allowance_a_line_costs_nothing_and_is_shown() -> None:
    (line,) = map_usage_to_line_items(plan(API), {"api": 8_500})
    assert (line.feature_key, line.description) == ("api", "API requests")
    assert (line.quantity, line.included, line.overage) == (8_500, 10_000, 0)
    assert line.amount.minor == 0
    assert line.unpriced_overage is False


def test_overage_is_charged_by_its_price_and_rounded_once() -> None:
    (line,) = map_usage_to_line_items(plan(API), {"api": 10_125})
    assert line.overage == 125
    assert line.unit_price == Decimal("0.02")
    assert line.amount.minor == 3  # 2.50 minor units, half away from zero
    assert str(line.amount) == "0.03 USD"
    assert str(line.currency) == "USD"


def test_overage_without_a_price_is_shown_as_a_breach_and_costs_nothing() -> None:
    (line,) = map_usage_to_line_items(plan({"featureKey": "s", "limit": 10}), {"s": 12})
    assert (line.overage, line.amount.minor, line.unpriced_overage) == (2, 0, True)


@pytest.mark.parametrize(
    ("feature", "included", "overage", "minor"),
    [
        ({"limit": -1}, 7, 0, 0),
        ({"limit": -1, "unitPrice": 5}, 7, 0, 0),
        ({}, 7, 0, 0),
        ({"unitPrice": 5}, 0, 7, 35),
        ({"limit": 0, "unitPrice": 5}, 0, 7, 35),
        ({"limit": 0}, 0, 7, 0),
        ({"limit": 7, "unitPrice": 5}, 7, 0, 0),
    ],
)
def test_what_is_included_follows_the_limit(
    feature: dict[str, Any], included: int, overage: int, minor: int
) -> None:
    (line,) = map_usage_to_line_items(plan({"featureKey": "f", **feature}), {"f": 7})
    assert (line.included, line.overage, line.amount.minor) == (included, overage, minor)


def test_lines_stand_in_the_order_of_the_plan_and_only_used_keys_have_one() -> None:
    given_plan = plan({"featureKey": "a"}, {"featureKey": "b"}, {"featureKey": "c"})
    lines = map_usage_to_line_items(given_plan, {"c": 1, "a": 1})
    assert [line.feature_key for line in lines] == ["a", "c"]
    assert map_usage_to_line_items(given_plan, {}) == ()


def test_a_used_key_of_nothing_is_still_a_line() -> None:
    (line,) = map_usage_to_line_items(plan(API), {"api": 0})
    assert (line.quantity, line.amount.minor) == (0, 0)


def test_every_bad_key_is_named_at_once() -> None:
    usage: dict[str, Any] = {
        "api": 1.5,
        "gone": 1,
        "off": 1,
        "nan": Decimal("NaN"),
        "inf": Decimal("Infinity"),
        "minus": -1,
        "text": "1e3",
        "flag": True,
        "huge": 10**30,
    }
    keys = [{"featureKey": key} for key in usage if key not in {"api", "gone", "off"}]
    given_plan = plan(API, {"featureKey": "off", "enabled": False}, *keys)
    with pytest.raises(InvalidUsage) as refused:
        map_usage_to_line_items(given_plan, usage)
    assert set(refused.value.fields) == set(usage)


@pytest.mark.parametrize("usage", [None, [("api", 1)], "api", 3])
def test_usage_is_a_mapping(usage: Any) -> None:
    with pytest.raises(InvalidUsage, match="mapping"):
        map_usage_to_line_items(plan(API), usage)


def test_plain_texts_and_decimals_are_quantities() -> None:
    lines = [
        map_usage_to_line_items(plan(API), {"api": q})[0]
        for q in (11_000, "11000", Decimal(11_000))
    ]
    assert {line.amount.minor for line in lines} == {20}


def test_a_currency_without_decimals_rounds_to_whole_units() -> None:
    (line,) = map_usage_to_line_items(plan(API, currency="JPY"), {"api": 10_025})
    assert str(line.amount) == "1 JPY"  # 0.5 yen, half away from zero


@given(
    quantity=st.decimals(min_value=0, max_value=10**12, places=6),
    limit=st.integers(0, 10**9),
    rate=st.decimals(min_value=0, max_value=1000, places=4),
)
def test_a_line_is_the_exact_product_rounded_once(
    quantity: Decimal, limit: int, rate: Decimal
) -> None:
    feature = {"featureKey": "f", "limit": limit, "unitPrice": rate}
    (line,) = map_usage_to_line_items(plan(feature), {"f": quantity})
    # integers of 10^-10 minor units: an independent way to the same figure
    over = max(0, int(quantity * 10**6) - limit * 10**6)
    exact = over * int(rate * 10**4)
    assert line.amount.minor == (2 * exact + 10**10) // (2 * 10**10)

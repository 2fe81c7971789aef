"""Values become one quantity by the meter's rule, and rows become what a price is rated on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tallystick import define_plans
from tallystick.core.dialects import read_catalog
from tallystick.core.meter import Aggregation, Meter, aggregate, measure
from tallystick.core.rating.usage import Priced, Quantity, Transactions
from tallystick.core.usage_row import UsageRow


def rows(key: str, *quantities: str) -> list[UsageRow]:
    """Write rows of one key."""
    return [UsageRow(key, Decimal(quantity)) for quantity in quantities]


@pytest.mark.parametrize(
    ("aggregation", "quantity"), [("sum", 9), ("count", 3), ("max", 5), ("last", 1)]
)
def test_values_become_one_quantity(aggregation: Aggregation, quantity: int) -> None:
    assert aggregate(aggregation, [Decimal(3), Decimal(5), Decimal(1)]) == quantity
    assert aggregate(aggregation, []) == 0


def test_sums_are_exact_beyond_the_default_precision() -> None:
    big, small = Decimal(10**17), Decimal("0.000000000001")
    assert str(aggregate("sum", [big, small, small])) == "100000000000000000.000000000002"


def test_a_feature_with_a_reset_is_summed_and_one_without_is_a_gauge() -> None:
    entry: dict[str, Any] = {"featureKey": "calls", "enabled": True, "limit": 9, "reset": "month"}
    plan = define_plans(
        [
            {
                "id": "p",
                "name": "P",
                "price": 1,
                "currency": "USD",
                "interval": "month",
                "features": [entry, {"featureKey": "projects", "enabled": True, "limit": 9}],
            }
        ]
    )["p"]
    taken = measure(plan, [*rows("calls", "1", "2"), *rows("projects", "1", "2")], {})
    assert taken == {"calls": Quantity(Decimal(3)), "projects": Quantity(Decimal(2))}
    declared = {"projects": Meter(key="projects", aggregation="sum")}
    assert measure(plan, rows("projects", "1", "2"), declared)["projects"] == Quantity(Decimal(3))
    assert measure(plan, rows("unknown", "1", "2"), {})["unknown"] == Quantity(Decimal(3))


def test_a_percentage_takes_transactions_and_a_dynamic_price_what_the_events_carry() -> None:
    plan = read_catalog(
        {
            "products": [
                {
                    "id": "x",
                    "name": "X",
                    "currency": "USD",
                    "plans": [
                        {
                            "id": "p",
                            "name": "P",
                            "interval": "month",
                            "prices": [
                                {"id": "pay", "type": "percentage", "unit": "USD", "percent": 1},
                                {"id": "sms", "type": "dynamic", "unit": "message"},
                            ],
                        }
                    ],
                }
            ]
        }
    )["p"]
    used = [
        UsageRow("pay", Decimal(1), Decimal("12.50")),
        UsageRow("pay", Decimal(7)),
        UsageRow("sms", Decimal(2), Decimal("0.10")),
        UsageRow("sms", Decimal(3), Decimal("0.15")),
        UsageRow("sms", Decimal(1)),
    ]
    assert measure(plan, used, {}) == {
        "pay": Transactions((Decimal(1250), Decimal(700))),
        "sms": Priced(Decimal(6), Decimal(25)),
    }

"""List prices of different cadences compare as what they cost in a year."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tallystick.core.dialects import read_catalog
from tallystick.core.list_price import list_price_per_year
from tests.core.builders import flat, plan


def yearly(*prices: dict[str, Any], seats: int = 1, **offer: Any) -> Fraction:
    """Give the yearly list price of a plan of these prices."""
    plan = {"id": "p", "name": "P", "interval": "month", "prices": list(prices), **offer}
    product = {"id": "x", "name": "X", "currency": "USD", "plans": [plan]}
    return list_price_per_year(read_catalog({"products": [product]})["p"], seats=seats)


FLAT = {"id": "f", "type": "flat", "cost": "10"}
SEAT = {"id": "s", "type": "per_seat", "cost": "5"}
USAGE = {"id": "u", "type": "per_unit", "unit": "call", "cost": "1"}


@pytest.mark.parametrize(
    ("offer", "minor"),
    [
        ({"interval": "month"}, 12_000),
        ({"interval": "month", "interval_count": 3}, 4_000),
        ({"interval": "year"}, 1_000),
        ({"interval": "week"}, Fraction(1_000 * 365, 7)),
        ({"interval": "day", "interval_count": 30}, Fraction(1_000 * 365, 30)),
        ({"interval": None, "payment_type": "one-time"}, 1_000),
    ],
)
def test_a_flat_fee_counts_as_often_as_it_is_due(offer: dict[str, Any], minor: Fraction) -> None:
    assert yearly(FLAT, **offer) == minor


def test_a_fee_with_its_own_cadence_counts_as_often_as_that() -> None:
    monthly = {**SEAT, "interval": "month"}
    assert yearly(FLAT, monthly, interval="year", seats=2) == 1_000 + 12 * 1_000
    assert yearly({**FLAT, "interval": "year"}, interval="month") == 1_000


def test_prices_of_ones_own_take_the_place_of_the_list() -> None:
    sold = plan("p", flat("10"))
    assert list_price_per_year(sold, prices=[flat("5")]) == 12 * 500
    assert list_price_per_year(sold, prices=[]) == 0


def test_seats_count_and_usage_does_not() -> None:
    assert yearly(FLAT, SEAT, USAGE) == 12 * 1_500
    assert yearly(FLAT, SEAT, USAGE, seats=4) == 12 * 3_000
    assert yearly() == 0

"""Each unit costs the same."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tallystick.core.price import PerUnit
from tallystick.core.rating import rate
from tallystick.core.rating.per_unit import per_unit
from tallystick.errors import InvalidUsage
from tests.core.rating.words import d, price, rows, transactions, units


def test_no_units_give_no_component() -> None:
    assert per_unit(PerUnit(d(5)), units(0)) == ()


@pytest.mark.parametrize(
    ("unit", "quantity", "minor"),
    [
        ("100", "1.994", 199),  # the boundary of Polar's own test
        ("100", "1.995", 200),
        ("100", "1.996", 200),
        ("0.000000000001", "1000000", 0),
        ("0.000000000001", "1000000000000", 1),
        ("0.5", "100", 50),
        ("0.0123", "40650", 500),
        ("0.0123", "8130081", 100_000),
    ],
)
def test_the_line_is_rounded_once_half_away_from_zero(unit: str, quantity: str, minor: int) -> None:
    assert rate(price(PerUnit(d(unit))), units(quantity)).amount.minor == minor


def test_forty_digits_are_multiplied_without_losing_one() -> None:
    quantity, unit = "987654321098765432.123456789012", "0.000000012345678901"
    parts = per_unit(PerUnit(d(unit)), units(quantity))
    digits = 987654321098765432123456789012 * 12345678901
    assert parts[0].amount == Decimal(f"{digits}e-30")
    # What the default context would have made of it:
    assert parts[0].amount != Decimal(quantity) * Decimal(unit)
    assert rows(parts)[0][1] == quantity


def test_what_is_no_quantity_is_refused() -> None:
    with pytest.raises(InvalidUsage, match="counts units"):
        per_unit(PerUnit(d(5)), transactions(5))


def test_a_shape_is_not_asked_for_less_than_zero() -> None:
    with pytest.raises(InvalidUsage, match="zero units or more"):
        per_unit(PerUnit(d(5)), units(-1))

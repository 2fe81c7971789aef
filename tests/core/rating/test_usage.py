"""What was measured."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tallystick.core.rating.usage import Priced, Quantity, Transactions, count, units
from tallystick.errors import InvalidUsage
from tests.core.rating.words import d, transactions


@pytest.mark.parametrize("wrong", [5, True, 0.5, "5", None, [Decimal(5)]])
def test_what_is_no_decimal_is_refused(wrong: Any) -> None:
    for build in (Quantity, lambda it: Priced(it, d(1)), lambda it: Priced(d(1), it)):
        with pytest.raises(InvalidUsage, match="is a Decimal"):
            build(wrong)
    with pytest.raises(InvalidUsage, match="is a Decimal"):
        Transactions((d(1), wrong))


@pytest.mark.parametrize("wrong", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_not_finite_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidUsage, match="finite"):
        Quantity(d(wrong))


@pytest.mark.parametrize("wrong", ["1e30", "-1e999999", "1e-31", "9e999999999999999999"])
def test_a_size_that_nothing_has_is_refused_at_once(wrong: str) -> None:
    with pytest.raises(InvalidUsage, match="out of bounds"):
        Quantity(d(wrong))


@pytest.mark.parametrize("edge", ["9.99e29", "1e-30", "0e-99", "0e99", "-0"])
def test_what_is_within_the_bounds_is_taken(edge: str) -> None:
    assert Quantity(d(edge)).value == d(edge)


def test_transactions_are_a_tuple() -> None:
    wrong: Any = [d(1)]
    with pytest.raises(InvalidUsage, match="tuple"):
        Transactions(wrong)


def test_a_line_shows_units_or_the_number_of_transactions() -> None:
    assert count(Quantity(d("2.5"))) == d("2.5")
    assert count(Priced(d(3), d(100))) == 3
    assert count(transactions(5, 6)) == 2


def test_a_shape_that_counts_units_gets_a_quantity_of_zero_or_more() -> None:
    assert units(Quantity(d(0))) == 0
    with pytest.raises(InvalidUsage, match="not Priced"):
        units(Priced(d(3), d(100)))
    with pytest.raises(InvalidUsage, match="zero units or more"):
        units(Quantity(d("-0.1")))

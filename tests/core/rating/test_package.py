"""Units are sold in packages."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.number import EXACT
from tallystick.core.price import Package
from tallystick.core.rating import Earlier, Quantity, rate
from tallystick.core.rating.package import package
from tallystick.errors import InvalidInput
from tests.core.rating.words import PACKAGES, QUANTITIES, d, price, rows, total, units


@pytest.mark.parametrize(
    ("quantity", "up", "down"),
    [("0", 0, 0), ("1", 1, 0), ("9.9", 1, 0), ("10", 1, 1), ("10.1", 2, 1), ("121", 13, 12)],
)
def test_a_part_package_counts_whole_or_not(quantity: str, up: int, down: int) -> None:
    assert total(package(Package(d(10), d(100)), units(quantity))) == 100 * up
    assert total(package(Package(d(10), d(100), "down"), units(quantity))) == 100 * down


def test_free_units_leave_before_packages_are_counted() -> None:
    bundle = price(Package(d(100), d(500)), included=d(100))
    assert rate(bundle, units(201)).amount.minor == 1000
    assert rate(bundle, units(100)).amount.minor == 0


def test_a_later_slice_pays_for_the_packages_it_opens() -> None:
    bundle = price(Package(d(10), d(1500)))
    for before, now, minor in ((17, 5, 1500), (16, 4, 0), (0, 1, 1500), (10, 20, 3000)):
        first = rate(bundle, units(before), last=False)
        line = rate(bundle, units(before + now), earlier=Earlier(units(before), first.amount))
        assert line.amount.minor == minor
        assert sum(part.quantity for part in line.components) == Decimal(minor) / 1500


def test_packages_are_one_component() -> None:
    assert rows(package(Package(d(10), d(15)), units(21))) == [("packages", "3", "45")]


@pytest.mark.parametrize("size", [0, -1, "Infinity", "NaN"])
def test_a_package_of_nothing_or_everything_is_refused(size: str | int) -> None:
    with pytest.raises(InvalidInput, match="more than zero"):
        package(Package(d(size), d(1)), units(1))


def oracle(shape: Package, quantity: Decimal) -> Fraction:
    part = Fraction(quantity) / Fraction(shape.size)
    return (ceil(part) if shape.rounding == "up" else floor(part)) * Fraction(shape.amount)


HAIR = Decimal("0.000000000001")


@given(PACKAGES, st.integers(1, 50))
def test_it_is_right_at_every_full_package_and_a_hair_beside_it(
    shape: Package, number: int
) -> None:
    full = EXACT.multiply(shape.size, Decimal(number))
    for beside in (-HAIR, Decimal(0), HAIR):
        quantity = max(Decimal(0), EXACT.add(full, beside))
        assert Fraction(total(package(shape, Quantity(quantity)))) == oracle(shape, quantity)


@given(PACKAGES, QUANTITIES, QUANTITIES)
def test_more_never_costs_less(shape: Package, one: Decimal, other: Decimal) -> None:
    less, more = sorted((one, other))
    assert total(package(shape, Quantity(less))) <= total(package(shape, Quantity(more)))

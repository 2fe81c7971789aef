"""Each unit is priced by the tier it falls in."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given

from tallystick.core.number import EXACT
from tallystick.core.price import Graduated
from tallystick.core.rating import Quantity
from tallystick.core.rating.graduated import graduated, percent_tier
from tallystick.errors import InvalidInput
from tests.core.rating.words import (
    GRADUATED,
    JPY,
    QUANTITIES,
    USD,
    d,
    rows,
    tiers,
    total,
    units,
)

FLATS = Graduated(tiers((10, 10, 2), (20, 5, 3), (None, 5, 3)))
STAIRS = Graduated(tiers((5, 0, 100), (10, 0, 50), (15, 5, 0), (None, 1, 0)))


@pytest.mark.parametrize(
    ("quantity", "figure"),
    [
        ("0", "2"),  # the first tier is reached at zero units
        ("0.000000000001", "2.00000000001"),
        ("10", "102"),  # a bound belongs to the tier below it
        ("10.000000000001", "105.000000000005"),  # and a hair above it is the next tier
        ("20", "155"),
        ("21", "163"),
    ],
)
def test_tiers_fill_from_below_and_each_one_reached_adds_its_fee(
    quantity: str, figure: str
) -> None:
    assert total(graduated(FLATS, units(quantity))) == d(figure)


def test_the_components_say_what_each_tier_took() -> None:
    assert rows(graduated(STAIRS, units(22))) == [
        ("tier 1 units", "5", "0"),
        ("tier 1 flat fee", "1", "100"),
        ("tier 2 units", "5", "0"),
        ("tier 2 flat fee", "1", "50"),
        ("tier 3 units", "5", "25"),
        ("tier 4 units", "7", "7"),
    ]


def test_a_tier_may_end_at_a_fraction() -> None:
    shape = Graduated(tiers(("0.1", 1000, 0), (1, 500, 0), (None, 200, 0)))
    assert total(graduated(shape, units("0.05"))) == 50
    assert total(graduated(shape, units("1.5"))) == 650


def test_a_percentage_of_money_is_a_tiered_price_of_major_units() -> None:
    shape = Graduated(
        (
            percent_tier(d(10), d(1), d(20000), USD),
            percent_tier(d(20), d(2), d(30000), USD),
            percent_tier(None, d(3), d(40000), USD),
        )
    )
    assert total(graduated(shape, units(10))) == 20010
    assert total(graduated(shape, units(21))) == 90033


def test_a_percentage_of_no_money_takes_nothing_and_charges_no_flat_fee() -> None:
    tier = percent_tier(None, d(1), d(20000), USD)
    assert graduated(Graduated((tier,), of_money=True), units(0)) == ()
    assert total(graduated(Graduated((tier,), of_money=True), units(1))) == 20001
    assert total(graduated(Graduated((tier,)), units(0))) == 20000


def test_one_percent_of_a_yen_is_a_hundredth_of_a_minor_unit() -> None:
    assert percent_tier(None, d(1), d(0), JPY).unit == d("0.01")


@pytest.mark.parametrize("shape", [Graduated(()), Graduated(tiers((5, 1, 0)))])
def test_a_quantity_that_no_tier_holds_is_refused(shape: Graduated) -> None:
    with pytest.raises(InvalidInput, match="above the last tier"):
        graduated(shape, units(6))


def oracle(shape: Graduated, quantity: Decimal) -> Fraction:
    """Say the rule again, tier by tier, in fractions."""
    size, cost, lower = Fraction(quantity), Fraction(0), Fraction(0)
    for tier in shape.tiers:
        if lower and size <= lower:
            break
        upper = size if tier.up_to is None else Fraction(tier.up_to)
        cost += (min(size, upper) - lower) * Fraction(tier.unit) + Fraction(tier.flat)
        lower = upper
    return cost


HAIR = Decimal("0.000000000001")


@given(GRADUATED)
def test_it_is_right_at_every_bound_and_a_unit_and_a_hair_beside_it(shape: Graduated) -> None:
    for tier in shape.tiers[:-1]:
        assert tier.up_to is not None
        for beside in (Decimal(-1), -HAIR, Decimal(0), HAIR, Decimal(1)):
            quantity = max(Decimal(0), EXACT.add(tier.up_to, beside))
            parts = graduated(shape, Quantity(quantity))
            assert Fraction(total(parts)) == oracle(shape, quantity)


@given(GRADUATED, QUANTITIES)
def test_no_unit_is_lost_between_the_tiers(shape: Graduated, quantity: Decimal) -> None:
    parts = graduated(shape, Quantity(quantity))
    placed = [part.quantity for part in parts if part.name.endswith("units")]
    assert sum(map(Fraction, placed)) == Fraction(quantity)


@given(GRADUATED, QUANTITIES, QUANTITIES)
def test_more_never_costs_less(shape: Graduated, one: Decimal, other: Decimal) -> None:
    less, more = sorted((one, other))
    assert total(graduated(shape, Quantity(less))) <= total(graduated(shape, Quantity(more)))

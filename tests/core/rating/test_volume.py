"""All units are priced by one tier."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given

from tallystick.core.number import EXACT
from tallystick.core.price import Volume
from tallystick.core.rating import Quantity
from tallystick.core.rating.volume import prorated, volume
from tallystick.errors import InvalidInput
from tests.core.rating.words import QUANTITIES, VOLUME, d, rows, tiers, total, units

SHAPE = Volume(tiers((100, 2, 10), (200, 1, 0), (None, "0.5", 50)))


@pytest.mark.parametrize(
    ("quantity", "figure"),
    [
        ("0", "10"),
        ("1", "12"),
        ("100", "210"),
        ("100.5", "100.5"),
        ("200", "200"),
        ("300", "200"),
    ],
)
def test_the_whole_quantity_picks_one_tier(quantity: str, figure: str) -> None:
    assert total(volume(SHAPE, units(quantity))) == d(figure)


def test_no_units_at_a_bare_unit_price_give_no_component() -> None:
    assert volume(Volume(tiers((None, 5, 0))), units(0)) == ()


def test_the_tier_of_prorated_units_is_that_of_the_full_ones() -> None:
    parts = prorated(SHAPE, units(300), units("198.6"))
    assert rows(parts) == [("tier 3 units", "198.6", "99.30"), ("tier 3 flat fee", "1", "50")]


def test_a_quantity_that_no_tier_holds_is_refused() -> None:
    with pytest.raises(InvalidInput, match="above the last tier"):
        volume(Volume(tiers((5, 1, 0))), units("5.1"))


def oracle(shape: Volume, quantity: Decimal) -> Fraction:
    """Say the rule again: the last tier that starts below the quantity, or the first."""
    chosen = shape.tiers[0]
    for lower, tier in zip(shape.tiers, shape.tiers[1:], strict=False):
        if lower.up_to is not None and quantity > lower.up_to:
            chosen = tier
    return Fraction(quantity) * Fraction(chosen.unit) + Fraction(chosen.flat)


HAIR = Decimal("0.000000000001")


@given(VOLUME)
def test_it_is_right_at_every_bound_and_a_unit_and_a_hair_beside_it(shape: Volume) -> None:
    for tier in shape.tiers[:-1]:
        assert tier.up_to is not None
        for beside in (Decimal(-1), -HAIR, Decimal(0), HAIR, Decimal(1)):
            quantity = max(Decimal(0), EXACT.add(tier.up_to, beside))
            assert Fraction(total(volume(shape, Quantity(quantity)))) == oracle(shape, quantity)


@given(VOLUME, QUANTITIES)
def test_whole_units_prorated_to_themselves_cost_the_same(shape: Volume, quantity: Decimal) -> None:
    whole = Quantity(quantity)
    assert prorated(shape, whole, whole) == volume(shape, whole)

"""Prices as straight pieces: always what `rate` says, or no pieces at all."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.currency import currency
from tallystick.core.price import (
    Conversion,
    Flat,
    Graduated,
    PercentOff,
    PerUnit,
    Price,
    Tier,
    Volume,
)
from tallystick.core.rating import rate
from tallystick.core.rating.pieces import pieces_of
from tallystick.core.rating.usage import Quantity
from tallystick.errors import OutOfBounds

USD = currency("USD")
NUMBERS = st.decimals(0, 10_000, places=3)
BOUNDS = st.lists(st.decimals("0.001", 5_000, places=3), min_size=0, max_size=4, unique=True)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    kind = draw(st.sampled_from([PerUnit, Graduated, Volume]))
    included = draw(st.one_of(st.just(Decimal(0)), NUMBERS))
    if kind is PerUnit:
        return Price(id="p", currency=USD, shape=PerUnit(draw(NUMBERS)), included=included)
    uppers: list[Decimal | None] = [*sorted(draw(BOUNDS)), None]
    tiers = tuple(Tier(upper, draw(NUMBERS), draw(NUMBERS)) for upper in uppers)
    shape: Any = kind(tiers)
    if kind is Graduated and draw(st.booleans()):
        shape = replace(shape, of_money=True)
    return Price(id="p", currency=USD, shape=shape, included=included)


@given(prices(), st.lists(NUMBERS, min_size=1, max_size=8))
def test_pieces_cost_what_the_price_says(price: Price, quantities: list[Decimal]) -> None:
    pieces = pieces_of(price)
    assert pieces is not None
    for quantity in (Decimal(0), *quantities, *pieces.uppers):
        assert pieces.minor(quantity) == rate(price, Quantity(quantity)).amount.minor


@pytest.mark.parametrize(
    "more",
    [
        {"basis": "seats"},
        {"shape": Flat(Decimal(5))},
        {"convert": Conversion()},
        {"discount": PercentOff(Decimal(5))},
        {"minimum": Decimal(1)},
        {"maximum": Decimal(1)},
        {"minimum_quantity": Decimal(1)},
        {"allow_negative": True},
    ],
)
def test_a_price_with_more_to_it_has_none(more: dict[str, Any]) -> None:
    price = Price(id="p", currency=USD, shape=PerUnit(Decimal(5)))
    assert pieces_of(price) is not None
    assert pieces_of(replace(price, **more)) is None


def test_what_no_ledger_holds_is_refused() -> None:
    pieces = pieces_of(Price(id="p", currency=USD, shape=PerUnit(Decimal(10) ** 12)))
    assert pieces is not None
    with pytest.raises(OutOfBounds):
        pieces.minor(Decimal(10) ** 12)

"""The words in which the tests of rating speak."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tallystick.core.currency import CODES
from tallystick.core.number import EXACT
from tallystick.core.price import Graduated, Package, PerUnit, Price, Tier, Volume
from tallystick.core.rating import Quantity, Transactions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.price import Shape
    from tallystick.core.rating import Component

USD = CODES["USD"]
JPY = CODES["JPY"]


def d(text: str | int) -> Decimal:
    return Decimal(text)


def units(text: str | int) -> Quantity:
    return Quantity(Decimal(text))


def transactions(*amounts: str | int) -> Transactions:
    return Transactions(tuple(map(Decimal, amounts)))


def price(shape: Shape, **around: Any) -> Price:
    return Price(id="calls", currency=USD, shape=shape, **around)


def tiers(*rows: tuple[str | int | None, str | int, str | int]) -> tuple[Tier, ...]:
    """Write tiers as (up_to, unit, flat)."""
    return tuple(
        Tier(None if up_to is None else Decimal(up_to), Decimal(unit), Decimal(flat))
        for up_to, unit, flat in rows
    )


def total(parts: Sequence[Component]) -> Decimal:
    result = Decimal(0)
    for part in parts:
        result = EXACT.add(result, part.amount)
    return result


def rows(parts: Sequence[Component]) -> list[tuple[str, str, str]]:
    """Write components as (name, quantity, amount), to be read beside what is expected."""
    return [(part.name, f"{part.quantity:f}", f"{part.amount:f}") for part in parts]


def decimals(smallest: int, largest: int, places: int) -> st.SearchStrategy[Decimal]:
    """Draw numbers by their digits, so that each has an exact decimal form."""
    scale = 10**places
    return st.integers(smallest * scale, largest * scale).map(
        lambda digits: Decimal(digits).scaleb(-places, EXACT)
    )


QUANTITIES = decimals(0, 10**6, 3) | decimals(0, 30, 12)
UNIT_PRICES = decimals(0, 500, 4)
AMOUNTS = decimals(0, 5_000, 2)


@st.composite
def tier_rows(draw: st.DrawFn) -> tuple[Tier, ...]:
    bounds = sorted(draw(st.sets(decimals(0, 1_000, 2).filter(bool), max_size=5)))
    return tuple(
        Tier(bound, draw(UNIT_PRICES), draw(AMOUNTS | st.just(Decimal(0))))
        for bound in (*bounds, None)
    )


GRADUATED = tier_rows().map(Graduated)
VOLUME = tier_rows().map(Volume)
PACKAGES = st.builds(
    Package,
    decimals(0, 500, 3).filter(bool),
    AMOUNTS,
    st.sampled_from(["up", "down"]),
)
PER_UNIT = UNIT_PRICES.map(PerUnit)
SHAPES: st.SearchStrategy[Shape] = GRADUATED | VOLUME | PACKAGES | PER_UNIT

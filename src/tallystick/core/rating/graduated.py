"""Each unit is priced by the tier it falls in."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.core.number import EXACT, ZERO
from tallystick.core.price import Tier
from tallystick.core.rating.line import Component, component
from tallystick.core.rating.usage import units
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from tallystick.core.currency import Currency
    from tallystick.core.price import Graduated
    from tallystick.core.rating.usage import Measured

__all__ = ["graduated", "percent_tier"]

_ONE: Final = Decimal(1)


def graduated(shape: Graduated, measured: Measured) -> tuple[Component, ...]:
    """Fill the tiers from the first up, and add the flat fee of each tier that is reached.

    A bound belongs to the tier below it; the first tier is reached at zero units, that of a
    percentage by the first money.
    """
    quantity = units(measured)
    if shape.of_money and not quantity:
        return ()
    parts: list[Component] = []
    lower = ZERO
    for number, tier in enumerate(shape.tiers, 1):
        upper = quantity if tier.up_to is None else min(quantity, tier.up_to)
        width = EXACT.subtract(upper, lower)
        if width:
            parts.append(component(f"tier {number} units", width, tier.unit))
        if tier.flat:
            parts.append(Component(f"tier {number} flat fee", _ONE, tier.flat, tier.flat))
        if upper == quantity:
            return tuple(parts)
        lower = upper
    raise InvalidInput("the quantity is above the last tier: leave its up_to open")


def percent_tier(
    up_to: Decimal | None, percent: Decimal, flat: Decimal, currency: Currency
) -> Tier:
    """Make the tier of a graduated percentage: the quantity is money, in major units.

    One major unit costs `percent` of itself: 1 % of USD 1 is 1 minor unit, 1 % of JPY 1 is 0.01.
    `flat` is in minor units, as everywhere.
    """
    return Tier(up_to, percent.scaleb(currency.decimals - 2, EXACT), flat)

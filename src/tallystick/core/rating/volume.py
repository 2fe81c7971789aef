"""All units are priced by the one tier that the whole quantity falls in."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.core.rating.line import Component, component
from tallystick.core.rating.usage import units
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from tallystick.core.price import Volume
    from tallystick.core.rating.usage import Measured, Quantity

__all__ = ["prorated", "volume"]

_ONE: Final = Decimal(1)


def volume(shape: Volume, measured: Measured) -> tuple[Component, ...]:
    """Price all units by one tier, and add its flat fee; zero units stand in the first tier."""
    quantity = units(measured)
    return _in_tier(shape, quantity, quantity)


def prorated(shape: Volume, full: Quantity, charged: Quantity) -> tuple[Component, ...]:
    """Price the units of a part of the period by the tier of the full units.

    Ten seats for half a month are charged as five, at the price of ten.  The flat fee is not
    prorated.
    """
    return _in_tier(shape, units(full), units(charged))


def _in_tier(shape: Volume, full: Decimal, charged: Decimal) -> tuple[Component, ...]:
    for number, tier in enumerate(shape.tiers, 1):
        if tier.up_to is None or full <= tier.up_to:
            parts = []
            if charged:
                parts.append(component(f"tier {number} units", charged, tier.unit))
            if tier.flat:
                parts.append(Component(f"tier {number} flat fee", _ONE, tier.flat, tier.flat))
            return tuple(parts)
    raise InvalidInput("the quantity is above the last tier: leave its up_to open")

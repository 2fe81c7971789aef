"""The price comes with each event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.core.number import EXACT, ZERO
from tallystick.core.rating.line import Component
from tallystick.core.rating.modifiers import quotient
from tallystick.core.rating.usage import Priced
from tallystick.errors import InvalidUsage

if TYPE_CHECKING:
    from decimal import Decimal

    from tallystick.core.price import Dynamic
    from tallystick.core.rating.usage import Measured

__all__ = ["average_unit", "dynamic"]


def dynamic(shape: Dynamic, measured: Measured) -> tuple[Component, ...]:
    """Multiply the sum of the events' prices; no units, no price."""
    if not isinstance(measured, Priced):
        raise InvalidUsage(
            f"a dynamic price needs what the events carried: Priced, not {type(measured).__name__}"
        )
    if not measured.quantity or not measured.amount:
        return ()
    amount = EXACT.multiply(measured.amount, shape.multiplier)
    return (Component("price of the events", measured.amount, shape.multiplier, amount, "money"),)


def average_unit(total: Decimal, quantity: Decimal) -> Decimal:
    """Share a total out to one unit, for showing only; a quotient without end has 12 decimals."""
    return quotient(total, quantity) if quantity else ZERO

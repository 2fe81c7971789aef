"""A fee for the period, whatever was used."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.core.rating.line import Component

if TYPE_CHECKING:
    from tallystick.core.price import Flat
    from tallystick.core.rating.usage import Measured

__all__ = ["flat"]

_ONE: Final = Decimal(1)


def flat(shape: Flat, measured: Measured) -> tuple[Component, ...]:
    """Give the fee once, however much was measured."""
    del measured  # every shape is called alike; this one does not look
    return (Component("flat fee", _ONE, shape.amount, shape.amount),)

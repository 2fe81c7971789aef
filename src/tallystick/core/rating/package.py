"""Units are sold in packages."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.core.number import EXACT
from tallystick.core.rating.line import component
from tallystick.core.rating.usage import units
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from tallystick.core.price import Package
    from tallystick.core.rating.line import Component
    from tallystick.core.rating.usage import Measured

__all__ = ["package"]

_ONE: Final = Decimal(1)


def package(shape: Package, measured: Measured) -> tuple[Component, ...]:
    """Count packages: a part of one counts whole (`up`) or not at all (`down`)."""
    if not shape.size.is_finite() or shape.size <= 0:
        raise InvalidInput("a package holds a finite number of units, more than zero")
    whole, rest = EXACT.divmod(units(measured), shape.size)
    if rest and shape.rounding == "up":
        whole = EXACT.add(whole, _ONE)
    return (component("packages", whole, shape.amount),) if whole else ()

"""Each unit costs the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.core.rating.line import component
from tallystick.core.rating.usage import units

if TYPE_CHECKING:
    from tallystick.core.price import PerUnit
    from tallystick.core.rating.line import Component
    from tallystick.core.rating.usage import Measured

__all__ = ["per_unit"]


def per_unit(shape: PerUnit, measured: Measured) -> tuple[Component, ...]:
    """Multiply the units by the price of one; no units, no component."""
    quantity = units(measured)
    return (component("units", quantity, shape.unit),) if quantity else ()

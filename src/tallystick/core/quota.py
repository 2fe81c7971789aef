"""A quota and what was used of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.core.entitlement import Unlimited
from tallystick.core.number import EXACT, ZERO, quantity_of

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["Quota"]


@dataclass(frozen=True, slots=True)
class Quota:
    """So many units of which so many are used.  Raises InvalidUsage for either below zero."""

    units: Decimal | Unlimited
    used: Decimal = ZERO

    def __post_init__(self) -> None:
        """Hold both at zero or more."""
        quantity_of(self.used, "used")
        if not isinstance(self.units, Unlimited):
            quantity_of(self.units, "units")

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left: at the quota it is."""
        return not isinstance(self.units, Unlimited) and self.used >= self.units

    @property
    def overage(self) -> Decimal:
        """What was used beyond the quota."""
        if isinstance(self.units, Unlimited):
            return ZERO
        return max(ZERO, EXACT.subtract(self.used, self.units))

    @property
    def remaining(self) -> Decimal | None:
        """What is left; None where there is no bound."""
        if isinstance(self.units, Unlimited):
            return None
        return max(ZERO, EXACT.subtract(self.units, self.used))

"""What a plan costs on the list, made comparable: per year, whatever its interval."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tallystick.core.period import cadence_of
from tallystick.core.rating import rate
from tallystick.core.rating.usage import Quantity

if TYPE_CHECKING:
    from tallystick.core.catalog import Plan

__all__ = ["list_price_per_year"]


def list_price_per_year(plan: Plan[Any], *, seats: int = 1) -> Fraction:
    """Give what a plan's flat and per-seat lines cost in a year, in minor units, exact.

    A year is 12 months or 365 days.  Usage is not on the list.  A one-time plan counts once.
    """
    total = sum(
        (
            Fraction(rate(price, Quantity(Decimal(seats))).exact)
            for price in plan.prices
            if price.basis != "usage"
        ),
        Fraction(0),
    )
    cadence = cadence_of(plan)
    return total if cadence is None else total * cadence.per_year

"""What a plan costs on the list, made comparable: per year, whatever its interval."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tallystick.core.rating import rate
from tallystick.core.rating.usage import Quantity
from tallystick.core.terms import cadence_of_price

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.core.catalog import Plan
    from tallystick.core.price import Price

__all__ = ["list_price_per_year"]


def list_price_per_year(
    plan: Plan[Any], *, seats: int = 1, prices: Iterable[Price] | None = None
) -> Fraction:
    """Give what a plan's flat and per-seat lines cost in a year, in minor units, exact.

    A year is 12 months or 365 days.  Usage is not on the list.  A one-time plan counts once.
    `prices` are the plan's lines as they are for one customer.
    """
    lines = plan.prices if prices is None else prices
    fees = (_per_year(price, plan, seats) for price in lines if price.basis != "usage")
    return sum(fees, Fraction(0))


def _per_year(price: Price, plan: Plan[Any], seats: int) -> Fraction:
    exact = Fraction(rate(price, Quantity(Decimal(seats))).exact)
    cadence = cadence_of_price(price, plan)
    return exact if cadence is None else exact * cadence.per_year

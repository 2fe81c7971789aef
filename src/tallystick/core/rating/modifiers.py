"""What stands around a shape: conversion, free units, a discount, and the bounds of spending.

Units before the shape, exact minor units after it.  Nothing in here rounds money.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, Inexact
from typing import TYPE_CHECKING, Final

from tallystick.core.number import EXACT, QUANTITY_DECIMALS, ZERO, percent_of
from tallystick.core.price import PercentOff
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.price import Conversion, PriceDiscount

__all__ = [
    "Allowance",
    "BoundLine",
    "above",
    "allowance",
    "bound_spend",
    "convert",
    "discounted",
    "quotient",
    "true_up",
]

_ONE: Final = Decimal(1)
_TWO: Final = Decimal(2)


def quotient(dividend: Decimal, divisor: Decimal) -> Decimal:
    """Divide exactly; a quotient without end is kept to 12 decimals, half away from zero."""
    try:
        return EXACT.divide(dividend, divisor)
    except Inexact:
        size = dividend.copy_abs().scaleb(QUANTITY_DECIMALS, EXACT)
        return _half_away(size, divisor).copy_sign(dividend).scaleb(-QUANTITY_DECIMALS, EXACT)


def _half_away(dividend: Decimal, divisor: Decimal) -> Decimal:
    """Divide two positive numbers to the nearest whole one; a half goes up."""
    doubled = EXACT.fma(_TWO, dividend, divisor)
    return EXACT.divide_int(doubled, EXACT.multiply(_TWO, divisor))


def convert(conversion: Conversion, quantity: Decimal) -> Decimal:
    """Turn what is metered into what is billed, and round it to a multiple of `to`.

    The rounding looks at the exact quotient: 1000 / 3 is a little more than 333, and rounds up.
    The quantity is zero or more.  Raises InvalidInput for a factor or multiple of zero.
    """
    for figure in (conversion.factor, conversion.to):
        if not figure.is_finite() or figure <= 0:
            raise InvalidInput("a conversion has a finite factor and multiple above zero")
    divides = conversion.operation == "divide"
    if conversion.rounding == "none":
        if divides:
            return quotient(quantity, conversion.factor)
        return EXACT.multiply(quantity, conversion.factor)
    divisor = EXACT.multiply(conversion.to, conversion.factor) if divides else conversion.to
    dividend = quantity if divides else EXACT.multiply(quantity, conversion.factor)
    if conversion.rounding == "half_up":
        return EXACT.multiply(_half_away(dividend, divisor), conversion.to)
    whole, rest = EXACT.divmod(dividend, divisor)
    if rest and conversion.rounding == "ceiling":
        whole = EXACT.add(whole, _ONE)
    return EXACT.multiply(whole, conversion.to)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a slice uses of the free units, and what is left to bill."""

    used: Decimal
    billable: Decimal


def allowance(included: Decimal, before: Decimal, now: Decimal) -> Allowance:
    """Share the free units of a period among its slices: the first units are the free ones.

    10 free, 5 used before, 15 now: 5 are free, 10 are billed.
    """
    to_date = EXACT.add(before, now)
    used = EXACT.subtract(_within(included, to_date), _within(included, before))
    return Allowance(used, EXACT.subtract(now, used))


def _within(included: Decimal, quantity: Decimal) -> Decimal:
    return min(included, max(ZERO, quantity))


def discounted(discount: PriceDiscount, exact: Decimal) -> Decimal:
    """Give what a price's own discount takes off, with the sign of the exact amount."""
    if isinstance(discount, PercentOff):
        return percent_of(exact, discount.percent)
    return min(discount.amount, exact.copy_abs()).copy_sign(exact)


def above(maximum: Decimal, exact: Decimal) -> Decimal:
    """Give what the exact amount is beyond the maximum, with its sign."""
    return max(ZERO, EXACT.subtract(exact.copy_abs(), maximum)).copy_sign(exact)


def true_up(minimum: Decimal, charged: Decimal) -> Decimal:
    """Give the gap between what was charged and the minimum, zero where there is none."""
    return max(ZERO, EXACT.subtract(minimum, charged))


@dataclass(frozen=True, slots=True)
class BoundLine:
    """A line within the bounds of spending: `gross` less `discount` is `net`, exact minor units.

    The discount is the percentage together with what the maximum cut off.
    """

    gross: Decimal
    discount: Decimal
    net: Decimal
    is_true_up: bool = False


def bound_spend(
    gross: Sequence[Decimal],
    *,
    percent: Decimal = ZERO,
    maximum: Decimal | None = None,
    minimum: Decimal | None = None,
    billed: Decimal = ZERO,
    last: bool = True,
) -> tuple[BoundLine, ...]:
    """Keep the lines of a slice within the bounds of the period, after `billed` earlier in it.

    The percentage comes off the exact amounts, then the maximum bites: earlier lines keep their
    amount and the later ones lose first.  In the last slice a gap to the minimum is one more line.
    """
    lines = []
    spent = billed
    for amount in gross:
        off = discounted(PercentOff(percent), amount)
        net = EXACT.subtract(amount, off)
        if maximum is not None:
            net = min(net, max(ZERO, EXACT.subtract(maximum, spent)))
        lines.append(BoundLine(amount, EXACT.subtract(amount, net), net))
        spent = EXACT.add(spent, net)
    gap = true_up(minimum, spent) if minimum is not None and last else ZERO
    if gap:
        lines.append(BoundLine(gap, ZERO, gap, is_true_up=True))
    return tuple(lines)

"""What a quantity costs: the reckoning of one price, as one visible list of steps.

`rate` is the only door.  One shape, one file; what stands around the shapes is in `modifiers`.
The values of a price are in `tallystick.core.price`, what was measured in `usage`, and what comes
out in `line`.
"""

from __future__ import annotations

from decimal import Decimal, DecimalException
from typing import TYPE_CHECKING, NamedTuple, assert_never

from tallystick.core.money import Money, settle
from tallystick.core.number import EXACT, ZERO, exact_sum
from tallystick.core.price import (
    Dynamic,
    Flat,
    Graduated,
    Package,
    Percentage,
    PerUnit,
    Volume,
)
from tallystick.core.rating.dynamic import dynamic
from tallystick.core.rating.flat import flat
from tallystick.core.rating.graduated import graduated
from tallystick.core.rating.line import Component, Earlier, RatedLine, Step, difference
from tallystick.core.rating.package import package
from tallystick.core.rating.per_unit import per_unit
from tallystick.core.rating.percentage import percentage
from tallystick.core.rating.steps import (
    bounded,
    converted,
    less_free_units,
    negated,
    signed,
)
from tallystick.core.rating.usage import Measured, Priced, Quantity, Transactions, count
from tallystick.core.rating.volume import volume
from tallystick.errors import OutOfBounds

if TYPE_CHECKING:
    from tallystick.core.price import Price, Shape

__all__ = [
    "Component",
    "Earlier",
    "Measured",
    "Priced",
    "Quantity",
    "RatedLine",
    "Step",
    "Transactions",
    "rate",
    "units_asked",
]


class _Reckoning(NamedTuple):
    """The reckoning of everything measured to date, before its rounding."""

    measured: Decimal
    billed: Decimal
    components: tuple[Component, ...]
    exact: Decimal
    steps: list[Step]
    deferred: bool = False


def rate(
    price: Price,
    measured: Measured,
    *,
    earlier: Earlier | None = None,
    last: bool = True,
    granted: Decimal = ZERO,
) -> RatedLine:
    """Price what was measured from the start of the period to now, in one rounded line.

    A slice of a period is the rounded total to date less what earlier slices billed, so that the
    slices add up to the whole.  Before the `last` slice no minimum is applied, and volume tiers
    bill nothing yet: they are settled only at the period's end.  `granted` units to date are paid
    by grants: they leave after the free ones, and are not priced.

    Raises InvalidUsage (the price cannot count what was measured), OutOfBounds (2^63 minor units
    or more), CurrencyMismatch (what was billed earlier is in another currency) and InvalidInput
    (a price made by hand that no catalogue would hold).
    """
    try:
        to_date = _reckon(price, measured, last=last, granted=granted)
        if earlier is None:
            return _whole(price, to_date)
        before = _reckon(price, earlier.measured, last=False, granted=earlier.granted)
        return _slice(price, to_date, before, earlier.billed)
    except DecimalException as error:
        raise _too_long(price) from error


def units_asked(price: Price, measured: Measured) -> Decimal:
    """Give the units that are left to pay for: converted, and after the free ones.

    Nothing of usage below zero.  Raises InvalidUsage, InvalidInput and OutOfBounds as `rate` does.
    """
    try:
        usage, mirrored = signed(price, measured, [])
        usage = less_free_units(price, converted(price, usage, []), [], last=False)
        return ZERO if mirrored else count(usage)
    except DecimalException as error:
        raise _too_long(price) from error


def _too_long(price: Price) -> OutOfBounds:
    return OutOfBounds(
        f"price {price.id!r}: the figure has more digits than can be reckoned exactly"
    )


def _reckon(price: Price, measured: Measured, *, last: bool, granted: Decimal) -> _Reckoning:
    """Take the steps of the reckoning, in the one order that all of Tallystick keeps."""
    steps: list[Step] = []
    # Negative usage first: all that follows then speaks of zero or more, and a mirrored quantity
    # is converted, rounded and tiered exactly as the positive one.
    usage, mirrored = signed(price, measured, steps)
    # 1. Convert units: free units, tiers and packages are written in the units that are billed.
    usage = converted(price, usage, steps)
    # 2. Free units, before the tiers see the rest: the allowance, then what grants pay; then the
    #    fewest units that are charged.
    usage = less_free_units(price, usage, steps, last=last, granted=ZERO if mirrored else granted)
    billed = count(usage).copy_negate() if mirrored else count(usage)
    if isinstance(price.shape, Volume) and not last:
        # More usage can still move all units to another tier.
        steps.append(Step("defer", (billed,), ZERO))
        return _Reckoning(count(measured), billed, (), ZERO, steps, deferred=True)
    # 3. Price.  Where less than nothing was used nothing is charged, so a flat fee that is due at
    #    zero units is not due then: the mirror of a charge, floored at zero.
    parts = () if _is_nothing(price, measured, billed) else _components(price.shape, usage)
    if mirrored:
        parts = tuple(map(negated, parts))
    exact = exact_sum(*[part.amount for part in parts])
    steps.append(Step("price", (billed,), exact, parts))
    # 4. The price's own discount, then its maximum, then its minimum: the maximum bounds what is
    #    really paid, and the minimum is owed whatever discounts there were.
    parts, exact = bounded(price, parts, exact, steps, last=last)
    # 5. Time share: a charge for a part of a period is cut here, in core/proration, after the
    #    bounds (which are those of a whole period) and before the one rounding.
    # 6. Round the line: below, once, on the total to date.
    return _Reckoning(count(measured), billed, parts, exact, steps)


def _is_nothing(price: Price, measured: Measured, billed: Decimal) -> bool:
    """Whether the usage was below zero and was floored, and no minimum quantity raised it."""
    return count(measured) < 0 and not price.allow_negative and not billed


def _components(shape: Shape, usage: Measured) -> tuple[Component, ...]:
    """Ask the shape."""
    match shape:
        case Graduated():
            return graduated(shape, usage)
        case PerUnit():
            return per_unit(shape, usage)
        case Flat():
            return flat(shape, usage)
        case Volume():
            return volume(shape, usage)
        case Package():
            return package(shape, usage)
        case Percentage():
            return percentage(shape, usage)
        case Dynamic():
            return dynamic(shape, usage)
        case _:
            assert_never(shape)


def _whole(price: Price, to_date: _Reckoning) -> RatedLine:
    """Round the whole period, once."""
    amount = _settled(price, to_date)
    return RatedLine(
        price.id,
        price.name,
        price.currency,
        to_date.measured,
        to_date.billed,
        to_date.components,
        to_date.exact,
        amount,
        tuple(to_date.steps),
    )


def _slice(price: Price, to_date: _Reckoning, before: _Reckoning, billed: Money) -> RatedLine:
    """Round the total to date, once, and take away what earlier slices billed."""
    total = _settled(price, to_date)
    amount = Money(0, price.currency) if to_date.deferred else total - billed
    if not to_date.deferred:
        paid = (Decimal(total.minor), Decimal(billed.minor))
        to_date.steps.append(Step("earlier", paid, Decimal(amount.minor)))
    return RatedLine(
        price.id,
        price.name,
        price.currency,
        EXACT.subtract(to_date.measured, before.measured),
        EXACT.subtract(to_date.billed, before.billed),
        difference(to_date.components, before.components),
        EXACT.subtract(to_date.exact, before.exact),
        amount,
        tuple(to_date.steps),
    )


def _settled(price: Price, to_date: _Reckoning) -> Money:
    amount = settle(to_date.exact, price.currency)
    if not to_date.deferred:
        to_date.steps.append(Step("round", (to_date.exact,), Decimal(amount.minor)))
    return amount

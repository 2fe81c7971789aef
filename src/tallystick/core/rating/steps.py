"""The steps around a shape: each takes its turn, and leaves what it did as a value.

Before the price they change the usage, after it the exact amount and the components.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.core.number import EXACT, ZERO
from tallystick.core.price import FixedOff, Flat
from tallystick.core.rating.line import Component, Step
from tallystick.core.rating.modifiers import above, allowance, convert, discounted, true_up
from tallystick.core.rating.usage import Priced, Quantity, Transactions, count
from tallystick.errors import InvalidInput, InvalidUsage

if TYPE_CHECKING:
    from tallystick.core.price import Price
    from tallystick.core.rating.usage import Measured

__all__ = ["bounded", "converted", "less_free_units", "negated", "signed"]

_ONE: Final = Decimal(1)


def signed(price: Price, measured: Measured, steps: list[Step]) -> tuple[Measured, bool]:
    """Floor negative usage at zero or, where the price allows it, mirror it.

    Gives the usage of zero or more, and whether it is a mirror.
    """
    if isinstance(price.shape, Flat):
        return measured, False  # a fee whatever was used has no mirror
    if isinstance(measured, Transactions):
        # Transactions given back are mirrored one by one, by the shape itself.
        return (measured if price.allow_negative else _floored(measured, steps)), False
    if not isinstance(measured, (Quantity, Priced)):
        raise InvalidUsage(
            "usage is a Quantity, Transactions or Priced, such as Quantity(Decimal(5)), "
            f"not {type(measured).__name__}"
        )
    if not price.allow_negative:
        return _floored(measured, steps), False
    quantity = count(measured)
    if quantity >= 0:
        return measured, False
    steps.append(Step("mirror", (quantity,), quantity.copy_abs()))
    if isinstance(measured, Quantity):
        return Quantity(quantity.copy_abs()), True
    return Priced(quantity.copy_abs(), measured.amount.copy_negate()), True


def _floored(measured: Measured, steps: list[Step]) -> Measured:
    """Count what is below zero as nothing."""
    if isinstance(measured, Quantity):
        if measured.value >= 0:
            return measured
        steps.append(Step("floor", (measured.value,), ZERO, how="quantity"))
        return Quantity(ZERO)
    if isinstance(measured, Priced):
        if measured.quantity >= 0 and measured.amount >= 0:
            return measured
        if measured.quantity < 0:
            steps.append(Step("floor", (measured.quantity,), ZERO, how="quantity"))
            return Priced(ZERO, ZERO)
        steps.append(Step("floor", (measured.amount,), ZERO, how="amount"))
        return Priced(measured.quantity, ZERO)
    kept = Transactions(tuple(amount for amount in measured.amounts if amount >= 0))
    given_back = EXACT.subtract(count(measured), count(kept))
    if not given_back:
        return measured
    steps.append(Step("floor", (count(measured), given_back), count(kept), how="transactions"))
    return kept


def converted(price: Price, usage: Measured, steps: list[Step]) -> Measured:
    """Turn metered units into billed units."""
    rule = price.convert
    if rule is None:
        return usage
    quantity = _plain_units(price, usage, "conversion")
    result = convert(rule, quantity)
    how = f"{rule.operation} {rule.rounding}"
    steps.append(Step("convert", (quantity, rule.factor, rule.to), result, how=how))
    return Quantity(result)


def less_free_units(
    price: Price,
    usage: Measured,
    steps: list[Step],
    *,
    last: bool,
    granted: Decimal = ZERO,
) -> Measured:
    """Take away the included units, then those that grants pay.

    At the period's end, go up to the minimum quantity.
    """
    if not price.included and not price.minimum_quantity and not granted:
        return usage
    quantity = _plain_units(price, usage, "included or minimum quantity")
    if price.included:
        left = allowance(price.included, ZERO, quantity).billable
        steps.append(Step("included", (quantity, price.included), left))
        quantity = left
    if granted:
        left = max(ZERO, EXACT.subtract(quantity, granted))
        steps.append(Step("granted", (quantity, granted), left))
        quantity = left
    if last and quantity < price.minimum_quantity:
        steps.append(Step("minimum quantity", (quantity,), price.minimum_quantity))
        quantity = price.minimum_quantity
    return Quantity(quantity)


def _plain_units(price: Price, usage: Measured, what: str) -> Decimal:
    if not isinstance(usage, Quantity):
        raise InvalidInput(
            f"price {price.id!r}: a {what} needs a price that counts units; take it off the price"
        )
    return usage.value


def bounded(
    price: Price, parts: tuple[Component, ...], exact: Decimal, steps: list[Step], *, last: bool
) -> tuple[tuple[Component, ...], Decimal]:
    """Apply discount, maximum and minimum, each as one more component of the line."""
    if price.discount is None and price.maximum is None and price.minimum is None:
        return parts, exact
    changes: list[Component] = []
    if price.discount is not None:
        off = discounted(price.discount, exact)
        left = EXACT.subtract(exact, off)
        if isinstance(price.discount, FixedOff):
            steps.append(Step("discount", (exact, off), left, how="amount"))
        else:
            steps.append(Step("discount", (exact, price.discount.percent), left, how="percent"))
        changes.append(_change("discount", off.copy_negate()))
        exact = left
    if price.maximum is not None:
        excess = above(price.maximum, exact)
        left = EXACT.subtract(exact, excess)
        if excess:
            steps.append(Step("maximum", (exact, price.maximum), left))
            changes.append(_change("above the maximum", excess.copy_negate()))
            exact = left
    if price.minimum is not None and last:
        gap = true_up(price.minimum, exact)
        if gap:
            exact_before, exact = exact, EXACT.add(exact, gap)
            steps.append(Step("minimum", (exact_before, price.minimum), exact))
            changes.append(_change("up to the minimum", gap))
    return (*parts, *(change for change in changes if change.amount)), exact


def _change(name: str, amount: Decimal) -> Component:
    return Component(name, _ONE, amount, amount)


def negated(part: Component) -> Component:
    """Turn a component round: the mirror of a positive quantity."""
    quantity, amount = part.quantity.copy_negate(), part.amount.copy_negate()
    return Component(part.name, quantity, part.unit, amount, part.counts)

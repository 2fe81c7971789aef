"""A rated line as a sum that a person can redo with a calculator.

::

    apiRequests  1,250,000 - 1,000,000 included = 250,000
    apiRequests  250,000 × 0.0002 USD = 50.00 USD
    apiRequests  rounded half away from zero: 50.00 USD

Every figure is written out in full: no exponent, no digit left out.  Left of the last `=` stands
what to type, right of it what must come out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from tallystick.core.number import EXACT, exact_product

if TYPE_CHECKING:
    from decimal import Decimal

    from tallystick.core.currency import Currency
    from tallystick.core.rating.line import Component, RatedLine, Step

__all__ = ["explain", "money_text", "number_text"]

_SIGNS: Final = {"multiply": "×", "divide": "÷"}
_ROUNDINGS: Final = {
    "none": "",
    "ceiling": "rounded up",
    "floor": "rounded down",
    "half_up": "rounded half away from zero",
}


def explain(line: RatedLine) -> tuple[str, ...]:
    """Give one text for each sum of the reckoning, in the order in which it was done.

    Amounts are in major units.  For a slice of a period the sums are those to date, and the last
    one takes away what was billed earlier.
    """
    label = line.name or line.price_id
    return tuple(f"{label}  {text}" for step in line.steps for text in _texts(step, line.currency))


def _texts(  # noqa: C901, PLR0912 - a table: one case for each step
    step: Step, currency: Currency
) -> list[str]:
    figures = step.inputs
    result = number_text(step.result)
    match step.name:
        case "floor":
            return [_floored(step, currency)]
        case "mirror":
            return [f"priced as its mirror: {number_text(figures[0])} × -1 = {result}"]
        case "convert":
            return [_converted(step)]
        case "included":
            return [_free(step, "included")]
        case "granted":
            return [_free(step, "paid by grants")]
        case "minimum quantity":
            return [f"{number_text(figures[0])} is below the minimum quantity: {result}"]
        case "defer":
            return ["volume tiers are settled at the period's end: 0"]
        case "price":
            return _priced(step, currency)
        case "discount":
            return [_discounted(step, currency)]
        case "maximum":
            return [f"no more than the maximum: {_pair(step, currency)}"]
        case "minimum":
            return [f"at least the minimum: {_pair(step, currency)}"]
        case "round":
            exact, settled = money_text(figures[0], currency), money_text(step.result, currency)
            shown = settled if exact == settled else f"{exact} = {settled}"
            return [f"rounded half away from zero: {shown}"]
        case "earlier":
            total, billed = (money_text(figure, currency) for figure in figures)
            return [f"{total} - {billed} billed earlier = {money_text(step.result, currency)}"]
        case _:
            assert_never(step.name)


def _free(step: Step, why: str) -> str:
    """Write free units off."""
    quantity, free = step.inputs
    if quantity <= free:
        return f"{number_text(quantity)} within {number_text(free)} {why}: 0"
    left = number_text(step.result)
    return f"{number_text(quantity)} - {number_text(free)} {why} = {left}"


def _floored(step: Step, currency: Currency) -> str:
    if step.how == "transactions":
        kept, back = (number_text(figure) for figure in step.inputs)
        return f"{kept} - {back} transactions given back = {number_text(step.result)}"
    below = step.inputs[0]
    text = money_text(below, currency) if step.how == "amount" else number_text(below)
    return f"{text} is below zero and counts as nothing: 0"


def _converted(step: Step) -> str:
    quantity, factor, multiple = step.inputs
    operation, rounding = step.how.split()
    sum_ = f"{number_text(quantity)} {_SIGNS[operation]} {number_text(factor)}"
    if rounding != "none":
        how = f"{_ROUNDINGS[rounding]} to a multiple of {number_text(multiple)}"
        return f"{sum_}, {how} = {number_text(step.result)}"
    if operation == "divide" and exact_product(step.result, factor) != quantity:
        sum_ += ", kept to 12 decimals"
    return f"{sum_} = {number_text(step.result)}"


def _priced(step: Step, currency: Currency) -> list[str]:
    texts = [_component(part, currency) for part in step.components]
    amounts = [money_text(part.amount, currency) for part in step.components]
    if len(amounts) != 1:
        texts.append(f"sum: {' + '.join(amounts) or '0'} = {money_text(step.result, currency)}")
    return texts


def _component(part: Component, currency: Currency) -> str:
    name = "" if part.name == "units" else f"{part.name}: "  # a lone product speaks for itself
    if part.counts == "money":
        quantity, unit = money_text(part.quantity, currency), number_text(part.unit)
    else:
        quantity, unit = number_text(part.quantity), money_text(part.unit, currency)
    return f"{name}{quantity} × {unit} = {money_text(part.amount, currency)}"


def _discounted(step: Step, currency: Currency) -> str:
    exact, figure = step.inputs
    left = money_text(step.result, currency)
    if step.how == "amount":
        return f"discount: {money_text(exact, currency)} - {money_text(figure, currency)} = {left}"
    share = f"{money_text(exact, currency)} × {number_text(figure)} ÷ 100"
    return f"discount of {number_text(figure)} %: {money_text(exact, currency)} - {share} = {left}"


def _pair(step: Step, currency: Currency) -> str:
    """Write the change to a bound as a sum: what there was, and what comes on top or goes off."""
    before = step.inputs[0]
    change = EXACT.subtract(step.result, before)
    sign = "-" if change < 0 else "+"
    size = money_text(change.copy_abs(), currency)
    return f"{money_text(before, currency)} {sign} {size} = {money_text(step.result, currency)}"


def number_text(value: Decimal) -> str:
    """Write a number in full, with commas between thousands and no zeros that say nothing."""
    text = format(value, ",f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def money_text(minor: Decimal, currency: Currency) -> str:
    """Write an exact figure in major units with at least the currency's decimals."""
    text = number_text(minor.scaleb(-currency.decimals, EXACT))
    whole, _, fraction = text.partition(".")
    fraction = fraction.ljust(currency.decimals, "0")
    return f"{whole}.{fraction} {currency}" if fraction else f"{whole} {currency}"

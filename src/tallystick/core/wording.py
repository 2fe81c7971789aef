"""Figures, cadences, features and prices of a catalogue in the words a product manager reads."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, assert_never

from tallystick.core.number import EXACT, plain
from tallystick.core.price import (
    Dynamic,
    FixedOff,
    Flat,
    Graduated,
    Package,
    Percentage,
    PerUnit,
    Volume,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from tallystick.core.catalog import Plan
    from tallystick.core.currency import Currency
    from tallystick.core.price import Conversion, Price, PriceDiscount, Tier

__all__ = [
    "amount_words",
    "and_words",
    "billed_words",
    "conversion_words",
    "discount_words",
    "each_words",
    "feature_words",
    "figure",
    "limit_words",
    "line_words",
    "money_words",
    "own_cadence_words",
    "per_words",
    "percent_change",
    "plan_price_words",
    "price_words",
    "tier_words",
]

_UNLIMITED: Final = -1
_JOINT: Final = re.compile(r"[_\-\s]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def figure(number: Decimal | int, decimals: int = 0) -> str:
    """Write a number with commas and at least so many decimals: 1,000 or 29.00 or 0.0002."""
    whole, _, fraction = plain(Decimal(number)).partition(".")
    text = f"{Decimal(whole):,}"
    fraction = fraction.ljust(decimals, "0")
    return f"{text}.{fraction}" if fraction else text


def amount_words(minor: Decimal, money: Currency) -> str:
    """Write minor units in major ones, with the decimals of the currency or more: 29.00."""
    return figure(minor.scaleb(-money.decimals, EXACT), money.decimals)


def money_words(minor: Decimal, money: Currency) -> str:
    """Write minor units in major ones with the currency: 29.00 USD."""
    return f"{amount_words(minor, money)} {money}"


def per_words(plan: Plan[Any], price: Price | None = None) -> str:
    """Say what one period is, of a plan or of a price: `a month`, `every 3 months`, `once`."""
    if plan.interval is None:
        return "once"
    interval, count = plan.interval, plan.count
    if price is not None and price.interval is not None:
        interval, count = price.interval, price.interval_count or 1
    return f"a {interval}" if count == 1 else f"every {count} {interval}s"


def billed_words(plan: Plan[Any]) -> str:
    """Say how often a plan is billed: `every month`, `every 3 months`, or `once`."""
    return per_words(plan).replace("a ", "every ", 1)


def own_cadence_words(price: Price) -> str:
    """Say how often a line is billed by itself: `every month`, or `with the plan`."""
    if price.interval is None:
        return "with the plan"
    count = price.interval_count or 1
    return f"every {price.interval}" if count == 1 else f"every {count} {price.interval}s"


def feature_words(key: str) -> str:
    """Turn a key into words: customDomains and custom_domains are custom domains."""
    words = [word for word in _JOINT.split(key) if word]
    return " ".join(w if len(w) > 1 and w.isupper() else w.lower() for w in words) or key


def limit_words(limit: int | None) -> str:
    """Write a limit: `unlimited`, a figure, or `none` where there is no number."""
    if limit is None:
        return "none"
    return "unlimited" if limit == _UNLIMITED else figure(limit)


def line_words(price: Price) -> str:
    """Name a line of a plan as a person would: its name, else what it counts, else its id."""
    return price.name or price.unit or feature_words(price.meter or "") or price.id


def each_words(price: Price) -> str:
    """Say what one unit of a line is: `a seat`, `a unit`, or `per GB` where it has a name."""
    if price.unit:
        return f"per {price.unit}"
    return "a seat" if price.basis == "seats" else "a unit"


def tier_words(tier: Tier) -> str:
    """Name a tier by its bound: `tier up to 1,000` or `last tier`."""
    return "last tier" if tier.up_to is None else f"tier up to {figure(tier.up_to)}"


def price_words(price: Price) -> str:
    """Say in one phrase what a line charges."""
    shape, money = price.shape, price.currency
    match shape:
        case Flat():
            words = money_words(shape.amount, money)
        case PerUnit():
            words = f"{money_words(shape.unit, money)} {each_words(price)}"
        case Graduated() | Volume():
            words = f"{_kind_of_tiers(shape)} tiers, {_tiers_words(shape.tiers, price)}"
        case Package():
            size = f"{figure(shape.size)} {price.unit}".rstrip()
            part = "" if shape.rounding == "up" else ", part packages free"
            words = f"{money_words(shape.amount, money)} for each {size}{part}"
        case Percentage():
            fixed = f" + {money_words(shape.fixed, money)}" if shape.fixed else ""
            words = f"{figure(shape.percent)} %{fixed} a transaction"
        case Dynamic():
            words = f"the price of each event times {figure(shape.multiplier)}"
        case _:
            assert_never(shape)
    return words


def _kind_of_tiers(shape: Graduated | Volume) -> str:
    if isinstance(shape, Volume):
        return "volume"
    return "graduated percentage" if shape.of_money else "graduated"


def plan_price_words(plan: Plan[Any]) -> str:
    """Say what a plan costs: `99.00 USD a month`, `free`, `on request`."""
    primary = plan.primary
    if plan.custom:
        return "on request"
    if primary is None:
        return "free"
    period = "" if primary.basis == "usage" else f" {per_words(plan, primary)}"
    others = len(plan.prices) - 1
    more = f" and {others} more line{'' if others == 1 else 's'}" if others else ""
    return f"{price_words(primary)}{period}{more}"


def conversion_words(convert: Conversion | None) -> str:
    """Say how what is metered becomes what is billed."""
    if convert is None:
        return "as metered"
    verb = "multiplied" if convert.operation == "multiply" else "divided"
    words = f"{verb} by {figure(convert.factor)}"
    if convert.rounding == "none":
        return words
    way = {"ceiling": "up", "floor": "down", "half_up": "to the nearest"}[convert.rounding]
    return f"{words}, rounded {way} in steps of {figure(convert.to)}"


def discount_words(discount: PriceDiscount | None, money: Currency) -> str:
    """Write a price's own discount: `10 %`, `5.00 USD`, or `none`."""
    if discount is None:
        return "none"
    if isinstance(discount, FixedOff):
        return money_words(discount.amount, money)
    return f"{figure(discount.percent)} %"


def percent_change(before: Fraction, after: Fraction) -> str:
    """Write a change as `+34.5 %`: exact, then rounded half away from zero for display.

    The empty text where there was nothing before.
    """
    if not before:
        return ""
    exact = (after - before) / abs(before) * 1000
    tenths = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    sign = "+" if exact > 0 else "-"
    if not tenths:
        return f"{sign}less than 0.1 %"
    whole, tenth = divmod(tenths, 10)
    return f"{sign}{whole:,}.{tenth} %" if tenth else f"{sign}{whole:,} %"


def and_words(words: Sequence[str]) -> str:
    """Join words as in a sentence: `a, b and c`."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _tiers_words(tiers: Sequence[Tier], price: Price) -> str:
    return "; ".join(_one_tier_words(tier, price) for tier in tiers)


def _one_tier_words(tier: Tier, price: Price) -> str:
    bound = "beyond" if tier.up_to is None else f"up to {figure(tier.up_to)}"
    flat = f" + {money_words(tier.flat, price.currency)} flat" if tier.flat else ""
    return f"{bound} {money_words(tier.unit, price.currency)} {each_words(price)}{flat}"

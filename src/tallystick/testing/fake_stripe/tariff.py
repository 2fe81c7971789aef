"""What a quantity costs at a price, as Stripe's documentation of tiers and packages states it.

Source: docs.stripe.com/products-prices/pricing-models (volume, graduated, flat fees, packages).
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Thing

__all__ = ["cost", "whole"]


def whole(amount: Fraction) -> int:
    """Round to whole minor units, half away from zero."""
    doubled = abs(amount) * 2 + 1
    rounded = doubled.numerator // (doubled.denominator * 2)
    return rounded if amount >= 0 else -rounded


def cost(price: Thing, quantity: Decimal) -> Fraction:
    """Give what a quantity costs, in minor units, before it is rounded."""
    if price["billing_scheme"] == "per_unit":
        return Fraction(price["unit_amount_decimal"]) * Fraction(_packed(price, quantity))
    if price["tiers_mode"] == "volume":
        return _volume(price["tiers"], quantity)
    return _graduated(price["tiers"], quantity)


def _packed(price: Thing, quantity: Decimal) -> Decimal:
    package = price["transform_quantity"]
    if package is None:
        return quantity
    rounding = ROUND_CEILING if package["round"] == "up" else ROUND_FLOOR
    packs = quantity / Decimal(package["divide_by"])
    return packs.to_integral_value(rounding)


def _volume(tiers: list[Thing], quantity: Decimal) -> Fraction:
    for tier in tiers:
        if tier["up_to"] is None or quantity <= tier["up_to"]:
            return _of_tier(tier, quantity)
    raise AssertionError("the last tier has no end")


def _graduated(tiers: list[Thing], quantity: Decimal) -> Fraction:
    total, below = Fraction(0), Decimal(0)
    for place, tier in enumerate(tiers):
        if place and quantity <= below:  # the first tier's flat fee is due even without usage
            break
        top = quantity if tier["up_to"] is None else min(quantity, Decimal(tier["up_to"]))
        total += _of_tier(tier, top - below)
        below = top
    return total


def _of_tier(tier: Thing, units: Decimal) -> Fraction:
    unit, flat = tier["unit_amount_decimal"] or "0", tier["flat_amount_decimal"] or "0"
    return Fraction(unit) * Fraction(units) + Fraction(flat)

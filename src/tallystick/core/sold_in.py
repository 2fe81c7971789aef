"""A plan, and each of its prices, as they are in one of the currencies they are sold in.

What is given here stands in that one currency and names no other, so everything that rates,
prorates or compares prices works on it as on any other plan.  No amount is ever converted by a rate
of exchange: each is written in the catalogue.  What is no money (a percentage, the multiplier of
a price that comes with each event, a fee of zero) is the same in every currency.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, assert_never

from tallystick.core.number import EXACT, ZERO
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
from tallystick.core.wording import and_words
from tallystick.errors import CurrencyMismatch

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from tallystick.core.catalog import Feature, Plan
    from tallystick.core.currency import Currency
    from tallystick.core.price import Price, PriceIn, Shape, Tier

__all__ = ["carries_money", "charging", "plan_in", "price_in", "shape_in"]


def plan_in(plan: Plan[Any], currency: Currency) -> Plan[Any]:
    """Give a plan with all its amounts in one of its currencies, and no other beside it.

    Raises CurrencyMismatch, naming the plan and the currency, where it is not sold in it.
    """
    if currency not in plan.sold_in:
        codes = and_words([each.code for each in plan.sold_in])
        text = f"plan {plan.ref} is sold in {codes}, not in {currency}"
        raise CurrencyMismatch(text, {"currency": [text]})
    own = _in(plan.currencies, currency) or plan
    return replace(
        plan,
        currency=currency,
        prices=tuple(price_in(price, currency) for price in plan.prices),
        features={
            key: _feature_in(feature, plan.currency, currency)
            for key, feature in plan.features.items()
        },
        setup_fee=own.setup_fee,
        minimum_commitment=own.minimum_commitment,
        invoice_threshold=own.invoice_threshold,
        currencies=(),
    )


def price_in(price: Price, currency: Currency) -> Price:
    """Give a price in one currency.  Raises CurrencyMismatch where it has no amounts in it."""
    if currency == price.currency:
        return replace(price, currencies=()) if price.currencies else price
    found = _in(price.currencies, currency)
    if found is not None:
        return charging(price, found)
    if carries_money(price):
        text = f"price {price.id} has no amounts in {currency}"
        raise CurrencyMismatch(text, {"currency": [text]})
    shape = shape_in(price.shape, price.currency, currency)
    return replace(price, currency=currency, shape=shape, provider_id=None, currencies=())


def charging(price: Price, there: PriceIn) -> Price:
    """Give a price with the amounts of another currency, in no other beside it."""
    return replace(
        price,
        currency=there.currency,
        shape=there.shape,
        discount=there.discount,
        minimum=there.minimum,
        maximum=there.maximum,
        provider_id=there.provider_id,
        currencies=(),
    )


def carries_money(price: Price) -> bool:
    """Whether a price holds any amount but zero, so that it must be written in each currency."""
    off = price.discount.amount if isinstance(price.discount, FixedOff) else ZERO
    return any([off, price.minimum, price.maximum, *_amounts(price.shape)])


def shape_in(shape: Shape, own: Currency, currency: Currency) -> Shape:
    """Give a shape without amounts in another currency: a share of money is of its minor units."""
    if not isinstance(shape, Graduated) or not shape.of_money:
        return shape
    places = currency.decimals - own.decimals
    tiers = (replace(tier, unit=tier.unit.scaleb(places, EXACT)) for tier in shape.tiers)
    return replace(shape, tiers=tuple(tiers))


def _feature_in(feature: Feature, own: Currency, currency: Currency) -> Feature:
    if currency == own:
        return replace(feature, currencies=()) if feature.currencies else feature
    found = _in(feature.currencies, currency)
    if found is not None:
        return replace(feature, unit_price=found.value, currencies=())
    if feature.unit_price:
        text = f"feature {feature.key} has no unit price in {currency}"
        raise CurrencyMismatch(text, {"currency": [text]})
    return replace(feature, currencies=()) if feature.currencies else feature


def _in(several: Iterable[Any], currency: Currency) -> Any:  # noqa: ANN401 - one of several, or None
    return next((each for each in several if each.currency == currency), None)


def _amounts(shape: Shape) -> tuple[Decimal | None, ...]:
    match shape:
        case Flat() | Package():
            return (shape.amount,)
        case PerUnit():
            return (shape.unit,)
        case Graduated(of_money=True):
            return tuple(tier.flat for tier in shape.tiers)
        case Graduated() | Volume():
            return tuple(amount for tier in shape.tiers for amount in _of_tier(tier))
        case Percentage():
            return shape.fixed, shape.free_volume, shape.minimum, shape.maximum
        case Dynamic():
            return ()
        case _:
            assert_never(shape)


def _of_tier(tier: Tier) -> tuple[Decimal, Decimal]:
    return tier.unit, tier.flat

"""A price of ours as the terms of a price at Stripe: which shapes it knows, and which it does not.

Amounts are texts in Stripe's smallest unit, with up to twelve decimals, as `unit_amount_decimal`.

Sources: the API reference of prices (`tiers`, `transform_quantity`, `unit_amount_decimal`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.core.number import EXACT, ZERO, exact_sum, plain
from tallystick.core.price import (
    Dynamic,
    Flat,
    Graduated,
    Package,
    Percentage,
    PercentOff,
    PerUnit,
    Tier,
    Volume,
)
from tallystick.errors import InvalidInput, OutOfBounds
from tallystick.providers.stripe.wire import check_api_amount, decimals, recurring

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from tallystick.core.currency import Currency
    from tallystick.core.period import Cadence
    from tallystick.core.price import Price

__all__ = ["fee_terms", "inexpressible", "price_terms"]

_DECIMALS: Final = 12
_LEFT_OUT: Final = {
    "minimum": "a least amount for a period",
    "maximum": "a most amount for a period",
    "minimum_quantity": "a least quantity",
    "group_by": "a line for each group",
    "allow_negative": "a quantity below zero",
}
_FIELDS: Final = {"minimum": "minimum_spend", "maximum": "maximum_spend"}


def inexpressible(price: Price) -> Iterator[tuple[str, str]]:
    """Give each field of a price that Stripe has no words for, and what it has not."""
    for name, words in _LEFT_OUT.items():
        if getattr(price, name):
            yield _FIELDS.get(name, name), f"Stripe's prices have not {words}"
    if price.discount is not None:
        kind = "percent" if isinstance(price.discount, PercentOff) else "amount"
        yield f"discount_{kind}", "Stripe's prices have not a discount of their own"
    yield from _odd_shape(price)
    if price.convert is not None and _divided(price) is None:
        yield "convert", "Stripe only divides by a whole number, and rounds up or down to a whole"


def _odd_shape(price: Price) -> Iterator[tuple[str, str]]:
    shape = price.shape
    if isinstance(shape, Percentage | Dynamic):
        yield "type", "Stripe's prices have no share of an amount, and none that comes with events"
    elif isinstance(shape, Graduated) and shape.of_money:
        yield "tiers", "Stripe's prices have no share of an amount"
    elif isinstance(shape, Volume | Package) and price.included:
        yield "included", "Stripe's volume and package prices have no free units"
    if isinstance(shape, Package) and not _whole(shape.size):
        yield "package_size", "Stripe's packages hold a whole number of units"
    if not all(tier.up_to is None or _whole(tier.up_to) for tier in _tiers(price)):
        yield "tiers", "Stripe's tiers end at whole numbers"


def price_terms(price: Price, cadence: Cadence | None, *, counted: bool = True) -> dict[str, Any]:
    """Give the terms of a price that Stripe has words for; a cadence of None is paid once.

    `counted` is false where nobody says how many intervals a period has: then any number fits.

    Raises InvalidInput for an amount or a cadence that Stripe does not take.
    """
    terms = _bare(price.currency, cadence)
    if not counted:
        terms["interval_count"] = None
    if price.basis == "usage":
        terms |= {"usage": "metered", "meter": price.meter or price.id}
    return terms | _amounts(price)


def fee_terms(fee: Decimal, currency: Currency) -> dict[str, Any]:
    """Give the terms of a set-up fee, in minor units: a price that is paid once."""
    return _bare(currency, None) | {"amount": _whole_amount(fee, currency)}


def _bare(currency: Currency, cadence: Cadence | None) -> dict[str, Any]:
    every = {} if cadence is None else recurring(cadence)
    return {
        "currency": currency.code,
        "interval": every.get("interval"),
        "interval_count": every.get("interval_count"),
        "usage": None if cadence is None else "licensed",
        "meter": None,
        "amount": None,
        "tiers_mode": None,
        "tiers": None,
        "package": None,
    }


def _amounts(price: Price) -> dict[str, Any]:
    shape, unit = price.shape, price.currency
    match shape:
        case Flat():
            return {"amount": _whole_amount(shape.amount, unit)}
        case Package():
            package = [int(shape.size), shape.rounding]
            return {"amount": _amount(shape.amount, unit), "package": package}
        case PerUnit() if not price.included:
            package_or_none = None if price.convert is None else list(_divided(price) or ())
            return {"amount": _amount(shape.unit, unit), "package": package_or_none}
        case Volume():
            mode = "volume"
        case _:
            mode = "graduated"
    return {"tiers_mode": mode, "tiers": _tier_terms(_tiers(price), unit)}


def _tiers(price: Price) -> Sequence[Tier]:
    """Give the tiers of a price as Stripe has them: free units are a tier that costs nothing."""
    shape = price.shape
    if isinstance(shape, PerUnit) and price.included:
        return Tier(price.included), Tier(None, shape.unit)
    if isinstance(shape, Graduated) and price.included:
        # The first tier counts as reached at no unit, so its flat fee stands on the free one.
        first, *others = shape.tiers
        free = Tier(price.included, flat=first.flat)
        return (
            free,
            _later(Tier(first.up_to, first.unit), price),
            *(_later(tier, price) for tier in others),
        )
    return shape.tiers if isinstance(shape, Graduated | Volume) else ()


def _later(tier: Tier, price: Price) -> Tier:
    bound = None if tier.up_to is None else exact_sum(tier.up_to, price.included)
    return Tier(bound, tier.unit, tier.flat)


def _tier_terms(tiers: Sequence[Tier], unit: Currency) -> list[dict[str, Any]]:
    return [
        {
            "up_to": None if tier.up_to is None else int(tier.up_to),
            "amount": _amount(tier.unit, unit),
            "flat": _amount(tier.flat, unit),
        }
        for tier in tiers
    ]


def _divided(price: Price) -> tuple[int, str] | None:
    """Give the divisor and the rounding of a conversion that Stripe can do; None for another."""
    convert, directions = price.convert, {"ceiling": "up", "floor": "down"}
    if convert is None or convert.operation != "divide" or not _whole(convert.factor):
        return None
    plain_unit = isinstance(price.shape, PerUnit) and not price.included and convert.to == 1
    direction = directions.get(convert.rounding) if plain_unit else None
    return None if direction is None else (int(convert.factor), direction)


def _amount(minor: Decimal, currency: Currency) -> str:
    shifted = minor.scaleb(decimals(currency) - currency.decimals, EXACT)
    exponent = shifted.normalize(EXACT).as_tuple().exponent
    if isinstance(exponent, int) and -exponent > _DECIMALS:
        raise InvalidInput(f"Stripe takes {_DECIMALS} decimals of its smallest unit, not more")
    if shifted.adjusted() >= _DECIMALS:
        raise OutOfBounds(f"Stripe takes no amount of more than {_DECIMALS} digits")
    return plain(shifted) if shifted != ZERO else "0"


def _whole_amount(minor: Decimal, currency: Currency) -> str:
    """Write a fee, which is charged as it stands: of a step that Stripe takes."""
    text = _amount(minor, currency)
    if "." in text:
        raise InvalidInput(f"a fee is a whole number of the smallest unit of {currency}")
    check_api_amount(int(text), currency)
    return text


def _whole(number: Decimal) -> bool:
    return number == number.to_integral_value()

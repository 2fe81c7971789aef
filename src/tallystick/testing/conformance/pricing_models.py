"""Pricing models: cases that ask what a quantity costs.

An adapter only translates: major units to minor ones, the case's words to a `Price`, and the
`RatedLine` back to the figures of the case.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from tallystick.core.money import Money, settle
from tallystick.core.number import EXACT, ZERO, exact_sum
from tallystick.core.price import (
    Conversion,
    Dynamic,
    Flat,
    Graduated,
    Package,
    Percentage,
    PerUnit,
    Price,
    Tier,
    Volume,
)
from tallystick.core.rating import Earlier, Priced, Quantity, Transactions, rate
from tallystick.core.rating.dynamic import average_unit
from tallystick.core.rating.graduated import percent_tier
from tallystick.core.rating.modifiers import allowance, bound_spend, true_up
from tallystick.core.rating.volume import prorated
from tallystick.testing.conformance.amounts import currency_of, minor, number, whole
from tallystick.testing.conformance.outcome import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallystick.core.currency import Currency
    from tallystick.core.price import Shape
    from tallystick.core.rating import Component, RatedLine

__all__ = ["ADAPTERS"]

_VOLUME: Final = {"volume", "stairstep", "stair_step", "stairstep_volume"}
_GRADUATED: Final = {"graduated", "graduated_percentage", "tiered", "stairstep_graduated"}
_NEGATIVE: Final = {"floor": False, "mirror": True, "negate": True, "allow": True}
_PACKAGES: Final[Mapping[str, Literal["up", "down"]]] = {"up": "up", "down": "down"}
_OPERATIONS: Final[Mapping[str, Literal["multiply", "divide"]]] = {
    "multiply": "multiply",
    "divide": "divide",
}
_ROUNDINGS: Final[Mapping[str, Literal["none", "ceiling", "floor", "half_up"]]] = {
    "none": "none",
    "ceiling": "ceiling",
    "floor": "floor",
    "half_up": "half_up",
}
_ONE: Final = Decimal(1)
_T = TypeVar("_T")


def _known(words: Mapping[str, _T], word: object, what: str) -> _T:
    if not isinstance(word, str) or word not in words:
        raise NotApplicable(f"no {what} is called {word!r}")
    return words[word]


def _amount(value: object, unit: Currency) -> Decimal | None:
    return None if value is None else minor(value, unit)


def _cost(case: Mapping[str, Any], name: str, unit: Currency) -> Decimal:
    """Read an amount; absent or null is nothing."""
    return _amount(case.get(name), unit) or ZERO


def _quantity(case: Mapping[str, Any], name: str, absent: Decimal = ZERO) -> Decimal:
    value = case.get(name)
    return absent if value is None else number(value)


def _tier(tier: Mapping[str, Any], unit: Currency) -> Tier:
    up_to = None if tier.get("up_to") is None else number(tier["up_to"])
    flat = _cost(tier, "flat_amount", unit)
    if tier.get("rate_percent") is not None:
        return percent_tier(up_to, number(tier["rate_percent"]), flat, unit)
    return Tier(up_to, _cost(tier, "unit_amount", unit), flat)


def _tiered(case: Mapping[str, Any], unit: Currency) -> Graduated | Volume:
    """Read a tiered price; without tiers the engine refuses to price anything by it."""
    model, written = case.get("pricing_model"), case.get("tiers") or ()
    tiers = tuple(_tier(tier, unit) for tier in written)
    if model in _VOLUME:
        return Volume(tiers)
    if model is not None and model not in _GRADUATED:
        raise NotApplicable(f"no tiered price is called {model!r}")
    return Graduated(tiers, of_money=any(tier.get("rate_percent") is not None for tier in written))


def _shape(case: Mapping[str, Any], unit: Currency) -> Shape:
    model = case.get("pricing_model")
    if case.get("package_size") is not None:
        rounding = _known(_PACKAGES, case.get("round_packages") or "up", "rounding of packages")
        return Package(number(case["package_size"]), _cost(case, "package_amount", unit), rounding)
    if case.get("tiers") is not None or model in _VOLUME | _GRADUATED:
        return _tiered(case, unit)
    if case.get("unit_amount") is not None:
        return PerUnit(minor(case["unit_amount"], unit))
    return Flat(_cost(case, "flat_amount", unit))


def _conversion(case: Mapping[str, Any]) -> Conversion | None:
    rule = case.get("conversion")
    if rule is not None:
        to = _quantity(rule, "to", _ONE)
        operation = _known(_OPERATIONS, rule.get("operation"), "conversion")
        rounding = _known(_ROUNDINGS, rule.get("rounding") or "none", "rounding of units")
        return Conversion(operation, _quantity(rule, "factor", _ONE), rounding, to)
    if case.get("round_quantity_up_to") is not None:
        return Conversion(rounding="ceiling", to=number(case["round_quantity_up_to"]))
    return None


def _allows_negative(case: Mapping[str, Any]) -> bool:
    mirrors = _known(_NEGATIVE, case.get("negative_usage") or "floor", "rule for negative usage")
    return bool(case.get("allow_negative")) or mirrors


def _price(case: Mapping[str, Any], *, included: str = "included_quantity") -> Price:
    unit = currency_of(case)
    return Price(
        id="case",
        currency=unit,
        shape=_shape(case, unit),
        convert=_conversion(case),
        included=_quantity(case, included),
        minimum_quantity=_quantity(case, "minimum_quantity"),
        maximum=_amount(case.get("cap_amount"), unit),
        allow_negative=_allows_negative(case),
    )


def _rated(case: Mapping[str, Any], price: Price, already: object) -> RatedLine:
    """Rate a whole period, or the slice of it that comes after `already` units."""
    now = Quantity(_quantity(case, "quantity"))
    if already is None:
        return rate(price, now)
    before = Quantity(number(already))
    billed = rate(price, before, last=False).amount
    to_date = Quantity(EXACT.add(before.value, now.value))
    return rate(price, to_date, earlier=Earlier(before, billed))


def _total(case: Mapping[str, Any], line: RatedLine) -> Decimal:
    """Give the rounded amount in major units; the exact one where the case asks for it."""
    if case.get("round_to_minor_units") is False:
        return _major(line.exact, line.currency)
    return line.amount.major


def _major(exact: Decimal, unit: Currency) -> Decimal:
    return exact.scaleb(-unit.decimals, EXACT)


def _lines(case: Mapping[str, Any], line: RatedLine) -> list[dict[str, object]]:
    """List the components that cost something."""
    return [
        {"description": part.name, "amount": _part(case, part, line.currency)}
        for part in line.components
        if part.amount
    ]


def _part(case: Mapping[str, Any], part: Component, unit: Currency) -> Decimal:
    exact = case.get("round_to_minor_units") is False
    return _major(part.amount, unit) if exact else settle(part.amount, unit).major


def tiered(case: Mapping[str, Any]) -> dict[str, object]:
    """Price a quantity by tiers, or the slice after units that were rated already."""
    price = _price({**case, "pricing_model": case.get("pricing_model") or "graduated"})
    line = _rated(case, price, case.get("already_rated_quantity"))
    return {"total": _total(case, line), "expected_lines": _lines(case, line)}


def volume_prorated(case: Mapping[str, Any]) -> dict[str, object]:
    """Pick the tier by the full units and charge the prorated ones."""
    unit = currency_of(case)
    shape = _tiered({**case, "pricing_model": case.get("pricing_model") or "volume"}, unit)
    if not isinstance(shape, Volume):
        raise NotApplicable("only volume tiers are prorated so")
    full, charged = number(case["full_quantity"]), number(case["prorated_quantity"])
    parts = prorated(shape, Quantity(full), Quantity(charged))
    exact = exact_sum(*(part.amount for part in parts))
    rounds = case.get("round_to_minor_units") is not False
    return {"total": settle(exact, unit).major if rounds else _major(exact, unit)}


def package(case: Mapping[str, Any]) -> dict[str, object]:
    """Count the packages of a quantity and price them."""
    line = _rated(case, _price(case, included="free_units"), case.get("quantity_already_rated"))
    packages = line.components[0].quantity if line.components else ZERO
    return {"total": _total(case, line), "packages": packages}


def per_unit(case: Mapping[str, Any]) -> dict[str, object]:
    """Price each unit alike, up to a cap where there is one."""
    line = rate(_price(case), Quantity(_quantity(case, "quantity")))
    return {"total": _total(case, line)}


def percentage(case: Mapping[str, Any]) -> dict[str, object]:
    """Price a row of transactions."""
    unit = currency_of(case)
    free = case.get("free_transactions")
    shape = Percentage(
        percent=number(case["rate_percent"]),
        fixed=_cost(case, "fixed_amount_per_transaction", unit),
        free_transactions=None if free is None else whole(free),
        free_volume=_amount(case.get("free_volume"), unit),
        minimum=_amount(case.get("min_per_transaction"), unit),
        maximum=_amount(case.get("max_per_transaction"), unit),
    )
    amounts = tuple(minor(amount, unit) for amount in case.get("transactions") or ())
    line = rate(Price(id="case", currency=unit, shape=shape), Transactions(amounts))
    return {"total": _total(case, line)}


def dynamic(case: Mapping[str, Any]) -> dict[str, object]:
    """Price a quantity by what its events carried; where no quantity is told there is one."""
    unit = currency_of(case)
    price = Price(id="case", currency=unit, shape=Dynamic(_quantity(case, "multiplier", _ONE)))
    quantity = _quantity(case, "quantity", _ONE)
    line = rate(price, Priced(quantity, _cost(case, "event_amounts_sum", unit)))
    return {
        "total": _total(case, line),
        "average_unit_amount": average_unit(_major(line.exact, unit), line.billed),
    }


def spend_bounds(case: Mapping[str, Any]) -> dict[str, object]:
    """Keep the lines of a slice within the bounds of its period."""
    unit = currency_of(case)
    lines = bound_spend(
        [minor(line, unit) for line in case.get("gross_lines") or ()],
        percent=_quantity(case, "percent_discount"),
        maximum=_amount(case.get("maximum_spend"), unit),
        minimum=_amount(case.get("minimum_spend"), unit),
        billed=_cost(case, "already_billed_in_period", unit),
        last=case.get("is_last_slice_of_period") is not False,
    )
    shown = [(settle(line.gross, unit), settle(line.net, unit)) for line in lines]
    return {
        "expected_lines": [
            {"amount": gross.major, "discount": (gross - net).major, "total": net.major}
            for gross, net in shown
            if gross.minor
        ],
        "total": Money.total((net for _, net in shown), unit).major,
    }


def true_up_line(case: Mapping[str, Any]) -> dict[str, object]:
    """Give the line that closes the gap to a minimum."""
    unit = currency_of(case)
    gap = true_up(_cost(case, "minimum_spend", unit), _cost(case, "usage_amount", unit))
    return {"true_up": settle(gap, unit).major}


def unit_conversion(case: Mapping[str, Any]) -> dict[str, object]:
    """Convert, then take free units off, then price."""
    price = _price(case, included="usage_discount_quantity")
    line = rate(price, Quantity(_quantity(case, "raw_quantity")))
    return {"billed_quantity": line.billed, "total": _total(case, line)}


def included_allowance(case: Mapping[str, Any]) -> dict[str, object]:
    """Share free units among the slices of a period."""
    before, now = _quantity(case, "quantity_before"), _quantity(case, "quantity_now")
    shared = allowance(_quantity(case, "included_quantity"), before, now)
    return {"billable_now": shared.billable, "allowance_used_now": shared.used}


def multi_item(case: Mapping[str, Any]) -> dict[str, object]:
    """Add up the rounded lines of several prices."""
    unit = currency_of(case)
    lines = [
        rate(_price({**item, "currency": str(unit)}), Quantity(_quantity(item, "quantity", _ONE)))
        for item in case["items"]
    ]
    return {"total": Money.total((line.amount for line in lines), unit).major}


ADAPTERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]] = {
    "tiered": tiered,
    "volume_prorated": volume_prorated,
    "package": package,
    "per_unit": per_unit,
    "percentage": percentage,
    "dynamic": dynamic,
    "spend_bounds": spend_bounds,
    "true_up": true_up_line,
    "unit_conversion": unit_conversion,
    "included_allowance": included_allowance,
    "multi_item": multi_item,
}
"""One adapter for each kind of the topic."""

"""Rounding and currencies: amounts, splits, discounts, taxes, and Stripe's units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.core.currency import currency
from tallystick.core.discount import fixed_off, percent_off
from tallystick.core.money import Money
from tallystick.core.tax import TaxRate, tax
from tallystick.providers.stripe import wire
from tallystick.testing.conformance.amounts import (
    currency_of,
    exact_money,
    minor,
    money,
    number,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ADAPTERS"]


def _round_amount(case: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"rounded": money(case["amount"], currency_of(case)).major}


def _sum_of_rounded(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit = currency_of(case)
    lines = [money(line, unit) for line in case["line_amounts_exact"]]
    return {
        "line_amounts": [line.major for line in lines],
        "total": Money.total(lines, unit).major,
    }


def _minor_units(case: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"decimals": currency(str(case.get("currency"))).decimals}


def _allocate(case: Mapping[str, Any]) -> Mapping[str, Any]:
    weights = case["weights"]
    parts = exact_money(case["amount"], currency_of(case)).split(
        [number(each["weight"]) for each in weights], ties=case.get("tie_break") or "first"
    )
    return {
        "parts": {each["key"]: part.major for each, part in zip(weights, parts, strict=True)},
    }


def _percent_discount(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit = currency_of(case)
    discount = percent_off(minor(case["subtotal"], unit), number(case["percent"]), unit)
    return {
        "discount": discount.major,
        "final": (money(case["subtotal"], unit) - discount).major,
    }


def _fixed_discount(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit = currency_of(case)
    subtotal = money(case["subtotal"], unit)
    discount = fixed_off(subtotal, money(case["amount_off"], unit))
    return {"discount": discount.major, "final": (subtotal - discount).major}


def _tax(case: Mapping[str, Any]) -> Mapping[str, Any]:
    rates = [TaxRate(str(rate), number(rate)) for rate in case["rates_percent"]]
    taxed = tax(money(case["taxable"], currency_of(case)), rates)
    return {
        "tax_by_rate": [each.amount.major for each in taxed.taxes],
        "tax_total": taxed.total_tax.major,
    }


def _stripe_api_amount(case: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"api_amount": wire.api_amount(exact_money(case["amount"], currency_of(case)))}


def _stripe_three_decimal(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit = currency_of(case)
    exact = minor(case["amount"], unit)
    return {
        "allowed_api_amounts": wire.allowed_api_amounts(exact, unit),
        "nearest": wire.nearest_api_amount(exact, unit),
    }


def _stripe_refused(case: Mapping[str, Any]) -> Mapping[str, Any]:
    taken = wire.check_api_amount(whole(case["api_amount"]), currency_of(case))
    return {"api_amount": taken, "error": False}


ADAPTERS: Final[dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]] = {
    "round_amount": _round_amount,
    "sum_of_rounded": _sum_of_rounded,
    "minor_units": _minor_units,
    "allocate": _allocate,
    "percent_discount": _percent_discount,
    "fixed_discount": _fixed_discount,
    "tax": _tax,
    "stripe_api_amount": _stripe_api_amount,
    "stripe_three_decimal": _stripe_three_decimal,
    "stripe_refused": _stripe_refused,
}
"""The kinds of this topic and what answers them."""

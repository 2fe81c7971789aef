"""Coupons: what they take off the lines of one invoice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.core.coupon import Coupon, CouponLine, apply_coupons
from tallystick.core.price import PercentOff
from tallystick.testing.conformance.amounts import currency_of, money, number
from tallystick.testing.conformance.outcome import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallystick.core.currency import Currency
    from tallystick.core.money import Money

__all__ = ["ADAPTERS"]


def _off(tree: Mapping[str, Any], unit: Currency) -> PercentOff | Money:
    if tree["type"] == "percent":
        return PercentOff(number(tree["percent_off"]))
    if tree["type"] == "fixed":
        return money(tree["amount_off"], unit)
    raise NotApplicable(f"a coupon of the type {tree['type']!r}")


def _coupon(tree: Mapping[str, Any], unit: Currency) -> Coupon:
    plans, meters = (frozenset(tree.get(name) or ()) for name in ("plans", "metrics"))
    return Coupon(tree["id"], _off(tree, unit), plans, meters)


def _line(tree: Mapping[str, Any], unit: Currency) -> CouponLine:
    before = tree.get("already_discounted")
    return CouponLine(
        tree["id"],
        money(tree["amount"], unit),
        plan=tree.get("plan"),
        meter=tree.get("metric"),
        discounted=None if before is None else money(before, unit),
    )


def _apply_coupons(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit = currency_of(case)
    lines = [_line(line, unit) for line in case["lines"]]
    came = apply_coupons([_coupon(coupon, unit) for coupon in case["coupons"]], lines, unit)
    by_line = zip(lines, came.by_line, strict=True)
    return {
        "discount_total": came.discount.major,
        "total": came.total.major,
        "discount_by_coupon": {each.coupon.id: each.amount.major for each in came.discounts},
        "discount_by_line": {line.id: taken.major for line, taken in by_line},
    }


ADAPTERS: Final[dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]] = {
    "apply_coupons": _apply_coupons,
}
"""The kinds of this topic and what answers them."""

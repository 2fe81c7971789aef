"""Coupons: what they take off one invoice and off several, and who may redeem them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.coupon import Coupon
from tallystick.core.discount import CouponLine, apply_coupons
from tallystick.core.price import PercentOff
from tallystick.core.redemption import Redemption, discount_invoice
from tallystick.testing.conformance.amounts import currency_of, instant, money, number, whole
from tallystick.testing.conformance.outcome import NotApplicable
from tallystick.testing.conformance.situation import may_redeem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallystick.core.coupon import Duration
    from tallystick.core.currency import Currency
    from tallystick.core.money import Money

__all__ = ["ADAPTERS"]


_DURATIONS: Final[dict[str, Duration]] = {
    "once": "once",
    "one_off": "once",
    "repeating": "repeating",
    "months": "repeating",
    "forever": "forever",
}


def _off(tree: Mapping[str, Any], unit: Currency) -> PercentOff | tuple[Money, ...]:
    if tree["type"] in {"percent", "percentage"}:
        return PercentOff(number(tree["percent_off"]))
    if tree["type"] in {"fixed", "fixed_amount", "amount"}:
        return (money(tree["amount_off"], unit),)
    raise NotApplicable(f"a coupon of the type {tree['type']!r}")


def _coupon(tree: Mapping[str, Any], unit: Currency) -> Coupon:
    plans, meters = (frozenset(tree.get(name) or ()) for name in ("plans", "metrics"))
    months = tree.get("months")
    named = tree.get("duration") or ("forever" if months is None else "repeating")
    if named not in _DURATIONS:
        raise NotApplicable(f"a coupon of the duration {named!r}")
    return Coupon(
        id=tree["id"],
        off=_off(tree, unit),
        duration=_DURATIONS[named],
        months=None if months is None else whole(months),
        plans=plans,
        meters=meters,
    )


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


def _coupon_over_invoices(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit = currency_of(case)
    had = Redemption(
        id="redemption",
        coupon=_coupon(case["coupon"], unit),
        customer="customer",
        redeemed_at=instant(case["applied_at"]),
    )
    taken = []
    for start in case["invoice_period_starts"]:
        lines = [CouponLine("fee", money(case["invoice_amount"], unit))]
        came, used = discount_invoice([had], lines, unit, instant(start))
        taken.append(came.discount.major)
        had = next(iter(used), had)
    return {"discounts": taken}


_PAID_AT: Final = datetime(2027, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_BEGAN: Final[tuple[tuple[str, timedelta, timedelta | None], ...]] = (
    (r"\bended\b|\bexpired\b|\bnot\b|\bnever\b", -10 * _DAY, -_DAY),
    (r"\bbefore\b|\bwhen paid\b|\bactive\b|\bestablished\b", -_DAY, None),
    # At the start of a period that was paid at full price: begun after its payment.
    (r"\bafter\b|\bat\b|\bmid\b|\bduring\b|\bnow\b|\bfresh\b|\bnew\b|\bstart\b", _DAY, None),
)
"""When a discount began and ended, from the payment of what is credited."""


def _discount_on_credit(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit = currency_of(case)
    words = re.sub(r"[\W_]+", " ", str(case["discount_began"])).lower()
    found = next((each for each in _BEGAN if re.search(each[0], words)), None)
    if found is None:
        raise NotApplicable(f"a discount that began {words!r}")
    _, began, ended = found
    had = Redemption(
        id="redemption",
        coupon=Coupon(id="a", off=PercentOff(number(case["percent_off"])), duration="forever"),
        customer="customer",
        redeemed_at=_PAID_AT + began,
        ended_at=None if ended is None else _PAID_AT + ended,
    )
    fee = CouponLine("fee", -money(case["credit"], unit))
    charged, _ = discount_invoice([had], [fee], unit, _PAID_AT)
    return {"credit_after_discount": (-charged.total).major}


def _redemption_rule(case: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"allowed": may_redeem(case["situation"])}


ADAPTERS: Final[dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]] = {
    "apply_coupons": _apply_coupons,
    "coupon_over_invoices": _coupon_over_invoices,
    "redemption_rule": _redemption_rule,
    "discount_on_credit": _discount_on_credit,
}
"""The kinds of this topic and what answers them."""

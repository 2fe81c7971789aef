"""A coupon as plain values in the native format; reading it back gives an equal coupon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.core.number import RATE_DECIMALS, bounded, plain
from tallystick.core.period import instant_text
from tallystick.core.price import PercentOff

if TYPE_CHECKING:
    from tallystick.core.coupon import Code, Coupon
    from tallystick.core.money import Money

__all__ = ["coupon_to_tree"]


def coupon_to_tree(coupon: Coupon) -> dict[str, object]:
    """Give a coupon in the native format, amounts in major units; what is default is left out.

    What a coupon is limited to has no order and is sorted; codes have the order they were given.
    """
    tree: dict[str, object] = {
        "id": coupon.id,
        "name": coupon.name or None,
        **_off_tree(coupon.off),
        "duration": None if coupon.duration == "once" else coupon.duration,
        "months": coupon.months,
        "plans": sorted(coupon.plans) or None,
        "products": sorted(coupon.products) or None,
        "prices": sorted(coupon.prices) or None,
        "meters": sorted(coupon.meters) or None,
        "currencies": sorted(each.code for each in coupon.currencies) or None,
        "first_purchase": coupon.first_purchase or None,
        "minimum_amount": _amounts(coupon.minimum) or None,
        "codes": [_code_tree(code) for code in coupon.codes] or None,
        "automatic": coupon.automatic or None,
        "active": None if coupon.active else False,
        **_limits(coupon),
        "metadata": dict(coupon.metadata) or None,
    }
    return {name: value for name, value in tree.items() if value is not None}


def _off_tree(off: PercentOff | tuple[Money, ...]) -> dict[str, object]:
    if isinstance(off, PercentOff):
        return {"percent_off": plain(bounded(off.percent, decimals=RATE_DECIMALS))}
    return {"amount_off": _amounts(off)}


def _amounts(amounts: tuple[Money, ...]) -> dict[str, str]:
    return {each.currency.code: plain(each.major) for each in amounts}


def _code_tree(code: Code) -> str | dict[str, object]:
    limits = {name: value for name, value in _limits(code).items() if value is not None}
    return {"code": code.code, **limits} if limits else code.code


def _limits(limited: Coupon | Code) -> dict[str, object]:
    window = {"starts_at": limited.starts_at, "ends_at": limited.ends_at}
    return {
        "max_redemptions": limited.max_redemptions,
        "max_redemptions_per_customer": limited.max_redemptions_per_customer,
        **{name: None if at is None else instant_text(at) for name, at in window.items()},
    }

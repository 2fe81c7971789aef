"""Coupons and their codes as Stripe has to hold them, and those that it cannot hold.

A coupon that Stripe has no words for is skipped and named, never put up as something wider than it
is.  Nothing is lost silently: a checkout through Stripe then refuses it by its name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.number import plain
from tallystick.core.price import PercentOff
from tallystick.errors import InvalidInput
from tallystick.providers.stripe.book import Skipped, Wanted
from tallystick.providers.stripe.wire import api_amount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.catalog import Catalog
    from tallystick.core.coupon import Code, Coupon
    from tallystick.core.period import Instant

__all__ = ["wanted_coupons"]

_CODE: Final = re.compile(r"[A-Za-z0-9-]{1,100}", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,200}", re.ASCII)
_LONGEST_NAME: Final = 40
_PERCENT_DECIMALS: Final = 2


def wanted_coupons(
    catalog: Catalog[Any, Any], at: Instant, sold: frozenset[str]
) -> Iterator[Wanted | Skipped]:
    """Give each coupon and code as Stripe has to hold it at `at`, or why it is skipped.

    `sold` are the products that are put into Stripe.
    """
    for number, coupon in enumerate(catalog.coupons):
        path = f"coupons[{number}]"
        reason = _coupon_reason(coupon, catalog, at)
        if reason is None and not _products(coupon, catalog) <= sold:
            reason = "it is limited to what is not sold through Stripe"
        if reason is not None:
            name = f"coupon {coupon.id}"
            yield Skipped(path=path, name=name, reason=reason, kind="coupon", key=coupon.id)
            continue
        yield Wanted(
            kind="coupon",
            key=coupon.id,
            path=path,
            terms=_terms(coupon, catalog),
            words={"name": (coupon.name or coupon.id)[:_LONGEST_NAME]},
            named=coupon.id if _ID.fullmatch(coupon.id) else None,
        )
        yield from _codes(coupon, path, at)


def _codes(coupon: Coupon, path: str, at: Instant) -> Iterator[Wanted | Skipped]:
    for number, code in enumerate(coupon.codes):
        place, name = f"{path}.codes[{number}]", f"code {code.code}"
        reason = _code_reason(coupon, code, at)
        if reason is not None:
            yield Skipped(path=place, name=name, reason=reason, kind="promotion_code", key=code.key)
            continue
        yield Wanted(
            kind="promotion_code",
            key=code.key,
            path=place,
            terms=_code_terms(coupon, code),
            active=coupon.active,
        )


def _terms(coupon: Coupon, catalog: Catalog[Any, Any]) -> dict[str, Any]:
    off: dict[str, Any] = {"percent_off": None, "amount_off": None, "currency": None}
    if isinstance(coupon.off, PercentOff):
        off["percent_off"] = plain(coupon.off.percent)
    else:
        (amount,) = coupon.off
        off |= {"amount_off": api_amount(amount), "currency": amount.currency.code}
    return {
        **off,
        "duration": coupon.duration,
        "months": coupon.months,
        "products": sorted(_products(coupon, catalog)) or None,
        "max_redemptions": coupon.max_redemptions,
        "ends_at": _stamp(coupon.ends_at),
    }


def _code_terms(coupon: Coupon, code: Code) -> dict[str, Any]:
    least = coupon.minimum[0] if coupon.minimum else None
    return {
        "code": code.code,
        "coupon": coupon.id,
        "max_redemptions": code.max_redemptions,
        "ends_at": _stamp(code.ends_at),
        "first_purchase": coupon.first_purchase,
        "minimum": None if least is None else [api_amount(least), least.currency.code],
    }


def _products(coupon: Coupon, catalog: Catalog[Any, Any]) -> frozenset[str]:
    """Give the products it is limited to: those it names, or those whose plans it all names."""
    if not coupon.plans:
        return coupon.products
    whole = {p.id for p in catalog.products if {plan.id for plan in p.plans} <= coupon.plans}
    return frozenset(whole & coupon.products if coupon.products else whole)


def _coupon_reason(coupon: Coupon, catalog: Catalog[Any, Any], at: Instant) -> str | None:
    """Say why a coupon cannot be put into Stripe; None where it can."""
    if coupon.ends_at is not None and coupon.ends_at <= at:
        return "it has ended"
    if coupon.prices or coupon.meters:
        return "Stripe limits a coupon to products, not to lines"
    if coupon.plans and coupon.plans != _plans_of(_products(coupon, catalog), catalog):
        return "Stripe limits a coupon to products, not to some of their plans"
    if coupon.currencies:
        return "Stripe limits no percentage to a currency"
    if isinstance(coupon.off, PercentOff):
        exponent = coupon.off.percent.normalize().as_tuple().exponent
        if isinstance(exponent, int) and -exponent > _PERCENT_DECIMALS:
            return "Stripe takes a percentage with two decimals"
        return None
    return _amount_reason(coupon)


def _amount_reason(coupon: Coupon) -> str | None:
    if isinstance(coupon.off, PercentOff):
        return None
    if len(coupon.off) > 1:
        return "its amounts are in several currencies: write a coupon for each"
    if coupon.off[0].minor == 0:
        return "it takes nothing off"
    try:
        api_amount(coupon.off[0])
    except InvalidInput as refused:
        return str(refused)
    return None


def _code_reason(coupon: Coupon, code: Code, at: Instant) -> str | None:
    starts = [each for each in (coupon.starts_at, code.starts_at) if each is not None]
    ends = [each for each in (code.ends_at,) if each is not None]
    if _CODE.fullmatch(code.code) is None:
        return "Stripe's codes have letters, digits and dashes"
    if any(each > at for each in starts):
        return "it has not started, and Stripe's codes start at once"
    if any(each <= at for each in ends):
        return "it has ended"
    if coupon.max_redemptions_per_customer or code.max_redemptions_per_customer:
        return "Stripe does not count how often one customer uses a code"
    if len(coupon.minimum) > 1:
        return "its least purchase is in several currencies"
    return None


def _plans_of(products: frozenset[str], catalog: Catalog[Any, Any]) -> frozenset[str]:
    return frozenset(plan.id for plan in catalog if plan.product_id in products)


def _stamp(at: Instant | None) -> int | None:
    return None if at is None else int(at.timestamp())

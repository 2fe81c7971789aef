"""Hints about coupons: what is allowed, and probably not what was meant.

A hint is only given where it is certain that it holds, and each names a cure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.core.hints import hint, placed
from tallystick.core.period import instant_text
from tallystick.core.price import PercentOff
from tallystick.core.spelling import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.coupon import Code, Coupon
    from tallystick.core.period import Instant
    from tallystick.errors import Problem

__all__ = ["coupon_hints"]

_ALL: Final = 100
_SAFE_LENGTH: Final = 13  # 36 letters and digits: 36^13 is the first power beyond 2^64


def coupon_hints(catalog: Catalog[Any, Any], at: Instant | None = None) -> Iterator[Problem]:
    """Give the hints about coupons; which have ended, only where `at` says what time it is."""
    for number, coupon in enumerate(catalog.coupons):
        path = f"coupons[{number}]"
        if at is not None:
            yield from _ended(path, coupon, at)
        yield from _free_for_ever(path, coupon)
        yield from _useless(path, coupon, catalog)
        yield from _guessable(path, coupon)
    for path, plan in placed(catalog):
        yield from _named(path, plan, catalog)


def _ended(path: str, coupon: Coupon, at: Instant) -> Iterator[Problem]:
    limited: list[tuple[str, Coupon | Code]] = [(path, coupon)]
    limited += [(f"{path}.codes[{i}]", code) for i, code in enumerate(coupon.codes)]
    for place, each in limited:
        if each.ends_at is not None and each.ends_at <= at and coupon.active:
            yield hint(
                f"{place}.ends_at",
                f"ended on {instant_text(each.ends_at)}: it can be redeemed no more",
                "take it out, or say active: false to keep the coupon in sight",
            )


def _free_for_ever(path: str, coupon: Coupon) -> Iterator[Problem]:
    whole = isinstance(coupon.off, PercentOff) and coupon.off.percent >= _ALL
    if whole and coupon.duration == "forever":
        yield hint(
            f"{path}.duration",
            f"{coupon.id} takes everything off for ever: who has it never pays again",
            "let it repeat for some months, or sell a plan without a price",
        )


def _useless(path: str, coupon: Coupon, catalog: Catalog[Any, Any]) -> Iterator[Problem]:
    """Find a coupon with which no plan of the catalogue can be bought."""
    plans = [plan for plan in catalog if _open_to(coupon, plan)]
    if not plans:
        yield hint(
            path,
            f"no plan is what {coupon.id} is limited to: it can never be redeemed",
            "name plans, products, prices and meters that go together",
        )
    elif not any(coupon.takes(unit) for plan in plans for unit in plan.sold_in):
        codes = sorted({unit.code for plan in plans for unit in plan.sold_in})
        yield hint(
            path,
            f"{coupon.id} is not for {' or '.join(codes)}, in which its plans are sold: it can"
            " never be redeemed",
            "add an amount in that currency",
        )


def _open_to(coupon: Coupon, plan: Plan[Any]) -> bool:
    features = {feature.meter or key for key, feature in plan.features.items()}
    metered = {price.meter for price in plan.prices if price.meter is not None}
    limits = (
        (coupon.plans, {plan.id}),
        (coupon.products, {plan.product_id}),
        (coupon.prices, {price.id for price in plan.prices}),
        (coupon.meters, features | metered),
    )
    return all(not allowed or allowed & own for allowed, own in limits)


def _guessable(path: str, coupon: Coupon) -> Iterator[Problem]:
    for number, code in enumerate(coupon.codes):
        single = 1 in {coupon.max_redemptions, code.max_redemptions}
        if single and len(code.key) < _SAFE_LENGTH:
            yield hint(
                f"{path}.codes[{number}]",
                f"{code.code!r} is good for one redemption and short enough to be guessed",
                f"make it {_SAFE_LENGTH} letters and digits drawn at random, or more",
            )


def _named(path: str, plan: Plan[Any], catalog: Catalog[Any, Any]) -> Iterator[Problem]:
    known = {coupon.id: coupon for coupon in catalog.coupons}
    for number, key in enumerate(plan.coupon_ids or ()):
        place = f"{path}.coupon_ids[{number}]"
        if key not in known and (near := nearest(key, known)):
            text = f"{key!r} is no coupon of this catalogue, and is left to the provider"
            yield hint(place, text, f"did you mean {near!r}?")
        elif key in known and not _open_to(known[key], plan):
            yield hint(
                place,
                f"{key} is limited to others, so {plan.id} never gets it",
                "take it out here, or add the plan to the coupon's own limits",
            )

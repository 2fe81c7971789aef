"""Several coupons at once: which come by themselves, in what order they act, which to keep."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any, Final

from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.coupon import Coupon
    from tallystick.core.money import Money

__all__ = ["automatic_coupons", "best", "stack"]

_MOST_TRIED: Final = 10_000


def automatic_coupons(catalog: Catalog[Any, Any], plan: Plan[Any]) -> tuple[Coupon, ...]:
    """Give the coupons that come with a plan by themselves.

    First those the plan names, in its order, then those that are automatic and not limited to
    other plans or products, in catalogue order.  An id that is no coupon of the catalogue is one of
    the provider's and left to it.
    """
    known = {coupon.id: coupon for coupon in catalog.coupons}
    named = [known[key] for key in plan.coupon_ids or () if key in known]
    fitting = (
        coupon
        for coupon in catalog.coupons
        if coupon.automatic
        and (not coupon.plans or plan.id in coupon.plans)
        and (not coupon.products or plan.product_id in coupon.products)
    )
    return stack(named, fitting)


def stack(
    plan: Iterable[Coupon], promotions: Iterable[Coupon] = (), codes: Iterable[Coupon] = ()
) -> tuple[Coupon, ...]:
    """Put coupons in the order in which they act, each on what the ones before it have left.

    The plan's own come first, then the customer's promotions, then codes as they were typed; the
    same coupon counts once, where it stands first.
    """
    order: dict[str, Coupon] = {}
    for coupon in (*plan, *promotions, *codes):
        order.setdefault(coupon.id, coupon)
    return tuple(order.values())


def best(
    coupons: Sequence[Coupon], most: int, dues: Callable[[tuple[Coupon, ...]], tuple[Money, Money]]
) -> tuple[tuple[Coupon, ...], tuple[Coupon, ...]]:
    """Choose as many coupons as a provider takes at once, and give the rest beside them.

    `dues` gives for some coupons what is due today and at the first renewal.  The choice is that
    with the least due today, then at the renewal, then the earliest in the order given.

    Raises InvalidInput for a negative number, and where there are too many ways to choose.
    """
    if type(most) is not int or most < 0:
        raise InvalidInput("a provider takes a whole number of coupons from 0")
    size = min(most, len(coupons))
    if comb(len(coupons), size) > _MOST_TRIED:
        raise InvalidInput("there are too many coupons to choose the best of: give fewer")
    places = min(  # more coupons never cost more, so only the largest sets are tried
        combinations(range(len(coupons)), size),
        key=lambda chosen: _minors(dues(tuple(coupons[i] for i in chosen))),
    )
    kept = tuple(coupons[i] for i in places)
    return kept, tuple(each for i, each in enumerate(coupons) if i not in places)


def _minors(amounts: tuple[Money, Money]) -> tuple[int, int]:
    today, renewal = amounts
    return today.minor, renewal.minor

"""Laying what a provider holds under what the catalogue says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tallystick.core.lock import line_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.lock import Lock, LockedPrice
    from tallystick.core.price import Price, PriceIn

__all__ = ["with_lock"]


def with_lock(catalog: Catalog[Any, Any], lock: Lock) -> Catalog[Any, Any]:
    """Give the catalogue with the provider's ids and interval counts of one environment.

    What the catalogue writes itself stays; the lock fills in what it leaves out.  A count is taken
    from the lock only where its interval is the plan's.
    """
    products = tuple(
        replace(product, plans=tuple(_plan(plan, lock.prices) for plan in product.plans))
        for product in catalog.products
    )
    return replace(catalog, products=products)


def _plan(plan: Plan[Any], locked: Mapping[str, LockedPrice]) -> Plan[Any]:
    prices = tuple(_price(price, locked) for price in plan.prices)
    count = plan.interval_count
    if count is None and plan.interval is not None:
        counts = {
            held.interval_count
            for price in plan.prices
            if (held := locked.get(price.id)) is not None and held.interval == plan.interval
        }
        count = counts.pop() if len(counts) == 1 else None
    return replace(plan, prices=prices, interval_count=count)


def _price(price: Price, locked: Mapping[str, LockedPrice]) -> Price:
    held = locked.get(price.id)
    if price.currencies:
        others = tuple(_price_in(price, there, locked) for there in price.currencies)
        price = replace(price, currencies=others)
    if held is None or price.provider_id is not None:
        return price
    return replace(price, provider_id=held.provider_id)


def _price_in(price: Price, there: PriceIn, locked: Mapping[str, LockedPrice]) -> PriceIn:
    held = locked.get(line_key(price.id, there.currency.code))
    return there if held is None else replace(there, provider_id=held.provider_id)

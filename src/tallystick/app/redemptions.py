"""Redemptions as they are kept, as values: each with its coupon and how often it was used."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache, partial
from typing import TYPE_CHECKING

from tallystick.app.offers import catalog_of
from tallystick.core.redemption import Redemption
from tallystick.storage import invoices, redemptions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from tallystick.core.coupon import Coupon
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.redemptions import RedemptionRow
    from tallystick.storage.unit import Unit

__all__ = [
    "as_redemption",
    "coupon_of",
    "redemption_of",
    "redemptions_before",
    "redemptions_for",
]


def redemptions_for(
    unit: Unit, customers: Collection[str], *, lock: bool = False
) -> dict[str, list[Redemption]]:
    """Give the redemptions of customers in the order in which they act, each with its uses.

    `lock` keeps anybody from releasing one until the transaction ends.
    """
    rows = redemptions.redemptions_of(unit, customers, lock=lock)
    found: dict[str, list[Redemption]] = defaultdict(list)
    if rows:
        used = redemptions.uses(unit, {row.customer for row in rows})
        coupon_in = cache(partial(_coupon_in, unit))  # many have the same one
        for row in rows:
            times = used.get((row.customer, row.id), 0)
            coupon = coupon_in(row.catalog_number, row.coupon)
            found[row.customer].append(as_redemption(row, coupon, times))
    return found


def redemptions_before(
    unit: Unit, document: Document, counted: Callable[[Document], bool]
) -> tuple[Redemption, ...]:
    """Give the redemptions that a document was reckoned with, as they stood before it.

    `counted` tells of another document whether it came before and stood then.
    """
    invoice = document.invoice
    rows = redemptions.redemptions_of(unit, [invoice.customer])
    mine = [row for row in rows if row.subscription in {None, invoice.subscription}]
    if not mine:
        return ()
    pairs = redemptions.discounted(unit, invoice.customer)
    keys = {(invoice.customer, other) for _, other in pairs}
    stood = {key for key, each in invoices.find_invoices(unit, keys).items() if counted(each)}
    used = Counter(red for red, other in pairs if (invoice.customer, other) in stood)
    return tuple(as_redemption(row, coupon_of(unit, row), used[row.id]) for row in mine)


def redemption_of(unit: Unit, row: RedemptionRow) -> Redemption:
    """Give a redemption as a value."""
    used = redemptions.uses(unit, [row.customer]).get((row.customer, row.id), 0)
    return as_redemption(row, coupon_of(unit, row), used)


def coupon_of(unit: Unit, row: RedemptionRow) -> Coupon:
    """Give the coupon as the catalogue had it that it was redeemed from."""
    return _coupon_in(unit, row.catalog_number, row.coupon)


def _coupon_in(unit: Unit, catalog_number: int, coupon: str) -> Coupon:
    catalog = catalog_of(unit, catalog_number)
    return next(each for each in catalog.coupons if each.id == coupon)


def as_redemption(row: RedemptionRow, coupon: Coupon, used: int) -> Redemption:
    """Give a row as a value, with its coupon and how many documents that stand used it."""
    ends = [each for each in (row.ended_at, row.released_at) if each is not None]
    return Redemption(
        id=row.id,
        coupon=coupon,
        customer=row.customer,
        subscription=row.subscription,
        code=row.code,
        redeemed_at=row.redeemed_at,
        ended_at=min(ends, default=None),
        zone=row.zone,
        used=used,
    )

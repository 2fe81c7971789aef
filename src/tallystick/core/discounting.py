"""The discount step of the reckoning: what redeemed coupons take off the lines of a document.

A line that gives back of a fee gives back of its discount as well, in the same share, so that
nothing is given back that was not paid; a discount begun after the payment changes nothing in it.
A fixed coupon acts once on a time: what it gave for it on documents before counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.discount import CouponLine
from tallystick.core.frozen import FrozenDict
from tallystick.core.given_back import given_back
from tallystick.core.given_off import given_off
from tallystick.core.invoice import InvoiceDiscount
from tallystick.core.proration import TimeShare
from tallystick.core.redemption import discount_invoice

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tallystick.core.catalog import Plan
    from tallystick.core.discount import Discount
    from tallystick.core.given_back import GivenBack
    from tallystick.core.invoice import Invoice, InvoiceLine
    from tallystick.core.money import Money
    from tallystick.core.period import Instant
    from tallystick.core.redemption import Redemption
    from tallystick.core.taxing import FeeBack

__all__ = ["discounted_lines"]

_NEVER: Final = frozenset({"credit", "minimum"})
"""What no coupon acts on: what is given back, and what makes up a commitment."""


def discounted_lines(
    lines: tuple[InvoiceLine, ...],
    backs: Mapping[int, Sequence[FeeBack]],
    redemptions: Sequence[Redemption],
    at: Instant,
    offers: Mapping[str, Plan[Any]],
    *,
    earlier: Sequence[Invoice] = (),
) -> tuple[tuple[InvoiceLine, ...], tuple[InvoiceDiscount, ...]]:
    """Put their discounts on the lines; gives with them which redemption took what.

    `backs` has the fees of the lines that give back of some, by the place of the line, `earlier`
    what was issued for the subscription before, as far as fixed coupons gave for the same time.
    """
    done = list(lines)
    for place, fees in backs.items():
        line = lines[place]
        back = sum(fee.discount_of(minor) for fee, minor in fees)
        done[place] = replace(line, discount=replace(line.discount, minor=-back))
    open_to = [place for place, line in enumerate(lines) if line.kind not in _NEVER]
    if not redemptions or not open_to:
        return tuple(done), ()
    currency = lines[open_to[0]].amount.currency
    amounts = _without_what_goes_at_once(lines, backs)
    asked = [_coupon_line(lines[place], amounts[place], offers) for place in open_to]
    acting: dict[str, Redemption] = {}
    for each in redemptions:
        if each.acts(at) and each.coupon.takes(currency):
            acting.setdefault(each.coupon.id, each)
    windows = {each.window for each in asked if each.window is not None}
    fixed = {id_ for id_, each in acting.items() if each.coupon.shared_by_time}
    given = given_off(earlier, done, fixed, windows, currency) if fixed and windows else {}
    came, _ = discount_invoice(redemptions, asked, currency, at, given=given)
    for place, taken in zip(open_to, came.by_line, strict=True):
        done[place] = replace(lines[place], discount=taken)
    rows = [
        _row(acting[each.coupon.id], each, open_to)
        for each in came.discounts
        if each.amount.minor > 0
    ]
    return tuple(done), tuple(rows)


def _without_what_goes_at_once(lines: Sequence[InvoiceLine], backs: Collection[int]) -> list[Money]:
    """Give what is left of each line where its own document gives back of it.

    A fee that waited for its document may have been cut by a later change before it was billed.
    """
    left = [line.amount for line in lines]
    for place, line in enumerate(lines):
        if line.kind != "credit" or place in backs:
            continue
        for back in given_back(line):
            fees = [i for i, fee in enumerate(lines) if _is_of(back, fee) and left[i].minor > 0]
            if fees:
                left[fees[-1]] -= replace(line.amount, minor=back.minor)
    return left


def _is_of(back: GivenBack, fee: InvoiceLine) -> bool:
    same = (back.item, back.price) == (fee.item, fee.price) and fee.kind == "fee"
    if not same or back.window is None or fee.window is None:
        return False
    return fee.window.start <= back.window.start and back.window.end <= fee.window.end


def _coupon_line(line: InvoiceLine, amount: Money, offers: Mapping[str, Plan[Any]]) -> CouponLine:
    plan = None if line.offer is None else offers[line.offer]
    prices = () if plan is None else plan.prices
    part = line.kind == "fee" and line.share is not None and line.window is not None
    return CouponLine(
        id=line.price,
        amount=amount,
        plan=None if plan is None else plan.id,
        product=None if plan is None else plan.product_id,
        price=line.price,
        meter=next((price.meter for price in prices if price.id == line.price), None),
        window=line.window if part else None,
        time=TimeShare(*line.share) if part and line.share is not None else None,
    )


def _row(redemption: Redemption, taken: Discount, places: Sequence[int]) -> InvoiceDiscount:
    by_line = {
        str(place + 1): part.minor
        for place, part in zip(places, taken.by_line, strict=True)
        if part.minor
    }
    return InvoiceDiscount(
        redemption=redemption.id,
        coupon=redemption.coupon.id,
        name=redemption.coupon.name or redemption.coupon.id,
        amount=taken.amount,
        by_line=FrozenDict(by_line),
    )

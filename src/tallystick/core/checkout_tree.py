"""What a resolved checkout says, as plain JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallystick.core.number import plain
from tallystick.core.period import instant_text

if TYPE_CHECKING:
    from tallystick.core.checkout import CouponLeftOut, CouponTaken, ResolvedPlan
    from tallystick.core.money import Money
    from tallystick.core.quote import Quoted, QuotedLine

__all__ = ["resolved_tree"]

_PARTS = ("amount", "discount", "credit", "tax")
_SUMS = ("subtotal", "discount", "credit", "tax", "total", "balance", "amount_due")


def resolved_tree(found: ResolvedPlan) -> dict[str, Any]:
    """Give a plan that was resolved, every field named: money in minor units beside its currency.

    Quantities are texts, times RFC 3339.
    """
    plan, _, version = found.plan.rpartition("@")
    return {
        "plan": plan,
        "version": int(version),
        "quantity": found.wish.quantity,
        "add_ons": [{"plan": name, "quantity": many} for name, many in found.wish.add_ons],
        "currency": found.currency.code,
        "available": found.available,
        "reasons": [{"code": each.code, "text": each.text} for each in found.reasons],
        "trial": found.trial,
        "trial_days": None if found.start is None else found.start.trial_days,
        "biller": found.biller,
        "discounts": [_taken(each) for each in found.taken],
        "left_out": [_left_out(each) for each in found.left_out],
        "today": _document(found.today),
        "renewal": _document(found.renewal),
        "quote": found.quote,
        "expires_at": None if found.expires_at is None else instant_text(found.expires_at),
    }


def _taken(taken: CouponTaken) -> dict[str, Any]:
    return {
        "coupon": taken.coupon.id,
        "name": taken.coupon.name or taken.coupon.id,
        "source": taken.source,
        "code": None if taken.code is None else taken.code.code,
        "today": _money(taken.today),
        "renewal": _money(taken.renewal),
    }


def _left_out(left: CouponLeftOut) -> dict[str, Any]:
    limited = () if left.limit is None else ("provider_limit",)
    return {
        "coupon": None if left.coupon is None else left.coupon.id,
        "code": left.typed,
        "reasons": [*left.reasons, *limited],
        "text": "; ".join(left.words),
    }


def _document(document: Quoted | None) -> dict[str, Any] | None:
    if document is None:
        return None
    return {
        "at": instant_text(document.at),
        "lines": [_line(each) for each in document.lines],
        **{name: _money(getattr(document, name)) for name in _SUMS},
    }


def _line(line: QuotedLine) -> dict[str, Any]:
    return {
        "description": line.description,
        "price": line.price,
        "quantity": plain(line.quantity),
        **{name: _money(getattr(line, name)) for name in _PARTS},
    }


def _money(amount: Money | None) -> dict[str, Any] | None:
    return None if amount is None else {"minor": amount.minor, "currency": amount.currency.code}

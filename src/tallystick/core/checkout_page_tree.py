"""What a checkout says, as plain JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallystick.core.period import instant_text

if TYPE_CHECKING:
    from tallystick.core.checkout_page import Checkout

__all__ = ["checkout_tree"]


def checkout_tree(checkout: Checkout) -> dict[str, Any]:
    """Give a checkout, every field named; the amount is what is paid today, in minor units.

    `url` is there as long as somebody can pay.  Times are RFC 3339.
    """
    plan, _, version = checkout.quote.move.offer.rpartition("@")
    why = checkout.reason
    return {
        "id": checkout.id,
        "state": checkout.state,
        "url": checkout.url if checkout.state == "open" else None,
        "customer": checkout.customer,
        "plan": plan,
        "version": int(version),
        "quantity": checkout.quote.move.seats,
        "subscription": checkout.subscription if checkout.state == "complete" else None,
        "amount": {
            "minor": checkout.amount.minor,
            "currency": checkout.amount.currency.code,
        },
        "expires_at": instant_text(checkout.expires_at),
        "reason": None if why is None else {"code": why["code"], "text": why["message"]},
        "biller": checkout.biller,
        "quoted_by": checkout.quoted_by,
    }

"""Every call that the fake Stripe knows."""

from __future__ import annotations

from typing import Final

from tallystick.testing.fake_stripe import (
    charge,
    coupon,
    customer,
    meter,
    payment_intent,
    payment_method,
    price,
    product,
    promotion_code,
    refund,
)

__all__ = ["ROUTES"]

_NOUNS: Final = (
    product,
    price,
    coupon,
    promotion_code,
    customer,
    payment_method,
    payment_intent,
    charge,
    refund,
    meter,
)
ROUTES: Final = tuple(route for noun in _NOUNS for route in noun.ROUTES)
"""What is not here is answered by 501, with its name."""

"""Every call that the fake Stripe knows."""

from __future__ import annotations

from typing import Final

from tallystick.testing.fake_stripe import (
    charge,
    checkout,
    coupon,
    customer,
    invoice_calls,
    invoice_item,
    meter,
    payment_intent,
    payment_method,
    portal,
    price,
    product,
    promotion_code,
    refund,
    subscription_change,
    test_clock,
    webhook,
    whose,
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
    invoice_calls,
    invoice_item,
    subscription_change,
    test_clock,
    webhook,
    checkout,
    portal,
    whose,
)
ROUTES: Final = tuple(route for noun in _NOUNS for route in noun.ROUTES)
"""What is not here is answered by 501, with its name."""

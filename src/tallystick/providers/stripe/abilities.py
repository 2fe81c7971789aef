"""What Stripe can do, as this project uses it."""

from __future__ import annotations

from typing import Final

from tallystick.core.provider import Abilities

__all__ = ["ABILITIES"]

ABILITIES: Final = Abilities(
    name="stripe",
    setup_fee=True,
    lines_per_plan=20,
    discounts_per_checkout=1,
    portal=True,
    pages=True,
    metered=True,
    trial_without_card=True,
    refunds=True,
    key_hours=24,
)
"""A subscription holds at most 20 items; a set-up fee is a one-off item of the first invoice.
A checkout session takes one discount; an idempotency key is kept for at least 24 hours.

Source: Stripe's documentation of subscriptions, of `add_invoice_items`, of checkout discounts and
of idempotent requests.
"""

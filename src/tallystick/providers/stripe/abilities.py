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
)
"""A subscription holds at most 20 items; a set-up fee is a one-off item of the first invoice.
A checkout session takes one discount.  An idempotency key is kept for 24 hours only, and with an
error of Stripe's own: so each object is looked for before it is asked for, by what it carries of
ours, and `key_hours` stays None.

Source: Stripe's documentation of subscriptions, of `add_invoice_items`, of checkout discounts and
of idempotent requests.
"""

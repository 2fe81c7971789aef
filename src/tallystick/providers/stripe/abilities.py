"""What Stripe can do, as this project uses it."""

from __future__ import annotations

from typing import Final

from tallystick.core.provider import Abilities

__all__ = ["ABILITIES"]

ABILITIES: Final = Abilities(name="stripe", setup_fee=True, lines_per_plan=20)
"""A subscription holds at most 20 items; a set-up fee is a one-off item of the first invoice.

Source: Stripe's documentation of subscriptions and of `add_invoice_items`.
"""

"""What our objects at Stripe carry in their metadata, so that each is found again as ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    import stripe

    from tallystick.core.intent import Charge, Refund

__all__ = ["CHECKOUT", "CUSTOMER", "INTENT", "INVOICE", "KEY", "PAGE", "has", "labels_of"]

KEY: Final = "tallystick_key"
"""The key that the object was asked for with; it is made of the id of our row."""

INTENT: Final = "tallystick_intent"
"""The id of our intent."""

INVOICE: Final = "tallystick_invoice"
"""The id of our invoice."""

CUSTOMER: Final = "tallystick_customer"
"""The id of our customer."""

CHECKOUT: Final = "tallystick_checkout"
"""The id of our checkout."""

PAGE: Final = "tallystick_page"
"""Whether a payment is made on a page, by the payer."""


def labels_of(asked: Charge | Refund) -> dict[str, str]:
    """Give the metadata of what an intent asks for."""
    return {
        KEY: asked.key,
        INTENT: asked.key.removeprefix("tallystick/"),
        INVOICE: asked.invoice,
        CUSTOMER: asked.customer,
    }


def has(metadata: Mapping[str, str] | stripe.StripeObject | None, name: str) -> str | None:
    """Give a text of an object's metadata; None where there is none."""
    if metadata is None:
        return None
    found = metadata.get(name) if hasattr(metadata, "get") else getattr(metadata, name, None)
    return found if isinstance(found, str) else None

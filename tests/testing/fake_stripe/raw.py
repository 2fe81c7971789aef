"""What the fake Stripe answers, as the SDK read it: its plain JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stripe import StripeObject


def raw(thing: StripeObject) -> dict[str, Any]:
    """Give an answer's own JSON, before the SDK makes numbers and objects of it."""
    response = thing.last_response
    assert response is not None
    return dict(response.data)

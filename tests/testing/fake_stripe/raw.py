"""What the fake Stripe answers, as the SDK read it: its plain JSON."""

from __future__ import annotations

from typing import Any


def raw(thing: Any) -> dict[str, Any]:
    """Give an answer's own JSON, before the SDK makes numbers and objects of it."""
    return dict(thing.last_response.data)

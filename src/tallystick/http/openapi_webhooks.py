"""The description of the route that Stripe sends events to."""

from __future__ import annotations

from typing import Any

from tallystick.http.openapi_parts import errors_of, json_of

__all__ = ["webhook_paths"]


def webhook_paths() -> dict[str, Any]:
    """Give the route of webhooks, as an OpenAPI document has it."""
    return {"/api/v1/webhooks/stripe": {"post": _stripe()}}


def _stripe() -> dict[str, Any]:
    return {
        "operationId": "receiveStripeEvent",
        "summary": "Take an event of Stripe",
        "description": (
            "Verified on its bytes by the signature, kept once, and answered at once; what it tells"
            " of is asked for later. An event that changes nothing is answered with 200 too, and"
            " its state says so."
        ),
        "tags": ["webhooks"],
        "parameters": [
            {
                "name": "Stripe-Signature",
                "in": "header",
                "required": True,
                "description": "The time and the signatures, as Stripe makes them.",
                "schema": {"type": "string", "maxLength": 2000},
            }
        ],
        "requestBody": {
            "required": True,
            "description": "A snapshot event of Stripe.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        "responses": {
            "200": {"description": "It is kept.", "content": json_of("ReceivedEvent")},
            **errors_of(400, 405, 413, 500, 503),
        },
    }

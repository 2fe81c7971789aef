"""The description of the routes of checkout."""

from __future__ import annotations

from typing import Any, Final

from tallystick.core.currency import CODES
from tallystick.http.openapi_parts import errors_of, json_of

__all__ = ["checkout_paths"]

_KEY: Final[list[dict[str, list[str]]]] = [{"apiKey": []}]


def checkout_paths() -> dict[str, Any]:
    """Give the routes of checkout, as an OpenAPI document has them."""
    return {"/api/v1/checkout/resolve": {"post": _resolve()}}


def _resolve() -> dict[str, Any]:
    return {
        "operationId": "resolveCheckout",
        "summary": "Ask what buying would be: who may, which coupons act, what is due",
        "description": (
            "An answer is 200 also where it is no, with the reasons. Prices, amounts and discounts "
            "come from the catalogue alone: a body that names any is refused. Of a code that is "
            "refused nothing is told but that. Nothing is stored."
        ),
        "tags": ["checkout"],
        "security": _KEY,
        "parameters": [
            {
                "name": "currency",
                "in": "query",
                "description": "What to pay in (ISO 4217), where the customer pays in none yet.",
                "schema": {"type": "string", "enum": sorted(CODES)},
            }
        ],
        "requestBody": {"required": True, "content": json_of("SentCheckout")},
        "responses": {
            "200": {
                "description": "What each plan would be.",
                "content": json_of("ResolvedCheckout"),
            },
            **errors_of(400, 401, 404, 405, 409, 413, 422, 500, 503),
        },
    }

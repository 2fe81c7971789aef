"""The description of the routes of checkout."""

from __future__ import annotations

from typing import Any, Final

from tallystick.core.currency import CODES
from tallystick.http.openapi_parts import errors_of, json_of

__all__ = ["checkout_paths"]

_KEY: Final[list[dict[str, list[str]]]] = [{"apiKey": []}]
_CURRENCY: Final = {
    "name": "currency",
    "in": "query",
    "description": "What to pay in (ISO 4217), where the customer pays in none yet.",
    "schema": {"type": "string", "enum": sorted(CODES)},
}


def checkout_paths() -> dict[str, Any]:
    """Give the routes of checkout, as an OpenAPI document has them."""
    return {
        "/api/v1/checkout/resolve": {"post": _resolve()},
        "/api/v1/checkout": {"post": _open()},
        "/api/v1/checkout/{id}": {"get": _show()},
    }


def _resolve() -> dict[str, Any]:
    return {
        "operationId": "resolveCheckout",
        "summary": "Ask what buying would be: who may, which coupons act, what is due",
        "description": (
            "An answer is 200 also where it is no, with the reasons. Prices, amounts and discounts "
            "come from the catalogue alone: a body that names any is refused. Of a code that is "
            "refused nothing is told but that, and after 50 in vain on a day nothing at all. "
            "Nothing else is stored."
        ),
        "tags": ["checkout"],
        "security": _KEY,
        "parameters": [
            _CURRENCY,
        ],
        "requestBody": {"required": True, "content": json_of("SentCheckout")},
        "responses": {
            "200": {
                "description": "What each plan would be.",
                "content": json_of("ResolvedCheckout"),
            },
            **errors_of(400, 401, 404, 405, 409, 413, 422, 429, 500, 503),
        },
    }


def _open() -> dict[str, Any]:
    return {
        "operationId": "openCheckout",
        "summary": "Put up a page on which a quote is paid, or a plan at what it costs now",
        "description": (
            "Give a quote of `/api/v1/checkout/resolve`, or one plan: what was quoted is what is "
            "charged, or nothing is. A body that names an amount is refused. Both addresses are of "
            "an origin that the service allows. Where nothing is due today the subscription has "
            "started, and `url` is null. With an `Idempotency-Key` a repeat gives what the first "
            "call made."
        ),
        "tags": ["checkout"],
        "security": _KEY,
        "parameters": [
            _CURRENCY,
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "A text of your own for this one checkout.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            },
        ],
        "requestBody": {"required": True, "content": json_of("SentCheckoutPage")},
        "responses": {
            "200": {"description": "The checkout.", "content": json_of("ShownCheckout")},
            **errors_of(400, 401, 404, 405, 409, 413, 422, 500, 503),
        },
    }


def _show() -> dict[str, Any]:
    return {
        "operationId": "showCheckout",
        "summary": "Ask what became of a checkout",
        "description": (
            "The provider is asked how its page stands, and what was paid is sold at once. With "
            "`customer`, a checkout of another customer is not found."
        ),
        "tags": ["checkout"],
        "security": _KEY,
        "parameters": [
            {
                "name": "id",
                "in": "path",
                "required": True,
                "description": "The id of the checkout.",
                "schema": {"type": "string"},
            },
            {
                "name": "customer",
                "in": "query",
                "description": "Whose it has to be.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            },
        ],
        "responses": {
            "200": {"description": "The checkout.", "content": json_of("ShownCheckout")},
            **errors_of(401, 404, 405, 413, 422, 500, 503),
        },
    }

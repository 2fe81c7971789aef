"""The description of the routes of entitlements."""

from __future__ import annotations

from typing import Any, Final

from tallystick.http.openapi_parts import errors_of, json_of

__all__ = ["entitlement_paths"]

_KEY: Final[list[dict[str, list[str]]]] = [{"apiKey": []}]
_NAME: Final = {"type": "string", "minLength": 1, "maxLength": 200}
_QUANTITY: Final = {"type": "string", "pattern": r"^[0-9]{1,18}(\.[0-9]{1,12})?$", "default": "1"}


def entitlement_paths() -> dict[str, Any]:
    """Give the routes of entitlements, as an OpenAPI document has them."""
    return {
        "/api/v1/entitlements/check": {"get": _check()},
        "/api/v1/entitlements": {"get": _all()},
    }


def _check() -> dict[str, Any]:
    return {
        "operationId": "checkAccess",
        "summary": "Ask whether a customer may use so much of a feature now",
        "description": (
            "An answer is 200 also where it is no, with the reason and what would unlock it. "
            "Nothing is used by asking. Where the database does not answer, it is no."
        ),
        "tags": ["entitlements"],
        "security": _KEY,
        "parameters": [
            _parameter("customer", "Who would use it.", _NAME, required=True),
            _parameter("feature", "The key of the feature.", _NAME, required=True),
            _parameter("requested", "How much would be used.", _QUANTITY),
        ],
        "responses": {
            "200": {"description": "The answer.", "content": json_of("CheckedAccess")},
            **errors_of(401, 405, 413, 422, 500, 503),
        },
    }


def _all() -> dict[str, Any]:
    return {
        "operationId": "listEntitlements",
        "summary": "List what a customer may do now",
        "description": "One answer for each feature that the customer's plans say anything of.",
        "tags": ["entitlements"],
        "security": _KEY,
        "parameters": [_parameter("customer", "Who is asked for.", _NAME, required=True)],
        "responses": {
            "200": {"description": "The answers.", "content": json_of("Entitlements")},
            **errors_of(401, 405, 413, 422, 500, 503),
        },
    }


def _parameter(
    name: str, description: str, schema: dict[str, Any], *, required: bool = False
) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": required,
        "description": description,
        "schema": schema,
    }

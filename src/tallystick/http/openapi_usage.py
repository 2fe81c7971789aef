"""The description of the routes of usage."""

from __future__ import annotations

from typing import Any, Final

from tallystick.http.openapi_parts import errors_of, json_of

__all__ = ["usage_paths"]

_KEY: Final[list[dict[str, list[str]]]] = [{"apiKey": []}]
_EVENT: Final = {"$ref": "#/components/schemas/SentEvent"}
_CLOUD: Final = {"$ref": "#/components/schemas/SentCloudEvent"}


def usage_paths() -> dict[str, Any]:
    """Give the routes of usage, as an OpenAPI document has them."""
    return {
        "/api/v1/usage/events": {"post": _record()},
        "/api/v1/usage": {"get": _read()},
    }


def _record() -> dict[str, Any]:
    return {
        "operationId": "recordUsage",
        "summary": "Record usage events, each counted once for ever",
        "description": (
            "Takes one event, a list, or JSON Lines; up to 10,000 events and 10 MB, also unpacked. "
            "Each event of a list is judged by itself: 200 tells which were rejected. A repeat is "
            "a duplicate and changes nothing, so the same request may always be sent again."
        ),
        "tags": ["usage"],
        "security": _KEY,
        "parameters": [
            {
                "name": "Content-Encoding",
                "in": "header",
                "description": "gzip where the body is packed.",
                "schema": {"type": "string", "enum": ["gzip", "identity"]},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"anyOf": [_EVENT, {"type": "array", "items": _EVENT}]}
                },
                "application/cloudevents+json": {"schema": _CLOUD},
                "application/cloudevents-batch+json": {
                    "schema": {"type": "array", "items": _CLOUD}
                },
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        },
        "responses": {
            "200": {
                "description": "What became of the events.",
                "content": json_of("RecordedUsage"),
            },
            **errors_of(400, 401, 404, 405, 409, 413, 422, 500, 503),
        },
    }


def _read() -> dict[str, Any]:
    return {
        "operationId": "readUsage",
        "summary": "Read what a customer used in a period",
        "description": "Quantities are exact, written as texts; periods are half-open.",
        "tags": ["usage"],
        "security": _KEY,
        "parameters": [
            _parameter("customer", "Whose usage.", required=True),
            _parameter("meter", "The key of the meter.", required=True),
            _parameter("from", "Where the period begins: RFC 3339 with a zone.", required=True),
            _parameter(
                "to",
                "Where it ends; an event at this very moment is in the next one.",
                required=True,
            ),
            {
                "name": "group_by",
                "in": "query",
                "description": "Properties of the meter to tell apart, separated by commas.",
                "schema": {"type": "array", "items": {"type": "string"}},
                "style": "form",
                "explode": False,
            },
            {
                "name": "window",
                "in": "query",
                "description": "A figure for each stretch of the UTC calendar.",
                "schema": {"type": "string", "enum": ["hour", "day", "month"]},
            },
            _parameter("as_of", "Look back: what arrived after this moment is not seen."),
        ],
        "responses": {
            "200": {"description": "The figures.", "content": json_of("UsageFigures")},
            **errors_of(401, 404, 405, 413, 422, 500, 503),
        },
    }


def _parameter(name: str, description: str, *, required: bool = False) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if name in {"from", "to", "as_of"}:
        schema["format"] = "date-time"
    return {
        "name": name,
        "in": "query",
        "required": required,
        "description": description,
        "schema": schema,
    }

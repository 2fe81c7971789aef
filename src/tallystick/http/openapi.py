"""The service's description, OpenAPI 3.1; routes that no framework sees are written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallystick import problems
from tallystick.core.currency import CODES
from tallystick.core.price_list import VIEWS
from tallystick.http.openapi_checkout import checkout_paths
from tallystick.http.openapi_entitlements import entitlement_paths
from tallystick.http.openapi_parts import errors_of, json_of
from tallystick.http.openapi_usage import usage_paths
from tallystick.http.openapi_webhooks import webhook_paths
from tallystick.http.wire import schemas

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["describe"]


def describe(
    base: Mapping[str, Any], *, usage: bool = False, webhooks: bool = False
) -> dict[str, Any]:
    """Complete what the framework found with the routes and components written by hand.

    The routes of usage, entitlements and checkout are described where the service has a ledger,
    that of webhooks where events are expected.
    """
    components = dict(base.get("components", {}))
    components["schemas"] = {
        **components.get("schemas", {}),
        **schemas(usage=usage, webhooks=webhooks),
    }
    components["responses"] = {**components.get("responses", {}), **_failures()}
    of_ledger = {**usage_paths(), **entitlement_paths(), **checkout_paths()} if usage else {}
    of_events = webhook_paths() if webhooks else {}
    paths = {**_paths(), **of_ledger, **of_events, **base.get("paths", {})}
    if usage:
        bearer = {"type": "http", "scheme": "bearer", "description": "One of the service's keys."}
        components["securitySchemes"] = {"apiKey": bearer}
    return {**base, "paths": paths, "components": components}


def _failures() -> dict[str, Any]:
    codes: dict[int, list[str]] = {}
    for code, status in problems.STATUS.items():
        codes.setdefault(status, []).append(code)
    return {
        f"Error{status}": {
            "description": " or ".join(names),
            "content": json_of("ErrorEnvelope"),
        }
        for status, names in codes.items()
    }


def _paths() -> dict[str, Any]:
    plans = _plans_answers()
    return {
        "/api/v1/plans": {
            "get": {
                "operationId": "listPlans",
                "summary": "List what is sold, with prices",
                "description": (
                    "Answers the same bytes until the catalogue changes, with a strong ETag. "
                    "Open to every origin. Unknown query parameters are ignored."
                ),
                "tags": ["prices"],
                "parameters": _plans_parameters(),
                "responses": plans,
            },
            "options": {
                "operationId": "preflightPlans",
                "summary": "Answer a browser's preflight",
                "tags": ["prices"],
                "responses": {"204": {"description": "Every origin may ask."}, **errors_of(500)},
            },
        },
        "/healthz": {"get": _probe("alive", "Whether the process answers at all")},
        "/readyz": {"get": _probe("ready", "Whether the catalogue is loaded and served")},
    }


def _plans_answers() -> dict[str, Any]:
    tag = {"ETag": {"description": "The body's digest.", "schema": {"type": "string"}}}
    return {
        "200": {
            "description": "The price list.",
            "headers": {
                **tag,
                "Cache-Control": {"schema": {"type": "string"}},
                "Vary": {
                    "description": "Set where the list is resolved by currency.",
                    "schema": {"type": "string"},
                },
            },
            "content": json_of("PriceList"),
        },
        "304": {"description": "You hold the newest list.", "headers": tag},
        **errors_of(405, 413, 422, 500),
    }


def _plans_parameters() -> list[dict[str, Any]]:
    return [
        {
            "name": "view",
            "in": "query",
            "description": "full adds descriptions, all lines, trials and limits.",
            "schema": {"type": "string", "enum": list(VIEWS), "default": "compact"},
        },
        {
            "name": "currency",
            "in": "query",
            "description": (
                "Products sold in this currency (ISO 4217, upper-case), in it; a plan that is not"
                " keeps its own and names it."
            ),
            "schema": {"type": "string", "enum": sorted(CODES)},
        },
        {
            "name": "If-None-Match",
            "in": "header",
            "description": "An ETag you hold, a list of them, or an asterisk.",
            "schema": {"type": "string"},
        },
    ]


def _probe(word: str, summary: str) -> dict[str, Any]:
    return {
        "operationId": word,
        "summary": summary,
        "tags": ["probes"],
        "responses": {
            "200": {"description": f"It is {word}.", "content": json_of("Health")},
            **errors_of(405, 413, 500),
        },
    }

"""Webhook endpoints, and the events that are looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.metadata import changed, merged
from tallystick.testing.fake_stripe.page import filtered, listing, page
from tallystick.testing.fake_stripe.refusal import Refused, unsupported
from tallystick.testing.fake_stripe.route import Route

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES"]


def _create(account: Account, call: Call) -> Thing:
    params = call.params
    for name in params.keys() - {"api_version", "description", "enabled_events", "metadata", "url"}:
        raise unsupported(f"webhook endpoints with {name}")
    _check_url(params["url"])
    endpoint = account.add(
        {
            "id": account.new_id("we"),
            "object": "webhook_endpoint",
            "api_version": params.get("api_version"),
            "application": None,
            "created": account.now(),
            "description": params.get("description"),
            "enabled_events": params["enabled_events"],
            "livemode": False,
            "metadata": merged(None, params),
            "status": "enabled",
            "url": params["url"],
        }
    )
    secret = account.new_id("whsec").replace("1Fake", "fake")
    account.secrets[endpoint["id"]] = secret
    return {**endpoint, "secret": secret}  # shown this once


def _check_url(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise Refused(
            "Invalid URL: an absolute http or https address", code="url_invalid", param="url"
        )


def _retrieve(account: Account, call: Call) -> Thing:
    return account.get("webhook_endpoint", call.ids[0])


def _update(account: Account, call: Call) -> Thing:
    endpoint, params = account.get("webhook_endpoint", call.ids[0]), dict(call.params)
    if "url" in params:
        _check_url(params["url"])
    if "disabled" in params:
        params["status"] = "disabled" if params.pop("disabled") else "enabled"
    changed(endpoint, params)
    return endpoint


def _delete(account: Account, call: Call) -> Thing:
    endpoint = account.get("webhook_endpoint", call.ids[0])
    del account.of("webhook_endpoint")[endpoint["id"]]
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def _event(account: Account, call: Call) -> Thing:
    return account.get("event", call.ids[0])


def _events(account: Account, call: Call) -> Thing:
    params = dict(call.params)
    if "delivery_success" in params:
        raise unsupported("GET /v1/events with delivery_success")
    kinds = params.pop("types", None)
    found = [e for e in account.of("event").values() if kinds is None or e["type"] in kinds]
    return page(filtered(found, params), call.params, call.path)


ROUTES: Final = (
    Route("POST", "/v1/webhook_endpoints", "WebhookEndpointCreateParams", _create),
    Route(
        "GET",
        "/v1/webhook_endpoints",
        "WebhookEndpointListParams",
        listing("webhook_endpoint"),
    ),
    Route("GET", "/v1/webhook_endpoints/{id}", "WebhookEndpointRetrieveParams", _retrieve),
    Route("POST", "/v1/webhook_endpoints/{id}", "WebhookEndpointUpdateParams", _update),
    Route("DELETE", "/v1/webhook_endpoints/{id}", "WebhookEndpointDeleteParams", _delete),
    Route("GET", "/v1/events", "EventListParams", _events),
    Route("GET", "/v1/events/{id}", "EventRetrieveParams", _event),
)
"""What is asked of webhook endpoints and of events."""

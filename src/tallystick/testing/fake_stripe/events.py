"""Events: what happened, told once to each webhook endpoint that wants to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import stripe

from tallystick.testing.fake_stripe.view import shown

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing

__all__ = ["emit", "retract"]


def emit(
    account: Account, kind: str, thing: Thing, before: Thing | None = None, at: int | None = None
) -> Thing:
    """Write down that something happened to an object, as `price.created`.

    `before` holds the fields that changed, as they were.
    """
    held: Thing = {"object": shown(account, thing)}
    if before is not None:
        held["previous_attributes"] = before
    wanted: list[Thing] = [e for e in account.of("webhook_endpoint").values() if _wants(e, kind)]
    event: Thing = {
        "id": account.new_id("evt"),
        "object": "event",
        "api_version": stripe.api_version,
        "created": account.now() if at is None else at,
        "data": held,
        "livemode": False,
        "pending_webhooks": len(wanted),
        "request": dict(account.request),
        "type": kind,
    }
    account.pending += [(endpoint["id"], event["id"]) for endpoint in wanted]
    return account.add(event)


def _wants(endpoint: Thing, kind: str) -> bool:
    chosen = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in chosen or kind in chosen)


def retract(account: Account, gone: set[str | None]) -> None:
    """Take back what was said of objects that never came to be."""
    events = account.of("event")
    for wanted in [e["id"] for e in events.values() if e["data"]["object"].get("id") in gone]:
        del events[wanted]
    account.pending = [(end, event) for end, event in account.pending if event in events]

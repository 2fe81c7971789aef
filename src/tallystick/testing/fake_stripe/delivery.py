"""Deliveries of events, signed as Stripe signs them: to be repeated, reordered and dropped."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import stripe

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account

__all__ = ["Delivery", "send", "take_deliveries"]

_SECONDS: Final = 10


@dataclass(frozen=True)
class Delivery:
    """One event for one endpoint, as bytes with their signature."""

    url: str
    event: str
    kind: str
    body: bytes
    signature: str
    endpoint: str


def take_deliveries(account: Account) -> list[Delivery]:
    """Take the deliveries that wait, in the order of their events, signed at the account's time.

    They are the caller's then: to be sent in any order, twice, or never.
    """
    waiting, account.pending = account.pending, []
    return [
        _signed(account, endpoint, event)
        for endpoint, event in waiting
        if endpoint in account.of("webhook_endpoint")
    ]


def _signed(account: Account, endpoint: str, event: str) -> Delivery:
    thing = account.of("event")[event]
    text = json.dumps(thing, indent=2)
    signature = stripe.WebhookSignature.generate_signature_header(
        text, account.secrets[endpoint], account.now()
    )
    url = account.of("webhook_endpoint")[endpoint]["url"]
    return Delivery(url, event, thing["type"], text.encode(), signature, endpoint)


def send(delivery: Delivery) -> int:
    """Post a delivery, and give the status of the answer; 0 where there was none."""
    headers = {"content-type": "application/json", "stripe-signature": delivery.signature}
    request = urllib.request.Request(delivery.url, delivery.body, headers)  # noqa: S310 - checked when the endpoint was made
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - the same
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
    except OSError:
        return 0

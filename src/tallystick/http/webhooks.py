"""`/api/v1/webhooks/stripe`: what Stripe tells, verified and kept, and answered at once.

The signature is the key to this route.  Nothing is made of an event before it is answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect

from tallystick.core.canonical_json import canonical_json
from tallystick.errors import BadRequest, SetupError
from tallystick.http.keyed import answer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from tallystick.wiring import Tallystick

__all__ = ["LARGEST", "STRIPE", "WebhookRoutes"]

STRIPE: Final = "/api/v1/webhooks/stripe"
"""Where Stripe sends events to."""

LARGEST: Final = 4_194_304
"""The most bytes that a body has: a larger one is refused before it is read."""

_SIGNATURE: Final = "stripe-signature"


class WebhookRoutes:
    """The route over a ledger that expects events."""

    def __init__(self, tally: Tallystick | None) -> None:
        """Stand on a ledger.

        Raises SetupError where there is none, or it expects no events: an endpoint that could
        verify nothing is never opened.
        """
        if tally is None or tally.event_source is None:
            raise SetupError(
                "webhooks need a ledger and the secret of their endpoint: start with --database,"
                " and TALLYSTICK_STRIPE_WEBHOOK_SECRETS set"
            )
        self._tally = tally

    async def stripe(self, request: Request) -> Response:
        """Answer `POST /api/v1/webhooks/stripe`: 200 once the event is kept."""
        if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise BadRequest("the body is sent as it was signed, without a Content-Encoding")
        sent = request.headers.getlist(_SIGNATURE)
        if len(sent) > 1:
            raise BadRequest("not verified: there is more than one Stripe-Signature")
        try:
            body = await request.body()
        except ClientDisconnect:
            raise BadRequest("the sender went away before the body had come") from None
        event = await self._tally.aio.provider_events.receive(body, sent[0] if sent else None)
        return answer(canonical_json({"id": event.id, "state": event.state}))

"""The routes of the service in a host's program: prices, usage, access, checkout, webhooks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, TypeVar

from starlette.responses import Response
from starlette.routing import Route, request_response

from tallystick.http.checkout import MOST_BYTES as MOST_CHECKOUT
from tallystick.http.checkout import RESOLVE, CheckoutRoutes
from tallystick.http.decode import MOST_BYTES
from tallystick.http.entitlements import CHECK, ENTITLEMENTS, EntitlementRoutes
from tallystick.http.guard import BodyBound
from tallystick.http.keys import VARIABLE, Keys
from tallystick.http.plans import PATH, PlansLayer, PriceLists
from tallystick.http.usage import EVENTS, USAGE, UsageRoutes
from tallystick.http.webhooks import LARGEST, STRIPE, WebhookRoutes

if TYPE_CHECKING:
    from starlette.routing import Router
    from starlette.types import ASGIApp, Receive, Scope, Send

    from tallystick.wiring import Tallystick

    AnyRouter = TypeVar("AnyRouter", bound=Router)

__all__ = ["add_routes"]

_MAX_AGE: Final = 300
_MAX_BODY: Final = 1_048_576


def add_routes(router: AnyRouter, tally: Tallystick) -> AnyRouter:
    """Have a router answer `/api/v1/plans` (of a ledger with a catalogue), usage, access, checkout.

    The last three are for callers with a key of TALLYSTICK_API_KEY; without any they answer 503.
    Where the ledger expects events of Stripe, it takes them at `/api/v1/webhooks/stripe` too.
    Raises InvalidInput for a catalogue whose price list cannot be written.
    """
    if tally.price_book is not None:
        lists = {PATH: PriceLists(tally.price_book, max_age=_MAX_AGE)}
        layer = PlansLayer(Response(status_code=404), lists, max_body=_MAX_BODY)
        router.routes.append(Route(PATH, _At(layer, PATH), include_in_schema=False))
    keys = Keys(os.environ.get(VARIABLE, ""))
    usage, access = UsageRoutes(tally, keys), EntitlementRoutes(tally, keys)
    events = BodyBound(request_response(usage.record), MOST_BYTES)
    router.routes.append(Route(EVENTS, events, methods=["POST"], include_in_schema=False))
    asked = BodyBound(request_response(CheckoutRoutes(tally, keys).resolve), MOST_CHECKOUT)
    router.routes.append(Route(RESOLVE, asked, methods=["POST"], include_in_schema=False))
    answers = ((USAGE, usage.read), (CHECK, access.check), (ENTITLEMENTS, access.all))
    for path, route in answers:
        router.routes.append(Route(path, route, methods=["GET"], include_in_schema=False))
    if tally.event_source is not None:
        hooks = BodyBound(request_response(WebhookRoutes(tally).stripe), LARGEST)
        router.routes.append(Route(STRIPE, hooks, methods=["POST"], include_in_schema=False))
    return router


class _At:
    """An application that is asked as if it stood at a path of its own, wherever a host has it."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app, self._path = app, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "path": self._path, "root_path": ""}, receive, send)

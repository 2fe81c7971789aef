"""`/api/v1/checkout`: a page on which a quote is paid, and what became of it.

Who was on the page, or says so, is believed nothing: what counts is what the provider answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.core.canonical_json import canonical_json
from tallystick.core.checkout_page_tree import checkout_tree
from tallystick.core.checkout_request import check_fields
from tallystick.core.text import id_at, refused_at
from tallystick.errors import StorageUnavailable
from tallystick.http.json_body import object_of
from tallystick.http.keyed import admit, answer, unauthorized
from tallystick.http.query import Query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from tallystick.core.checkout_page import Checkout
    from tallystick.http.keys import Keys
    from tallystick.wiring import Tallystick

__all__ = ["CHECKOUT", "MOST_BYTES", "CheckoutPageRoutes"]

CHECKOUT: Final = "/api/v1/checkout"
"""Where a checkout is opened; below it, under its id, is how it stands."""

MOST_BYTES: Final = 262_144
"""The most bytes that a body opening a checkout may have: a quote may be a long text."""

_FIELDS: Final = (
    *("customer", "quote", "plans", "codes", "context", "success_url", "cancel_url", "provider"),
    "biller",
)
_NEEDED: Final = ("customer", "success_url", "cancel_url")
_KEY: Final = "idempotency-key"


class CheckoutPageRoutes:
    """The routes of pages over a ledger.

    Without a ledger, an API key, a key that signs quotes or an origin to return to they answer 503.
    """

    def __init__(self, tally: Tallystick | None, keys: Keys) -> None:
        """Stand on a ledger; nothing is connected to before the first request."""
        self._tally, self._keys = tally, keys

    async def open(self, request: Request) -> Response:
        """Answer `POST /api/v1/checkout`: a page for a quote, or for a plan at what it costs."""
        tally = self._admitted(request)
        if tally is None:
            return unauthorized()
        Query(request.query_params.multi_items(), known=("currency",), needed=()).check()
        said = _read(await object_of(request))
        keys = request.headers.getlist(_KEY)
        if len(keys) > 1:
            raise refused_at("Idempotency-Key", f"is sent {len(keys)} times: send it once")
        if keys:
            said["idempotency_key"] = id_at(keys[0], "Idempotency-Key")
        if "currency" in request.query_params:
            said["currency"] = request.query_params["currency"]
        return _told(await tally.aio.checkouts.open(**said))

    async def show(self, request: Request) -> Response:
        """Answer `GET /api/v1/checkout/{id}`: how it stands, as the provider tells it now."""
        tally = self._admitted(request)
        if tally is None:
            return unauthorized()
        query = Query(request.query_params.multi_items(), known=("customer",), needed=())
        query.check()
        customer = query.text("customer") if "customer" in query else None
        found = await tally.aio.checkouts.refresh(request.path_params["id"], customer=customer)
        return _told(found)

    def _admitted(self, request: Request) -> Tallystick | None:
        tally = admit(request, self._tally, self._keys)
        if tally is not None and not (tally.signing_keys and tally.return_origins):
            raise StorageUnavailable(
                "this route is closed until the service is started with TALLYSTICK_SIGNING_KEYS"
                " and TALLYSTICK_RETURN_ORIGINS"
            )
        return tally


def _read(tree: Mapping[str, object]) -> dict[str, Any]:
    """Give what is asked for; the ledger reads it further."""
    check_fields(tree, _FIELDS)
    for name, value in tree.items():
        if value is None:
            raise refused_at(name, "is null: leave it out")
    for name in _NEEDED:
        if name not in tree:
            raise refused_at(name, "is missing")
    said: dict[str, Any] = {name: value for name, value in tree.items() if name != "plans"}
    said["customer"] = id_at(tree["customer"], "customer")
    plans = tree.get("plans")
    if plans is not None:
        if not isinstance(plans, list) or len(plans) != 1:
            raise refused_at("plans", "is a list of one plan: each has a page of its own")
        if plans[0] is None:
            raise refused_at("plans[0]", "is null: name a plan")
        said["plan"] = plans[0]
    return said


def _told(checkout: Checkout) -> Response:
    return answer(canonical_json(checkout_tree(checkout)))

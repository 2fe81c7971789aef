"""`/api/v1/checkout/resolve`: what buying would be, for callers who have a key.

Prices, amounts and discounts come from the catalogue; the body has no field for any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.core.canonical_json import canonical_json
from tallystick.core.checkout_request import check_fields
from tallystick.core.checkout_tree import resolved_tree
from tallystick.core.given import ids_at
from tallystick.core.text import id_at, refused_at
from tallystick.errors import StorageUnavailable
from tallystick.http.json_body import object_of
from tallystick.http.keyed import admit, answer, unauthorized
from tallystick.http.query import Query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from tallystick.http.keys import Keys
    from tallystick.wiring import Tallystick

__all__ = ["MOST_BYTES", "RESOLVE", "CheckoutRoutes"]

RESOLVE: Final = "/api/v1/checkout/resolve"
"""Where it is asked what buying would be."""

MOST_BYTES: Final = 65_536
"""The most bytes that a body asking for a checkout may have."""

_FIELDS: Final = ("customer", "plans", "codes", "context", "stated", "identities")
_MOST_IDENTITIES: Final = 10


class CheckoutRoutes:
    """The routes of checkout over a ledger.

    Without a ledger, without an API key or without one that signs quotes they answer 503.
    """

    def __init__(self, tally: Tallystick | None, keys: Keys) -> None:
        """Stand on a ledger; nothing is connected to before the first request."""
        self._tally, self._keys = tally, keys

    async def resolve(self, request: Request) -> Response:
        """Answer `POST /api/v1/checkout/resolve`: a plan that cannot be bought is an answer too."""
        tally = admit(request, self._tally, self._keys)
        if tally is None:
            return unauthorized()
        if not tally.signing_keys:
            raise StorageUnavailable(
                "this route is closed until the service is started with TALLYSTICK_SIGNING_KEYS"
            )
        query = Query(request.query_params.multi_items(), known=("currency",), needed=())
        query.check()
        tree = await object_of(request)
        customer, plans, said = _read(tree)
        if "currency" in query:
            said["currency"] = query.text("currency")
        found = await tally.aio.checkouts.resolve(customer, plans, **said)
        trees = [resolved_tree(each) for each in found]
        return answer(canonical_json({"customer": customer, "plans": trees}))


def _read(tree: Mapping[str, object]) -> tuple[str, Any, dict[str, Any]]:
    """Give who asks for which plans, and what else was said; the ledger reads it further."""
    check_fields(tree, _FIELDS)
    for name in ("customer", "plans"):
        if name not in tree:
            raise refused_at(name, "is missing")
    customer = id_at(tree["customer"], "customer")
    said: dict[str, Any] = {name: tree[name] for name in _FIELDS[2:] if name in tree}
    for name, value in said.items():
        if value is None:
            raise refused_at(name, "is null: leave it out")
    names = ids_at(said.get("identities", ()), "identities")
    if len(names) > _MOST_IDENTITIES:
        raise refused_at("identities", f"has more than {_MOST_IDENTITIES} entries")
    return customer, tree["plans"], said

"""`/api/v1/entitlements`: what a customer may do now, for callers who have a key.

Every question is asked of the ledger as it is; nothing is used by asking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.core.access_tree import access_tree
from tallystick.core.canonical_json import canonical_json
from tallystick.http.keyed import admit, answer, unauthorized
from tallystick.http.query import Query

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from tallystick.http.keys import Keys
    from tallystick.wiring import Tallystick

__all__ = ["CHECK", "ENTITLEMENTS", "EntitlementRoutes"]

CHECK: Final = "/api/v1/entitlements/check"
"""Where one feature is asked for."""
ENTITLEMENTS: Final = "/api/v1/entitlements"
"""Where all features of a customer are listed."""


class EntitlementRoutes:
    """The two routes over a ledger; without a ledger or without a key both answer 503."""

    def __init__(self, tally: Tallystick | None, keys: Keys) -> None:
        """Stand on a ledger; nothing is connected to before the first request."""
        self._tally, self._keys = tally, keys

    async def check(self, request: Request) -> Response:
        """Answer `GET /api/v1/entitlements/check`: one answer, also where it is no."""
        tally = admit(request, self._tally, self._keys)
        if tally is None:
            return unauthorized()
        known = ("customer", "feature", "requested")
        query = Query(request.query_params.multi_items(), known=known, needed=known[:2])
        query.check()
        customer, feature = query.text("customer"), query.text("feature")
        access = await tally.aio.check(customer, feature, query.text("requested", "1"))
        return answer(canonical_json({"customer": customer, **access_tree(access)}))

    async def all(self, request: Request) -> Response:
        """Answer `GET /api/v1/entitlements`: an answer for each feature of what they have."""
        tally = admit(request, self._tally, self._keys)
        if tally is None:
            return unauthorized()
        known = ("customer",)
        query = Query(request.query_params.multi_items(), known=known, needed=known)
        query.check()
        customer = query.text("customer")
        found = await tally.aio.check_all(customer)
        trees = [access_tree(access) for access in found.values()]
        return answer(canonical_json({"customer": customer, "entitlements": trees}))

"""`GET /api/v1/plans`: a thin layer in front of the application, bytes built once.

The layer knows one path for each catalogue.  What it does not know it hands on untouched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from tallystick.core.currency import currency as currency_of
from tallystick.core.price_list import VIEWS, currencies_of, price_list_body
from tallystick.errors import InvalidInput, MethodNotAllowed
from tallystick.http.cached import Cached
from tallystick.http.guard import BodyBound, answer_error, path_within

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from tallystick.core.catalog import Catalog
    from tallystick.core.currency import Currency

__all__ = ["PATH", "PlansLayer", "PriceLists", "path_beside"]

PATH: Final = "/api/v1/plans"
"""Where the price list of the first catalogue is answered."""

_METHODS: Final = "GET, HEAD, OPTIONS"

_OPEN: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_PREFLIGHT: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": _METHODS,
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
    "Allow": _METHODS,
}
_MOST_PARAMETERS: Final = 50


class PriceLists:
    """Every price list a catalogue can answer with, each built once.

    Parameters: `view` (compact, full) and `currency`; each at most once.  Others are ignored, so
    that a client's cache-buster or campaign tag does not break a screen of prices.
    """

    def __init__(self, catalog: Catalog[Any, Any], *, max_age: int) -> None:
        """Build the bytes of every view, for all currencies together and for each."""
        age = f"public, max-age={max_age}"
        plain = {**_OPEN, "Cache-Control": age}
        # By currency the list is resolved for a caller: a cache may not hand the stranger's list
        # to someone who signs in.
        resolved = {**plain, "Vary": "Authorization"}
        currencies = {one for product in catalog.products for one in currencies_of(product)}
        self._all: dict[str, Cached] = {
            view: _json(price_list_body(catalog, view), plain) for view in VIEWS
        }
        self._by_currency: dict[tuple[str, str], Cached] = {
            (view, one.code): _json(price_list_body(catalog, view, currency=one), resolved)
            for view in VIEWS
            for one in currencies
        }
        self._none = _json(b'{"ok":true,"data":{"products":[]}}', resolved)
        self._by_query: dict[bytes, Cached] = {
            b"": self._all["compact"],
            **{f"view={view}".encode(): self._all[view] for view in VIEWS},
        }

    def asked(self, query: bytes) -> Cached:
        """Find the list a query string asks for.  Raises InvalidInput, naming each parameter."""
        known = self._by_query.get(query)
        return known or self._read(_parameters(query))

    def _read(self, parameters: Mapping[str, list[str]]) -> Cached:
        fields = {
            name: [f"{name} is given {len(values)} times; give it once"]
            for name, values in parameters.items()
            if len(values) > 1
        }
        view = parameters.get("view", ["compact"])[0]
        if view not in VIEWS:
            fields.setdefault("view", []).append(
                f"{view[:40]!r} is no view; write one of {', '.join(VIEWS)}"
            )
        if "currency" not in parameters and not fields:
            return self._all[view]
        asked = _currency(parameters, fields)
        if fields or asked is None:
            raise InvalidInput("the query has parameters that cannot be read", fields)
        return self._by_currency.get((view, asked.code), self._none)


def path_beside(name: str) -> str:
    """Give the path of the price list of a catalogue that is served beside the first.

    It is the path as a server sees it; in an address, its signs are percent-encoded.
    """
    return f"/catalogs/{name}{PATH}"


class PlansLayer:
    """Answers its paths itself and hands everything else to the application behind it."""

    __slots__ = ("_app", "_lists", "_refused")

    def __init__(self, app: ASGIApp, lists: Mapping[str, PriceLists], *, max_body: int) -> None:
        """Stand in front of `app`, with the price lists by their paths."""
        self._app, self._lists = app, lists
        self._refused = BodyBound(_refuse_method, max_body, headers=_OPEN)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a path of its own, whatever the method; hand on any other."""
        lists = self._lists.get(path_within(scope)) if scope["type"] == "http" else None
        if lists is None:
            await self._app(scope, receive, send)
        elif scope["method"] in {"GET", "HEAD"}:
            try:
                answer = lists.asked(scope["query_string"])
            except InvalidInput as refusal:
                await answer_error(refusal, scope, receive, send, headers=_OPEN)
            else:
                await answer(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await _answer_preflight(send)
        else:
            await self._refused(scope, receive, send)


def _currency(parameters: Mapping[str, list[str]], fields: dict[str, list[str]]) -> Currency | None:
    """Read the currency, writing down what is wrong with it."""
    try:
        return currency_of(parameters["currency"][0]) if "currency" in parameters else None
    except InvalidInput as refusal:
        fields.setdefault("currency", []).append(str(refusal))
        return None


def _json(body: bytes, headers: Mapping[str, str]) -> Cached:
    return Cached(body, "application/json", headers)


def _parameters(query: bytes) -> dict[str, list[str]]:
    try:
        pairs = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS
        )
    except ValueError:
        text = f"the query has more than {_MOST_PARAMETERS} parameters"
        raise InvalidInput(text, {"": [text]}) from None
    read: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in {"view", "currency"}:
            read.setdefault(name, []).append(value)
    return read


async def _answer_preflight(send: Send) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in _PREFLIGHT.items()]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _refuse_method(scope: Scope, receive: Receive, send: Send) -> None:
    refusal = MethodNotAllowed(f"{scope['method']} is not answered here; ask with {_METHODS}")
    await answer_error(refusal, scope, receive, send, headers={**_OPEN, "Allow": _METHODS})

"""One call from its bytes to its answer: who asks, what, with which key, and what goes wrong."""

from __future__ import annotations

import json
from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import dataclass
from hmac import compare_digest
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Final

import stripe

from tallystick.testing.fake_stripe.faults import Fault, Seen
from tallystick.testing.fake_stripe.form import read_form
from tallystick.testing.fake_stripe.idempotency import Answered, Keys
from tallystick.testing.fake_stripe.parameters import check
from tallystick.testing.fake_stripe.refusal import Refused, unsupported
from tallystick.testing.fake_stripe.route import Call, Route, find_route
from tallystick.testing.fake_stripe.view import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.testing.fake_stripe.account import Account
    from tallystick.testing.fake_stripe.form import Tree

__all__ = ["Asked", "Desk", "Reply"]

_OK: Final = 200
_LIMITED: Final = 429
_UNAUTHORIZED: Final = 401
_BROKEN: Final = 500
_LARGEST: Final = 1_000_000


@dataclass(frozen=True)
class Asked:
    """A request as it came: the headers with small letters."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def name(self) -> str:
        """Name it, as `POST /v1/prices`."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Reply:
    """A status, a body of JSON, and how much of it the caller sees."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    seen: Seen | None = None


class Desk:
    """Where calls are answered, one at a time."""

    def __init__(self, account: Account, routes: Sequence[Route]) -> None:
        """Answer for an account by the routes."""
        self._account, self._routes, self._keys = account, routes, Keys()
        self._second, self._asked = 0, 0

    def answer(self, asked: Asked) -> Reply:
        """Answer a call; a call that is refused changes nothing."""
        number = f"req_1Fake{len(self._account.calls) + 1:09d}"
        reply = self._reply(asked, number)
        self._account.calls.append((asked.name, reply.status))
        common = (("request-id", number), ("stripe-version", stripe.api_version))
        return Reply(reply.status, reply.body, (*common, *reply.headers), reply.seen)

    def _reply(self, asked: Asked, number: str) -> Reply:
        try:
            self._check_headers(asked.headers)
            self._check_rate()
            return self._struck(asked, number)
        except Refused as refused:
            return _refusal(refused)
        except Exception as error:  # noqa: BLE001 - its caller has to see a fault of the fake's own
            text = f"The fake Stripe itself failed: {error!r} at {_place(error)}"
            return _refusal(Refused(text, kind="api_error", status=_BROKEN))

    def _check_headers(self, headers: Mapping[str, str]) -> None:
        if not compare_digest(_key_of(headers).encode(), self._account.api_key.encode()):
            raise Refused("Invalid API Key provided", status=_UNAUTHORIZED)
        version = headers.get("stripe-version", stripe.api_version)
        if version != stripe.api_version:
            raise unsupported(f"version {version} of the API, only {stripe.api_version}")
        if headers.get("stripe-account", self._account.id) != self._account.id:
            raise unsupported("calls for another account (Stripe-Account)")

    def _check_rate(self) -> None:
        now, most = self._account.now(), self._account.most_per_second
        self._second, self._asked = now, self._asked + 1 if now == self._second else 1
        if most is not None and self._asked > most:
            raise Refused("Request rate limit exceeded.", code="rate_limit", status=_LIMITED)

    def _struck(self, asked: Asked, number: str) -> Reply:
        fault = self._account.faults.strike(asked.name)
        if fault is None:
            return self._once(asked, number, None)
        if fault.seen is Seen.LIMITED:
            raise Refused("Request rate limit exceeded.", code="rate_limit", status=_LIMITED)
        if fault.seen is Seen.BROKEN:
            return self._once(asked, number, fault)
        reply = self._once(asked, number, None) if fault.after else Reply(_OK, b"")
        return Reply(reply.status, reply.body, reply.headers, fault.seen)

    def _once(self, asked: Asked, number: str, fault: Fault | None) -> Reply:
        key = asked.headers.get("idempotency-key") if asked.method == "POST" else None
        route, ids, tree = self._read(asked)
        now = self._account.now()
        if key is not None:
            kept = self._keys.find(key, asked.name, tree, now)
            if kept is not None:
                return Reply(kept.status, kept.body, (("idempotent-replayed", "true"),))
        params = _known(route, check(tree, route.params))
        self._account.request = {"id": number, "idempotency_key": key}
        reply = self._executed(route, Call(ids, params, asked.path), fault)
        if key is not None:
            self._keys.keep(key, Answered(asked.name, tree, reply.status, reply.body, now))
        return reply

    def _read(self, asked: Asked) -> tuple[Route, tuple[str, ...], Tree]:
        found = find_route(self._routes, asked.method, asked.path)
        if found is None:
            raise unsupported(asked.name)
        if len(asked.body) > _LARGEST:
            raise Refused("The body is larger than 1 MB", status=413)
        try:
            text = asked.body.decode("ascii") if asked.method == "POST" else asked.query
        except UnicodeDecodeError:
            raise Refused("Invalid request body: not a form") from None
        return (*found, read_form(text))

    def _executed(self, route: Route, call: Call, fault: Fault | None) -> Reply:
        if fault is not None and not fault.after:
            return _BROKEN_REPLY
        expand = call.params.pop("expand", [])
        try:
            reply = Reply(
                _OK, _json(shown(self._account, route.answer(self._account, call), expand))
            )
        except Refused as refused:
            reply = _refusal(refused)
        return reply if fault is None else _BROKEN_REPLY


def _known(route: Route, params: dict[str, Any]) -> dict[str, Any]:
    for name in sorted(params.keys() - {"expand"}):
        if route.takes is not None and name not in route.takes:
            raise unsupported(f"{route.method} {route.path} with {name}")
    return params


def _place(error: Exception) -> str:
    last = extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"


def _key_of(headers: Mapping[str, str]) -> str:
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return rest if scheme.lower() == "bearer" else ""
    try:
        return b64decode(rest, validate=True).decode().partition(":")[0]
    except (NotBase64, UnicodeDecodeError):
        return ""


def _json(body: Any) -> bytes:  # noqa: ANN401 - a value of JSON
    return json.dumps(body, ensure_ascii=False, indent=2).encode()


def _refusal(refused: Refused) -> Reply:
    again = "true" if refused.status == _LIMITED else "false"
    return Reply(refused.status, _json(refused.body()), (("stripe-should-retry", again),))


_BROKEN_REPLY: Final = Reply(
    _BROKEN,
    _json(Refused("An unknown error occurred", kind="api_error").body()),
)

"""Limits over the wire: what a quota adds to a bare ASGI request, and a check against a look-up.

Each app runs under its own server process; a client on kept-alive connections asks them in turns.
What counts is requests per second of the server's processor time, as in `bench.http`.

The quota is `QuotaMiddleware(lease=…)` before an app that answers two bytes; the baseline is that
app.  Who asks is known in both: a TenantMiddleware is not measured here.  The check is the route
`GET /api/v1/entitlements/check` where this version has it; its baseline makes the same look-up in
the ledger, and writes the same body, in a bare handler without routes, keys and checks.
"""

from __future__ import annotations

import atexit
import re
import tempfile
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from bench.http import Server
from bench.measure import compared
from tallystick import Tallystick, define_plans
from tallystick.core.canonical_json import canonical_json
from tallystick.http.api import create_app
from tallystick.http.keys import Keys
from tallystick.tenancy import Admission, QuotaMiddleware, Tenant

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from bench.measure import Result

__all__ = ["run"]

ROUNDS: Final = 9
REQUESTS: Final = 1_500
WARM_UP: Final = 300
WHO: Final = "acme"
KEY: Final = "bench-key-of-thirty-two-characters"
CHECK: Final = (
    b"GET /api/v1/entitlements/check?customer=acme&feature=calls HTTP/1.1\r\nHost: bench\r\n"
    b"Authorization: Bearer " + KEY.encode() + b"\r\nAccept: */*\r\n\r\n"
)
REQUEST: Final = b"GET / HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\n\r\n"


def ledger() -> Tallystick:
    """Open a ledger in a file, with a plan that is everybody's."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    feature = {"featureKey": "calls", "enabled": True, "limit": 10**9, "reset": "month"}
    plan = {"id": "pro", "name": "Pro", "price": 0, "currency": "USD", "interval": "month"}
    plans = define_plans([{**plan, "active": True, "features": [feature]}])
    tally = Tallystick(f"sqlite:///{folder.name}/bench.db", catalog=plans, default_plan="pro")
    tally.migrate()
    tally.publish(author="bench")
    return tally


async def answer(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer two bytes."""
    assert scope["type"] == "http"
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


def known(app: ASGIApp) -> ASGIApp:
    """Have it known who asks, as a TenantMiddleware would."""
    admission = Admission(Tenant(WHO, WHO), customer_id=WHO)

    async def admitted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        scope.setdefault("state", {})["tenancy"] = admission
        await app(scope, receive, send)

    return admitted


def bare() -> ASGIApp:
    """Give the app alone."""
    return known(answer)


def quota() -> ASGIApp:
    """Give the app behind a quota that is held by leases."""
    return known(QuotaMiddleware(answer, quota_key="calls", tally=ledger(), lease=1_000_000))


def checked() -> ASGIApp:
    """Give the service as it is shipped, on a ledger and with a key."""
    tally = ledger()
    book = tally.price_book
    assert book is not None
    return create_app(book, tally=tally, keys=Keys(KEY))


def looked_up() -> ASGIApp:
    """Give a bare app that makes the same look-up and sends the same body."""
    tally = ledger()
    tree = import_module("tallystick.core.access_tree").access_tree
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        asked = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        access = await tally.aio.check(asked["customer"], asked["feature"])
        found = canonical_json({"customer": asked["customer"], **tree(access)})
        body = b'{"ok":true,"data":%s}' % found
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [*headers, length]})
        await send({"type": "http.response.body", "body": body})

    return app


def run() -> list[Result]:
    """Ask in turns, and give the ratios."""
    added = [1 / each for each in _ratios("quota", "bare", REQUEST)]
    results = [compared("leased quota / bare ASGI, time of a request", added, goal=1.15)]
    if find_spec("tallystick.core.access_tree") is None:
        print("this version has no /api/v1/entitlements/check")
        return results
    rates = _ratios("checked", "looked_up", CHECK)
    name = "entitlements/check against bare ASGI, rate"
    return [*results, compared(name, rates, goal=0.7, at_least=True)]


def _ratios(ours: str, theirs: str, request: bytes) -> list[float]:
    module = "bench.limits_http"
    with Server(module, ours, request) as mine, Server(module, theirs, request) as other:
        for server in (mine, other):
            assert server.answer().startswith(b"HTTP/1.1 200"), server.answer()
            server.rate(WARM_UP)
        assert _body(mine) == _body(other), "both must send the same"
        return [mine.rate(REQUESTS) / other.rate(REQUESTS) for _ in range(ROUNDS)]


def _body(server: Server) -> bytes:
    """Give the body of an answer, but for the instants in it: the clocks are two."""
    return re.sub(rb"\d{4}-\d\d-\d\dT[^\"]*", b"", server.answer().partition(b"\r\n\r\n")[2])

"""The price list over HTTP, against a bare ASGI app that sends the same bytes.

Each app runs under its own server process; a client on keep-alive connections asks them in turns.
What counts is requests per second of the server's processor time, so that a busy machine does not
show as a slow service.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Self

from bench.measure import compared
from tallystick.core.catalog import Catalog, Plan, Product
from tallystick.core.currency import currency
from tallystick.core.price import Flat, Price
from tallystick.http.api import create_app

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from bench.measure import Result

__all__ = ["Server", "run"]

ROUNDS: Final = 9
REQUESTS: Final = 1500
WARM_UP: Final = 300
PLANS: Final = 12
REQUEST: Final = b"GET /api/v1/plans HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\n\r\n"
SERVER: Final = """
import signal, time
signal.signal(signal.SIGUSR1, lambda *_: print(time.process_time(), flush=True))
from tallystick.http.server import serve
from {module} import {name}
serve({name}(), announce=lambda line: print(line, flush=True), port=0)
"""


def catalog() -> Catalog:
    """Build a catalogue of a common size: twelve plans."""
    usd = currency("USD")
    products = []
    for number in range(PLANS):
        fee = Price(
            id=f"price_{number}", currency=usd, basis="flat", shape=Flat(Decimal(999 + number))
        )
        plan = Plan(
            id=f"plan-{number}", name="Plan", currency=usd, product_id=f"p{number}", prices=(fee,)
        )
        products.append(
            Product(
                id=f"p{number}",
                name=f"Product {number}",
                currency=usd,
                features=("Feature 1", "Feature 2"),
                plans=(plan,),
            )
        )
    return Catalog(products=tuple(products))


def ours() -> ASGIApp:
    """Give the service as it is shipped."""
    return create_app(catalog())


def bare() -> ASGIApp:
    """Give an app that does nothing but send the same bytes with the same headers."""
    body, headers = _sent_by(ours())

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def run() -> list[Result]:
    """Ask both in turns, and give the ratio of their rates."""
    with Server("bench.http", "ours") as mine, Server("bench.http", "bare") as other:
        assert mine.answer() == other.answer(), "both must send the same bytes"
        for server in (mine, other):
            server.rate(WARM_UP)
        ratios = [mine.rate(REQUESTS) / other.rate(REQUESTS) for _ in range(ROUNDS)]
    return [compared("/api/v1/plans against bare ASGI, rate", ratios, goal=0.9, at_least=True)]


class Server:
    """One server process of the app that a function of a module makes, and a connection to it."""

    def __init__(self, module: str, name: str, request: bytes = REQUEST) -> None:
        """Prepare it; `with` starts it.  The request is what it is asked, kept alive."""
        self._program = SERVER.format(module=module, name=name)
        self._request = request

    def __enter__(self) -> Self:
        """Start the server, and connect."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", self._program], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        port = int(self._process.stdout.readline().rsplit(":", 1)[1].split("/")[0])
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up, and stop it."""
        self._socket.close()
        self._process.terminate()
        self._process.communicate(timeout=30)

    def answer(self) -> bytes:
        """Ask once; give the whole answer but for the date."""
        self._socket.sendall(self._request)
        received = self._socket.recv(65_536)
        head, _, body = received.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        while len(body) < length:
            body += self._socket.recv(65_536)
        self._size = len(head) + len(b"\r\n\r\n") + length
        return b"\r\n".join([*(line for line in lines if line[:5] != b"date:"), b"", body])

    def rate(self, requests: int) -> float:
        """Ask many times, one after the other; give requests per second of processor time."""
        before = self._spent()
        for _ in range(requests):
            self._socket.sendall(self._request)
            left = self._size
            while left:
                left -= len(self._socket.recv(65_536))
        return requests / (self._spent() - before)

    def _spent(self) -> float:
        self._process.send_signal(signal.SIGUSR1)
        assert self._process.stdout is not None
        return float(self._process.stdout.readline())


def _sent_by(app: ASGIApp) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Ask an app in this process; give its body and its headers."""
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        sent.append(message)

    async def ask() -> None:
        scope = {"type": "http", "method": "GET", "path": "/api/v1/plans"}
        await app({**scope, "query_string": b"", "headers": []}, receive, send)

    asyncio.run(ask())
    headers, body = sent[0]["headers"], sent[1]["body"]
    assert isinstance(headers, list)
    assert isinstance(body, bytes)
    return body, headers

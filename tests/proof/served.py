"""The real server in a process of its own, and the plainest of clients."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tallystick.http.keys import Keys
from tallystick.http.server import run
from tallystick.http.usage import EVENTS
from tests.proof.children import fork
from tests.proof.settings import PATIENCE
from tests.proof.usage_calls import CATALOG, opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.proof.children import Child, Report

__all__ = ["Answer", "post", "reserved", "start"]

_KEY: Final = "the-key-of-the-proof"


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]


@contextmanager
def reserved() -> Iterator[int]:
    """Give a port that nobody else gets meanwhile, also while a server is away from it.

    A socket that is bound and does not listen keeps the system from giving the port away.  A port
    that is only free would be taken now and then: by a client that calls it in vain, and so
    connects to itself.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def start(url: str, port: int) -> Child:
    """Start the server on a reserved port and wait until it listens."""
    child = fork(lambda report: _serve(url, port, report))
    while not child.told and child.listen(PATIENCE):
        continue
    if not child.told:
        child.kill()
        raise AssertionError(f"the server does not listen: {child.errors()}")
    return child


def _serve(url: str, port: int, report: Report) -> None:
    with opened(url) as tally:
        run(CATALOG, port=port, tally=tally, keys=Keys(_KEY), docs=False, announce=report)


def post(port: int, trees: Sequence[object]) -> Answer:
    """Send events.  Raises OSError or HTTPException where no answer comes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    headers = {"Authorization": f"Bearer {_KEY}", "Content-Type": "application/json"}
    try:
        connection.request("POST", EVENTS, json.dumps(trees), headers)
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), json.loads(answer.read()))
    finally:
        connection.close()

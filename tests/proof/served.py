"""The real server in a process of its own, and the plainest of clients."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tallystick.http.keys import Keys
from tallystick.http.server import run
from tallystick.http.usage import EVENTS
from tests.proof.children import fork
from tests.proof.usage_calls import CATALOG, opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.proof.children import Child, Report

__all__ = ["Answer", "post", "start"]

_KEY: Final = "the-key-of-the-proof"
_SECONDS: Final = 30


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]


def start(url: str, port: int) -> tuple[Child, int]:
    """Start the server on a port (0: any) and wait until it listens; give the port."""
    child = fork(lambda report: _serve(url, port, report))
    while not child.told and child.listen(_SECONDS):
        continue
    assert child.told, child.errors()
    address = str(child.told[0]).split()[-1]
    return child, int(address.rsplit(":", 1)[1].split("/")[0])


def _serve(url: str, port: int, report: Report) -> None:
    with opened(url) as tally:
        run(CATALOG, port=port, tally=tally, keys=Keys(_KEY), docs=False, announce=report)


def post(port: int, trees: Sequence[object]) -> Answer:
    """Send events.  Raises OSError or HTTPException where no answer comes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    headers = {"Authorization": f"Bearer {_KEY}", "Content-Type": "application/json"}
    try:
        connection.request("POST", EVENTS, json.dumps(trees), headers)
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), json.loads(answer.read()))
    finally:
        connection.close()

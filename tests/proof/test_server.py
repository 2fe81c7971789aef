"""The real server: killed under load, and on a full disk."""

from __future__ import annotations

import http.client
import os
import random
import resource
import time
from typing import TYPE_CHECKING

from tests.proof.children import fork
from tests.proof.places import place
from tests.proof.served import post, reserved, start
from tests.proof.settings import PATIENCE, times
from tests.proof.state import sound, state
from tests.proof.usage_calls import event, opened, ready, total

if TYPE_CHECKING:
    from pathlib import Path

    from tests.proof.conftest import Count
    from tests.proof.places import Place
    from tests.proof.served import Answer

KILLS = times(10, 500)
CLIENTS = 8
BATCH = 5
NO_ANSWER = (OSError, http.client.HTTPException)


def send_on(port: int, client: int, file: Path) -> None:
    """Send what the others send too, each batch until it is answered, and note the answers."""
    acks = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    at = client
    while True:
        trees = [event(f"e{n}", n % 9 + 1) for n in range(at, at + BATCH)]
        try:
            answer = post(port, trees)
        except NO_ANSWER:
            time.sleep(0.005)
            continue
        if answer.status == 503:
            time.sleep(0.005)
            continue
        assert answer.status == 200, answer
        assert answer.body["data"]["rejected"] == []
        os.write(acks, "".join(f"{tree['id']}\n" for tree in trees).encode())
        os.fsync(acks)
        at += BATCH - 2


def send_until_refused(port: int, told: set[str]) -> Answer:
    """Send batches until one is not stored; `told` takes what was."""
    for n in range(500):
        ids = {f"e{n}.{part}" for part in range(20)}
        answer = post(port, [event(key) for key in sorted(ids)])
        if answer.status != 200:
            return answer
        told |= ids
    raise AssertionError("the disk never was full")


def acknowledged(folder: Path) -> list[str]:
    return [key for file in sorted(folder.iterdir()) for key in file.read_text("utf-8").split()]


def await_more(folder: Path) -> None:
    """Wait until something more is acknowledged, so that a kill finds the server at work."""
    before = len(acknowledged(folder))
    deadline = time.monotonic() + PATIENCE
    while len(acknowledged(folder)) == before:
        assert time.monotonic() < deadline, "the server answers nobody"
        time.sleep(0.005)


def test_a_server_that_is_killed_under_load_forgets_nothing(
    somewhere: Place, tmp_path: Path, count: Count
) -> None:
    with opened(somewhere.url) as tally:
        ready(tally)
    folder = tmp_path / "acks"
    folder.mkdir()
    dice = random.Random(4)  # noqa: S311 - moments that can be repeated, as far as moments can
    with reserved() as port:
        server = start(somewhere.url, port)
        clients = [
            fork(lambda _report, n=n: send_on(port, n, folder / str(n)))  # type: ignore[misc]  # n is bound at once
            for n in range(CLIENTS)
        ]
        try:
            for kill in range(KILLS):
                await_more(folder)
                time.sleep(dice.uniform(0.005, times(100, 500) / 1000))
                assert server.kill() == -9, server.errors()
                if kill < KILLS - 1:
                    server = start(somewhere.url, port)
        finally:
            server.kill()
            codes = [client.kill() for client in clients]
    assert codes == [-9] * CLIENTS, "\n".join(client.errors() for client in clients)

    told = acknowledged(folder)
    rows = state(somewhere.url)["usage_events"]
    column = rows[0].index("id")
    stored = [row[column] for row in rows[1:]]
    assert len(told) > KILLS
    assert set(told) <= set(stored), "acknowledged and lost"
    assert len(stored) == len(set(stored)), "doubled"
    assert sound(somewhere.url)
    with opened(somewhere.url) as tally:
        assert total(tally) == sum(int(key[1:]) % 9 + 1 for key in stored)
        assert not tally.verify().broken
    count(
        f"kill -9      {KILLS} kills of the server  {somewhere.kind:<11} {CLIENTS} clients, "
        f"{len(told)} acknowledgments of {len(set(told))} events, 0 lost, 0 doubled"
    )


def test_on_a_full_disk_a_server_says_503_and_heals_by_itself(tmp_path: Path, count: Count) -> None:
    with place("sqlite", tmp_path) as file, reserved() as port:
        with opened(file.url) as tally:
            ready(tally)
        server = start(file.url, port)
        told: set[str] = set()
        try:
            before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (256 * 1024, before[1]))
            answer = send_until_refused(port, told)
            assert answer.status == 503
            assert answer.headers["retry-after"] == "1"
            assert answer.body["error"]["code"] == "SERVICE_UNAVAILABLE"
            assert "SQL" not in answer.body["error"]["message"]
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)
            assert post(port, [event("last")]).status == 200
        finally:
            assert server.kill() == -9, server.errors()
        rows = state(file.url)["usage_events"]
        assert {row[rows[0].index("id")] for row in rows[1:]} == {*told, "last"}
        assert sound(file.url)
    count(f"disk full    the server answered 503, then 200; {len(told)} events, all there")

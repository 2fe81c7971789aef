from __future__ import annotations

import importlib
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

import tallystick.http
from tallystick.core.catalog import Catalog
from tallystick.errors import MissingExtra, SetupError
from tallystick.http import server

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = """
from tallystick.core.catalog import Catalog
from tallystick.http.server import run
run(Catalog(products=()), port={port}, announce=lambda line: print(line, flush=True))
print("ended", flush=True)
"""


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()[1]


def test_a_port_that_is_taken_is_refused_with_a_cure(taken: int) -> None:
    with pytest.raises(SetupError, match=f"port {taken} is taken.*--port"):
        server.listen("127.0.0.1", taken)


def test_the_first_free_port_is_found_by_binding_it(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "FIRST_PORT", taken)
    with server.listen("127.0.0.1", None) as listener:
        assert listener.getsockname()[1] > taken


def test_when_no_port_is_free_all_that_were_tried_are_named(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "FIRST_PORT", taken)
    monkeypatch.setattr(server, "_PORTS_TRIED", 1)
    with pytest.raises(SetupError, match=f"ports {taken} to {taken} are taken"):
        server.listen("127.0.0.1", None)


@pytest.mark.parametrize("port", [-1, 65_536, 10**9, "8000", True, 80.5])
def test_what_is_no_port_is_refused(port: Any) -> None:
    with pytest.raises(SetupError, match="is no port"):
        server.listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "300.300.300.300", "203.0.113.7", "a b"])
def test_an_address_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises(SetupError, match="choose another --host"):
        server.listen(host, 0)


def start(port: str = "0") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(port=port)], stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_it_announces_addresses_that_answer_and_ends_in_order(sent: int) -> None:
    with start() as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        assert [line.split()[-1].split("/", 3)[-1].strip() for line in lines] == [
            "",
            "api/v1/plans",
            "docs",
        ]
        with urllib.request.urlopen(lines[1].split()[-1], timeout=10) as answer:  # noqa: S310 - our own loopback address
            assert answer.read() == b'{"ok":true,"data":{"products":[]}}'
            assert answer.headers["server"] is None
        os.kill(process.pid, sent)
        assert process.stdout.read() == "ended\n"
        assert process.wait(timeout=20) == 0


def test_it_listens_on_version_6_too() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        listener = server.listen("::1", 0)
    except SetupError as refusal:
        pytest.skip(f"this machine has no IPv6 loopback: {refusal}")
    with listener:
        assert listener.family == socket.AF_INET6


def test_two_servers_that_start_together_get_two_ports() -> None:
    with start("None") as one, start("None") as two:
        assert one.stdout is not None
        assert two.stdout is not None
        assert one.stdout.readline() != two.stdout.readline()
        one.terminate()
        two.terminate()
        assert (one.wait(timeout=20), two.wait(timeout=20)) == (0, 0)


def test_a_signal_that_comes_before_the_server_runs_is_not_lost() -> None:
    """Whoever reads the first address may end the server before it has begun."""
    early = "lambda line: __import__('os').kill(__import__('os').getpid(), 15)"
    program = PROGRAM.replace("lambda line: print(line, flush=True)", early).format(port=0)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, "ended\n")


@pytest.mark.parametrize("docs", [True, False])
def test_nothing_is_announced_before_the_socket_listens_and_it_is_closed_at_the_end(
    monkeypatch: pytest.MonkeyPatch, docs: bool
) -> None:
    served: list[socket.socket] = []

    def run(_server: object, sockets: list[socket.socket]) -> None:
        served.extend(sockets)
        raise KeyboardInterrupt

    def announce(line: str) -> None:
        port = int(line.rsplit(":", 1)[1].split("/", maxsplit=1)[0])
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        said.append(line.split("http", maxsplit=1)[0].strip())

    said: list[str] = []
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("uvicorn.Server.run", run)
    server.run(Catalog(products=()), port=0, announce=announce, docs=docs)
    assert said == ["Pricing page", "Price list", "API docs"][: 3 if docs else 2]
    assert [listener.fileno() for listener in served] == [-1]
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_address_for_everyone_is_shown_as_one_that_can_be_opened() -> None:
    assert server.origin_of("0.0.0.0", 80) == "http://127.0.0.1:80"  # noqa: S104 - shown, not bound
    assert server.origin_of("::", 80) == "http://[::1]:80"
    assert server.origin_of("localhost", 80) == "http://localhost:80"


def test_a_missing_extra_names_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'tallystick\[server\]'"):
        importlib.reload(tallystick.http)

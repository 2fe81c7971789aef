from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from tallystick.errors import (
    BadRequest,
    ForbiddenError,
    InvalidInput,
    MissingExtra,
    PayloadTooLarge,
    UnknownPlan,
)
from tallystick.http.api import answer_errors
from tallystick.http.guard import BodyBound, Guard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Message, Receive, Scope, Send

BOUND = 100
RAISED: dict[str, Exception] = {
    "plan": UnknownPlan("gold"),
    "forbidden": ForbiddenError("not yours"),
    "input": InvalidInput("bad", {"a": ["b"]}),
    "request": BadRequest("cut short"),
    "extra": MissingExtra("hunter2", "server"),
    "bug": RuntimeError("hunter2"),
}


def make_app() -> Guard:
    app = FastAPI()
    answer_errors(app)

    @app.post("/echo")
    async def echo(body: dict[str, int]) -> dict[str, int]:
        return body

    @app.get("/raise/{kind}")
    async def fail(kind: str, times: int = 1) -> None:
        raise RAISED[kind]

    return Guard(BodyBound(app, BOUND))


@pytest.fixture
def guarded() -> TestClient:
    return TestClient(make_app(), raise_server_exceptions=False)


def pieces(count: int, size: int = 10) -> Iterator[bytes]:
    for _ in range(count):
        yield b" " * size


def test_a_body_over_the_bound_is_refused_by_its_declared_length(guarded: TestClient) -> None:
    answer = guarded.post("/echo", content=b" " * (BOUND + 1))
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "PAYLOAD_TOO_LARGE"
    assert answer.headers["connection"] == "close"


def test_a_body_is_refused_before_the_application_runs_or_reads() -> None:
    async def unreachable(*_: Any) -> None:
        raise AssertionError

    answer = TestClient(BodyBound(unreachable, BOUND)).post("/", content=b" " * (BOUND + 1))
    assert answer.status_code == 413


def test_a_chunked_body_is_counted_and_refused_while_it_comes(guarded: TestClient) -> None:
    answer = guarded.post("/echo", content=pieces(11))
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "PAYLOAD_TOO_LARGE"


def test_an_endless_body_is_read_no_further_than_the_bound() -> None:
    read = 0

    async def endless() -> Message:
        nonlocal read
        read += 10
        return {"type": "http.request", "body": b" " * 10, "more_body": True}

    async def greedy(_scope: Scope, receive: Receive, _send: Send) -> None:
        while True:
            await receive()

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    asyncio.run(BodyBound(greedy, BOUND)(scope, endless, send))
    assert sent[0]["status"] == 413
    assert read == BOUND + 10


def test_a_body_of_exactly_the_bound_passes(guarded: TestClient) -> None:
    body = b'{"a":1}'.ljust(BOUND)
    json = {"Content-Type": "application/json"}
    assert guarded.post("/echo", content=body, headers=json).json() == {"a": 1}
    chunks = iter([body[:50], body[50:]])
    assert guarded.post("/echo", content=chunks, headers=json).json() == {"a": 1}


@pytest.mark.parametrize("length", ["9" * 400, "00000000000000000000101", "101"])
def test_a_declared_length_is_believed_however_it_is_written(length: str) -> None:
    async def unreachable(*_: Any) -> None:
        raise AssertionError

    answer = TestClient(BodyBound(unreachable, BOUND)).post(
        "/", headers={"Content-Length": length}, content=b""
    )
    assert answer.status_code == 413


def test_an_application_that_raises_the_error_itself_is_not_hidden() -> None:
    async def strict(*_: Any) -> None:
        raise PayloadTooLarge("my own bound")

    with pytest.raises(PayloadTooLarge, match="my own bound"):
        TestClient(BodyBound(strict, BOUND)).post("/", content=b"x")


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("plan", 403, "UNKNOWN_PLAN"),
        ("forbidden", 403, "FORBIDDEN"),
        ("input", 422, "VALIDATION_ERROR"),
        ("request", 400, "BAD_REQUEST"),
    ],
)
def test_our_errors_answer_by_their_code(
    guarded: TestClient, kind: str, status: int, code: str
) -> None:
    answer = guarded.get(f"/raise/{kind}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("kind", ["bug", "extra"])
def test_what_nobody_expected_is_logged_with_its_request_and_answered_neutrally(
    guarded: TestClient, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="tallystick.http"):
        answer = guarded.get(f"/raise/{kind}", headers={"X-Request-ID": "req-7"})
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert answer.json()["error"]["code"] == "INTERNAL_ERROR"
    assert answer.json()["error"]["details"] == {"requestId": "req-7"}
    assert answer.headers["x-request-id"] == "req-7"
    (record,) = [entry for entry in caplog.records if entry.name == "tallystick.http"]
    assert "req-7" in record.getMessage()
    assert record.exc_info
    assert "hunter2" in str(record.exc_info[1])


def test_an_error_outside_the_framework_is_answered_too(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("hunter2")

    answer = TestClient(Guard(broken)).get("/")
    assert answer.status_code == 500
    assert answer.json()["error"]["details"]["requestId"] == answer.headers["x-request-id"]
    assert answer.headers["x-request-id"] in caplog.text


def test_the_frameworks_refusals_have_the_envelope(guarded: TestClient) -> None:
    answer = guarded.get("/raise/bug", params={"times": "many"})
    assert answer.status_code == 422
    assert list(answer.json()["error"]["details"]["fields"]) == ["query.times"]
    assert guarded.post("/echo", content=b"{").json()["error"]["code"] == "VALIDATION_ERROR"


@pytest.mark.parametrize("given", ["a" * 65, "a b", "a\tb", "ä", "<x>", ""])
def test_a_strange_request_id_is_replaced(given: str) -> None:
    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("ok")(scope, receive, send)

    headers = [(b"X-Request-ID", given.encode("latin-1"))]
    sent = TestClient(Guard(plain)).get("/", headers=headers)
    assert sent.headers["x-request-id"] != given
    assert len(sent.headers["x-request-id"]) == 32


def test_an_application_may_set_its_own_headers_over_the_guards() -> None:
    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"Referrer-Policy": "no-referrer"}
        await PlainTextResponse("ok", headers=headers)(scope, receive, send)

    answer = TestClient(Guard(plain)).get("/")
    assert answer.headers.get_list("referrer-policy") == ["no-referrer"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_other_protocols_pass_through() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, *_: Any) -> None:
        seen.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        return None

    asyncio.run(Guard(BodyBound(app, BOUND))({"type": "lifespan"}, nothing, nothing))
    assert seen == ["lifespan"]

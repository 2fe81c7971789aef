"""What stands around every request: an id, a bound on its body, and one answer to any failure."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from starlette.responses import Response

from tallystick import problems
from tallystick.errors import PayloadTooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "BodyBound",
    "Guard",
    "answer_error",
    "internal_error",
    "path_within",
    "problem_response",
]

_log: Final = logging.getLogger("tallystick.http")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ON_EVERY_ANSWER: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
)


def problem_response(answer: problems.Answer, headers: Mapping[str, str] | None = None) -> Response:
    """Write an answer to an error as a response; never cached."""
    given = {name.lower(): value for name, value in (headers or {}).items()}
    usual = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **answer.headers,
    }
    return Response(
        answer.content,
        status_code=answer.status,
        media_type="application/json",
        # Whoever raised it may know better how long to wait, in whatever case it is spelt.
        headers={name.lower(): value for name, value in usual.items()} | given,
    )


async def answer_error(
    error: Exception,
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Answer a request with an error's envelope, from plain ASGI."""
    await problem_response(problems.of(error), headers)(scope, receive, send)


def path_within(scope: Scope) -> str:
    """Give the path inside this application, also where a host has mounted it deeper."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if root else path


class BodyBound:
    """Refuses a body over a bound: by its declared length before reading, else while it comes.

    A sender without a declared length (chunked) is counted; the first byte too many ends it.
    """

    __slots__ = ("_app", "_bound", "_bounds", "_headers")

    def __init__(
        self,
        app: ASGIApp,
        bound: int,
        *,
        bounds: Mapping[str, int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Stand in front of `app`; `bounds` are those of single paths, `headers` of the refusal."""
        self._app, self._bound, self._bounds = app, bound, bounds or {}
        # What is left of the body would be read as the next request.
        self._headers = {**(headers or {}), "Connection": "close"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on what is small enough; answer 413 to the rest."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bound = self._bounds.get(path_within(scope), self._bound)
        counted = _Counted(receive, send, bound)
        if _declared_length(scope) > bound:
            counted.exceeded = True
        else:
            await _until_exceeded(self._app, scope, counted)
        if counted.exceeded and not counted.answered:
            refusal = PayloadTooLarge(f"the body is larger than {bound} bytes; send less")
            await answer_error(refusal, scope, receive, send, headers=self._headers)


async def _until_exceeded(app: ASGIApp, scope: Scope, counted: _Counted) -> None:
    try:
        await app(scope, counted.receive, counted.send)
    except PayloadTooLarge:
        if not counted.exceeded:
            raise


class _Counted:
    """One request's body, counted as it is read.

    Frameworks turn what is raised while they read into an answer of their own (400, 500), so once
    the bound is exceeded nothing of theirs is sent.
    """

    __slots__ = ("_bound", "_read", "_receive", "_send", "answered", "exceeded")

    def __init__(self, receive: Receive, send: Send, bound: int) -> None:
        self._receive, self._send, self._bound = receive, send, bound
        self._read, self.answered, self.exceeded = 0, False, False

    async def receive(self) -> Message:
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self._read > self._bound:
            self.exceeded = True
            raise PayloadTooLarge("the body is larger than its bound")
        return message

    async def send(self, message: Message) -> None:
        if self.exceeded and not self.answered:
            return
        self.answered = True
        await self._send(message)


class Guard:
    """Gives each request an id, and answers what nobody caught with INTERNAL_ERROR, logged.

    The id is the caller's `X-Request-ID` where it is a plain word of at most 64 characters, else
    a new one.  It stands in the answer's header, in `scope["state"]` and in the log.
    """

    __slots__ = ("_app",)

    def __init__(self, app: ASGIApp) -> None:
        """Stand in front of `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, with an id; answer 500 where that fails."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        answered = False

        async def tagged(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                headers = _tagged(message.get("headers", ()), request_id)
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._app(scope, receive, tagged)
        except Exception:  # noqa: BLE001 - whatever was not caught is logged here and answered
            _log.exception("request %s failed: %s %s", request_id, scope["method"], scope["path"])
            if not answered:
                await internal_error(scope)(scope, receive, tagged)


def internal_error(scope: Scope) -> Response:
    """Answer INTERNAL_ERROR with the request's id, by which the log can be searched."""
    details = {"requestId": scope.get("state", {}).get("request_id")}
    body = problems.envelope("INTERNAL_ERROR", problems.NEUTRAL, details)
    return problem_response(problems.Answer(500, body))


def _tagged(headers: Any, request_id: str) -> list[tuple[bytes, bytes]]:  # noqa: ANN401 - ASGI says "iterable of pairs"
    given = [(bytes(name), bytes(value)) for name, value in headers]
    names = {name.lower() for name, _ in given}
    own = [pair for pair in _ON_EVERY_ANSWER if pair[0] not in names]
    return [*given, *own, (b"x-request-id", request_id.encode())]


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            word = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(word):
                return str(word)
    return uuid4().hex


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value.lstrip(b"0")[:20] or b"0")
    return 0

"""Bytes that are ready to send: made once, answered with an ETag, 304 where nothing changed."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.types import Receive, Scope, Send

__all__ = ["Cached", "Headers", "same_entity", "strong_etag"]

Headers: TypeAlias = list[tuple[bytes, bytes]]
"""Header lines as ASGI has them: lower-case names."""

_ENTITY_TAG: Final = re.compile(rb'(?:W/)?("[^"]*")')
_OK: Final = 200
_OF_A_BODY: Final = frozenset({b"content-type", b"content-length"})


def strong_etag(body: bytes) -> bytes:
    """Give a body's digest as an entity tag: equal tags, equal bytes."""
    return b'"' + hashlib.sha256(body).hexdigest().encode() + b'"'


def same_entity(if_none_match: bytes, etag: bytes) -> bool:
    """Whether the caller already holds the entity: `*`, or a list that names it, weak or strong.

    Source: RFC 9110, section 13.1.2 (the comparison is the weak one).
    """
    asked = if_none_match.strip()
    return asked == b"*" or etag in _ENTITY_TAG.findall(asked)


class Cached:
    """An ASGI app that answers with the same bytes each time, HEAD with none.

    It stands in front of any framework, so that a promise about speed holds.  What it sends is
    copied for each answer, as middleware around it may add headers in place.
    """

    __slots__ = ("_head", "_status", "_unchanged", "body", "etag")

    def __init__(
        self, body: bytes, media_type: str, headers: Mapping[str, str], status: int = _OK
    ) -> None:
        """Work out the entity tag and the headers of both answers."""
        self.body, self.etag, self._status = body, strong_etag(body), status
        self._head: Headers = [
            (b"content-type", media_type.encode("latin-1")),
            (b"content-length", b"%d" % len(body)),
            (b"etag", self.etag),
            (b"x-content-type-options", b"nosniff"),
            *((name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()),
        ]
        self._unchanged: Headers = [pair for pair in self._head if pair[0] not in _OF_A_BODY]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the shape of every ASGI app
        """Answer: 304 where the caller holds these bytes, else the bytes, none of them for HEAD."""
        if self._held(scope["headers"]):
            await send(_start(304, self._unchanged))
            await send({"type": "http.response.body", "body": b""})
            return
        await send(_start(self._status, self._head))
        body = b"" if scope["method"] == "HEAD" else self.body
        await send({"type": "http.response.body", "body": body})

    def _held(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        if self._status != _OK:
            return False
        for name, value in headers:
            if name == b"if-none-match" and same_entity(value, self.etag):
                return True
        return False


def _start(status: int, headers: Headers) -> dict[str, object]:
    return {"type": "http.response.start", "status": status, "headers": headers.copy()}

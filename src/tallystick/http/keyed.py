"""What the routes over a ledger share: who is let in, and the shape of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from tallystick import problems
from tallystick.errors import StorageUnavailable, Unauthorized
from tallystick.http.guard import problem_response
from tallystick.http.keys import VARIABLE

if TYPE_CHECKING:
    from starlette.requests import Request

    from tallystick.http.keys import Keys
    from tallystick.wiring import Tallystick

__all__ = ["admit", "answer", "unauthorized"]


def admit(request: Request, tally: Tallystick | None, keys: Keys) -> Tallystick | None:
    """Give the ledger to a caller with a key, and None to any other.

    Raises StorageUnavailable where there is no ledger, or no key that could be right, so that a
    sender keeps what it has.
    """
    if tally is None:
        raise StorageUnavailable(
            "this service has no ledger: start it with --database, or TALLYSTICK_DATABASE_URL"
        )
    if not keys:
        raise StorageUnavailable(
            f"this route is closed to everyone until the service is started with {VARIABLE}"
        )
    sent = request.headers.getlist("authorization")
    admitted = len(sent) == 1 and keys.admits(sent[0].encode("latin-1"))
    return tally if admitted else None


def unauthorized() -> Response:
    """Answer who has no key."""
    text = "send one of this service's API keys as `Authorization: Bearer KEY`"
    return problem_response(problems.of(Unauthorized(text)))


def answer(data: bytes) -> Response:
    """Answer with data that is written as JSON already; nobody keeps it."""
    return Response(
        b'{"ok":true,"data":' + data + b"}",
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )

"""The body of a request as one JSON object: exact numbers, no key twice, nothing too deep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from tallystick.core.text import refused_at
from tallystick.errors import BadRequest
from tallystick.files.from_json import json_tree
from tallystick.files.refusal import Refused
from tallystick.http.decode import form_of

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["object_of"]


async def object_of(request: Request) -> Mapping[str, object]:
    """Read a body; a number that is no plain decimal is a BadNumber in its place.

    Raises BadRequest for what is not JSON, InvalidInput for JSON that is no object.
    """
    if form_of(request.headers.get("content-type", "")) != "json":
        raise BadRequest("send one JSON object, as application/json")
    if request.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise BadRequest("send the body as it is: no Content-Encoding is read here")
    try:
        body = await request.body()
    except ClientDisconnect:
        raise BadRequest("the sender went away before the body had come") from None
    try:
        tree = json_tree(body.decode())
    except UnicodeDecodeError:
        raise BadRequest("the body is not UTF-8") from None
    except Refused as refused:
        raise BadRequest(f"the body {refused.problems[0].text}") from None
    if not isinstance(tree, Mapping):
        raise refused_at("body", "is one JSON object")
    return tree

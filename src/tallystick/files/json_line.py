"""One line of JSON, read exactly: numbers from their digits, and no key twice."""

from __future__ import annotations

import json
from typing import Any, Final

from tallystick.core.bad_number import BadNumber
from tallystick.files.scalars import number

__all__ = ["KeyTwice", "read_line"]


class KeyTwice(ValueError):
    """An object has a key twice."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise KeyTwice("has a key twice")
    return found


def _constant(token: str) -> BadNumber:
    return BadNumber(token, "is not a finite number")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=number, parse_float=number, parse_constant=_constant
)


def read_line(text: str) -> Any:
    """Read a line of JSON; a number that no quantity can be is a BadNumber in its place.

    Raises KeyTwice, ValueError for what is no JSON, Refused, RecursionError for what is too deep.
    """
    return _DECODER.decode(text)

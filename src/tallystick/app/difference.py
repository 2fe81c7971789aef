"""Where two documents are apart, by path: what is stored, and what comes out now."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Difference", "differences", "told"]

_LONGEST: Final = 200
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it was issued: where, what is stored, what comes out now."""

    path: str
    stored: str | None
    found: str | None

    def __str__(self) -> str:
        """Give it in a sentence."""
        stored, found = ("nothing" if each is None else each for each in (self.stored, self.found))
        return f"{self.path}: stored is {stored}, made again it is {found}"


def differences(path: str, stored: object, found: object) -> Iterator[Difference]:
    """Give where two plain JSON values are apart, each by its path."""
    if isinstance(stored, dict) and isinstance(found, dict):
        for name in sorted(stored.keys() | found.keys()):
            inner = f"{path}.{name}"
            yield from differences(inner, stored.get(name, _ABSENT), found.get(name, _ABSENT))
    elif isinstance(stored, list) and isinstance(found, list):
        pairs = zip_longest(stored, found, fillvalue=_ABSENT)
        for place, (one, other) in enumerate(pairs):
            yield from differences(f"{path}[{place}]", one, other)
    elif stored != found or type(stored) is not type(found):
        yield Difference(path, told(stored), told(found))


def told(value: object) -> str | None:
    """Give a plain value as a text of at most 200 characters; None where there is none."""
    if value is _ABSENT or value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

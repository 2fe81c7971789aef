"""Plain JSON values as their one byte string: sorted keys, exact numbers, no blanks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.core.number import plain
from tallystick.errors import InvalidInput, InvalidNumber

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["canonical_json", "figure_text"]

_DEEPEST: Final = 100
_WIDEST_BITS: Final = 1_000
_LONGEST_EXPONENT: Final = 100


def canonical_json(value: object) -> bytes:
    """Write plain JSON values as compact UTF-8 with sorted keys and exact numbers.

    A number has one spelling, whatever its type: 1, Decimal("1.0") and Decimal("1E0") are `1`.
    Raises InvalidInput for what is not JSON, nested deeper than 100 levels, or not Unicode.
    """
    try:
        return _json_text(value, _DEEPEST).encode()
    except UnicodeEncodeError:
        raise InvalidInput("a text holds half a character: it is not Unicode") from None


def figure_text(number: object) -> str:
    """Write a figure of a catalogue as plain text, exactly.

    Raises InvalidNumber for what is no finite Decimal, or has more than 100 digits.
    """
    if not isinstance(number, Decimal):
        raise InvalidNumber(f"a figure of a catalogue is a Decimal, not {type(number).__name__}")
    if not number.is_finite():
        raise InvalidNumber(f"a figure of a catalogue is finite, not {number}")
    if number and max(abs(number.adjusted()), len(number.as_tuple().digits)) > _LONGEST_EXPONENT:
        raise InvalidNumber("a figure of the catalogue has too many digits")
    return plain(number)


def _json_text(value: object, depth: int) -> str:
    if depth == 0:
        raise InvalidInput(f"JSON nested deeper than {_DEEPEST} levels has no canonical form")
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Decimal):
        return figure_text(value)
    if isinstance(value, int) and value.bit_length() <= _WIDEST_BITS:
        return str(int(value))
    if isinstance(value, Mapping):
        return _object_text(value.items(), depth)
    if isinstance(value, (list, tuple)):
        return f"[{','.join(_json_text(entry, depth - 1) for entry in value)}]"
    raise InvalidInput(f"{type(value).__name__} has no exact JSON: write a Decimal or a text")


def _object_text(items: Iterable[tuple[object, object]], depth: int) -> str:
    pairs: dict[str, str] = {}
    for key, entry in items:
        if not isinstance(key, str):
            raise InvalidInput(f"a key of a JSON object is a text, not {type(key).__name__}")
        pairs[json.dumps(key, ensure_ascii=False)] = _json_text(entry, depth - 1)
    return "{" + ",".join(f"{key}:{pairs[key]}" for key in sorted(pairs)) + "}"

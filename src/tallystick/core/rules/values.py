"""Values that rules compare: read strictly by kind, and shown shortly in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from tallystick.core.number import RATE_DECIMALS, plain
from tallystick.core.period import instant, instant_text, parse_instant
from tallystick.errors import InvalidPeriod

if TYPE_CHECKING:
    from tallystick.core.rules.schema import Kind

__all__ = [
    "KIND_NOUNS",
    "KIND_WORDS",
    "Value",
    "named",
    "quoted",
    "read",
    "shown",
    "word_for",
    "written",
]

Value: TypeAlias = str | Decimal | bool | datetime | tuple[str | Decimal, ...]
"""What a fact or the side of a comparison is, once it has been read."""

_BITS: Final = 63
_WHOLE_DIGITS: Final = 18
_SHOWN_CHARACTERS: Final = 60
_SHOWN_VALUES: Final = 10

KIND_NOUNS: Final[Mapping[Kind, str]] = {
    "text": "a text",
    "number": "a number",
    "boolean": "a boolean",
    "instant": "an instant",
    "text_list": "a list of texts",
}
"""What each kind is called in a sentence."""

KIND_WORDS: Final[Mapping[Kind, str]] = {
    "text": "a text",
    "number": "a number of at most 18 digits before the point and 18 after it",
    "boolean": "true or false",
    "instant": "an instant with its offset from UTC, such as 2027-01-01T00:00:00Z",
    "text_list": "a list of texts",
}
"""What a value of each kind must be."""


def read(kind: Kind, value: object) -> Value | None:
    """Read a plain value as this kind; None where it is not one."""
    if kind == "text":
        return str.__str__(value) if isinstance(value, str) else None
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if kind == "number":
        return _number(value)
    if kind == "instant":
        return _instant(value)
    return _texts(value)


def _number(value: object) -> Decimal | None:
    """Read an int or a finite Decimal within bounds; a boolean is no number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value) if value.bit_length() <= _BITS else None
    if not isinstance(value, Decimal) or not value.is_finite():
        return None
    exponent = value.as_tuple().exponent
    small = isinstance(exponent, int) and exponent >= -RATE_DECIMALS
    return value if small and value.adjusted() < _WHOLE_DIGITS else None


def _instant(value: object) -> datetime | None:
    """Read an aware datetime or an RFC 3339 text, in UTC; a naive time is no instant."""
    try:
        if isinstance(value, str):
            return parse_instant(value)
        return instant(value) if isinstance(value, datetime) else None
    except InvalidPeriod:
        return None


def _texts(value: object) -> tuple[str, ...] | None:
    """Read a list of texts."""
    if not isinstance(value, list | tuple):
        return None
    texts = tuple(str.__str__(item) for item in value if isinstance(item, str))
    return texts if len(texts) == len(value) else None


def written(value: Value) -> object:
    """Write a value as plain JSON has it: instants as RFC 3339, whole numbers as int."""
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value
    if isinstance(value, tuple):
        return [written(item) for item in value]
    return value


def shown(value: Value) -> str:
    """Show a value in a sentence: short, printable, long lists cut."""
    if isinstance(value, tuple):
        return _several(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return str(written(value))
    return _clipped(value) if value and value.isprintable() else quoted(value)


def _several(values: tuple[str | Decimal, ...]) -> str:
    """Show the first few of a list and count the rest."""
    if not values:
        return "nothing"
    some = ", ".join(shown(value) for value in values[:_SHOWN_VALUES])
    rest = len(values) - _SHOWN_VALUES
    return f"{some} and {rest} more" if rest > 0 else some


def quoted(value: object) -> str:
    """Quote a name that was found in a document, clipped; a word for what is no text."""
    return repr(_clipped(value)) if isinstance(value, str) else word_for(value)


def named(key: object) -> str:
    """Give a key of a document as a path has it: printable and clipped."""
    return quoted(key)[1:-1] if isinstance(key, str) else word_for(key)


def _clipped(text: str) -> str:
    """Cut a long text."""
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def word_for(value: object) -> str:
    """Say what sort of value stands there, without showing it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return "a time" if value.utcoffset() is not None else "a time without an offset"
    words = ((str, "a text"), (int | Decimal, "a number"), (Mapping, "an object"))
    lists = (list | tuple, "a list")
    named = next((word for sort, word in (*words, lists) if isinstance(value, sort)), None)
    return named or f"a {type(value).__name__}"

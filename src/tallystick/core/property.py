"""The properties of a usage event: texts, exact numbers, bools and nulls under names."""

from __future__ import annotations

import json
import unicodedata
from decimal import Decimal
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Final, TypeAlias

from tallystick.core.bad_number import BadNumber
from tallystick.core.frozen import FrozenDict
from tallystick.core.number import QUANTITY_DECIMALS, WHOLE_DIGITS, plain, quantity_of
from tallystick.core.shown import printable, shown
from tallystick.errors import InvalidNumber, InvalidUsage

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "LONGEST_NAME",
    "LONGEST_TEXT",
    "Value",
    "name_fault",
    "printable",
    "properties_of",
    "properties_text",
    "shown",
    "text_of",
    "value_of",
    "within_bounds",
]

Value: TypeAlias = str | Decimal | bool | None
"""The value of a property.  A whole number is a Decimal too."""

LONGEST_NAME: Final = 100
"""The most characters the name of a property may have."""
LONGEST_TEXT: Final = 1_000
"""The most characters the text of a property may have."""
# Made once: a decoder costs more to make than an event's properties to read.
_READER: Final = json.JSONDecoder(parse_int=Decimal, parse_float=Decimal)
_BOUND: Final = Decimal(10) ** WHOLE_DIGITS


def text_of(value: Value) -> str | None:
    """Give the text by which a value is filtered, grouped and told apart; None for null.

    A number in its plain form (1.0 is `1`), a bool as `true` or `false`.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain(Decimal(value))


def properties_text(properties: Mapping[str, Value]) -> str:
    """Write properties as canonical JSON, numbers exact: the text to store and to digest."""
    pairs = []
    for name, value in properties.items():
        if type(value) is str:
            text = encode_basestring(value)
        else:
            text = _number(value) if type(value) is Decimal else _json(value)
        pairs.append(f"{encode_basestring(name)}:{text}")
    pairs.sort()  # no name with its quotes is the beginning of another: they sort as names do
    return "{" + ",".join(pairs) + "}"


def properties_of(text: str) -> Mapping[str, Value]:
    """Read what `properties_text` wrote."""
    return FrozenDict(_READER.decode(text))


def _number(number: Decimal) -> str:
    """Write a number in its plain form, which is how most are written anyway."""
    text = str(number)
    if text.isdigit() or ("." in text and text[-1] != "0" and "E" not in text):
        return text
    return plain(number)


def _json(value: Value) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    return text_of(value) or "null"


def within_bounds(number: Decimal) -> bool:
    """Whether a decimal is finite, with at most 18 digits before the point and 12 after it."""
    text = str(number)
    if len(text) <= QUANTITY_DECIMALS and text.isdigit():
        return True  # as nearly all are
    exponent = number.as_tuple().exponent
    fits = isinstance(exponent, int) and -QUANTITY_DECIMALS <= exponent <= 0
    return fits and -_BOUND < number < _BOUND


def name_fault(name: object) -> str | None:
    """Say what is wrong with the name of a property, or None."""
    if not isinstance(name, str):
        return f"the name of a property is a text, not {shown(name)}"
    if not name:
        return "the name of a property must not be empty"
    if len(name) > LONGEST_NAME:
        return f"the name of a property has at most {LONGEST_NAME} characters"
    return None if _clean(name) else "the name of a property has control characters"


def value_of(value: object) -> Value:
    """Read the value of a property.  Raises InvalidNumber, with the words for a text too."""
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise InvalidNumber(f"is longer than {LONGEST_TEXT:,} characters")
        if not _clean(value):
            raise InvalidNumber("has control characters, or half a character")
        return str.__str__(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, BadNumber):
        raise InvalidNumber(str(value))
    if not isinstance(value, (int, Decimal)):
        raise InvalidNumber(
            f"must be a text, an int or Decimal, a bool or null, not {shown(value)}"
        )
    try:
        return quantity_of(value, negative=True)
    except InvalidUsage as refused:
        raise InvalidNumber(refused.fields["quantity"][0]) from None


def _clean(text: str) -> bool:
    """Whether a text can be kept by every database: no half characters, no control characters."""
    return text.isprintable() or not any(
        unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\r\t" for c in text
    )

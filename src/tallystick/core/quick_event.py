"""The usual shape of an event, read in a few steps; whatever is unusual is left to the reader.

Millions of events look alike: texts of plain characters, a time in UTC, small numbers.  What this
gives is what the whole reader would give, or None, and then the reader decides and has the words.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple, TypeGuard

from tallystick.core.frozen import FrozenDict
from tallystick.core.period import FIRST_YEAR, LAST_YEAR
from tallystick.core.property import LONGEST_NAME, LONGEST_TEXT, Value, within_bounds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.period import Instant

__all__ = ["LONGEST_ID", "MOST_PROPERTIES", "Sent", "usual"]

LONGEST_ID: Final = 200
"""The most characters an id, a source, a customer or a type may have."""
MOST_PROPERTIES: Final = 50
"""The most properties an event may have."""

_LONGEST_TIME: Final = len("2027-01-31T09:30:00.000000Z")
_LARGEST: Final = 10**18
_MARKS: Final = ((4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"))


class Sent(NamedTuple):
    """The fields of an event of use as they were sent; no time where none was.

    `received_at` is when somebody took it in who passes it on.
    """

    id: str
    source: str | None
    customer: str
    type: str
    occurred_at: Instant | None
    properties: Mapping[str, Value]
    received_at: Instant | None = None


def usual(tree: object) -> Sent | None:
    """Read an event of use in the native form, or give None where anything at all is unusual."""
    if type(tree) is not dict:
        return None
    key, customer, kind = tree.get("id"), tree.get("customer"), tree.get("type")
    if not (_plain(key) and _plain(customer) and _plain(kind)):
        return None
    left = len(tree) - 3 - ("source" in tree)
    source = tree.get("source")
    if "source" in tree and not _plain(source):
        return None
    at = taken = None
    if "occurred_at" in tree:
        left -= 1
        at = _time(tree["occurred_at"])
        if at is None:
            return None
    if "received_at" in tree:
        left -= 1
        taken = _time(tree["received_at"])
        if taken is None:
            return None
    properties: Mapping[str, Value] | None = _NONE
    if "properties" in tree:
        left -= 1
        properties = _properties(tree["properties"])
    if left or properties is None:
        return None
    return Sent(key, source, customer, kind, at, properties, taken)


_NONE: Final[Mapping[str, Value]] = FrozenDict()


def _plain(text: object) -> TypeGuard[str]:
    return (
        type(text) is str
        and 0 < len(text) <= LONGEST_ID
        and text.isprintable()
        and text[0] != " "
        and text[-1] != " "
    )


def _time(text: object) -> Instant | None:
    """Read `2027-01-31T09:30:00Z`, with or without up to six decimals of a second."""
    if type(text) is not str or not len("....-..-..T..:..:..Z") <= len(text) <= _LONGEST_TIME:
        return None
    if text[-1] != "Z" or any(text[place] != mark for place, mark in _MARKS):
        return None
    fraction = text[19:-1]
    if fraction and not (fraction[0] == "." and fraction[1:].isdecimal() and fraction.isascii()):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if FIRST_YEAR <= at.year <= LAST_YEAR else None


def _properties(tree: object) -> Mapping[str, Value] | None:
    if type(tree) is not dict or len(tree) > MOST_PROPERTIES:
        return None
    read: dict[str, Value] = {}
    for name, value in tree.items():
        if type(name) is not str or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            return None
        kind = type(value)
        if kind is str:
            if len(value) > LONGEST_TEXT or not value.isprintable():
                return None
            read[name] = value
        elif kind is int and -_LARGEST < value < _LARGEST:
            read[name] = Decimal(value)
        elif (kind is Decimal and within_bounds(value)) or kind is bool or value is None:
            read[name] = value
        else:
            return None
    return FrozenDict(read)

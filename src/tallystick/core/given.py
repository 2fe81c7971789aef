"""What a caller gives, read strictly: amounts of money, times, and lists of texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from tallystick.core.money import Money
from tallystick.core.period import instant, parse_instant, to_the_second
from tallystick.core.property import shown
from tallystick.core.text import id_at, refused_at
from tallystick.errors import CurrencyMismatch, InvalidInput, InvalidPeriod, OutOfBounds

if TYPE_CHECKING:
    from tallystick.core.currency import Currency
    from tallystick.core.period import Instant

__all__ = ["LARGEST_AMOUNT", "amount_at", "ids_at", "instant_at", "paid_amount_at", "whole_at"]

LARGEST_AMOUNT: Final = 10**15
"""An amount that a person writes down is below this many minor units, so that sums have room."""

_MOST_IDS: Final = 1_000


def amount_at(value: object, path: str, currency: Currency | None) -> Money:
    """Read an amount: a Money, or a text in major units (`"12.50"`) of the currency.

    Raises CurrencyMismatch for money in another currency; InvalidInput for a number, which does
    not say whether it is in major or minor units, and for a text where no currency is known.
    """
    if isinstance(value, Money):
        if currency is not None and value.currency != currency:
            text = f"is in {value.currency}, and {currency} is asked for"
            raise CurrencyMismatch(f"{path} {text}", {path: [text]})
        found = value
    elif not isinstance(value, str):
        text = f"is a Money or a text in major units such as '12.50', not {shown(value)}"
        raise refused_at(path, text)
    elif currency is None:
        raise refused_at(path, "is a text of no currency that is known: give a Money")
    else:
        found = _parsed(value, path, currency)
    if abs(found.minor) >= LARGEST_AMOUNT:
        raise OutOfBounds(f"{path} is too large", {path: ["is 10^15 minor units or more"]})
    return found


def _parsed(value: str, path: str, currency: Currency) -> Money:
    try:
        return Money.parse(value, currency)
    except OutOfBounds:
        raise OutOfBounds(f"{path} is too large", {path: ["is out of bounds"]}) from None
    except InvalidInput as refused:
        raise refused_at(path, str(refused)) from None


def paid_amount_at(value: object, path: str, currency: Currency) -> Money:
    """Read an amount as `amount_at` does, more than nothing."""
    found = amount_at(value, path, currency)
    if found.minor <= 0:
        raise refused_at(path, "must be more than nothing")
    return found


def instant_at(value: object, path: str) -> Instant:
    """Read a time with its zone, a datetime or RFC 3339 text, cut to the second.

    Raises InvalidInput.
    """
    try:
        if isinstance(value, str):
            return to_the_second(parse_instant(value))
        if not isinstance(value, datetime):
            raise refused_at(path, f"is a time with its zone, not {shown(value)}")
        return to_the_second(instant(value))
    except InvalidPeriod as refused:
        raise InvalidPeriod(f"{path}: {refused}", {path: [str(refused)]}) from None


def ids_at(value: object, path: str) -> tuple[str, ...]:
    """Read a list of ids.  A text alone is refused: it would be a list of its letters."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise refused_at(path, f"is a list of texts, not {shown(value)}")
    found: list[str] = []
    for each in value:
        if len(found) >= _MOST_IDS:
            raise refused_at(path, f"has more than {_MOST_IDS:,} entries")
        found.append(id_at(each, f"{path}[{len(found)}]"))
    return tuple(found)


def whole_at(value: object, path: str) -> int:
    """Read a whole number, 0 or more.  Raises InvalidInput."""
    if type(value) is not int or not 0 <= value < LARGEST_AMOUNT:
        raise refused_at(path, f"is a whole number, not {shown(value)}")
    return value

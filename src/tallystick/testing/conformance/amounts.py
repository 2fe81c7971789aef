"""Reading amounts, quantities and times out of a case, and writing them back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.currency import currency
from tallystick.core.money import Money, settle, to_minor
from tallystick.core.number import plain
from tallystick.errors import InvalidNumber, InvalidPeriod

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.currency import Currency

__all__ = ["currency_of", "exact_money", "instant", "minor", "money", "number", "whole"]

# As other engines write them: with as many digits as their decimals have, or with an exponent.
_NUMBER: Final = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,60})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_SHOWN: Final = 40


def currency_of(case: Mapping[str, Any]) -> Currency:
    """Read the currency of a case; a case that names none counts in dollars."""
    return currency(case.get("currency") or "USD")


def number(value: object) -> Decimal:
    """Read a quantity or a rate, written as a text or as a JSON number.

    Raises InvalidNumber.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise InvalidNumber(f"a number is a text or a JSON number, not {type(value).__name__}")
    text = str(value)
    if _NUMBER.fullmatch(text) is None:
        raise InvalidNumber(f"{text[:_SHOWN]!r} is not a plain decimal number such as 12 or 0.25")
    return Decimal(text)


def whole(value: object) -> int:
    """Read a whole number; a fraction is refused."""
    read = number(value)
    if read != read.to_integral_value():
        raise InvalidNumber(f"{read} is not a whole number")
    return int(read)


def minor(value: object, unit: Currency) -> Decimal:
    """Read an amount in major units as an exact figure in minor units."""
    return to_minor(number(value), unit)


def money(value: object, unit: Currency) -> Money:
    """Read an amount in major units as a line of a bill, rounded as lines are."""
    return settle(minor(value, unit), unit)


def exact_money(value: object, unit: Currency) -> Money:
    """Read an amount in major units that is money as it stands.

    Raises InvalidNumber where it has more decimals than the currency.
    """
    return Money.parse(plain(number(value)), unit)


def instant(value: object) -> datetime:
    """Read a time; a date is its midnight, and a time without a zone is one of UTC."""
    try:
        read = datetime.fromisoformat(str(value))
    except ValueError:
        raise InvalidPeriod(f"{value!r} is not a time") from None
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)

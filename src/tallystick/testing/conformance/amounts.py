"""Reading amounts, quantities and times out of a case, and writing them back."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tallystick.core.currency import currency
from tallystick.core.money import settle, to_minor
from tallystick.core.number import RATE_DECIMALS, parse_number
from tallystick.errors import InvalidPeriod

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.currency import Currency
    from tallystick.core.money import Money

__all__ = ["currency_of", "instant", "minor", "money", "number", "whole"]


def currency_of(case: Mapping[str, Any]) -> Currency:
    """Read the currency of a case; a case that names none counts in dollars."""
    return currency(case.get("currency") or "USD")


def number(value: object) -> Decimal:
    """Read a quantity or a rate, written as a text or as a JSON number."""
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        value = format(value, "f") if isinstance(value, Decimal) else str(value)
    return parse_number(value, decimals=RATE_DECIMALS)  # type: ignore[arg-type]  # it refuses what is no text


def whole(value: object) -> int:
    """Read a whole number; a fraction is refused."""
    return int(parse_number(str(number(value)), decimals=0))


def minor(value: object, unit: Currency) -> Decimal:
    """Read an amount in major units as an exact figure in minor units."""
    return to_minor(number(value), unit)


def money(value: object, unit: Currency) -> Money:
    """Read an amount in major units as a line of a bill, rounded as lines are."""
    return settle(minor(value, unit), unit)


def instant(value: object) -> datetime:
    """Read a time; a date is its midnight, and a time without a zone is one of UTC."""
    try:
        read = datetime.fromisoformat(str(value))
    except ValueError:
        raise InvalidPeriod(f"{value!r} is not a time") from None
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)

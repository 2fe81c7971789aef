"""Amounts by currency, and times: how they are read, and what JSON Schema says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.currency import currency
from tallystick.core.dialects.report import BAD
from tallystick.core.dialects.scalars import Number, printable, shown
from tallystick.core.money import Money, to_minor
from tallystick.core.number import ZERO, plain
from tallystick.core.period import instant, parse_instant
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from tallystick.core.currency import Currency
    from tallystick.core.dialects.report import Record, Report
    from tallystick.core.dialects.scalars import Kind

__all__ = ["Amounts", "ByCurrency", "Time", "amount_of", "rate_of"]

_LONGEST_KEY: Final = 80
_LEDGER_BOUND: Final = Decimal(2**63)


def amount_of(record: Record, name: str, unit: Currency) -> Decimal:
    """Give a field as minor units of the currency: an amount, so with no part of one.

    Absent is zero.
    """
    major = record.get(name, ZERO)
    minor = to_minor(major, unit)
    if minor != minor.to_integral_value():
        decimals = f"{unit.decimals} decimals" if unit.decimals else "no decimals"
        record.problem(name, f"{plain(major)} has more decimals than {unit} allows: {decimals}")
    return _bounded(record, name, minor)


def rate_of(record: Record, name: str, unit: Currency) -> Decimal:
    """Give a field as minor units of the currency, of which there may be a part; absent is zero."""
    return _bounded(record, name, to_minor(record.get(name, ZERO), unit))


def _bounded(record: Record, name: str, minor: Decimal) -> Decimal:
    if minor >= _LEDGER_BOUND:
        record.problem(name, f"{plain(record[name])} is more than a ledger can hold")
        return ZERO
    return minor


@dataclass(frozen=True, slots=True)
class Amounts:
    """An amount above zero, in major units, in each of some currencies: `{USD: 10, EUR: 9}`."""

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give the amounts as Money, or BAD where one of them is none."""
        if not isinstance(value, Mapping):
            cure = "write the currency too: {USD: 10}"
            report.problem(path, f"must be an object of amounts, not {shown(value)}", cure)
            return BAD
        if not value:
            report.problem(path, "must not be empty")
            return BAD
        read = [self._amount(code, amount, path, report) for code, amount in value.items()]
        amounts = tuple(amount for amount in read if amount is not None)
        return amounts if len(amounts) == len(read) else BAD

    def _amount(self, code: object, amount: object, path: str, report: Report) -> Money | None:
        place, unit = _currency_at(code, path, report)
        if unit is None:
            return None
        number = Number(above=True).read(amount, place, report)
        if number is BAD:
            return None
        try:
            return Money.parse(plain(number), unit)
        except InvalidInput as refused:
            report.problem(place, str(refused))
            return None

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        return {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": "^[A-Z]{3}$"},
            "additionalProperties": Number(above=True).schema(),
        }


@dataclass(frozen=True, slots=True)
class ByCurrency:
    """A value of one kind for each of some currencies: `{EUR: {cost: 8.99}, JPY: {cost: 1200}}`."""

    of: Kind

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give the values by currency, in the order of their codes; BAD where one is none."""
        if not isinstance(value, Mapping):
            report.problem(path, f"must be an object by currency, not {shown(value)}")
            return BAD
        read: dict[Currency, Any] = {}
        whole = True
        for code, entry in value.items():
            place, unit = _currency_at(code, path, report)
            found = BAD if unit is None else self.of.read(entry, place, report)
            if unit is None or found is BAD:
                whole = False
            else:
                read[unit] = found
        return dict(sorted(read.items())) if whole else BAD

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        return {
            "type": "object",
            "propertyNames": {"pattern": "^[A-Z]{3}$"},
            "additionalProperties": self.of.schema(),
        }


def _currency_at(code: object, path: str, report: Report) -> tuple[str, Currency | None]:
    """Read the currency that is a key of an object; give its place, and None where it is none."""
    place = f"{path}.{printable(code, _LONGEST_KEY)}" if isinstance(code, str) else path
    try:
        return place, currency(code)  # type: ignore[arg-type]  # what is no text is refused there
    except InvalidInput as refused:
        report.problem(place, str(refused))
        return place, None


@dataclass(frozen=True, slots=True)
class Time:
    """A point in time as RFC 3339 text; in code also a datetime with a zone."""

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give the instant in UTC."""
        try:
            if isinstance(value, datetime):
                return instant(value)
            if isinstance(value, str):
                return parse_instant(value)
        except InvalidInput as refused:
            report.problem(path, str(refused), "such as 2027-11-30T00:00:00Z")
            return BAD
        cure = "such as '2027-11-30T00:00:00Z'"
        report.problem(path, f"must be a time as text, not {shown(value)}", cure)
        return BAD

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        return {"type": "string", "format": "date-time"}

"""Amounts by currency, and times: how they are read, and what JSON Schema says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.currency import currency
from tallystick.core.dialects.report import BAD
from tallystick.core.dialects.scalars import Number, printable, shown
from tallystick.core.money import Money
from tallystick.core.number import plain
from tallystick.core.period import instant, parse_instant
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from tallystick.core.dialects.report import Report

__all__ = ["Amounts", "Time"]

_LONGEST_KEY: Final = 80


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
        place = f"{path}.{printable(code, _LONGEST_KEY)}" if isinstance(code, str) else path
        try:
            unit = currency(code)  # type: ignore[arg-type]  # what is no text is refused there
        except InvalidInput as refused:
            report.problem(place, str(refused))
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

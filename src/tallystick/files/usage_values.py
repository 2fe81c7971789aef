"""The values of a usage row, and the faults of a usage file by line."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from tallystick.core.bad_number import BadNumber
from tallystick.core.number import QUANTITY_DECIMALS, RATE_DECIMALS
from tallystick.core.usage_row import UsageRow
from tallystick.errors import InvalidUsage
from tallystick.files.refusal import MOST_PROBLEMS
from tallystick.files.scalars import number, shorten

__all__ = ["Faults", "RowReader"]

_LONGEST_KEY: Final = 200


class Faults:
    """What is wrong with a usage file, by place; a hundred end the reading."""

    def __init__(self, name: str) -> None:
        """Begin without faults; `name` is the file's for the message."""
        self.name = name
        self.fields: dict[str, list[str]] = {}
        self.count = 0

    def add(self, place: str, text: str) -> None:
        """Note a fault.  Raises InvalidUsage at the hundredth: a person cures those first."""
        self.fields.setdefault(place, []).append(text)
        self.count += 1
        if self.count >= MOST_PROBLEMS:
            self.raise_any(" (the rest was not read)")

    def raise_any(self, after: str = "") -> None:
        """Raise InvalidUsage if there are any."""
        if not self.fields:
            return
        told = [f"{place}: {text}" for place, texts in self.fields.items() for text in texts]
        head = f"{self.name}: {self.count} problem{'' if self.count == 1 else 's'}{after}"
        raise InvalidUsage("\n  ".join([head, *told]), self.fields)


class RowReader:
    """Makes rows of raw values and notes what cannot be one."""

    def __init__(self, faults: Faults, *, allow_negative: bool = False) -> None:
        """Note faults in `faults`; negative figures are faults unless they are allowed."""
        self.faults = faults
        self.allow_negative = allow_negative

    def row(
        self,
        place: str,
        key: object,
        quantity: object,
        amount: object = None,
        *,
        line: int | None = None,
        customer: str | None = None,
    ) -> UsageRow | None:
        """Read one row; None where something was wrong with it."""
        before = self.faults.count
        name = self.text(f"{place}key", key)
        count = self.figure(f"{place}quantity", quantity, QUANTITY_DECIMALS)
        price = None
        if amount is not None:
            price = self.figure(f"{place}amount", amount, RATE_DECIMALS)
        if name is None or count is None or self.faults.count > before:
            return None
        return UsageRow(name, count, price, line, customer)

    def text(self, place: str, value: object) -> str | None:
        """Read a key or an id: a text of 1 to 200 characters that prints."""
        if not isinstance(value, str):
            self.faults.add(place, "is missing" if value is None else "must be a text")
        elif not 0 < len(value) <= _LONGEST_KEY:
            self.faults.add(place, f"must have 1 to {_LONGEST_KEY} characters")
        elif not value.isprintable():
            self.faults.add(place, f"{shorten(value)!r} holds characters that do not print")
        else:
            return value
        return None

    def figure(self, place: str, value: object, decimals: int) -> Decimal | None:
        """Read a quantity or an amount from a number token or the text of one."""
        found = number(value) if isinstance(value, str) else value
        if found is None:
            self.faults.add(place, "is missing")
        elif isinstance(found, BadNumber):
            self.faults.add(place, str(found))
        elif isinstance(found, bool) or not isinstance(found, int | Decimal):
            self.faults.add(place, "must be a number")
        else:
            return self.bounded(place, Decimal(found), decimals)
        return None

    def bounded(self, place: str, value: Decimal, decimals: int) -> Decimal | None:
        """Refuse what has too many decimals or lies below zero."""
        exponent = value.as_tuple().exponent
        if isinstance(exponent, int) and -exponent > decimals:
            self.faults.add(place, f"has more than {decimals} decimals")
        elif value < 0 and not self.allow_negative:
            self.faults.add(place, f"{value} is negative")
        else:
            return value
        return None

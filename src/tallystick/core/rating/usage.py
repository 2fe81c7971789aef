"""What was measured: a quantity, a row of transactions, or a quantity whose events carry prices.

A measured value is checked where it is made, so the shapes reckon without looking twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from tallystick.errors import InvalidUsage

__all__ = ["Measured", "Priced", "Quantity", "Transactions", "count", "units"]

_DIGITS: Final = 30


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of units.  Negative where corrections outweigh the usage."""

    value: Decimal

    def __post_init__(self) -> None:
        """Refuse what is no finite Decimal of a sensible size."""
        _check(self.value, "a quantity")


@dataclass(frozen=True, slots=True)
class Transactions:
    """The amounts of single transactions in minor units, in the order in which they happened.

    A negative amount is a transaction given back.
    """

    amounts: tuple[Decimal, ...]

    def __post_init__(self) -> None:
        """Refuse amounts that are no finite Decimals."""
        if not isinstance(self.amounts, tuple):
            raise InvalidUsage("transactions are a tuple of Decimal amounts in minor units")
        for amount in self.amounts:
            _check(amount, "a transaction's amount")


@dataclass(frozen=True, slots=True)
class Priced:
    """A quantity whose events carried their own prices: the sum of these, in minor units."""

    quantity: Decimal
    amount: Decimal

    def __post_init__(self) -> None:
        """Refuse what is no finite Decimal of a sensible size."""
        _check(self.quantity, "a quantity")
        _check(self.amount, "the sum of the events' prices")


Measured: TypeAlias = Quantity | Transactions | Priced
"""What a price can be asked to rate."""


def count(measured: Measured) -> Decimal:
    """Give the quantity to show on a line: units, or the number of transactions."""
    if isinstance(measured, Quantity):
        return measured.value
    if isinstance(measured, Priced):
        return measured.quantity
    return Decimal(len(measured.amounts))


def units(measured: Measured) -> Decimal:
    """Give the units that a shape prices: a quantity of zero or more.

    Raises InvalidUsage for anything else.  A negative quantity is floored or mirrored before a
    shape sees it.
    """
    if not isinstance(measured, Quantity):
        raise InvalidUsage(
            f"this price counts units: give it a Quantity, not {type(measured).__name__}"
        )
    if measured.value < 0:
        raise InvalidUsage("a shape prices zero units or more; rate() floors or mirrors the rest")
    return measured.value


def _check(value: Decimal, what: str) -> None:
    if not isinstance(value, Decimal):
        raise InvalidUsage(f"{what} is a Decimal, not {type(value).__name__}")
    if not value.is_finite():
        raise InvalidUsage(f"{what} is a finite number, not {value}")
    if not -_DIGITS <= value.adjusted() < _DIGITS and value:
        raise InvalidUsage(f"{what} of about 10^{value.adjusted()} is out of bounds")

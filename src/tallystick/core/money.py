"""Money that a person can be asked to pay, and rates that money is made from.

`Money` is a whole number of minor units.  It can be added, compared and split, never multiplied:
the only way from a quantity to money is `Rate.charge`, and the only rounding on that way is
`settle`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Literal, NoReturn

from tallystick.core.currency import Currency
from tallystick.core.number import (
    EXACT,
    RATE_DECIMALS,
    exact_product,
    parse_number,
    plain,
    round_half_away,
)
from tallystick.errors import CurrencyMismatch, InvalidInput, InvalidNumber, OutOfBounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Money", "Rate", "settle", "to_minor"]

_BOUND = 2**63
_DIGITS = 60  # of a weight; an exponent of a million would be written out


@dataclass(frozen=True, slots=True)
class Money:
    """A whole number of minor units of a currency: Money(999, USD) is USD 9.99.

    Bounds: |minor| < 2^63.  Raises OutOfBounds; TypeError for anything but an int.
    """

    minor: int
    currency: Currency

    def __post_init__(self) -> None:
        """Hold the bounds of a ledger column."""
        if type(self.minor) is not int:
            raise TypeError(f"minor units are an int, not {type(self.minor).__name__}")
        if not isinstance(self.currency, Currency):
            raise TypeError("a currency is a Currency; look it up with currency('USD')")
        if not -_BOUND < self.minor < _BOUND:
            raise OutOfBounds("an amount of 2^63 minor units or more is out of bounds")

    @classmethod
    def zero(cls, currency: Currency) -> Money:
        """Give nothing, in a currency."""
        return cls(0, currency)

    @classmethod
    def parse(cls, text: str, currency: Currency) -> Money:
        """Read an amount in major units: '9.99' USD is 999 minor units.

        Raises InvalidNumber, also where the text has more decimals than the currency.
        """
        amount = parse_number(text, decimals=RATE_DECIMALS)
        minor = to_minor(amount, currency)
        if minor != minor.to_integral_value():
            raise InvalidNumber(
                f"{text} has more decimals than {currency} has ({currency.decimals})"
            )
        return cls(int(minor), currency)

    @classmethod
    def total(cls, parts: Iterable[Money], currency: Currency) -> Money:
        """Add up; nothing at all adds up to zero of the currency."""
        zero, minor = cls(0, currency), 0
        for part in parts:
            zero._same(part)
            minor += part.minor
        return cls(minor, currency)

    @property
    def major(self) -> Decimal:
        """The same amount in major units, exact: Money(999, USD) is Decimal('9.99')."""
        return Decimal(self.minor).scaleb(-self.currency.decimals, EXACT)

    def __add__(self, other: Money) -> Money:
        """Add an amount of the same currency."""
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        """Take away an amount of the same currency."""
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> Money:
        """Turn a charge into a credit."""
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        """Compare within a currency."""
        self._same(other)
        return self.minor < other.minor

    def __le__(self, other: Money) -> bool:
        """Compare within a currency."""
        self._same(other)
        return self.minor <= other.minor

    def __gt__(self, other: Money) -> bool:
        """Compare within a currency."""
        self._same(other)
        return self.minor > other.minor

    def __ge__(self, other: Money) -> bool:
        """Compare within a currency."""
        self._same(other)
        return self.minor >= other.minor

    def __bool__(self) -> NoReturn:
        """Refuse: 'if money' hides whether zero or absence was meant."""
        raise TypeError("money has no truth value; compare its minor units with 0")

    def __str__(self) -> str:
        """Give the amount with the currency's decimals: 9.99 USD."""
        return f"{self.major:f} {self.currency}"

    def split(
        self,
        weights: Sequence[int | Decimal | Fraction],
        *,
        ties: Literal["first", "last"] = "first",
    ) -> tuple[Money, ...]:
        """Share the amount out by weight, so that the parts add up to it to the minor unit.

        Largest remainder: each part gets its share rounded down, then the units left over go one
        each to the largest remainders; equal remainders are served from the `first` or the `last`.
        A negative amount is split as its positive mirror.  Nothing is split into nothings,
        whatever the weights.

        Raises InvalidInput where a weight is negative or, for an amount, none is above zero.
        """
        if ties not in {"first", "last"}:
            raise InvalidInput(f"ties go to the 'first' or the 'last', not to {ties!r}")
        shares = [_weight(weight) for weight in weights]
        unit = lcm(*(share.denominator for share in shares))
        weighed = [share.numerator * (unit // share.denominator) for share in shares]
        whole = sum(weighed)
        if self.minor == 0:
            return (self,) * len(shares)
        if whole == 0:
            raise InvalidInput("an amount is split by at least one weight above zero")
        size = abs(self.minor)
        parts = [size * weight // whole for weight in weighed]
        order = sorted(
            range(len(parts)),
            key=lambda i: (parts[i] * whole - size * weighed[i], i if ties == "first" else -i),
        )
        for i in order[: size - sum(parts)]:
            parts[i] += 1
        sign = -1 if self.minor < 0 else 1
        return tuple(Money(sign * part, self.currency) for part in parts)

    def _same(self, other: Money) -> None:
        if not isinstance(other, Money):
            raise TypeError(f"money goes with money, not with {type(other).__name__}")
        if self.currency is not other.currency and self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not add or compare")


def _weight(weight: int | Decimal | Fraction) -> Fraction:
    if type(weight) is not int and not isinstance(weight, (Decimal, Fraction)):
        raise InvalidInput(f"a weight is an int, Decimal or Fraction, not {type(weight).__name__}")
    if isinstance(weight, Decimal):
        if not weight.is_finite():
            raise InvalidInput("a weight is finite")
        if abs(weight.adjusted()) > _DIGITS:
            raise InvalidInput(f"a weight has at most {_DIGITS} digits on either side")
    if weight < 0:
        raise InvalidInput("a weight is not below zero")
    return Fraction(weight)


@dataclass(frozen=True, slots=True)
class Rate:
    """Minor units for one unit of something; may be a fraction of a minor unit.

    Rate(Decimal("0.02"), USD) is USD 0.0002 a unit.
    """

    value: Decimal
    currency: Currency

    def __post_init__(self) -> None:
        """Refuse what is no finite decimal."""
        if not isinstance(self.value, Decimal):
            raise InvalidNumber(f"a rate is a Decimal, not {type(self.value).__name__}")
        if not self.value.is_finite():
            raise InvalidNumber("a rate is a finite number of minor units")

    def charge(self, quantity: Decimal) -> Money:
        """Price a quantity.  Rounds once, half away from zero (ADR-0003)."""
        return settle(exact_product(self.value, quantity), self.currency)

    def __str__(self) -> str:
        """Give the rate in major units: 0.0002 USD."""
        return f"{plain(self.value.scaleb(-self.currency.decimals, EXACT))} {self.currency}"


def settle(exact: Decimal, currency: Currency) -> Money:
    """Round an exact figure in minor units to money: once, half away from zero (ADR-0003).

    Raises OutOfBounds from 2^63 minor units on.
    """
    return Money(round_half_away(exact), currency)


def to_minor(major: Decimal, currency: Currency) -> Decimal:
    """Shift an amount in major units to minor units, exactly; a fraction of one may remain."""
    return major.scaleb(currency.decimals, EXACT)

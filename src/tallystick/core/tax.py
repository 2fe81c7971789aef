"""Tax: what each rate takes of a taxable sum, and how it is shown on the lines.

Each rate is rounded once, on the taxable sum of the whole document, and the tax is then shared out
to the lines so that they add up to it.  Which rates apply is decided elsewhere; a tax engine of a
third party may replace this module, never the way its figures are shared out.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from tallystick.core.money import Money, settle
from tallystick.core.number import (
    RATE_DECIMALS,
    ZERO,
    bounded,
    exact_sum,
    percent_of,
    round_quotient,
)
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Tax", "TaxRate", "Taxed", "share", "tax"]


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A rate in percent (8.875 is 8.875 %), with up to 18 decimals.

    An inclusive rate is already in the price and comes out of it; any other is added to it.
    Raises InvalidInput for a rate below zero, InvalidNumber for what is no finite number.
    """

    name: str
    percent: Decimal
    inclusive: bool = False

    def __post_init__(self) -> None:
        """Hold the bounds of a rate."""
        if bounded(self.percent, decimals=RATE_DECIMALS) < 0:
            raise InvalidInput(f"the tax rate {self.name!r} is below zero; a rate is 0 or more")


@dataclass(frozen=True, slots=True)
class Tax:
    """What one rate takes."""

    rate: TaxRate
    amount: Money


@dataclass(frozen=True, slots=True)
class Taxed:
    """A taxed sum: the net amount, the tax of each rate in the order given, and both together."""

    net: Money
    taxes: tuple[Tax, ...]

    @property
    def total_tax(self) -> Money:
        """Add up the taxes of all rates."""
        return Money.total((each.amount for each in self.taxes), self.net.currency)

    @property
    def gross(self) -> Money:
        """Give what is to be paid: the net amount and all taxes."""
        return self.net + self.total_tax


def tax(taxable: Money, rates: Sequence[TaxRate]) -> Taxed:
    """Tax a sum, each rate rounded once, half away from zero.

    Inclusive rates come out of one common net: of 121.00 with 21 % inside, 21.00 is tax.  The net
    is what remains after their rounded taxes, so net and taxes add up to the taxable sum.  A rate
    that is not inclusive is taken on that net.  A negative sum gives the mirror of the positive.
    """
    inside = exact_sum(ZERO, *(rate.percent for rate in rates if rate.inclusive))
    # A percentage of the net is p / (100 + inside) of the sum that contains it.
    of_gross = Fraction(taxable.minor) / (100 + Fraction(inside))
    included = {
        index: Money(round_quotient(of_gross * Fraction(rate.percent)), taxable.currency)
        for index, rate in enumerate(rates)
        if rate.inclusive
    }
    net = taxable - Money.total(included.values(), taxable.currency)
    taxes = (
        Tax(rate, included[index] if rate.inclusive else _on(net, rate))
        for index, rate in enumerate(rates)
    )
    return Taxed(net, tuple(taxes))


def share(whole: Money, lines: Sequence[Money]) -> tuple[Money, ...]:
    """Share a tax out to the lines it was taken of, so that the parts add up to it.

    Largest remainder, ties to the first.  A line below zero (a credit beside charges) gets a part
    below zero, so each line shows the tax of its own amount to within one minor unit.

    Raises InvalidInput where the lines add up to nothing and there is a tax to share out.
    """
    base = Money.total(lines, whole.currency).minor
    if whole.minor == 0:
        return tuple(Money.zero(whole.currency) for _ in lines)
    if base == 0:
        raise InvalidInput("a tax cannot be shared out to lines that add up to nothing")
    # Of a negative tax the mirror is shared out, so that a credit note mirrors its invoice.
    sign = -1 if whole.minor < 0 else 1
    exact = [Fraction(sign * whole.minor * line.minor, base) for line in lines]
    parts = [part.numerator // part.denominator for part in exact]
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in order[: sign * whole.minor - sum(parts)]:
        parts[i] += 1
    return tuple(Money(sign * part, whole.currency) for part in parts)


def _on(net: Money, rate: TaxRate) -> Money:
    return settle(percent_of(Decimal(net.minor), rate.percent), net.currency)

"""Tax: what each rate takes of a taxable sum, and how it is shown on the lines.

Each rate is rounded once, on the taxable sum of the whole document, and the tax is then shared out
to the lines so that they add up to it.  Which rates apply is decided elsewhere (`core.tax_rules`,
or an engine of a third party); what they take, and how it is shared out, always here.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

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

__all__ = ["NOTES", "Tax", "TaxNote", "TaxRate", "Taxed", "share", "tax"]

TaxNote: TypeAlias = Literal["", "exempt", "reverse_charge", "untaxed"]
"""Why nothing is taken: who buys is exempt, owes the tax itself, or is where no tax is owed."""

NOTES: Final[tuple[TaxNote, ...]] = get_args(TaxNote)
"""Every note, the first being none."""


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A rate in percent (8.875 is 8.875 %), with up to 18 decimals.

    An inclusive rate is already in the price and comes out of it; any other is added to it.  One
    with a note is 0 %, and the note says why.
    Raises InvalidInput for a rate below zero, InvalidNumber for what is no finite number.
    """

    name: str
    percent: Decimal
    inclusive: bool = False
    note: TaxNote = ""

    def __post_init__(self) -> None:
        """Hold the bounds of a rate."""
        if bounded(self.percent, decimals=RATE_DECIMALS) < 0:
            raise InvalidInput(f"the tax rate {self.name!r} is below zero; a rate is 0 or more")
        if self.note not in NOTES:
            raise InvalidInput(f"the tax rate {self.name!r} has a note that is none: {self.note!r}")
        if self.note and self.percent:
            raise InvalidInput(f"the tax rate {self.name!r} has a note, {self.note}, and is not 0")


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


def share(whole: Money, exact: Sequence[Fraction]) -> tuple[Money, ...]:
    """Share a tax out to the lines, of which each bears `exact` minor units, so that they add up.

    Largest remainder, ties to the first: each line shows its own tax to within one minor unit, a
    line below zero (a credit beside charges) one below zero.  All turned around give all turned
    around, so that a credit note mirrors its invoice.

    Raises InvalidInput where the lines do not bear the tax: their sum is a unit away from it.
    """
    unit = lcm(*(part.denominator for part in exact))  # whole numbers of a common part are quick
    borne = [part.numerator * (unit // part.denominator) for part in exact]
    sum_ = sum(borne)
    if abs(sum_ - whole.minor * unit) >= unit:
        raise InvalidInput(
            f"lines that bear {Fraction(sum_, unit)} minor units cannot bear {whole}"
        )
    first = next((part for part in (sum_, *borne) if part), 0)
    sign = -1 if first < 0 else 1
    parts = [sign * part // unit for part in borne]
    order = sorted(range(len(parts)), key=lambda i: (parts[i] * unit - sign * borne[i], i))
    for i in order[: sign * whole.minor - sum(parts)]:
        parts[i] += 1
    return tuple(Money(sign * part, whole.currency) for part in parts)


def _on(net: Money, rate: TaxRate) -> Money:
    return settle(percent_of(Decimal(net.minor), rate.percent), net.currency)

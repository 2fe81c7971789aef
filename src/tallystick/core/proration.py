"""Proration: what a part of a period costs, by the second.

A share of time is a number of whole seconds out of the seconds of the whole period.  Each figure is
rounded once, half away from zero; a credit and a charge are rounded each and then added, so what a
person sees adds up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tallystick.core.money import Money
from tallystick.core.number import (
    RATE_DECIMALS,
    bounded,
    round_quotient,
    round_quotient_to,
)
from tallystick.core.period import to_the_second
from tallystick.errors import InvalidInput, InvalidPeriod

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from tallystick.core.period import Instant, Period

__all__ = [
    "Change",
    "TimeShare",
    "change",
    "credit_cap",
    "grant_share",
    "minimum_shortfall",
    "repair",
    "share",
    "weighted_quantity",
]

_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class TimeShare:
    """A part of a period in whole seconds: `part` out of `whole`.

    Raises InvalidPeriod where the period is empty or the part is not within it.
    """

    part: int
    whole: int

    def __post_init__(self) -> None:
        """Hold the part within the whole."""
        if type(self.part) is not int or type(self.whole) is not int:
            raise InvalidPeriod("a share of time is counted in whole seconds")
        if self.whole <= 0:
            raise InvalidPeriod("a period has at least one second")
        if not 0 <= self.part <= self.whole:
            raise InvalidPeriod("a part of a period lies within the period")

    @classmethod
    def remaining(cls, period: Period, at: Instant) -> TimeShare:
        """Give what remains of a period at an instant of it or at its end.

        A part of a second is cut off the instant.  Raises InvalidPeriod outside of the period.
        """
        return cls((period.end - to_the_second(at)) // _SECOND, period.seconds)

    @classmethod
    def of(cls, fraction: Decimal) -> TimeShare:
        """Read a share that is known as a fraction of one, such as 0.5.

        Raises InvalidPeriod outside of 0 to 1.
        """
        if not 0 <= bounded(fraction, decimals=RATE_DECIMALS) <= 1:
            raise InvalidPeriod("a share of a period lies between 0 and 1")
        return cls(*fraction.as_integer_ratio())

    @property
    def fraction(self) -> Fraction:
        """Give the share as an exact fraction of one."""
        return Fraction(self.part, self.whole)


@dataclass(frozen=True, slots=True)
class Change:
    """What a change in mid-period costs: the credit (negative), the charge, and both together."""

    credit: Money
    charge: Money

    @property
    def net(self) -> Money:
        """Add the rounded credit and the rounded charge."""
        return self.credit + self.charge


def share(amount: Money, time: TimeShare) -> Money:
    """Give the part of an amount that falls on a part of the period, rounded half away from zero.

    A negative amount gives the mirror of the positive one.
    """
    return Money(round_quotient(amount.minor * time.fraction), amount.currency)


def change(old: Money, new: Money, time: TimeShare, *, restarts: bool = False) -> Change:
    """Change from one amount for a whole period to another while `time` of it remains.

    Both amounts are after their own discounts.  Where the cycle restarts with the change (another
    interval) the new amount is charged whole.  Raises CurrencyMismatch.
    """
    return Change(-share(old, time), new if restarts else share(new, time))


def credit_cap(potential: Money, paid: Money, credited: Money) -> Money:
    """Limit a credit to what was paid and has not been credited yet; never below zero."""
    return max(min(potential, paid - credited), Money.zero(paid.currency))


def repair(billed: Money, adjusted: Money, new: Money, time: TimeShare) -> Change:
    """Replace the rest of an item that was billed, of which a part was given back before.

    The credit is the share of what was billed, never more than what is left of the item.
    """
    credit = credit_cap(share(billed, time), billed, adjusted)
    return Change(-credit, share(new, time))


def minimum_shortfall(minimum: Money, billed: Money, time: TimeShare) -> Money:
    """Give what is missing to a minimum commitment for a part of the period; never below zero.

    Minimum and bill are shared and rounded each, then subtracted.
    """
    return max(share(minimum, time) - share(billed, time), Money.zero(minimum.currency))


def grant_share(units: Decimal, time: TimeShare, *, decimals: int = 8) -> Decimal:
    """Give the part of a grant of units that falls on a part of the period, half away from zero."""
    return round_quotient_to(Fraction(bounded(units)) * time.fraction, decimals)


def weighted_quantity(
    levels: Iterable[tuple[Decimal, int]], whole: int, *, decimals: int = 12
) -> Decimal:
    """Average levels over a period by the seconds each of them held, half away from zero.

    Seconds that no level covers count as zero.  Raises InvalidInput where a level holds for less
    than nothing or the levels hold longer than the period.
    """
    held = [(Fraction(bounded(value)), seconds) for value, seconds in levels]
    if any(seconds < 0 for _, seconds in held) or sum(seconds for _, seconds in held) > whole:
        raise InvalidInput("levels hold for no less than nothing and no longer than the period")
    if whole <= 0:
        raise InvalidPeriod("a period has at least one second")
    weighted = sum((value * seconds for value, seconds in held), Fraction(0))
    return round_quotient_to(weighted / whole, decimals)

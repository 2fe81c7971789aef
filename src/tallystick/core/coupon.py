"""Coupons: what they take off lines that are already rounded.

Coupons act in the order given, each on what the ones before it have left, and never take more than
there is.  What a coupon takes is shared out to the lines it applies to.  Who may redeem a coupon,
and for how long, is no business of this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from tallystick.core.money import Money, settle
from tallystick.core.number import RATE_DECIMALS, bounded, percent_of
from tallystick.core.price import PercentOff
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallystick.core.currency import Currency

__all__ = [
    "Coupon",
    "CouponLine",
    "Discount",
    "Discounted",
    "apply_coupons",
    "fixed_off",
    "percent_off",
]


@dataclass(frozen=True, slots=True)
class Coupon:
    """A percentage or a fixed amount off; `plans` and `meters` limit it, empty is no limit.

    Raises InvalidInput for an amount or a percentage below zero.
    """

    id: str
    off: PercentOff | Money
    plans: frozenset[str] = frozenset()
    meters: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse what would make a line dearer."""
        if isinstance(self.off, PercentOff):
            _percent(self.off.percent)
        elif not isinstance(self.off, Money):
            raise InvalidInput("a coupon takes a PercentOff or Money off")
        elif self.off.minor < 0:
            raise InvalidInput(f"the coupon {self.id!r} takes less than nothing off")


@dataclass(frozen=True, slots=True)
class CouponLine:
    """A rounded line that coupons may act on, and what was taken off it before.

    A line at or below zero (a credit) gets no discount.
    """

    id: str
    amount: Money
    plan: str | None = None
    meter: str | None = None
    discounted: Money | None = None

    @property
    def left(self) -> Money:
        """Give what a first coupon finds: the amount less what was taken off before."""
        return self.amount if self.discounted is None else self.amount - self.discounted


@dataclass(frozen=True, slots=True)
class Discount:
    """What one coupon took, in all and of each line (in the order of the lines)."""

    coupon: Coupon
    amount: Money
    by_line: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Discounted:
    """Lines after coupons: what each coupon took and what is left of each line."""

    discounts: tuple[Discount, ...]
    left: tuple[Money, ...]
    currency: Currency

    @property
    def total(self) -> Money:
        """Add up what is left."""
        return Money.total(self.left, self.currency)

    @property
    def discount(self) -> Money:
        """Add up what all coupons took."""
        return Money.total((each.amount for each in self.discounts), self.currency)

    @property
    def by_line(self) -> tuple[Money, ...]:
        """Add up what all coupons took of each line."""
        taken = [each.by_line for each in self.discounts]
        return tuple(
            Money.total((parts[i] for parts in taken), self.currency) for i in range(len(self.left))
        )


def percent_off(exact: Decimal, percent: Decimal, currency: Currency) -> Money:
    """Give a percentage of an exact figure in minor units, rounded once, half away from zero.

    Never more than the figure itself, rounded; nothing of a figure at or below zero.
    10 percent of 999.9 yen is 100 yen.

    Raises InvalidInput for a percentage below zero.
    """
    if exact <= 0:
        return Money.zero(currency)
    return min(settle(percent_of(exact, _percent(percent)), currency), settle(exact, currency))


def fixed_off(amount: Money, off: Money) -> Money:
    """Give the part of a fixed discount that an amount can bear; what it cannot bear is lost.

    Raises InvalidInput for a discount below zero, CurrencyMismatch for another currency.
    """
    if off.minor < 0:
        raise InvalidInput("a discount takes less than nothing off")
    return max(min(amount, off), Money.zero(amount.currency))


def apply_coupons(
    coupons: Iterable[Coupon], lines: Sequence[CouponLine], currency: Currency
) -> Discounted:
    """Apply coupons in the order given, each on what is left; the same id counts once.

    A percentage is taken of the sum of the lines a coupon applies to and rounded once; what a
    coupon takes is shared out by what is left of each line, largest remainder, ties to the first.

    Raises CurrencyMismatch where a coupon or a line is in another currency.
    """
    left = [Money.zero(currency) + line.left for line in lines]
    discounts = []
    for coupon in _once(coupons):
        base = [
            amount if amount.minor > 0 and _applies(coupon, line) else Money.zero(currency)
            for amount, line in zip(left, lines, strict=True)
        ]
        taken = _taken(coupon, Money.total(base, currency))
        parts = taken.split([amount.minor for amount in base])
        left = [amount - part for amount, part in zip(left, parts, strict=True)]
        discounts.append(Discount(coupon, taken, parts))
    return Discounted(tuple(discounts), tuple(left), currency)


def _once(coupons: Iterable[Coupon]) -> Iterable[Coupon]:
    first: dict[str, Coupon] = {}
    for coupon in coupons:
        first.setdefault(coupon.id, coupon)
    return first.values()


def _taken(coupon: Coupon, base: Money) -> Money:
    if isinstance(coupon.off, PercentOff):
        return percent_off(Decimal(base.minor), coupon.off.percent, base.currency)
    return fixed_off(base, coupon.off)


def _applies(coupon: Coupon, line: CouponLine) -> bool:
    return (not coupon.plans or line.plan in coupon.plans) and (
        not coupon.meters or line.meter in coupon.meters
    )


def _percent(percent: Decimal) -> Decimal:
    if bounded(percent, decimals=RATE_DECIMALS) < 0:
        raise InvalidInput("a percentage off is 0 or more")
    return percent

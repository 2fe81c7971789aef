"""Discounts: what coupons take off lines that are already rounded.

Coupons act in the order given, each on what the ones before it have left, and never take more than
there is.  What a coupon takes is shared out to the lines it applies to.

A percentage is taken of the sum of those lines.  A fixed amount is taken once of the lines that are
for a whole period; lines for a part of one have a share of it of their own, as for that time they
are the period.  A coupon for one invoice knows no periods and is taken whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from tallystick.core.frozen import FrozenDict
from tallystick.core.money import Money, settle
from tallystick.core.number import RATE_DECIMALS, bounded, percent_of
from tallystick.core.price import PercentOff
from tallystick.core.proration import share
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallystick.core.coupon import Coupon
    from tallystick.core.currency import Currency
    from tallystick.core.period import Period
    from tallystick.core.proration import TimeShare

__all__ = [
    "CouponLine",
    "Discount",
    "Discounted",
    "apply_coupons",
    "fixed_off",
    "percent_off",
]

_Stretch: TypeAlias = "tuple[Period | None, TimeShare | None]"
_ALL: _Stretch = (None, None)


@dataclass(frozen=True, slots=True)
class CouponLine:
    """A rounded line that coupons may act on, and what was taken off it before.

    A line at or below zero (a credit) gets no discount.  Where a fee is charged for a part of its
    period, `time` is that share of it and `window` the part; both are None for a whole period, for
    usage and for what has no time.
    """

    id: str
    amount: Money
    plan: str | None = None
    product: str | None = None
    price: str | None = None
    meter: str | None = None
    discounted: Money | None = None
    window: Period | None = None
    time: TimeShare | None = None

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
    coupons: Iterable[Coupon],
    lines: Sequence[CouponLine],
    currency: Currency,
    *,
    given: Mapping[tuple[str, Period], Money] = FrozenDict(),
) -> Discounted:
    """Apply coupons in the order given, each on what is left; the same id counts once.

    A percentage is taken of the sum of the lines a coupon applies to and rounded once; what a
    coupon takes is shared out by what is left of each line, largest remainder, ties to the first.
    `given` is what a fixed coupon gave for a part of a period before, on other lines, and that
    still stands, by its id and the window: it is not given twice.

    Raises CurrencyMismatch where a coupon or a line is in another currency.
    """
    left = [Money.zero(currency) + line.left for line in lines]
    discounts = []
    for coupon in _once(coupons):
        off = coupon.off_in(currency)
        parts = [Money.zero(currency)] * len(lines)
        for stretch, places in _stretches(coupon, lines).items():
            base = [max(left[i], Money.zero(currency)) for i in places]
            before = None if stretch[0] is None else given.get((coupon.id, stretch[0]))
            taken = _taken(off, Money.total(base, currency), stretch[1], before)
            for i, part in zip(places, taken.split([each.minor for each in base]), strict=True):
                parts[i] = part
        left = [amount - part for amount, part in zip(left, parts, strict=True)]
        discounts.append(Discount(coupon, Money.total(parts, currency), tuple(parts)))
    return Discounted(tuple(discounts), tuple(left), currency)


def _once(coupons: Iterable[Coupon]) -> Iterable[Coupon]:
    first: dict[str, Coupon] = {}
    for coupon in coupons:
        first.setdefault(coupon.id, coupon)
    return first.values()


def _stretches(coupon: Coupon, lines: Sequence[CouponLine]) -> dict[_Stretch, list[int]]:
    """Give the places of the lines a coupon applies to, by the time its amount is shared for."""
    found: dict[_Stretch, list[int]] = {}
    for i, line in enumerate(lines):
        if _applies(coupon, line):
            apart = coupon.shared_by_time and line.time is not None
            found.setdefault((line.window, line.time) if apart else _ALL, []).append(i)
    return found


def _taken(
    off: PercentOff | Money, base: Money, time: TimeShare | None, before: Money | None
) -> Money:
    if isinstance(off, PercentOff):
        return percent_off(Decimal(base.minor), off.percent, base.currency)
    amount = off if time is None else share(off, time)
    if before is not None:
        amount = max(amount - before, Money.zero(base.currency))
    return fixed_off(base, amount)


def _applies(coupon: Coupon, line: CouponLine) -> bool:
    limits = (
        (coupon.plans, line.plan),
        (coupon.products, line.product),
        (coupon.prices, line.price),
        (coupon.meters, line.meter),
    )
    return all(not allowed or own in allowed for allowed, own in limits)


def _percent(percent: Decimal) -> Decimal:
    if bounded(percent, decimals=RATE_DECIMALS) < 0:
        raise InvalidInput("a percentage off is 0 or more")
    return percent

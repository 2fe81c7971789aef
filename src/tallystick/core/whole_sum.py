"""What coupons and taxes make of a sum, where they act on all of a document alike.

A percentage of all lines, or an amount off them, needs no lines; nor does a tax rate that all of
them are taxed at.  Whether that is so, the document itself tells: its own figures come out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.discount import fixed_off, percent_off
from tallystick.core.money import Money
from tallystick.core.number import percent_of, round_half_away
from tallystick.core.price import PercentOff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.currency import Currency
    from tallystick.core.redemption import Redemption

__all__ = ["WholeSum", "offs_of", "percents_of"]

_TAXES: Final = '"taxes":['
_SUBTOTAL: Final = '"subtotal":'
_READ: Final = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class WholeSum:
    """What acts on a document: what coupons take off, one after the other, and rates added."""

    currency: Currency
    offs: Sequence[PercentOff | Money] = ()
    percents: Sequence[Decimal] = ()

    def discount(self, subtotal: int) -> int:
        """Give what coupons take off so much, minor units."""
        left = Money(subtotal, self.currency)
        for off in self.offs:
            if isinstance(off, PercentOff):
                left -= percent_off(Decimal(left.minor), off.percent, self.currency)
            else:
                left -= fixed_off(left, off)
        return subtotal - left.minor

    def tax(self, sold: int) -> int:
        """Give what is added to what was sold for so much, each rate rounded once."""
        return sum(round_half_away(percent_of(Decimal(sold), each)) for each in self.percents)

    def total(self, subtotal: int) -> int:
        """Give what is asked for after all of it."""
        sold = subtotal - self.discount(subtotal)
        return sold + self.tax(sold)


def offs_of(
    redemptions: Sequence[Redemption], currency: Currency
) -> list[PercentOff | Money] | None:
    """Give what redemptions that act on a document take off; None where lines have to tell.

    They have to where a coupon is for some lines only, or for one document.
    """
    first = {each.coupon.id: each.coupon for each in reversed(redemptions)}
    coupons = [first[id_] for id_ in dict.fromkeys(each.coupon.id for each in redemptions)]
    for each in coupons:
        if not each.recurring or each.plans or each.products or each.prices or each.meters:
            return None
    return [each.off_in(currency) for each in coupons]


def percents_of(end: str | None, sold: int) -> list[Decimal] | None:
    """Give the rates that are added to all of a document; None where lines have to tell.

    `end` is how its body ends, `sold` what its lines were sold for, minor units.
    """
    if end is None or _SUBTOTAL not in end:
        return None
    place = end.rfind(_TAXES)
    if place < 0:
        return []
    rates: list[dict[str, Any]] = _READ(end, place + len(_TAXES) - 1)[0]
    inside = [each.get("inclusive", False) for each in rates]
    if all(inside):
        return []
    if any(inside) or any(each["taxable"] != sold for each in rates):
        return None
    return [_percent(each["percent"]) for each in rates]


@lru_cache(1_024)
def _percent(text: str) -> Decimal:
    return Decimal(text)

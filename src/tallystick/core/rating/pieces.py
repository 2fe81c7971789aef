"""A price of usage as straight pieces, for whoever prices millions of quantities.

Between two bounds of its tiers a price grows by the same amount with each unit.  Where a piece
begins is asked of `rate` itself, so that a figure here is a figure there; only the steps that lead
to it are left out.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.core.number import EXACT, ZERO, round_half_away
from tallystick.core.price import Graduated, PerUnit, Tier, Volume
from tallystick.core.rating import rate
from tallystick.core.rating.usage import Quantity

if TYPE_CHECKING:
    from tallystick.core.price import Price

__all__ = ["Pieces", "pieces_of"]

_ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of a price: `uppers` are where they end, bound included; the last has no end.

    Of each piece there is a quantity in it, what that costs (exact minor units), and what each
    unit more costs.
    """

    uppers: tuple[Decimal, ...]
    pieces: tuple[tuple[Decimal, Decimal, Decimal], ...]

    def minor(self, quantity: Decimal) -> int:
        """Price a quantity of zero or more: minor units, rounded once, half away from zero.

        Raises OutOfBounds.
        """
        at, exact, unit = self.pieces[bisect_left(self.uppers, quantity)]
        more = EXACT.multiply(unit, EXACT.subtract(quantity, at))
        return round_half_away(EXACT.add(exact, more))


def pieces_of(price: Price) -> Pieces | None:
    """Give the pieces of a price for usage; None for one that has none, or has more to it.

    Raises OutOfBounds.
    """
    tiers = _tiers(price)
    if not tiers or price.basis != "usage" or _has_more(price):
        return None
    uppers, lower = [price.included], price.included
    pieces = [(ZERO, rate(price, Quantity(ZERO)).exact, ZERO)]
    for tier in tiers:
        upper = None if tier.up_to is None else EXACT.add(price.included, tier.up_to)
        at = EXACT.add(lower, _ONE) if upper is None else upper
        pieces.append((at, rate(price, Quantity(at)).exact, tier.unit))
        if upper is not None:
            uppers.append(upper)
            lower = upper
    return Pieces(tuple(uppers), tuple(pieces))


def _tiers(price: Price) -> tuple[Tier, ...]:
    shape = price.shape
    if isinstance(shape, PerUnit):
        return (Tier(None, shape.unit),)
    return shape.tiers if isinstance(shape, (Graduated, Volume)) else ()


def _has_more(price: Price) -> bool:
    """Whether anything stands around the shape but included units."""
    around = (price.convert, price.discount, price.minimum, price.maximum)
    return any(each is not None for each in around) or bool(
        price.minimum_quantity or price.allow_negative
    )

"""Allowances that are renewed, and what of one goes on into the next period.

Of what is left there rolls over `min(maximum, max(minimum, left))`.  One cap may hold over all
rollovers together; the oldest is trimmed first.  Rollovers are used before the allowance, the
oldest first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.core.number import EXACT, ZERO, bounded, exact_sum, left_in_turn, quantity_of
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from tallystick.core.period import Cadence

__all__ = ["Allowance", "Rollover", "trimmed"]


@dataclass(frozen=True, slots=True)
class Rollover:
    """How much of what is left goes on: at most `maximum` (None is no bound), at least `minimum`.

    Where the minimum is more than the maximum, the maximum holds.  `lasts` is how long what rolled
    over may be used; None is for ever.  Raises InvalidInput for a bound below zero.
    """

    maximum: Decimal | None = None
    minimum: Decimal = ZERO
    lasts: Cadence | None = None

    def __post_init__(self) -> None:
        """Hold both bounds at zero or more."""
        bounds = (self.minimum,) if self.maximum is None else (self.minimum, self.maximum)
        if any(bounded(each) < 0 for each in bounds):
            raise InvalidInput("what rolls over is bounded by 0 or more")

    def of(self, left: Decimal) -> Decimal:
        """Give what rolls over of what is left: 90 under a maximum of 50 is 50."""
        least = max(self.minimum, left)
        return least if self.maximum is None else min(self.maximum, least)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of an allowance in its period, and of rollovers, the oldest first.

    `overage` is what was used beyond both.  Raises InvalidInput for a part below zero.
    """

    left: Decimal
    rollovers: tuple[Decimal, ...] = ()
    overage: Decimal = ZERO

    def __post_init__(self) -> None:
        """Hold every part at zero or more."""
        if any(bounded(each) < 0 for each in (self.left, *self.rollovers, self.overage)):
            raise InvalidInput("an allowance has nothing below zero; use beyond it is overage")

    @property
    def balance(self) -> Decimal:
        """Add up what may still be used."""
        return exact_sum(self.left, *self.rollovers)

    def use(self, quantity: Decimal) -> Allowance:
        """Use a quantity: of the rollovers first, the oldest first, then of the allowance.

        A rollover that is used up stays, with nothing in it.  Raises InvalidUsage below zero.
        """
        quantity = quantity_of(quantity)
        beyond = max(ZERO, EXACT.subtract(quantity, self.balance))
        *rollovers, left = left_in_turn(quantity, (*self.rollovers, self.left))
        return Allowance(left, tuple(rollovers), EXACT.add(self.overage, beyond))

    def renew(self, included: Decimal, *, cap: Decimal | None = None) -> Allowance:
        """Begin the next period: what is left becomes the newest rollover, under one cap for all.

        Rollovers that come to nothing are left out; overage is not carried on.
        """
        kept = trimmed((*self.rollovers, self.left), cap)
        return Allowance(bounded(included), tuple(each for each in kept if each))


def trimmed(oldest_first: Sequence[Decimal], cap: Decimal | None) -> tuple[Decimal, ...]:
    """Hold rollovers to one cap over all of them, taking of the oldest first; None is no cap.

    200 and 400 under a cap of 500 are 100 and 400.  Raises InvalidInput for a cap below zero.
    """
    if cap is None:
        return tuple(oldest_first)
    if bounded(cap) < 0:
        raise InvalidInput("a cap over rollovers is 0 or more")
    excess = EXACT.subtract(exact_sum(ZERO, *oldest_first), cap)
    return left_in_turn(excess, oldest_first)

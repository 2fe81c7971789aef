"""What grants of units add to a limit: what they may still pay, and what they paid in its window.

A unit is granted once, used once and paid once.  Use that a document let a grant pay is counted
against the limit of its window all the same, so what paid it goes on counting there, and nowhere
else; what is left may be used by whoever comes while the grant lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.core.credit_units import is_of
from tallystick.core.number import ZERO, exact_sum

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from tallystick.core.access import Given, Window
    from tallystick.core.credit import CreditGrant
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant

__all__ = ["UnitGrant", "units_added"]


@dataclass(frozen=True, slots=True)
class UnitGrant:
    """A grant of units: what is `left` of it, and how much it `burned` on documents in all.

    `paid` tells of units that it paid, each with the start of the time in which they were used.
    """

    grant: CreditGrant
    left: Decimal
    burned: Decimal = ZERO
    paid: tuple[tuple[Instant, Decimal], ...] = ()

    def adds(self, window: Window | None, at: Instant) -> Decimal:
        """Give what it adds to a limit at an instant; without a window all use ever counts.

        Units that were used in a time which the window is only a part of are left out.
        """
        still = self.left if self.grant.active_at(at) else ZERO
        if window is None:
            return exact_sum(still, self.burned)
        paid = (size for since, size in self.paid if window.start <= since < window.end)
        return exact_sum(still, *paid)


def units_added(
    grants: Iterable[UnitGrant],
    given: Given,
    meter: Meter | None,
    window: Window | None,
    at: Instant,
) -> Decimal:
    """Add up what a customer's grants add to the limit of a feature at an instant."""
    return exact_sum(
        ZERO, *(each.adds(window, at) for each in grants if _may_pay(each.grant, given, meter))
    )


def _may_pay(grant: CreditGrant, given: Given, meter: Meter | None) -> bool:
    """Whether a grant is of what a feature counts, and its limits let it pay the plan's use."""
    if given.had is None or meter is None:
        return False
    plan, scope = given.had.plan, grant.scope
    prices = {price.id for price in plan.prices if (price.meter or price.id) == meter.key}
    prices.add(given.key)
    return (
        is_of(grant, plan, meter.key)
        and (not scope.meters or meter.key in scope.meters)
        and (not scope.plans or plan.id in scope.plans)
        and (not scope.prices or not scope.prices.isdisjoint(prices))
    )

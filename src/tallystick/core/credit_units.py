"""The step of the reckoning before the price: what grants of units pay of metered usage.

What the allowance of a price leaves is paid by grants of its feature in burn order, as far as they
go; only the rest is priced.  A grant may pay a document whose instant lies in its time.  What was
asked for in money once, no later grant pays.

A grant is of a meter, by the key of that or of a feature that is counted by it.  It pays what is
counted in units: no levels (what there is at a time is not used up), no shares of transactions.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.credit import Use, burn_order
from tallystick.core.credit_balance import burn
from tallystick.core.invoice import CreditBurn
from tallystick.core.money import Money
from tallystick.core.number import EXACT, QUANTITY_DECIMALS, ZERO, exact_sum
from tallystick.core.price import Graduated, Package, PerUnit, Volume
from tallystick.core.rating import units_asked
from tallystick.core.rating.usage import Quantity
from tallystick.core.reckoned_lines import usage_price
from tallystick.core.terms import item_plan
from tallystick.core.units_billed import granted_units

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.catalog import Plan
    from tallystick.core.charge import Charge, Due
    from tallystick.core.credit import CreditGrant
    from tallystick.core.credit_balance import GrantBalance
    from tallystick.core.invoice import InvoiceLine
    from tallystick.core.period import Instant
    from tallystick.core.price import Price
    from tallystick.core.reckoned_lines import Late, Used

__all__ = ["UsedAndLate", "covered_usage", "is_of", "unit_burns"]

UsedAndLate = tuple["Mapping[int, Sequence[Used]]", "tuple[Late, ...]"]
"""What was used by the place of its charge, and what came late."""

_COUNTED: Final = (PerUnit, Graduated, Volume, Package)
_FINEST: Final = Decimal(1).scaleb(-QUANTITY_DECIMALS)


def covered_usage(
    due: Due,
    offers: Mapping[str, Plan[Any]],
    used: Mapping[int, Sequence[Used]],
    late: tuple[Late, ...],
    grants: Sequence[GrantBalance],
) -> UsedAndLate:
    """Let grants of units pay usage: the due's charges in their order, then what came late.

    Each use comes back with the grants that pay it, and how many units each.  No grant pays more
    than it has, and no use is paid more than its allowance leaves of it, cut to 12 decimals.

    Raises as the price would: UnknownPlan, InvalidUsage, OutOfBounds.
    """
    purse = _Purse(grants, offers, due.at)
    if not purse.order:
        return used, late
    covered = dict(used)
    for place, charge in enumerate(due.charges):
        if charge.kind == "usage":
            covered[place] = tuple(purse.pay(charge, each) for each in used.get(place, ()))
    return covered, tuple(replace(each, used=purse.pay(each.charge, each.used)) for each in late)


def unit_burns(
    lines: Sequence[InvoiceLine], grants: Sequence[GrantBalance]
) -> tuple[CreditBurn, ...]:
    """Give what these grants of units paid of the lines of a document, in their order."""
    known = {each.grant.id: each.grant for each in grants}
    return tuple(
        CreditBurn(
            grant=grant,
            category=known[grant].category,
            line=place,
            amount=Money.zero(line.amount.currency),
            units=units,
        )
        for place, line in enumerate(lines, start=1)
        for grant, units in granted_units(line.evidence)
        if grant in known
    )


class _Purse:
    """The grants of units that may pay at an instant, and what is left of them."""

    def __init__(
        self, grants: Sequence[GrantBalance], offers: Mapping[str, Plan[Any]], at: Instant
    ) -> None:
        self.offers, self.at = offers, at
        self.left = {each.grant.id: each for each in grants if each.available(at)}
        self.order = sorted((each.grant for each in self.left.values()), key=burn_order)

    def pay(self, charge: Charge, used: Used) -> Used:
        """Pay what grants can of a use."""
        price = usage_price(charge, self.offers, used)
        plan = item_plan(charge.item, self.offers)
        meter = price.meter or price.id
        mine = [grant for grant in self.order if is_of(grant, plan, meter)]
        need = _need(price, used) if mine else ZERO
        if need <= 0:
            return used
        most = exact_sum(*(self.left[grant.id].available(self.at) for grant in mine))
        use = Use(
            id="",
            amount=min(need, most),  # a use has fewer digits than what was measured may have
            at=self.at,
            meter=meter,
            price=charge.price,
            plan=plan.id,
        )
        burns, _ = burn(use, mine, self.left)
        return replace(used, grants=tuple((each.grant, each.size) for each in burns))


def is_of(grant: CreditGrant, plan: Plan[Any], meter: str) -> bool:
    """Whether the units of a grant are those of a meter: by its key, or by that of a feature."""
    if grant.feature == meter:
        return True
    feature = plan.features.get(grant.feature or "")
    return feature is not None and (feature.meter or feature.key) == meter


def _need(price: Price, used: Used) -> Decimal:
    """Give the units that grants may pay: what nobody paid or was asked for yet.

    The minimum quantity is charged whatever there was, so nobody pays for that.
    """
    deferred = isinstance(price.shape, Volume) and not used.last
    counted = isinstance(used.measured, Quantity) and isinstance(price.shape, _COUNTED)
    if deferred or used.gauge or not counted:
        return ZERO
    asked = EXACT.subtract(units_asked(price, used.measured), used.before.granted)
    need = EXACT.subtract(asked, max(used.before.asked, price.minimum_quantity))
    cut = EXACT.multiply(EXACT.divide_int(max(need, ZERO), _FINEST), _FINEST)
    return need if cut == need else cut

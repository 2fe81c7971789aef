"""What a start costs, reckoned from values alone: its first document, and that of its renewal.

Without tax, credits, balances and items that wait, which only a ledger knows, and without usage.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.minimum import asked_for_minimum
from tallystick.core.price import Dynamic, Percentage
from tallystick.core.rating.usage import Quantity
from tallystick.core.reckoned_lines import Used
from tallystick.core.reckoning import Facts, reckon
from tallystick.core.subscription_moves import advance, next_at
from tallystick.core.terms import prices_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.catalog import Plan
    from tallystick.core.charge import Charge, Due
    from tallystick.core.invoice import Invoice
    from tallystick.core.redemption import Redemption
    from tallystick.core.subscription import Subscription
    from tallystick.core.subscription_moves import Outcome

__all__ = ["first_documents"]

_MOST_STEPS: Final = 100
_NOTHING: Final = (Used(measured=Quantity(Decimal(0))),)


def first_documents(
    outcome: Outcome, offers: Mapping[str, Plan[Any]], redemptions: Sequence[Redemption] = ()
) -> tuple[Invoice | None, Invoice | None]:
    """Give the document that falls due at a start, and the next one; None where there is none.

    What a coupon took off the first is not taken again of the next where it is for one invoice.

    Raises UnknownPlan, OutOfBounds.
    """
    made = outcome.subscription
    today = None
    if outcome.dues:
        today = _reckoned(made, outcome.dues[0], offers, redemptions)
    coming = outcome.dues[1] if len(outcome.dues) > 1 else _next_due(made, offers)
    if coming is None:
        return today, None
    used = set() if today is None else {each.redemption for each in today.discounts}
    later = [replace(each, used=each.used + (each.id in used)) for each in redemptions]
    return today, _reckoned(made, coming, offers, later, before=today)


def _next_due(made: Subscription, offers: Mapping[str, Plan[Any]]) -> Due | None:
    for _ in range(_MOST_STEPS):
        at = next_at(made)
        if at is None:
            return None
        outcome = advance(made, at, offers)
        if outcome.dues:
            return outcome.dues[0]
        made = outcome.subscription
    return None


def _reckoned(
    made: Subscription,
    due: Due,
    offers: Mapping[str, Plan[Any]],
    redemptions: Sequence[Redemption],
    *,
    before: Invoice | None = None,
) -> Invoice:
    unused = (place for place, each in enumerate(due.charges) if _counts(each, offers))
    earlier = () if before is None else (before,)
    billed = {
        place: asked_for_minimum(each, (line for one in earlier for line in one.lines))
        for place, each in enumerate(due.charges)
        if each.kind == "minimum"
    }
    return reckon(
        Facts(
            id=due.cause,
            customer=made.customer,
            subscription=made.id,
            currency=made.currency,
            due=due,
            finalize_at=due.at,
            offers=offers,
            used=dict.fromkeys(unused, _NOTHING),
            billed=billed,
            redemptions=redemptions,
            earlier=earlier,
        )
    )


def _counts(charge: Charge, offers: Mapping[str, Plan[Any]]) -> bool:
    """Whether a charge counts a quantity of which nothing was used yet."""
    if charge.kind != "usage" or charge.window is None:
        return False
    price = prices_of(charge.item, offers)[charge.price]
    return not price.group_by and not isinstance(price.shape, (Dynamic, Percentage))

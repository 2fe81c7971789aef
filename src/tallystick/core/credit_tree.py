"""What a plan grants as plain values in the native format; reading it back gives an equal one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.core.credit import DEFAULT_PRIORITY
from tallystick.core.money import Money
from tallystick.core.number import EXACT, bounded, plain
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from decimal import Decimal

    from tallystick.core.credit_cadence import RecurringGrant
    from tallystick.core.rollover import Rollover

__all__ = ["credit_to_tree"]


def credit_to_tree(credit: RecurringGrant) -> dict[str, object]:
    """Give one of a plan's credits in the native format, amounts in major units.

    What is default is left out; an explicit null is for ever.  Raises InvalidInput for what no
    file can say: an expiry or a scope that a program made.
    """
    if credit.scope.meters or credit.scope.prices or credit.scope.plans:
        raise InvalidInput(f"the credit {credit.key!r} has a scope, which no catalogue has")
    cadence = credit.cadence
    tree: dict[str, object] = {
        "id": credit.key,
        **_amount_tree(credit),
        "interval": None if cadence is None else cadence.interval,
        "interval_count": None if cadence is None or cadence.count == 1 else cadence.count,
        "category": None if credit.category == "promotional" else credit.category,
        "priority": None if credit.priority == DEFAULT_PRIORITY else credit.priority,
        "rollover": None if credit.rollover is None else _rollover_tree(credit, credit.rollover),
    }
    written = {name: value for name, value in tree.items() if value is not None}
    return written | _expiry_tree(credit)


def _amount_tree(credit: RecurringGrant) -> dict[str, object]:
    if isinstance(credit.amount, Money):
        return {"amount": plain(credit.amount.major)}
    return {"units": plain(bounded(credit.amount)), "feature": credit.feature}


def _expiry_tree(credit: RecurringGrant) -> dict[str, object]:
    if credit.expires in {"next", 1}:
        return {}
    if credit.expires == "never":
        return {"expires_after": None}
    if not isinstance(credit.expires, int):
        raise InvalidInput(f"the credit {credit.key!r} expires as no catalogue can say")
    return {"expires_after": credit.expires}


def _rollover_tree(credit: RecurringGrant, rollover: Rollover) -> dict[str, object]:
    tree: dict[str, object] = {}
    figures = (("maximum", rollover.maximum), ("minimum", rollover.minimum or None))
    for name, size in (*figures, ("cap", credit.cap)):
        if size is not None:
            tree[name] = _figure(credit, size)
    if rollover.lasts is not None:
        tree["expires_after"] = _times(credit, rollover)
    return tree


def _times(credit: RecurringGrant, rollover: Rollover) -> int:
    """Give how many cadences of the credit what rolled over lasts."""
    own, lasts = credit.cadence, rollover.lasts
    fits = own is not None and lasts is not None and own.interval == lasts.interval
    if own is None or lasts is None or not fits or lasts.count % own.count:
        text = "rolls over for a time that is no multiple of its cadence"
        raise InvalidInput(f"the credit {credit.key!r} {text}")
    return lasts.count // own.count


def _figure(credit: RecurringGrant, size: Decimal) -> str:
    """Write a size as the credit's amount is: in major units, or in units."""
    if isinstance(credit.amount, Money):
        return plain(size.scaleb(-credit.amount.currency.decimals, EXACT))
    return plain(bounded(size))

"""An answer about access as plain JSON values, for the wire and for machines."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tallystick.core.access import whole_number
from tallystick.core.money import Money
from tallystick.core.number import plain
from tallystick.core.period import instant_text

if TYPE_CHECKING:
    from tallystick.core.access_unlock import Unlock
    from tallystick.core.entitlement import Access
    from tallystick.core.money import Rate

__all__ = ["access_tree", "count_of"]


def access_tree(access: Access) -> dict[str, Any]:
    """Write an answer as plain JSON values; each field is there, null where it says nothing.

    Counts are numbers where they are whole, else texts; money is minor units beside its currency,
    where those of `overage_price` are a text, as they may be a fraction of one; a configuration
    value is as it stands in the catalogue.
    """
    return {
        "allowed": access.allowed,
        "feature": access.feature,
        "plan": access.plan or None,
        "reason": access.reason,
        "text": access.text,
        "limit": count_of(access.limit),
        "unlimited": access.unlimited,
        "used": count_of(access.used),
        "reserved": count_of(access.reserved),
        "requested": count_of(access.requested),
        "remaining": count_of(access.remaining),
        "overage": count_of(access.overage),
        "overage_price": _price(access.overage_price),
        "warning": access.warning,
        "resets_at": None if access.resets_at is None else instant_text(access.resets_at),
        "value": access.value,
        "upgrade_to": access.upgrade_to,
        "unlocks": [_unlock(each) for each in access.unlocks],
    }


def count_of(number: int | Decimal | None) -> int | str | None:
    """Give a count as JSON has it exactly: a number where it is whole, else a text."""
    if number is None:
        return None
    found = whole_number(number)
    return plain(found) if isinstance(found, Decimal) else found


def _unlock(unlock: Unlock) -> dict[str, Any]:
    return {
        "kind": unlock.kind,
        "plan": unlock.plan,
        "name": unlock.name,
        "seats": unlock.seats,
        "price": _price(unlock.price),
    }


def _price(price: Money | Rate | None) -> dict[str, Any] | None:
    if price is None:
        return None
    minor = price.minor if isinstance(price, Money) else plain(price.value)
    return {"minor": minor, "currency": price.currency.code}

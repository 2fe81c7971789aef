"""The error that says what a denied answer says: for who asks to be let through, not just told."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.core.number import plain
from tallystick.core.period import instant_text
from tallystick.errors import (
    AccessDenied,
    PaymentNeeded,
    QuotaExceeded,
    StorageUnavailable,
    UnknownPlan,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.entitlement import Access, Reason
    from tallystick.errors import TallystickError

__all__ = ["denial"]

_KINDS: Final[Mapping[Reason, type[AccessDenied]]] = {
    "feature_disabled": AccessDenied,
    "not_in_plan": AccessDenied,
    "paused": AccessDenied,
    "customer_suspended": AccessDenied,
    "past_due": PaymentNeeded,
    "trial_over": PaymentNeeded,
    "no_subscription": PaymentNeeded,
}


def denial(access: Access) -> TallystickError:
    """Make the error of an answer that denies.

    A limit is QuotaExceeded, a plan that is not known UnknownPlan, a database that is away
    StorageUnavailable; what a payment cures is PaymentNeeded, all else AccessDenied.
    """
    if access.reason == "unknown_plan":
        return UnknownPlan(access.plan)
    if access.reason == "dependency_away":
        return StorageUnavailable(access.text)
    kind = _KINDS.get(access.reason)
    if kind is not None:
        return kind(
            access.text,
            feature=access.feature,
            reason=access.reason,
            upgrade_to=access.upgrade_to,
        )
    return QuotaExceeded(
        access.text,
        feature=access.feature,
        limit=None if access.limit is None else plain(Decimal(access.limit)),
        used=plain(Decimal(access.used)),
        reserved=plain(Decimal(access.reserved)),
        resets_at=None if access.resets_at is None else instant_text(access.resets_at),
        upgrade_to=access.upgrade_to,
    )

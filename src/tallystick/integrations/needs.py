"""What a route needs of a customer, checked against the catalogue when the program starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tallystick.core.access_denial import denial
from tallystick.core.number import quantity_of
from tallystick.core.property import shown
from tallystick.core.spelling import did_you_mean
from tallystick.core.text import id_at
from tallystick.errors import InvalidInput, SetupError, Unauthorized
from tallystick.facade.reservation import Quantity

if TYPE_CHECKING:
    from tallystick.core.catalog import Feature, Plan
    from tallystick.core.entitlement import Access
    from tallystick.wiring import Tallystick

__all__ = [
    "Amount",
    "Need",
    "check_feature",
    "customer_from",
    "included",
    "need_of",
    "seconds_held",
]

Amount: TypeAlias = Quantity | Callable[[Any], Quantity]
"""How much a request uses: a number, or what gives one for the request."""

_HELD: Final = 60
_LONGEST: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Need:
    """So much of a feature, for each request; `count` gives the host's own count of a customer."""

    feature: str
    amount: Amount
    count: Callable[[str], Quantity] | None = None

    def of(self, request: object) -> Quantity:
        """Give how much a request needs."""
        return self.amount(request) if callable(self.amount) else self.amount

    def counted(self, customer: str) -> Callable[[], Quantity] | None:
        """Give what asks the host's own count, where there is one."""
        count = self.count
        return None if count is None else lambda: count(customer)


def need_of(
    tally: Tallystick,
    feature: str,
    amount: Amount,
    count: Callable[[str], Quantity] | None,
    *,
    quota: bool = False,
) -> Need:
    """Read what a route needs, and whether the catalogue can give it.

    Raises SetupError: for a feature that no plan has, for one that a plan gives without a limit,
    for a `quota` that never starts again and has no `count` of the host, for no quantity.
    """
    for plan, found in check_feature(tally, feature):
        if not found.enabled:
            continue
        if found.limit is None:
            raise SetupError(
                f"{plan.id} gives {feature} without a limit, so there is nothing to count: "
                "write limit -1, or use require_feature"
            )
        if quota and not found.renews and count is None:
            raise SetupError(
                f"{feature} of {plan.id} never starts again: give it a reset, or say how much is "
                "used with count="
            )
    if not callable(amount):
        try:
            quantity_of(amount)
        except InvalidInput as refused:
            raise SetupError(f"the quantity of {feature}: {refused}") from None
    return Need(feature, amount, count)


def check_feature(tally: Tallystick, feature: str) -> list[tuple[Plan[str], Feature]]:
    """Give the plans that name a feature; none where the ledger has no catalogue of its own.

    Raises SetupError where there is a catalogue and no plan of it names the feature.
    """
    book = tally.price_book
    if book is None:
        return []
    found = [(plan, plan.features[feature]) for plan in book if feature in plan.features]
    if not found:
        known = {key for plan in book for key in plan.features}
        guess = did_you_mean(str(feature), known)
        raise SetupError(
            f"no plan has a feature {shown(feature)}" + (f"; {guess}" if guess else "")
        )
    return found


def seconds_held(expires_in: object) -> int:
    """Read how long units are held for a request, in whole seconds.  Raises SetupError."""
    most = int(_LONGEST.total_seconds())
    if expires_in is None:
        return _HELD
    if type(expires_in) is not int or not 0 < expires_in <= most:
        raise SetupError(f"expires_in is whole seconds from 1 to {most}, not {shown(expires_in)}")
    return expires_in


def customer_from(found: object) -> str:
    """Give the customer that a host names.

    Raises Unauthorized for None and for a text that is no id; SetupError for what is no text.
    """
    if found is None:
        raise Unauthorized("sign in first")
    if not isinstance(found, str):
        raise SetupError(f"customer gives an id as a text, or None, not {shown(found)}")
    try:
        return id_at(found, "customer")
    except InvalidInput as refused:
        raise Unauthorized("sign in first") from refused


def included(answer: Access) -> None:
    """Let pass where a feature is included, whatever is used of it.

    Raises AccessDenied, PaymentNeeded, UnknownPlan, StorageUnavailable.
    """
    if not answer.allowed and answer.reason != "limit_reached":
        raise denial(answer)

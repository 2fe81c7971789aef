"""From what fell due to drafts: which documents are to be made, under which ids, and from when on.

Ids of documents are made from their customer and cause, so whoever makes one, however late, makes
the same one.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from tallystick.storage.invoice_rows import Draft

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from tallystick.core.charge import Due
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Subscription

__all__ = ["document_id", "drafts_of"]

_METERED: Final = frozenset({"usage", "minimum"})
_LETTERS: Final = 26


def document_id(customer: str, cause: str) -> str:
    """Give the id of the document of a customer and a cause: the same for ever."""
    body = f"{len(customer)}:{customer}{cause}".encode()
    return f"inv_{hashlib.sha256(body).hexdigest()[:_LETTERS]}"


def drafts_of(
    subscription: Subscription,
    dues: Iterable[Due],
    grace: timedelta,
    *,
    told: Instant | None = None,
) -> list[Draft]:
    """Give the drafts of a subscription's documents.

    Where metered lines stand on one it may be issued once its grace is over, else at once; never
    before a start in the past was `told`.
    """
    return [
        Draft(
            customer=subscription.customer,
            id=document_id(subscription.customer, due.cause),
            subscription_id=subscription.id,
            due=due,
            currency=subscription.currency,
            finalize_at=max(_ready_at(due, grace), told or due.at),
            terms=subscription.terms,
        )
        for due in dues
    ]


def _ready_at(due: Due, grace: timedelta) -> Instant:
    return due.at + grace if _is_metered(due) else due.at


def _is_metered(due: Due) -> bool:
    return any(charge.kind in _METERED or charge.by_value for charge in due.charges)

"""The order in which the documents of a subscription come about, as the database sorts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import case, func, or_, select

from tallystick.core.charge import FIRST
from tallystick.storage.among import among

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, FromClause

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["last_ready", "turns"]

_AT_ONCE: Final = 500


def turns(documents: FromClause) -> tuple[ColumnElement[Any], ...]:
    """Give the columns to sort documents of a customer by, as `core.charge.in_turn` does."""
    c = documents.c
    words = [(c.cause.startswith(f"{word}/"), place) for place, word in enumerate(FIRST)]
    return c.at, case(*words, else_=len(FIRST)), func.length(c.cause), c.cause


def last_ready(
    unit: Unit, owners: Collection[tuple[str, str]], since: Instant, causes: Collection[str]
) -> dict[tuple[str, str], Instant]:
    """Give from when on the last document of each subscription (customer, id) may be issued.

    Only where that is after `since`.  Only documents count whose cause begins with one of these
    words; also those that were issued.
    """
    c, ordered = unit.tables.invoices.c, sorted(owners)
    owner = (c.customer_id, c.subscription_id)
    found: dict[tuple[str, str], Instant] = {}
    for start in range(0, len(ordered), _AT_ONCE):
        query = select(*owner, func.max(c.finalize_at)).where(
            among(unit, owner, ordered[start : start + _AT_ONCE]),
            c.finalize_at > since,
            or_(*(c.cause.startswith(f"{word}/") for word in sorted(causes))),
        )
        rows = unit.connection.execute(query.group_by(*owner))
        found |= {(customer, subscription): at for customer, subscription, at in rows}
    return found

"""Subscriptions that a provider bills: found by its name for them, and how fresh each one is.

The rows are those of `tallystick.storage.subscriptions`; here is what only mirrors have.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import and_, select, update

from tallystick.core.mirror import Freshness
from tallystick.core.subscription import Subscription
from tallystick.core.trees import value_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from tallystick.core.subscription import Origin
    from tallystick.storage.unit import Unit

__all__ = ["find_mirror", "freshness_of", "list_mirrors", "put_freshness"]


def find_mirror(unit: Unit, origin: Origin) -> Subscription | None:
    """Give the subscription that mirrors one of a provider, whosoever it is."""
    c = unit.tables.subscriptions.c
    named = (
        c.provider == origin.provider,
        c.account == origin.account,
        c.reference == origin.reference,
    )
    snapshot = unit.connection.execute(select(c.snapshot).where(*named)).scalar()
    return None if snapshot is None else value_of(Subscription, json.loads(snapshot))


def list_mirrors(
    unit: Unit, origin: Origin, limit: int, after: str | None = None
) -> tuple[Subscription, ...]:
    """Give the mirrors of the account that an origin is of, in the order of their references."""
    c = unit.tables.subscriptions.c
    query = select(c.snapshot).where(
        c.provider == origin.provider,
        c.account == origin.account,
        c.live == origin.live,
        c.reference > ("" if after is None else after),
    )
    found = unit.connection.execute(query.order_by(c.reference).limit(limit))
    return tuple(value_of(Subscription, json.loads(each)) for each in found.scalars())


def freshness_of(unit: Unit, customer: str, id_: str) -> Freshness | None:
    """Give how fresh a mirror is; None for what is none."""
    c = unit.tables.subscriptions.c
    row = unit.connection.execute(
        select(c.as_of, c.stamp).where(_mine(unit, customer, id_))
    ).first()
    return None if row is None or row.as_of is None else Freshness(row.as_of, row.stamp)


def put_freshness(unit: Unit, customer: str, id_: str, fresh: Freshness) -> None:
    """Note how fresh a mirror is that is held."""
    table = unit.tables.subscriptions
    values = {"as_of": fresh.as_of, "stamp": fresh.stamp}
    unit.connection.execute(update(table).where(_mine(unit, customer, id_)).values(values))


def _mine(unit: Unit, customer: str, id_: str) -> ColumnElement[bool]:
    c = unit.tables.subscriptions.c
    return and_(c.customer_id == customer, c.id == id_)

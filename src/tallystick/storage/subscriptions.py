"""Subscriptions as rows: what each customer has now, and which of them something is due for.

A row is a snapshot: what the moves (`tallystick.storage.moves`) and time have made of it.  Beside
the whole, as JSON, stand the columns that are looked up by or that a constraint holds.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, insert, select, tuple_
from sqlalchemy.exc import IntegrityError

from tallystick.core.subscription import TERMINAL, Subscription
from tallystick.core.trees import bytes_of, value_of
from tallystick.errors import Conflict, NotFound
from tallystick.storage.aside import put_aside, read_each, stopped_in
from tallystick.storage.batches import moments, rows_of, update_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tallystick.core.mirror import Freshness
    from tallystick.core.period import Instant
    from tallystick.storage.arrays import Cell
    from tallystick.storage.aside import Unread
    from tallystick.storage.unit import Unit

__all__ = [
    "billed_by",
    "claim_due",
    "created_at",
    "find_subscription",
    "find_subscriptions",
    "hold_subscription",
    "insert_subscription",
    "list_subscriptions",
    "lowest_due",
    "of_customers",
    "on_offers",
    "retry",
    "save_subscriptions",
    "set_aside",
    "stopped",
]

_CHANGED: Final = (
    ("group_key", "text"),
    ("plan_id", "text"),
    ("plan_version", "bigint"),
    ("state", "text"),
    ("due_at", "timestamptz"),
    ("moves", "bigint"),
    ("clock", "timestamptz"),
    ("snapshot", "text"),
)
_CUSTOMERS_AT_ONCE: Final = 500
_COLUMNS: Final = (("customer_id", "text"), ("id", "text"), *_CHANGED)


# --- writing --------------------------------------------------------------------------------------


def insert_subscription(
    unit: Unit,
    subscription: Subscription,
    due_at: Instant | None,
    created_at: Instant,
    fresh: Freshness | None = None,
) -> None:
    """Store a new subscription; `fresh` says how fresh one is that a provider bills.

    Raises Conflict where its id is taken, or the customer has a live one in its group; NotFound
    for a customer who is not registered.
    """
    table = unit.tables.subscriptions
    values = _values(subscription, due_at)
    row = {**values, "currency": subscription.currency.code, "created_at": created_at}
    row |= billed_by(subscription)
    if fresh is not None:
        row |= {"as_of": fresh.as_of, "stamp": fresh.stamp}
    try:
        with unit.savepoint():
            unit.connection.execute(insert(table).values(row))
    except IntegrityError as refused:
        customers = unit.tables.customers
        known = select(customers.c.id).where(customers.c.id == subscription.customer)
        if unit.connection.execute(known).first() is None:
            raise NotFound("customer", subscription.customer) from None
        raise _refusal(refused, [subscription]) from None


def save_subscriptions(unit: Unit, changed: Sequence[tuple[Subscription, Instant | None]]) -> None:
    """Keep subscriptions as they are now, each with when something is due for it next.

    Raises Conflict, and nothing is to be committed then, where one of them went on meanwhile (its
    moves or its clock would go back), is not there, or is a second live one in its group.
    """
    moment = moments(unit)
    rows = [_cells(subscription, moment(due_at), moment) for subscription, due_at in changed]
    changes = {name: f"{{{name}}}" for name, _ in _CHANGED}
    where = (
        "d.customer_id = {customer_id} AND d.id = {id}"
        " AND d.moves <= {moves} AND d.clock <= {clock}"
    )
    try:
        with unit.savepoint():
            done = update_rows(unit, unit.tables.subscriptions, _COLUMNS, rows, changes, where)
            if done != len(rows):
                raise Conflict("a subscription went on meanwhile: read it again and try again")
    except IntegrityError as refused:
        raise _refusal(refused, [each for each, _ in changed]) from None


def _refusal(refused: IntegrityError, these: Sequence[Subscription]) -> Exception:
    """Say what a constraint means; what is no rule of subscriptions is a mistake of ours."""
    said = str(refused.orig)
    if "subscriptions_live" in said or ".group_key" in said:
        group = f" in the group {these[0].group!r}" if len(these) == 1 else " in one group"
        return Conflict(f"the customer has a live subscription{group} already")
    if "subscriptions_reference" in said or ".reference" in said:
        return Conflict("another subscription mirrors the provider's already")
    if "subscriptions_id" in said or "pk_" in said or "subscriptions.id" in said:
        return Conflict(f"there is a subscription {these[0].id!r} already", id=these[0].id)
    return refused


def _values(subscription: Subscription, due_at: Instant | None) -> dict[str, Any]:
    plan, _, version = subscription.plan.rpartition("@")
    return {
        "customer_id": subscription.customer,
        "id": subscription.id,
        "group_key": subscription.group,
        "plan_id": plan,
        "plan_version": int(version),
        "state": subscription.state,
        "due_at": due_at,
        "moves": subscription.moves,
        "clock": subscription.clock,
        "snapshot": bytes_of(subscription).decode(),
    }


def billed_by(subscription: Subscription) -> dict[str, Any]:
    """Give the columns that say who bills a subscription; they never change."""
    origin = subscription.origin
    return {
        "biller": subscription.biller,
        "provider": None if origin is None else origin.provider,
        "account": None if origin is None else origin.account,
        "live": None if origin is None else origin.live,
        "reference": None if origin is None else origin.reference,
    }


def _cells(subscription: Subscription, due: Cell, moment: Any) -> list[Cell]:
    values = _values(subscription, None) | {"due_at": due, "clock": moment(subscription.clock)}
    return [values[name] for name, _ in _COLUMNS]


def _of_row(row: Mapping[str, Any]) -> Subscription:
    return _subscription(row["snapshot"])


def _subscription(snapshot: str) -> Subscription:
    return value_of(Subscription, json.loads(snapshot))


# --- reading --------------------------------------------------------------------------------------


def hold_subscription(unit: Unit, customer: str, id_: str) -> Subscription:
    """Give a subscription, locked until the transaction ends.  Raises NotFound."""
    table = unit.tables.subscriptions
    found = next(rows_of(unit, table, ("customer_id", "id"), [(customer, id_)], lock=True), None)
    if found is None:
        raise NotFound("subscription", id_)
    return _subscription(found["snapshot"])


def find_subscription(unit: Unit, id_: str, *, customer: str | None = None) -> Subscription | None:
    """Give a subscription by its id; of another customer than is named, None."""
    c = unit.tables.subscriptions.c
    query = select(c.snapshot).where(c.id == id_)
    if customer is not None:
        query = query.where(c.customer_id == customer)
    snapshot = unit.connection.execute(query).scalar()
    return None if snapshot is None else _subscription(snapshot)


def find_subscriptions(
    unit: Unit, keys: Collection[tuple[str, str]], *, unread: Unread | None = None
) -> dict[tuple[str, str], Subscription]:
    """Give subscriptions by customer and id, those that there are and can be read."""
    rows = rows_of(unit, unit.tables.subscriptions, ("customer_id", "id"), keys)
    return {(each.customer, each.id): each for each in read_each(rows, _of_row, unread)}


def created_at(unit: Unit, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Instant]:
    """Give when subscriptions were told of, by customer and id, those that there are."""
    found = rows_of(unit, unit.tables.subscriptions, ("customer_id", "id"), keys)
    return {(row["customer_id"], row["id"]): row["created_at"] for row in found}


def list_subscriptions(
    unit: Unit,
    limit: int,
    after: str | None = None,
    *,
    customer: str | None = None,
    states: Collection[str] | None = None,
) -> tuple[Subscription, ...]:
    """Give subscriptions in the order of their ids, those after one of them."""
    c = unit.tables.subscriptions.c
    query = select(c.snapshot).where(c.id > ("" if after is None else after))
    if customer is not None:
        query = query.where(c.customer_id == customer)
    if states is not None:
        query = query.where(c.state.in_(sorted(states)))
    rows = unit.connection.execute(query.order_by(c.id).limit(limit))
    return tuple(map(_subscription, rows.scalars()))


def of_customers(unit: Unit, ids: Sequence[str]) -> dict[str, tuple[Subscription, ...]]:
    """Give all subscriptions of customers, by customer, in the order of their ids."""
    c = unit.tables.subscriptions.c
    found: dict[str, tuple[Subscription, ...]] = {}
    for start in range(0, len(ids), _CUSTOMERS_AT_ONCE):
        some = ids[start : start + _CUSTOMERS_AT_ONCE]
        query = select(c.snapshot).where(c.customer_id.in_(some)).order_by(c.id)
        for each in map(_subscription, unit.connection.execute(query).scalars()):
            found[each.customer] = (*found.get(each.customer, ()), each)
    return found


def on_offers(
    unit: Unit, offers: Collection[str], limit: int, after: str | None = None
) -> tuple[Subscription, ...]:
    """Give subscriptions whose plan is one of these versions, `pro@1`, and that are not over.

    In the order of their ids, those after one of them.
    """
    c = unit.tables.subscriptions.c
    refs = [each.rpartition("@") for each in sorted(offers)]
    pairs = [(plan, int(version)) for plan, _, version in refs]
    query = select(c.snapshot).where(
        c.id > ("" if after is None else after),
        c.state.not_in(sorted(TERMINAL)),
        tuple_(c.plan_id, c.plan_version).in_(pairs),
    )
    return tuple(
        map(_subscription, unit.connection.execute(query.order_by(c.id).limit(limit)).scalars())
    )


# --- what is due ----------------------------------------------------------------------------------


def claim_due(
    unit: Unit, until: Instant, limit: int, *, unread: Unread | None = None
) -> list[Subscription]:
    """Claim subscriptions for which something is due by then, the first due first, then by id.

    They are ours until the transaction ends: others are given the next ones.  `unread` is told of
    those that cannot be read.
    """
    c = unit.tables.subscriptions.c
    query = (
        select(c.due_at, c.id, c.customer_id, c.snapshot)
        .where(c.due_at <= until, c.due_at.is_not(None), c.set_aside.is_(None))
        .order_by(c.due_at, c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    # Who was changed while we looked comes with its new time, in its old place.
    found = unit.connection.execute(query).mappings()
    rows = sorted(found, key=lambda row: (row["due_at"], row["id"]))
    return read_each(rows, _of_row, unread)


def lowest_due(unit: Unit, until: Instant) -> Instant | None:
    """Give when the first thing is due by then that is not done and committed, None for nothing.

    What others have claimed counts until they commit; what was set aside does not.
    """
    c = unit.tables.subscriptions.c
    query = select(func.min(c.due_at)).where(
        c.due_at <= until, c.due_at.is_not(None), c.set_aside.is_(None)
    )
    return unit.connection.execute(query).scalar()


def set_aside(unit: Unit, customer: str, id_: str, reason: str) -> None:
    """Leave a subscription out of all claims, for a reason (JSON).  Raises NotFound."""
    put_aside(unit, unit.tables.subscriptions, (customer, id_), reason, "subscription")


def retry(unit: Unit, customer: str, id_: str) -> None:
    """Take a subscription that was set aside into the claims again.  Raises NotFound."""
    put_aside(unit, unit.tables.subscriptions, (customer, id_), None, "subscription")


def stopped(unit: Unit, limit: int) -> tuple[tuple[str, str, str], ...]:
    """Give what was set aside: customer, id and reason, in the order of their ids."""
    return stopped_in(unit, unit.tables.subscriptions, limit)

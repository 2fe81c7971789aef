"""Acts as rows: stored before a provider is asked, leased while it is, closed by its answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from tallystick.core.intent import ProviderAccount
from tallystick.core.provider_act import ProviderAct, ProviderCall
from tallystick.core.trees import bytes_of, move_of
from tallystick.errors import Conflict

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, RowMapping

    from tallystick.core.period import Instant
    from tallystick.core.provider_act import ActState
    from tallystick.storage.unit import Unit

__all__ = ["act_by_id", "act_by_key", "add_act", "due_act", "put_act"]


def add_act(unit: Unit, act: ProviderAct) -> None:
    """Store an act.  Raises Conflict where another one of the subscription is open."""
    row = {
        "customer_id": act.customer,
        "id": act.id,
        "subscription_id": act.subscription,
        "provider": act.provider,
        "account": act.account.id,
        "live": act.account.live,
        "reference": act.reference,
        "move": bytes_of(act.move).decode(),
        "call": json.dumps([act.call.name, dict(act.call.params)], sort_keys=True),
        "idempotency_key": act.idempotency_key,
        "created_at": act.created_at,
        **_changing(act),
    }
    try:
        with unit.savepoint():
            unit.connection.execute(insert(unit.tables.provider_acts).values(row))
    except IntegrityError as refused:
        if "UNIQUE" not in str(refused.orig).upper():
            raise
        raise Conflict(
            f"{act.provider} is being asked for another act of {act.reference!r}, or its key was"
            " used: wait for the answer"
        ) from None


def put_act(unit: Unit, act: ProviderAct, tries: int) -> bool:
    """Keep how an act stands, unless it was asked or closed by another since so many `tries`."""
    c = unit.tables.provider_acts.c
    mine = (c.customer_id == act.customer, c.id == act.id, c.attempts == tries, c.state == "open")
    asked = update(unit.tables.provider_acts).where(*mine).values(_changing(act))
    return unit.connection.execute(asked).rowcount == 1


def due_act(
    unit: Unit, provider: str, account: ProviderAccount, at: Instant, only: str | None = None
) -> ProviderAct | None:
    """Give the first open act that is to be asked by then, held until the transaction ends.

    One that another worker holds or leases is passed over.  With `only` it is that one, due or not.
    """
    table = unit.tables.provider_acts
    c = table.c
    free = or_(c.leased_until.is_(None), c.leased_until <= at)
    mine = and_(c.provider == provider, c.account == account.id, c.live.is_(account.live))
    which = c.next_at <= at if only is None else c.id == only
    query = select(table).where(mine, c.state == "open", c.set_aside.is_(None), free, which)
    query = query.order_by(c.next_at, c.id).limit(1).with_for_update(skip_locked=True)
    return next(map(_act, unit.connection.execute(query).mappings()), None)


def act_by_id(unit: Unit, id_: str) -> ProviderAct | None:
    """Give an act, or None."""
    return _first(unit, unit.tables.provider_acts.c.id == id_)


def act_by_key(unit: Unit, customer: str, idempotency_key: str) -> ProviderAct | None:
    """Give what a customer's key began, or None."""
    c = unit.tables.provider_acts.c
    return _first(unit, c.customer_id == customer, c.idempotency_key == idempotency_key)


def _first(unit: Unit, *where: ColumnElement[bool]) -> ProviderAct | None:
    query = select(unit.tables.provider_acts).where(*where)
    return next(map(_act, unit.connection.execute(query).mappings()), None)


def _changing(act: ProviderAct) -> dict[str, Any]:
    told = act.answer
    return {
        "state": act.state,
        "key": act.key,
        "attempts": act.attempts,
        "leased_until": act.leased_until,
        "next_at": act.next_at,
        "first_sent_at": act.first_sent_at,
        "answer": None if told is None else json.dumps(told, ensure_ascii=False, sort_keys=True),
        "closed_at": act.closed_at,
        "set_aside": act.set_aside,
    }


def _act(row: RowMapping) -> ProviderAct:
    name, params = json.loads(row["call"])
    return ProviderAct(
        customer=row["customer_id"],
        id=row["id"],
        subscription=row["subscription_id"],
        provider=row["provider"],
        account=ProviderAccount(row["account"], row["live"]),
        reference=row["reference"],
        move=move_of(json.loads(row["move"])),
        call=ProviderCall(name, params),
        key=row["key"],
        idempotency_key=row["idempotency_key"],
        created_at=row["created_at"],
        state=cast("ActState", row["state"]),
        attempts=row["attempts"],
        leased_until=row["leased_until"],
        next_at=row["next_at"],
        first_sent_at=row["first_sent_at"],
        answer=None if row["answer"] is None else json.loads(row["answer"]),
        closed_at=row["closed_at"],
        set_aside=row["set_aside"],
    )

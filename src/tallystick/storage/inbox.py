"""The inbox as rows: each event once, and for each object when it is to be asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import and_, case, delete, exists, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tallystick.core.frozen import FrozenDict
from tallystick.core.inbox import Held
from tallystick.core.intent import ProviderAccount
from tallystick.core.provider_event import Hint, ProviderEvent
from tallystick.storage.among import among

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, RowMapping

    from tallystick.core.period import Instant
    from tallystick.core.provider_event import EventState
    from tallystick.storage.unit import Unit

__all__ = [
    "add_event",
    "due_hint",
    "event_by_id",
    "event_by_key",
    "events_of",
    "hint_by_id",
    "list_events",
    "put_hint",
    "remove_events",
    "renew_event",
    "settle_events",
    "take_hint",
]


def add_event(unit: Unit, event: ProviderEvent) -> bool:
    """Store an event; False where it is there already, and then nothing is changed."""
    row = {
        "provider": event.provider,
        "account": event.account,
        "id": event.id,
        "live": event.live,
        "type": event.type,
        "api_version": event.api_version,
        "created": event.created,
        "kind": event.kind,
        "object_id": event.object_id,
        "body": event.body,
        "received_at": event.received_at,
        "state": event.state,
        "reason": _text(event.reason),
        "done_at": event.done_at,
    }
    table = unit.tables.provider_events
    asked = _insert(unit, table).values(row).on_conflict_do_nothing().returning(table.c.id)
    return unit.connection.execute(asked).first() is not None


def take_hint(unit: Unit, event: ProviderEvent, at: Instant) -> None:
    """Let the object of an event be asked for at once, also one that was set aside."""
    table = unit.tables.provider_objects
    row = {
        "provider": event.provider,
        "account": event.account,
        "kind": event.kind,
        "id": event.object_id,
        "live": event.live,
        "newest": event.created,
        "hints": 1,
        "turn": 0,
        "tries": 0,
        "due_at": at,
    }
    asked = _insert(unit, table).values(row)
    new = asked.excluded.newest
    changes = {
        "newest": case((new > table.c.newest, new), else_=table.c.newest),
        "hints": table.c.hints + 1,
        "tries": 0,
        "due_at": at,
        "set_aside": None,
    }
    names = ["provider", "account", "kind", "id"]
    unit.connection.execute(asked.on_conflict_do_update(index_elements=names, set_=changes))


def due_hint(unit: Unit, provider: str, account: ProviderAccount, at: Instant) -> Hint | None:
    """Give the first object that is to be asked for by then, held until the transaction ends.

    One that another worker holds or leases is passed over.
    """
    table = unit.tables.provider_objects
    c = table.c
    mine = and_(c.provider == provider, c.account == account.id, c.live.is_(account.live))
    free = or_(c.leased_until.is_(None), c.leased_until <= at)
    query = select(table).where(mine, c.due_at <= at, free)
    query = query.order_by(c.due_at, c.id).limit(1).with_for_update(skip_locked=True)
    return next(map(_hint, unit.connection.execute(query).mappings()), None)


def hint_by_id(unit: Unit, provider: str, account: str, kind: str, id_: str) -> Hint | None:
    """Give an object, held until the transaction ends, or None."""
    table = unit.tables.provider_objects
    c = table.c
    mine = (c.provider == provider, c.account == account, c.kind == kind, c.id == id_)
    query = select(table).where(*mine).with_for_update()
    return next(map(_hint, unit.connection.execute(query).mappings()), None)


def put_hint(unit: Unit, hint: Hint, turn: int) -> bool:
    """Keep how an object stands, unless another worker took it up since that turn; False then."""
    table = unit.tables.provider_objects
    c = table.c
    mine = (c.provider == hint.provider, c.account == hint.account.id, c.kind == hint.kind)
    asked = update(table).where(*mine, c.id == hint.id, c.turn == turn).values(_changing(hint))
    return unit.connection.execute(asked).rowcount == 1


def events_of(unit: Unit, hint: Hint, at: Instant) -> tuple[ProviderEvent, ...]:
    """Give the events of an object that happened at a time."""
    table = unit.tables.provider_events
    query = select(table).where(*_of(unit, hint), table.c.created == at).order_by(table.c.id)
    return tuple(map(_event, unit.connection.execute(query).mappings()))


def settle_events(  # noqa: PLR0917 - which of them, and what became of them
    unit: Unit,
    at: Instant,
    hint: Hint,
    ids: Sequence[str],
    state: EventState,
    reason: Mapping[str, str] | None = None,
) -> int:
    """Say what became of an object's new events: those with the ids, and all before its newest."""
    table = unit.tables.provider_events
    c = table.c
    which = or_(c.created < hint.newest, c.id.in_(list(ids)))
    asked = update(table).where(*_of(unit, hint), c.state == "new", which)
    values = {"state": state, "reason": _text(reason), "done_at": at}
    return unit.connection.execute(asked.values(values)).rowcount


def renew_event(unit: Unit, event: ProviderEvent) -> None:
    """Let an event be new again."""
    table = unit.tables.provider_events
    c = table.c
    mine = (c.provider == event.provider, c.account == event.account, c.id == event.id)
    values = {"state": "new", "reason": None, "done_at": None}
    unit.connection.execute(update(table).where(*mine).values(values))


def event_by_key(unit: Unit, provider: str, account: str, id_: str) -> ProviderEvent | None:
    """Give an event of a provider's account, or None."""
    table = unit.tables.provider_events
    c = table.c
    query = select(table).where(c.provider == provider, c.account == account, c.id == id_)
    return next(map(_event, unit.connection.execute(query).mappings()), None)


def event_by_id(unit: Unit, id_: str) -> ProviderEvent | None:
    """Give an event, or None."""
    table = unit.tables.provider_events
    query = select(table).where(table.c.id == id_).order_by(table.c.provider, table.c.account)
    return next(map(_event, unit.connection.execute(query.limit(1)).mappings()), None)


def list_events(
    unit: Unit,
    limit: int,
    after: ProviderEvent | None = None,
    *,
    state: EventState | None = None,
    type_: str | None = None,
    object_id: str | None = None,
) -> tuple[ProviderEvent, ...]:
    """Give events, the last received first, those that come after one of them."""
    table = unit.tables.provider_events
    c = table.c
    query = select(table)
    if after is not None:
        same = and_(c.received_at == after.received_at, c.id < after.id)
        query = query.where(or_(c.received_at < after.received_at, same))
    for column, wanted in ((c.state, state), (c.type, type_), (c.object_id, object_id)):
        if wanted is not None:
            query = query.where(column == wanted)
    rows = unit.connection.execute(query.order_by(c.received_at.desc(), c.id.desc()).limit(limit))
    return tuple(map(_event, rows.mappings()))


def remove_events(unit: Unit, before: Instant, limit: int) -> int:
    """Remove events that were received before a time and wait for nothing; give how many were.

    Those of an object that is still to be asked for stay, and those that a person has to look into.
    """
    table, objects = unit.tables.provider_events, unit.tables.provider_objects
    c, o = table.c, objects.c
    waits = exists().where(
        o.provider == c.provider,
        o.account == c.account,
        o.kind == c.kind,
        o.id == c.object_id,
        o.due_at.is_not(None),
    )
    over = (c.received_at < before, c.state.in_(["applied", "ignored"]), ~waits)
    key = (c.provider, c.account, c.id)
    some = select(*key).where(*over).order_by(c.received_at, c.id).limit(limit)
    found = [tuple(row) for row in unit.connection.execute(some)]
    if found:
        unit.connection.execute(delete(table).where(among(unit, key, found)))
    return len(found)


def _of(unit: Unit, hint: Hint) -> tuple[ColumnElement[bool], ...]:
    c = unit.tables.provider_events.c
    mine = (c.provider == hint.provider, c.account == hint.account.id)
    return (*mine, c.live.is_(hint.account.live), c.kind == hint.kind, c.object_id == hint.id)


def _insert(unit: Unit, table: Any) -> Any:
    return (postgresql if unit.dialect == "postgresql" else sqlite).insert(table)


def _changing(hint: Hint) -> dict[str, Any]:
    held = hint.held
    return {
        "newest": hint.newest,
        "hints": hint.hints,
        "turn": hint.turn,
        "tries": hint.tries,
        "due_at": hint.due_at,
        "leased_until": hint.leased_until,
        "held_at": None if held is None else held.at,
        "held_upto": None if held is None else held.upto,
        "held_mark": None if held is None else held.mark,
        "held_reach": None if held is None else held.reach,
        "set_aside": hint.set_aside,
    }


def _hint(row: RowMapping) -> Hint:
    parts = (row["held_at"], row["held_upto"], row["held_mark"], row["held_reach"])
    return Hint(
        provider=row["provider"],
        account=ProviderAccount(row["account"], row["live"]),
        kind=row["kind"],
        id=row["id"],
        newest=row["newest"],
        hints=row["hints"],
        turn=row["turn"],
        tries=row["tries"],
        due_at=row["due_at"],
        leased_until=row["leased_until"],
        held=None if parts[0] is None else Held(*parts),
        set_aside=row["set_aside"],
    )


def _event(row: RowMapping) -> ProviderEvent:
    return ProviderEvent(
        provider=row["provider"],
        account=row["account"],
        live=row["live"],
        id=row["id"],
        type=row["type"],
        api_version=row["api_version"],
        created=row["created"],
        kind=row["kind"],
        object_id=row["object_id"],
        body=row["body"],
        received_at=row["received_at"],
        state=cast("EventState", row["state"]),
        reason=None if row["reason"] is None else FrozenDict(json.loads(row["reason"])),
        done_at=row["done_at"],
    )


def _text(reason: Mapping[str, str] | None) -> str | None:
    return None if reason is None else json.dumps(dict(reason), ensure_ascii=False, sort_keys=True)

"""Usage events as rows: stored once for ever, found again, read with all that corrects them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import and_, bindparam, func, or_, select, union_all

from tallystick.core.event import UsageEvent, as_sent
from tallystick.core.property import properties_of
from tallystick.storage.among import among

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Column, ColumnElement, CompoundSelect, Table

    from tallystick.core.period import Instant, Period
    from tallystick.storage.unit import Unit

__all__ = [
    "EVENT_COLUMNS",
    "EventKey",
    "corrections_of",
    "digests_of",
    "event_key",
    "event_of",
    "events_at",
    "events_in",
    "last_order",
    "last_time",
    "stored_events",
]

EventKey: TypeAlias = tuple[str, str, str]
"""Customer, source and id: what an event is unique by."""

EVENT_COLUMNS: Final[Sequence[tuple[str, str]]] = (
    ("seq", "bigint"),
    ("customer_id", "text"),
    ("source", "text"),
    ("id", "text"),
    ("kind", "text"),
    ("type", "text"),
    ("occurred_at", "timestamptz"),
    ("received_at", "timestamptz"),
    ("properties", "text"),
    ("digest", "text"),
    ("target_source", "text"),
    ("target_id", "text"),
)
"""The columns of an event, with PostgreSQL's types."""

_KEYS_AT_ONCE: Final = 250
_PAGE: Final = 1_000


def event_key(event: UsageEvent) -> EventKey:
    """Give what an event is unique by."""
    return event.customer, event.source, event.id


# --- reading --------------------------------------------------------------------------------------


def last_order(unit: Unit) -> int:
    """Give the last place in the order of arrival that a stored event has; 0 for none."""
    events = unit.tables.usage_events
    return unit.connection.execute(select(func.max(events.c.seq))).scalar() or 0


def last_time(unit: Unit, customer: str, type_: str) -> Instant | None:
    """Give the latest time that a customer's event of a type names; None for no event."""
    c = unit.tables.usage_events.c
    query = select(func.max(c.occurred_at)).where(c.customer_id == customer, c.type == type_)
    at: Instant | None = unit.connection.execute(query).scalar()
    return at


def _selected(table: Table) -> list[Column[Any]]:
    return [table.c[name] for name, _ in EVENT_COLUMNS if name != "digest"]


def event_of(row: Sequence[Any]) -> UsageEvent:
    """Read the event of a row: its columns in the order of `EVENT_COLUMNS`, without the digest."""
    order, customer, source, key, kind, type_, at, received, properties, *target = row
    return UsageEvent(
        id=key,
        source=source,
        customer=customer,
        type=type_,
        occurred_at=at,
        properties=properties_of(properties),
        kind=kind,
        target=None if target[1] is None else (target[0], target[1]),
        received_at=received,
        order=order,
    )


def digests_of(unit: Unit, keys: Iterable[EventKey]) -> dict[EventKey, str]:
    """Give the digests of the events that are stored under these keys."""
    c = unit.tables.usage_events.c
    columns = (c.customer_id, c.source, c.id)
    found: dict[EventKey, str] = {}
    for some in _chunks(keys):
        rows = unit.connection.execute(select(*columns, c.digest).where(among(unit, columns, some)))
        found |= {(customer, source, key): digest for customer, source, key, digest in rows}
    return found


def events_at(unit: Unit, keys: Iterable[EventKey]) -> dict[EventKey, UsageEvent]:
    """Give the events that are stored under these keys, as they were sent."""
    table = unit.tables.usage_events
    columns = (table.c.customer_id, table.c.source, table.c.id)
    found: dict[EventKey, UsageEvent] = {}
    for some in _chunks(keys):
        query = select(*_selected(table)).where(among(unit, columns, some))
        events = map(event_of, unit.connection.execute(query))
        found |= {event_key(event): event for event in events}
    return found


def corrections_of(unit: Unit, keys: Iterable[EventKey]) -> list[UsageEvent]:
    """Give what corrects the events of these keys, in the order of arrival."""
    table = unit.tables.usage_events
    columns = (table.c.customer_id, table.c.target_source, table.c.target_id)
    found: list[UsageEvent] = []
    for some in _chunks(keys):
        query = select(*_selected(table)).where(
            among(unit, columns, some), table.c.target_id.is_not(None)
        )
        found += map(event_of, unit.connection.execute(query))
    return sorted(found, key=lambda event: event.order or 0)


def _chunks(keys: Iterable[EventKey]) -> Iterator[list[EventKey]]:
    ordered = sorted(set(keys))
    for start in range(0, len(ordered), _KEYS_AT_ONCE):
        yield ordered[start : start + _KEYS_AT_ONCE]


def events_in(
    unit: Unit,
    customer: str,
    type_: str,
    start: Instant | None,
    end: Instant,
    *more: tuple[Instant, Instant],
) -> list[UsageEvent]:
    """Give one customer's events of a type from `start` up to `end`, with all that corrects them.

    What an amendment moves into that time is there, with its target and the target's other
    corrections; so the readings of any meter that lie in that time are right, and those outside it
    are to be left out.  Without a start: from the beginning.  `more` are further stretches of
    time, asked for in the same breath.
    """
    table = unit.tables.usage_events
    given = {"customer": customer, "type": type_, "start0": start, "end0": end}
    for place, (since, until) in enumerate(more, start=1):
        given |= {f"start{place}": since, f"end{place}": until}
    query = _in_time(table, 1 + len(more), open_start=start is None)
    if start is None:
        del given["start0"]
    rows = unit.connection.execute(query, given)
    found = {event.order: event for event in map(event_of, rows)}
    moved = [event for event in found.values() if event.kind == "amend"]
    targets = {(customer, *event.target) for event in moved if event.target is not None}
    away = targets - {event_key(event) for event in found.values()}
    if away:
        found |= {event.order: event for event in events_at(unit, away).values()}
        found |= {event.order: event for event in corrections_of(unit, away)}
    return sorted(found.values(), key=lambda event: event.order or 0)


@lru_cache(maxsize=64)
def _in_time(table: Table, stretches: int, *, open_start: bool) -> CompoundSelect[Any]:
    """Write the query for events in some stretches of time, and for what corrects them."""
    times = []
    for place in range(stretches):
        until = table.c.occurred_at < bindparam(f"end{place}", type_=table.c.occurred_at.type)
        since = table.c.occurred_at >= bindparam(f"start{place}", type_=table.c.occurred_at.type)
        times.append(until if open_start and not place else and_(since, until))
    mine = and_(
        table.c.customer_id == bindparam("customer"), table.c.type == bindparam("type"), or_(*times)
    )
    own = table.alias("correction")
    joined = table.join(
        own,
        and_(
            own.c.customer_id == table.c.customer_id,
            own.c.target_source == table.c.source,
            own.c.target_id == table.c.id,
            own.c.target_id.is_not(None),
        ),
    )
    columns = _selected(table)
    theirs = [own.c[column.name] for column in columns]
    corrections = select(*theirs).select_from(joined).where(table.c.kind == "use", mine)
    return union_all(select(*columns).where(mine), corrections)


def stored_events(
    unit: Unit,
    *,
    customer: str | None = None,
    period: Period | None = None,
    after: int = 0,
    up_to: int | None = None,
    sent: bool = False,
) -> Iterator[UsageEvent]:
    """Give the stored events in the order of arrival, page by page: everything.

    `after` and `up_to` are places in that order.  The period is that of `occurred_at`.  Each is
    as it is stored, or as it was `sent`: without what was filled in.
    """
    table = unit.tables.usage_events
    where: list[ColumnElement[bool]] = []
    if customer is not None:
        where.append(table.c.customer_id == customer)
    if period is not None:
        where += [table.c.occurred_at >= period.start, table.c.occurred_at < period.end]
    if up_to is not None:
        where.append(table.c.seq <= up_to)
    columns = _selected(table)
    while True:
        query = select(table.c.digest, *columns).where(*where, table.c.seq > after)
        page = unit.connection.execute(query.order_by(table.c.seq).limit(_PAGE)).all()
        for digest, *row in page:
            yield as_sent(event_of(row), digest) if sent else event_of(row)
        if len(page) < _PAGE:
            return
        after = page[-1].seq

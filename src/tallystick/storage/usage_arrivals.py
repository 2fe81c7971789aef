"""What arrived after a document was made for its time: late events, and corrections.

Found by the index that holds nothing else, so it costs little where nothing came late.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from tallystick.storage.billing_tables import LATE
from tallystick.storage.usage_stretches import (
    BEGINNING,
    event_columns,
    event_of_row,
    listed,
    moment_cell,
    table_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tallystick.core.event import UsageEvent
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["Since", "arrived_since", "changed_since", "corrected_since", "late_customers"]

_ASKED: Final = (
    ("no", "bigint"),
    ("customer", "text"),
    ("since", "timestamptz"),
    ("until", "timestamptz"),
)
_CHANGED: Final = """SELECT k.no FROM ({k}) k WHERE EXISTS (SELECT 1 FROM {events} e
 WHERE e.customer_id = k.customer AND e.received_at >= k.since AND ({late})
 AND (e.kind <> 'use' OR e.occurred_at < k.until))"""
_SINCE: Final = (
    ("no", "bigint"),
    ("customer", "text"),
    ("subscription", "text"),
    ("first", "timestamptz"),
    ("until", "timestamptz"),
    ("bound", "timestamptz"),
)
_ARRIVED: Final = """SELECT k.no AS no, {columns} FROM (SELECT k.no, k.customer, k.until, k.bound,
 COALESCE((SELECT max(i.watermark) FROM {invoices} i WHERE {mine}{issued}), k.first) AS since,
 (SELECT max(i.at) FROM {invoices} i WHERE {mine}{done}) AS last FROM ({k}) k) k
 CROSS JOIN {events} e WHERE e.customer_id = k.customer AND e.received_at >= k.since
 AND e.received_at < k.until AND ({late})
 AND (e.kind <> 'use' OR e.occurred_at < k.last OR e.occurred_at < k.bound)"""
_MINE: Final = "i.customer_id = k.customer AND i.subscription_id = k.subscription"
_ISSUED: Final = " AND i.status <> 'draft'"
_EARLIER: Final = " AND i.watermark < k.first"


_CORRECTED: Final = """SELECT k.no FROM ({k}) k WHERE EXISTS (SELECT 1 FROM {events} e
 WHERE e.customer_id = k.customer AND e.received_at >= k.since AND ({late})
 AND e.kind <> 'use')"""

_LATE: Final = """SELECT k.customer FROM ({k}) k WHERE EXISTS (SELECT 1 FROM {events} e
 WHERE e.customer_id = k.customer AND e.received_at < k.until AND ({late})
 AND EXISTS (SELECT 1 FROM {invoices} i WHERE i.customer_id = e.customer_id
 AND i.status <> 'draft' AND i.watermark <= e.received_at
 AND (e.kind <> 'use' OR e.occurred_at < i.at)))"""


@dataclass(frozen=True, slots=True)
class Since:
    """A subscription for which it is asked what arrived before `until`.

    Since the watermark of its last document, or `first` where it has none.  Use counts that
    occurred before that document, or before `bound`.
    """

    customer: str
    subscription: str
    first: Instant
    until: Instant
    bound: Instant = BEGINNING


def changed_since(unit: Unit, asked: Sequence[tuple[str, Instant, Instant]]) -> list[bool]:
    """Say of each customer whether what arrived since an instant may change a time that has ended.

    Asked is who, since when, and the end of that time, which is a minute before or earlier.
    """
    return _told(unit, _CHANGED, asked)


def corrected_since(unit: Unit, asked: Sequence[tuple[str, Instant]]) -> list[bool]:
    """Say of each customer whether any correction arrived since an instant."""
    return _told(unit, _CORRECTED, [(customer, since, since) for customer, since in asked])


def late_customers(unit: Unit, customers: Collection[str], until: Instant) -> set[str]:
    """Give those for whom something arrived before an instant that was late for a document."""
    if not customers:
        return set()
    end = moment_cell(unit, until)
    rows = [(number, name, end, end) for number, name in enumerate(sorted(set(customers)))]
    query, given = table_of(unit, _ASKED, rows)
    tables = unit.tables
    words = _LATE.format(
        k=query,
        events=tables.usage_events.fullname,
        invoices=tables.invoices.fullname,
        late=LATE[unit.dialect],
    )
    return set(unit.connection.execute(text(words), given).scalars())


def _told(unit: Unit, told: str, asked: Sequence[tuple[str, Instant, Instant]]) -> list[bool]:
    if not asked:
        return []
    rows = [
        (number, customer, moment_cell(unit, since), moment_cell(unit, end))
        for number, (customer, since, end) in enumerate(asked)
    ]
    query, given = table_of(unit, _ASKED, rows)
    words = told.format(k=query, events=unit.tables.usage_events.fullname, late=LATE[unit.dialect])
    found = set(unit.connection.execute(text(words), given).scalars())
    return [number in found for number in range(len(asked))]


def arrived_since(
    unit: Unit, asked: Sequence[Since], *, drafts: bool = False, again: bool = False
) -> list[list[UsageEvent]]:
    """Give the late events and the corrections of each, in the order of their arrival.

    With `drafts`, use counts that occurred before the last draft, too.  `again` looks as it was
    before the documents of `first` and later were made.
    """
    if not asked:
        return []
    rows = [
        (
            *(number, each.customer, each.subscription),
            *(moment_cell(unit, at) for at in (each.first, each.until, each.bound)),
        )
        for number, each in enumerate(asked)
    ]
    query, given = table_of(unit, _SINCE, rows)
    issued = f"{_ISSUED}{_EARLIER}" if again else _ISSUED
    words = _ARRIVED.format(
        columns=listed("e"),
        invoices=unit.tables.invoices.fullname,
        mine=_MINE,
        issued=issued,
        done="" if drafts else issued,
        k=query,
        events=unit.tables.usage_events.fullname,
        late=LATE[unit.dialect],
    )
    found: list[list[UsageEvent]] = [[] for _ in asked]
    for row in unit.connection.execute(event_columns(words, unit.tables), given):
        found[row[0]].append(event_of_row(row))
    for events in found:
        events.sort(key=_arrival)
    return found


def _arrival(event: UsageEvent) -> tuple[Instant, int]:
    return event.received_at or BEGINNING, event.order or 0

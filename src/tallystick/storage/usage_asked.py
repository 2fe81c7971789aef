"""The one statement by which a period is read: roll-ups, ragged ends, and whether those are plain.

Its rows say first what they are: the `meter` with its state; a `day`; a `label` of one; the value
in force `before` the period; an `event` of a ragged end; `corrected` where one of those was, or may
have been, corrected by what lies elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from tallystick.core.aggregate import cut, day_of
from tallystick.storage.meters import digest_of
from tallystick.storage.types import micros

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Row, TextClause

    from tallystick.core.aggregate import Cut
    from tallystick.core.meter import Aggregation, Meter
    from tallystick.core.period import Instant, Period
    from tallystick.storage.tables import Tables
    from tallystick.storage.unit import Dialect, Unit

__all__ = ["HELD", "Asked", "asked_of", "midnight_of", "rows_of"]

HELD: Final[frozenset[Aggregation]] = frozenset({"last", "time_weighted"})
"""The aggregations for which what came before a period counts in it."""

_FIGURES: Final[Mapping[Aggregation, str]] = {
    "min": "least",
    "max": "most",
    "last": "last_value",
    "time_weighted": "last_value",
}
# All are SELECTs of nine columns; in braces stand names of ours and places for values.
_METER: Final = """SELECT 'meter' AS what, id AS n, state AS words, CAST(NULL AS date) AS day,
 CAST(NULL AS text) AS figure, CAST(NULL AS timestamptz) AS first_at,
 CAST(NULL AS timestamptz) AS last_at, CAST(NULL AS bigint) AS last_order,
 CAST(NULL AS text) AS area FROM {meters} WHERE digest = :digest"""
_MINE: Final = """d.meter_id = (SELECT id FROM {meters} WHERE digest = :digest AND state = 'ready')
 AND d.customer_id = :customer"""
_DAYS: Final = """SELECT 'day', d.n, d.group_key, d.day, CAST(d.{figure} AS text), d.first_at,
 d.last_at, d.last_order, CAST(d.area AS text) FROM {days} d
 WHERE {mine} AND d.day >= {first} AND d.day < {after}"""
_LABELS: Final = """SELECT 'label', d.n, d.group_key, d.day, d.value, NULL, NULL, NULL, NULL
 FROM {values} d WHERE {mine} AND d.day >= {first} AND d.day < {after}"""
_BEFORE: Final = """SELECT 'before', d.n, d.group_key, d.day, CAST(d.last_value AS text),
 NULL, NULL, NULL, NULL FROM {days} d JOIN (SELECT d.group_key, max(d.day) AS day FROM {days} d
 WHERE {mine} AND d.day < {start} GROUP BY d.group_key) latest
 ON latest.group_key = d.group_key AND latest.day = d.day WHERE {mine}"""
_EVENTS: Final = """SELECT 'event', e.seq, e.properties, NULL, e.kind, e.occurred_at, e.received_at,
 NULL, NULL FROM {events} e WHERE e.customer_id = :customer AND e.type = :type AND {times}"""
_CORRECTED: Final = """SELECT 'corrected', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL
 WHERE EXISTS (SELECT 1 FROM {events} c JOIN {events} e ON e.customer_id = c.customer_id
 AND e.source = c.target_source AND e.id = c.target_id
 WHERE c.customer_id = :customer AND c.target_id IS NOT NULL
 AND e.customer_id = :customer AND e.type = :type AND ({times}))"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: a meter of a customer in a period, which is whole days and ragged `ends`.

    A level has its first end begin at midnight, as an event before the period may say what it is
    at the start.
    """

    meter: Meter
    customer: str
    period: Period
    whole: Cut
    ends: Sequence[tuple[Instant, Instant]]

    @property
    def days(self) -> bool:
        """Whether there is a whole day in the period."""
        return self.whole.first < self.whole.after


def asked_of(meter: Meter, customer: str, period: Period) -> Asked:
    """Cut a period into what is kept by day and what is not."""
    whole = cut(period)
    ends = [(edge.start, edge.end) for edge in whole.edges]
    if meter.aggregation in HELD and ends and ends[0][0] == period.start:
        ends[0] = (midnight_of(day_of(period.start)), ends[0][1])
    return Asked(meter, customer, period, whole, ends)


def midnight_of(day: date) -> datetime:
    """Give the instant at which a UTC day begins."""
    return datetime.combine(day, time(), UTC)


def rows_of(unit: Unit, asked: Asked) -> Sequence[Row[Any]]:
    """Ask, and give the rows as the driver does: times and days in the database's own form."""
    aggregation, ends = asked.meter.aggregation, len(asked.ends)
    words = _statement(unit.tables, unit.dialect, aggregation, ends, days=asked.days)
    return unit.connection.execute(words, _given(asked, unit.dialect)).all()


def _given(asked: Asked, dialect: Dialect) -> dict[str, str | int]:
    given: dict[str, str | int] = {
        "digest": digest_of(asked.meter),
        "customer": asked.customer,
    }
    if asked.days:
        first, after = asked.whole.first, asked.whole.after
        given |= {"first": first.isoformat(), "after": after.isoformat()}
    if asked.meter.aggregation in HELD:
        given["start"] = day_of(asked.period.start).isoformat()
    if asked.ends:
        given["type"] = asked.meter.event_type
    for place, (since, until) in enumerate(asked.ends):
        given[f"since{place}"] = micros(since) if dialect == "sqlite" else str(since)
        given[f"until{place}"] = micros(until) if dialect == "sqlite" else str(until)
    return given


@lru_cache(maxsize=256)
def _statement(
    tables: Tables, dialect: Dialect, aggregation: Aggregation, ends: int, *, days: bool
) -> TextClause:
    cast = "{0}" if dialect == "sqlite" else "CAST(CAST({0} AS text) AS {1})"
    day = {name: cast.format(f":{name}", "date") for name in ("first", "after", "start")}
    times = [
        f"e.occurred_at >= {cast.format(f':since{place}', 'timestamptz')}"
        f" AND e.occurred_at < {cast.format(f':until{place}', 'timestamptz')}"
        for place in range(ends)
    ]
    names = {
        "meters": tables.meters.fullname,
        "mine": _MINE.format(meters=tables.meters.fullname),
        "days": tables.usage_days.fullname,
        "values": tables.usage_values.fullname,
        "events": tables.usage_events.fullname,
        "figure": _FIGURES.get(aggregation, "total"),
        **day,
    }
    arms = [_METER]
    arms += [_DAYS] if days else []
    arms += [_LABELS] if days and aggregation == "unique" else []
    arms += [_BEFORE] if aggregation in HELD else []
    written = [arm.format(**names) for arm in arms]
    written += [_EVENTS.format(**names, times=each) for each in times]
    if times:
        written.append(_CORRECTED.format(**names, times=" OR ".join(f"({t})" for t in times)))
    return text(" UNION ALL ".join(written))

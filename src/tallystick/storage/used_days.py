"""What many customers used of whatever they used, by now: two statements, however many they are.

Only what there is comes back, so that questions about what nobody has used cost nothing.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import text

from tallystick.core.number import ZERO, exact_sum
from tallystick.storage.usage_stretches import moment_cell, table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from sqlalchemy import TextClause

    from tallystick.core.period import Instant
    from tallystick.storage.arrays import Cell
    from tallystick.storage.unit import Unit

__all__ = ["Days", "DaysUsed", "EdgeUsed", "used_days", "used_edges"]


class Days(NamedTuple):
    """Days `[first, after)`; on the first or the last of them not everything may count."""

    first: date
    after: date
    first_ragged: bool = False
    last_ragged: bool = False


class DaysUsed(NamedTuple):
    """What a meter of that digest comes to in these days: `n` readings, and their sum.

    `ragged` says that there are any on a ragged day.
    """

    customer: str
    days: Days
    digest: str
    n: int
    total: Decimal
    ragged: bool


class EdgeUsed(NamedTuple):
    """So many events of an edge that say the same; `plain` where they are uses."""

    place: int
    properties: str
    n: int
    plain: bool


_DAY: Final = timedelta(days=1)
_SPANS: Final = (
    ("no", "bigint"),
    ("customer_id", "text"),
    ("first", "date"),
    ("after", "date"),
    ("low", "date"),
    ("high", "date"),
)
_EDGES: Final = (
    ("no", "bigint"),
    ("customer_id", "text"),
    ("type", "text"),
    ("since", "timestamptz"),
    ("until", "timestamptz"),
)
_FIGURES: Final = """max(CASE WHEN d.day = k.low OR d.day = k.high THEN 1 ELSE 0 END)
 FROM {of} WHERE d.customer_id = k.customer_id AND d.day >= k.first AND d.day < k.after
 AND d.meter_id = m.id AND m.state = 'ready' GROUP BY k.no, m.digest"""
# The rows of these customers are found first, by the key of the table, whatever the planner knows.
_ON_POSTGRESQL: Final = f"""WITH k AS MATERIALIZED ({{k}}), d AS MATERIALIZED (
 SELECT meter_id, customer_id, day, n, total FROM {{days}}
 WHERE meter_id = ANY(ARRAY(SELECT id FROM {{meters}} WHERE state = 'ready'))
 AND customer_id = ANY(ARRAY(SELECT customer_id FROM k))
 AND day >= (SELECT min(first) FROM k) AND day < (SELECT max(after) FROM k))
 SELECT k.no, m.digest, CAST(sum(d.n) AS bigint), CAST(sum(d.total) AS text),
 {_FIGURES.format(of="k CROSS JOIN d CROSS JOIN {meters} m")}"""  # noqa: S608 - names of ours
_ON_SQLITE: Final = f"""SELECT k.no, m.digest, sum(d.n), group_concat(d.total, ' '),
 {_FIGURES.format(of="({k}) k CROSS JOIN {meters} m CROSS JOIN {days} d")}"""
_EVENTS: Final = """SELECT k.no, e.properties, count(*), e.kind = 'use' FROM ({k}) k
 CROSS JOIN {events} e WHERE e.customer_id = k.customer_id AND e.type = k.type
 AND e.occurred_at >= k.since AND e.occurred_at < k.until GROUP BY k.no, e.properties, e.kind"""


def used_days(unit: Unit, asked: Iterable[tuple[str, Days]]) -> list[DaysUsed]:
    """Give what customers used on some days, by every meter whose roll-ups are kept and ready."""
    spans = sorted(asked)
    if not spans:
        return []
    rows = [_row(number, customer, days) for number, (customer, days) in enumerate(spans)]
    words = _ON_SQLITE if unit.dialect == "sqlite" else _ON_POSTGRESQL
    return [
        DaysUsed(spans[number][0], spans[number][1], digest, n, _sum(total), bool(ragged))
        for number, digest, n, total, ragged in _asked(unit, words, _SPANS, rows)
    ]


def _row(number: int, customer: str, days: Days) -> tuple[Cell, ...]:
    first, after = _iso(days.first), _iso(days.after)
    low = first if days.first_ragged else None
    high = _iso(days.after - _DAY) if days.last_ragged else None
    return number, customer, first, after, low, high


def used_edges(unit: Unit, edges: Sequence[tuple[str, str, Instant, Instant]]) -> list[EdgeUsed]:
    """Give the events of edges: customer, type, and the time `[since, until)`."""
    if not edges:
        return []
    rows = [
        (number, customer, type_, moment_cell(unit, since), moment_cell(unit, until))
        for number, (customer, type_, since, until) in enumerate(edges)
    ]
    found = _asked(unit, _EVENTS, _EDGES, rows)
    return [EdgeUsed(place, said, n, bool(use)) for place, said, n, use in found]


def _asked(
    unit: Unit,
    words: str,
    columns: Sequence[tuple[str, str]],
    rows: Sequence[Sequence[Cell]],
) -> Iterable[Sequence[Any]]:
    query, given = table_of(unit, columns, rows)
    tables = unit.tables
    names = (tables.usage_days, tables.meters, tables.usage_events)
    statement = _statement(words, query, *(each.fullname for each in names))
    return unit.connection.execute(statement, given).all()


@lru_cache(maxsize=64)
def _statement(words: str, query: str, days: str, meters: str, events: str) -> TextClause:
    return text(words.format(k=query, days=days, meters=meters, events=events))


@lru_cache(maxsize=4096)
def _iso(day: date) -> str:
    return day.isoformat()


def _sum(texts: str | None) -> Decimal:
    return ZERO if texts is None else exact_sum(*map(Decimal, texts.split()))

"""Reading many meters of many customers in a few statements: what a batch of documents measures.

Each answer is that of `storage.usage_read.read_figures`: whole days from the roll-ups, the ragged
ends from the events; all of it from the events where one looks back, or nothing is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from tallystick.core.aggregate import DayState, cut, day_of
from tallystick.core.number import (
    QUANTITY_DECIMALS,
    ZERO,
    exact_sum,
    plain,
    round_quotient_to,
)
from tallystick.core.reading import group_of_key, readings_of
from tallystick.storage.meters import digest_of
from tallystick.storage.types import moment_of
from tallystick.storage.usage_asked import HELD, midnight_of
from tallystick.storage.usage_known import Known, note_readings
from tallystick.storage.usage_read import Figure, figures_of
from tallystick.storage.usage_stretches import Stretch, events_of, table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallystick.core.aggregate import Cut
    from tallystick.core.event import UsageEvent
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant, Period
    from tallystick.core.reading import Group
    from tallystick.storage.arrays import Cell
    from tallystick.storage.unit import Unit

__all__ = ["Ask", "read_many", "ready_meters", "rounded_quantity"]

_SUMS: Final = frozenset({"sum", "average", "count", "min", "max"})
_PLAIN: Final = frozenset({"sum"})
_DAYS: Final = (
    ("no", "bigint"),
    ("meter_id", "bigint"),
    ("customer_id", "text"),
    ("first", "date"),
    ("after", "date"),
)
_MINE: Final = """d.meter_id = k.meter_id AND d.customer_id = k.customer_id
 AND d.day >= k.first AND d.day < k.after"""
_FROM: Final = "FROM ({k}) k CROSS JOIN {mine}"
# Question by question, also where a month is younger than what the planner knows of the days.
_MINE_IN: Final = {
    "sqlite": f"{{table}} d WHERE {_MINE}",
    "postgresql": f"LATERAL (SELECT * FROM {{table}} d WHERE {_MINE} OFFSET 0) d",  # noqa: S608 - names of ours
}
_ADDED_ON_POSTGRESQL: Final = f"""SELECT k.no, d.group_key, CAST(sum(d.n) AS bigint),
 CAST(sum(d.total) AS text), CAST(min(d.least) AS text), CAST(max(d.most) AS text)
 {_FROM} GROUP BY k.no, d.group_key"""
_ADDED_ON_SQLITE: Final = f"""SELECT k.no, d.group_key, sum(d.n), group_concat(d.total, ' '),
 group_concat(d.least, ' '), group_concat(d.most, ' ') {_FROM} GROUP BY k.no, d.group_key"""
_STATES: Final = f"""SELECT k.no, d.group_key, d.day, d.n, CAST(d.last_value AS text), d.first_at,
 d.last_at, d.last_order, CAST(d.area AS text) {_FROM}"""
_LABELS: Final = f"SELECT DISTINCT k.no, d.group_key, d.value {_FROM}"
_COUNTED: Final = f"SELECT k.no, d.group_key, CAST(sum(d.n) AS bigint) {_FROM} GROUP BY 1, 2"
# Of the days before the first only the last one counts, of each group.
_BEFORE_ON_POSTGRESQL: Final = """SELECT k.no, d.group_key, CAST(d.last_value AS text) FROM ({k}) k
 CROSS JOIN LATERAL (SELECT DISTINCT ON (b.group_key) b.group_key, b.last_value FROM {table} b
 WHERE b.meter_id = k.meter_id AND b.customer_id = k.customer_id AND b.day < k.first
 ORDER BY b.group_key, b.day DESC) d"""
_BEFORE_ON_SQLITE: Final = """SELECT no, group_key, last_value FROM (SELECT k.no AS no,
 d.group_key AS group_key, d.last_value AS last_value, max(d.day) FROM ({k}) k CROSS JOIN {table} d
 WHERE d.meter_id = k.meter_id AND d.customer_id = k.customer_id AND d.day < k.first
 GROUP BY k.no, d.group_key)"""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question: a meter of a customer in a period, by group, now or as it was known then."""

    meter: Meter
    customer: str
    period: Period
    group_by: tuple[str, ...] = ()
    as_of: Instant | None = None


def read_many(unit: Unit, asks: Sequence[Ask]) -> list[list[Figure]]:
    """Give the figures of each question, equal to a fold over the raw events.

    Raises InvalidUsage for a property that a meter is not grouped by.
    """
    if not asks:
        return []
    ready = ready_meters(unit)
    meters = {id(each.meter): each.meter for each in asks}  # a meter itself cannot be a key
    digest = {key: digest_of(meter) for key, meter in meters.items()}
    kept: dict[int, int] = {}
    events: list[int] = []
    for number, each in enumerate(asks):
        meter_id = ready.get(digest[id(each.meter)]) if each.as_of is None else None
        if meter_id is None:
            events.append(number)
        else:
            kept[number] = meter_id
    known = _by_events(unit, asks, events)
    if kept:
        known |= _by_days(unit, asks, kept)
    return [_figures(ask, known[number], days=number in kept) for number, ask in enumerate(asks)]


def _figures(ask: Ask, known: Mapping[Group, Known], *, days: bool) -> list[Figure]:
    if days and not ask.group_by and ask.meter.aggregation in _PLAIN and len(known) == 1:
        (facts,) = known.values()
        if len(facts.days) == 1 and not facts.readings:  # as it mostly is: one figure, added up
            quantity = rounded_quantity(facts.days[0][1].total, ask.meter.rounding)
            return [Figure(ask.period, quantity)]
    names = tuple(dict.fromkeys(ask.group_by))
    return figures_of(ask.meter, known, [ask.period], names, {}, days=days)


@lru_cache(maxsize=4096)
def rounded_quantity(total: Decimal, rounding: int | None) -> Decimal:
    """Round what a meter added up to its decimals, half away from zero."""
    decimals = QUANTITY_DECIMALS if rounding is None else rounding
    return Decimal(plain(round_quotient_to(Fraction(total), decimals)))


def ready_meters(unit: Unit) -> dict[str, int]:
    """Give the numbers of the meters whose roll-ups hold every event, by digest."""
    meters = unit.tables.meters
    rows = unit.connection.execute(
        text(f"SELECT digest, id FROM {meters.fullname} WHERE state = 'ready'")  # noqa: S608 - names of ours
    )
    return {row.digest: row.id for row in rows}


# --- from the events ------------------------------------------------------------------------------


def _by_events(
    unit: Unit, asks: Sequence[Ask], numbers: Sequence[int]
) -> dict[int, dict[Group, Known]]:
    """Read everything from the events; a level needs all that came before, too."""
    stretches = dict.fromkeys(_stretch(asks[number]) for number in numbers)
    found = dict(zip(stretches, events_of(unit, list(stretches)), strict=True))
    known: dict[int, dict[Group, Known]] = {}
    for number in numbers:
        ask, facts = asks[number], known.setdefault(number, {})
        readings = readings_of(ask.meter, found[_stretch(ask)], as_of=ask.as_of)
        note_readings(facts, readings, ask.period)
    return known


def _stretch(ask: Ask) -> Stretch:
    start = None if ask.meter.aggregation in HELD else ask.period.start
    return Stretch(ask.customer, ask.meter.event_type, start, ask.period.end)


# --- from the roll-ups ----------------------------------------------------------------------------


class _Days:
    """What the roll-ups and the ragged ends say, question by question."""

    def __init__(self, unit: Unit, asks: Sequence[Ask], kept: Mapping[int, int]) -> None:
        self.unit, self.asks = unit, asks
        self.cuts: dict[int, Cut] = {number: _cut(asks[number].period) for number in kept}
        self.known: dict[int, dict[Group, Known]] = {number: {} for number in kept}
        self.rows: dict[str, list[tuple[Cell, ...]]] = {"sums": [], "held": [], "unique": []}
        self.levels: list[tuple[Cell, ...]] = []
        for number, meter_id in kept.items():
            self._sort(number, meter_id)

    def _sort(self, number: int, meter_id: int) -> None:
        ask, part = self.asks[number], self.cuts[number]
        row = (number, meter_id, ask.customer, _iso(part.first), _iso(part.after))
        aggregation = ask.meter.aggregation
        if aggregation in HELD:
            first = _iso(day_of(ask.period.start))
            self.levels.append((number, meter_id, ask.customer, first, first))
        if part.first < part.after:
            kind = "sums" if aggregation in _SUMS else "held"
            self.rows["unique" if aggregation == "unique" else kind].append(row)

    def of(self, number: int, key: str) -> Known:
        groups = self.known[number]
        group = _group(key)
        found = groups.get(group)
        if found is None:
            found = groups[group] = Known()
        return found

    def ask(self, words: str, rows: Sequence[tuple[Cell, ...]], table: str) -> Iterable[Any]:
        if not rows:
            return ()
        query, given = table_of(self.unit, _DAYS, rows)
        mine = _MINE_IN[self.unit.dialect].format(table=table)
        statement = words.format(k=query, table=table, mine=mine)
        return self.unit.connection.execute(_text(statement), given).all()

    def read(self) -> None:
        tables, sqlite = self.unit.tables, self.unit.dialect == "sqlite"
        days, values = tables.usage_days.fullname, tables.usage_values.fullname
        words = _ADDED_ON_SQLITE if sqlite else _ADDED_ON_POSTGRESQL
        for number, key, n, *figures in self.ask(words, self.rows["sums"], days):
            first = self.cuts[number].first
            self.of(number, key).days.append((first, _added(first, n, figures)))
        for number, key, n in self.ask(_COUNTED, self.rows["unique"], days):
            first = self.cuts[number].first
            self.of(number, key).days.append((first, _added(first, n, (None, None, None))))
        for number, key, label in self.ask(_LABELS, self.rows["unique"], values):
            self.of(number, key).labels.append((self.cuts[number].first, label))
        for number, key, *cells in self.ask(_STATES, self.rows["held"], days):
            self.of(number, key).days.append(_state(cells, sqlite=sqlite))
        before = _BEFORE_ON_SQLITE if sqlite else _BEFORE_ON_POSTGRESQL
        for number, key, level in self.ask(before, self.levels, days):
            self.of(number, key).before = Decimal(level)
        for groups in self.known.values():
            for facts in groups.values():
                facts.days.sort(key=_day)

    def read_ends(self) -> None:
        """Read what lies in the ragged ends; a level has the day before its first end, too."""
        ends: dict[int, list[Stretch]] = {}
        for number, part in self.cuts.items():
            if part.edges:
                ends[number] = list(self._ends(self.asks[number], part))
        stretches = dict.fromkeys(each for of in ends.values() for each in of)
        found = dict(zip(stretches, events_of(self.unit, list(stretches)), strict=True))
        for number, of in ends.items():
            events: dict[int | None, UsageEvent] = {}
            for stretch in of:
                events.update((event.order, event) for event in found[stretch])
            ask = self.asks[number]
            readings = (
                reading
                for reading in readings_of(ask.meter, events.values())
                if any(each.start <= reading.at < each.end for each in of if each.start)
            )
            note_readings(self.known[number], readings, ask.period)

    @staticmethod
    def _ends(ask: Ask, part: Cut) -> Iterable[Stretch]:
        for edge in part.edges:
            start = edge.start
            if ask.meter.aggregation in HELD and start == ask.period.start:
                start = midnight_of(day_of(start))
            yield Stretch(ask.customer, ask.meter.event_type, start, edge.end)


def _by_days(
    unit: Unit, asks: Sequence[Ask], kept: Mapping[int, int]
) -> dict[int, dict[Group, Known]]:
    days = _Days(unit, asks, kept)
    days.read()
    days.read_ends()
    return days.known


_cut: Final = lru_cache(maxsize=4096)(cut)
_group: Final = lru_cache(maxsize=4096)(group_of_key)
_text: Final = lru_cache(maxsize=64)(text)


@lru_cache(maxsize=4096)
def _iso(day: date) -> str:
    return day.isoformat()


def _day(entry: tuple[date, DayState]) -> date:
    return entry[0]


def _added(day: date, n: int, figures: Sequence[str | None]) -> DayState:
    """Give days put together, where neither their times nor their order matter."""
    total, least, most = figures
    midnight = midnight_of(day)
    return DayState(
        n=n,
        total=ZERO if total is None else _sum(total),
        least=ZERO if least is None else min(map(Decimal, least.split())),
        most=ZERO if most is None else max(map(Decimal, most.split())),
        first_at=midnight,
        last_at=midnight,
        last_order=0,
        last_value=ZERO,
    )


def _sum(texts: str) -> Decimal:
    """Add figures exactly, of which PostgreSQL gives the sum and SQLite gives all."""
    if texts.replace(" ", "").isdigit():
        return Decimal(sum(map(int, texts.split())))
    return exact_sum(*map(Decimal, texts.split()))


def _state(cells: Sequence[Any], *, sqlite: bool) -> tuple[date, DayState]:
    day, n, level, first, last, order, area = cells
    if sqlite:
        day = date.fromisoformat(day)
        last, first = moment_of(last), None if first is None else moment_of(first)
    last = last.astimezone(UTC)
    value = Decimal(level)
    state = DayState(
        n=n,
        total=value,
        least=value,
        most=value,
        first_at=last if first is None else first.astimezone(UTC),
        last_at=last,
        last_order=order,
        last_value=value,
        area=None if area is None else Decimal(area),
    )
    return day, state

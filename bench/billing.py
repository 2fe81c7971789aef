"""A billing run against writing the same documents in bulk from ready figures.

Each subscription has a flat price, seats and three meters, with ten events rolled up.  A round is
one month: subscriptions go on, and their documents are measured, reckoned, numbered and written.
The floor writes the same rows once more, as they came out, in as many transactions, into tables
of its own with the same indexes, checks and references but no triggers: documents (each once, not
as a draft first), lines and journal are inserted, and subscriptions are changed from what they were
before the run to what they are after it.  So its updates move the index of what is due, and every
row is checked against the one it points to, as for anybody who writes these tables; writing
a snapshot over itself, or rows that may point to nothing, would cost less than any billing can.
TALLYSTICK_BENCH_SUBSCRIPTIONS says how many there are.
"""

from __future__ import annotations

import gc
import os
import resource
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import MetaData, text

from bench.databases import postgresql, seconds, sqlite
from bench.measure import compared
from tallystick.app.billing import run_billing
from tallystick.app.meters import prepare
from tallystick.app.publish import publish
from tallystick.app.usage import record_many
from tallystick.core.dialects import read_catalog
from tallystick.core.event import UsageEvent
from tallystick.core.meter import meters_of
from tallystick.core.move import Start
from tallystick.core.number import quantity_of
from tallystick.core.subscription_moves import next_at, start
from tallystick.core.trees import bytes_of
from tallystick.storage.arrays import insert_rows
from tallystick.storage.batches import update_rows
from tallystick.storage.types import micros

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bench.measure import Result
    from tallystick.core.catalog import Catalog
    from tallystick.core.meter import Meter
    from tallystick.storage.unit import Storage, Unit

__all__ = ["run"]

SUBSCRIPTIONS: Final = int(os.environ.get("TALLYSTICK_BENCH_SUBSCRIPTIONS", "2000"))
ROUNDS: Final = 5
BATCH: Final = 1_000
BEGIN: Final = datetime(2027, 1, 1, tzinfo=UTC)
METERS: Final = ("calls", "bytes", "jobs")
GOAL: Final = 0.3
_DEFINITIONS: Final = "SELECT sql FROM sqlite_master WHERE tbl_name = :t AND type <> 'trigger'"
_REFERENCES: Final = (
    "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE conrelid = CAST(:t AS regclass) AND contype = 'f'"
)
_BARE: Final = ("subscriptions", "invoices", "invoice_lines", "journal")
_CHANGED: Final = ("customer_id", "id", "due_at", "clock", "snapshot")


def run() -> list[Result]:
    """Bill on both databases."""
    results = []
    with sqlite() as storage:
        results += _measure("SQLite", storage)
    with postgresql() as storage:
        results += _measure("PostgreSQL", storage)
    return results


def _measure(name: str, storage: Storage) -> list[Result]:
    bench = _Bench(storage)
    bench.fill(SUBSCRIPTIONS)
    ratios, each = [], []
    for month in range(1, ROUNDS + 2):
        bench.use(month)
        at = _month(month + 1) + timedelta(hours=2)
        gc.collect()
        ours = seconds(partial(run_billing, storage, at))
        floor = bench.floor(month + 1)
        theirs = seconds(floor)
        if month > 1:  # the first one fills what is read once for each process
            ratios.append(theirs / ours)
            each.append(ours / SUBSCRIPTIONS * 1e6)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"  {name}: {min(each):,.0f} µs a subscription at best, {most} MiB at most so far")
    title = f"billing run of {SUBSCRIPTIONS:,} / the same rows: {name}"
    return [compared(title, ratios, goal=GOAL, at_least=True)]


def _month(number: int) -> datetime:
    return BEGIN.replace(year=2027 + (number - 1) // 12, month=(number - 1) % 12 + 1)


def _catalog() -> Catalog[Any, Any]:
    metered = [
        {
            "id": f"{key}_use",
            "name": key,
            "type": "graduated",
            "meter": key,
            "unit": key,
            "tiers": [
                {"up_to": "1000", "cost": "0"},
                {"up_to": "10000", "cost": "0.002"},
                {"up_to": None, "cost": "0.001"},
            ],
        }
        for key in METERS
    ]
    fees = [
        {"id": "fee", "name": "Fee", "type": "flat", "cost": "29.00"},
        {"id": "seat", "name": "Seats", "type": "per_seat", "cost": "9.00"},
    ]
    plan = {"id": "pro", "name": "Pro", "interval": "month", "interval_count": 1}
    product = {"id": "app", "name": "App", "currency": "USD"}
    return read_catalog(
        {
            "dialect": "tallystick",
            "currency": "USD",
            "meters": [{"key": key, "aggregation": "sum"} for key in METERS],
            "products": [{**product, "plans": [{**plan, "prices": [*fees, *metered]}]}],
        }
    )


class _Bench:
    """A ledger of many subscriptions, their use, and the floor under a run."""

    def __init__(self, storage: Storage) -> None:
        self.storage, self.catalog = storage, _catalog()
        self.meters: Mapping[str, Meter] = meters_of(self.catalog)
        early = BEGIN - timedelta(days=9)
        storage.attempt(lambda unit: publish(unit, early, self.catalog, author="bench"))
        prepare(storage, self.meters.values())
        self._make_bare()

    def fill(self, count: int) -> None:
        """Start subscriptions on the first of January, one for each customer."""
        for first in range(0, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            self.storage.attempt(partial(self._start, numbers=numbers))
        run_billing(self.storage, BEGIN + timedelta(hours=2))
        self._copy_subscriptions()

    def _start(self, unit: Unit, numbers: Sequence[int]) -> None:
        tables, moment = unit.tables, _moment(unit)
        people = [(f"c{n}", f"Customer {n}", moment(BEGIN), moment(BEGIN)) for n in numbers]
        columns = (("id", "text"), ("name", "text"))
        times = (("created_at", "timestamptz"), ("updated_at", "timestamptz"))
        insert_rows(unit, tables.customers.fullname, (*columns, *times), people)
        offers = {"pro@1": self.catalog["pro"]}
        rows = []
        for n in numbers:
            move = Start(
                customer=f"c{n}", group="default", offer="pro@1", currency="USD", seats=1 + n % 7
            )
            made = start(f"s{n}", move, BEGIN, offers).subscription
            due = next_at(made)
            assert due is not None
            snapshot = bytes_of(made).decode()
            key = (made.customer, made.id, made.group, "pro", 1, made.state, "USD")
            rows.append((*key, moment(due), 1, moment(made.clock), snapshot, moment(BEGIN)))
        insert_rows(unit, tables.subscriptions.fullname, _SUBSCRIPTION, rows)

    def use(self, month: int) -> None:
        """Record ten events of each customer in a month."""
        events = self._events(month)
        while some := list(islice(events, BATCH * 10)):
            arrived = some[0].received_at
            assert arrived is not None
            done = self.storage.attempt(
                lambda unit, some=some, at=arrived: record_many(unit, some, self.meters, at)  # type: ignore[misc]  # its last arguments have values
            )
            assert done.accepted == len(some)

    def _events(self, month: int) -> Iterator[UsageEvent]:
        for n in range(SUBSCRIPTIONS):
            for place in range(10):
                at = _month(month) + timedelta(days=place * 2.6, seconds=n)
                quantity = quantity_of(f"{(n * 31 + place * 977) % 4_000}", "quantity")
                yield UsageEvent(
                    id=f"{month}-{n}-{place}",
                    customer=f"c{n}",
                    type=METERS[place % 3],
                    occurred_at=at,
                    received_at=at,
                    properties={"quantity": quantity},
                )

    # --- the floor --------------------------------------------------------------------------------

    def _make_bare(self) -> None:
        """Make the tables once more with all that holds them but triggers."""
        with self.storage.engine.begin() as connection:
            for name in _BARE:
                table = getattr(self.storage.tables, name).fullname
                if self.storage.dialect == "postgresql":
                    words = [f"CREATE TABLE bare_{name} (LIKE {table} INCLUDING ALL)"]
                    found = connection.execute(text(_REFERENCES), {"t": table})
                    words += [f"ALTER TABLE bare_{name} ADD {each}" for each in found.scalars()]
                else:
                    found = connection.execute(text(_DEFINITIONS), {"t": table})
                    words = [sql.replace(table, f"bare_{name}") for sql in found.scalars() if sql]
                for each in words:
                    connection.execute(text(each))

    def _copy_subscriptions(self) -> None:
        """Give the floor the subscriptions as they are before the first round."""
        table = self.storage.tables.subscriptions.fullname
        with self.storage.engine.begin() as connection:
            connection.execute(text(f"INSERT INTO bare_subscriptions SELECT * FROM {table}"))  # noqa: S608 - a name of ours

    def floor(self, month: int) -> Callable[[], None]:
        """Read what a run wrote as ready figures; give what writes it again."""
        payloads = []
        with self.storage.look() as unit:
            at = _moment(unit)(_month(month))
            invoices = self._read(unit, "invoices", f"at = {_literal(at)}")
            ids = {row[1] for row in invoices.rows}
            lines = self._read(unit, "invoice_lines", None, ids)
            journal = self._read(unit, "journal", f"at > {_literal(at)}")
            snapshots = self._read(unit, "subscriptions", None)
        for first in range(0, SUBSCRIPTIONS, BATCH):
            after = first + BATCH
            payloads.append(
                (
                    snapshots.part(first, after),
                    [
                        invoices.part(first, after),
                        lines.part(first * 5, after * 5),
                        journal.part(first, after),
                    ],
                )
            )
        return partial(self._write, payloads)

    def _read(self, unit: Unit, name: str, where: str | None, ids: set[str] | None = None) -> _Rows:
        table = getattr(unit.tables, name)
        columns = tuple(
            (column.name, _kind(str(column.type.compile(unit.connection.dialect))))
            for column in table.columns
        )
        casts = ", ".join(
            f"CAST({column} AS text)"
            if kind != "bigint" and unit.dialect == "postgresql"
            else column
            for column, kind in columns
        )
        words = f"SELECT {casts} FROM {table.fullname}"  # noqa: S608 - names of ours
        rows = unit.connection.exec_driver_sql(f"{words} WHERE {where}" if where else words).all()
        taken = [tuple(row) for row in rows if ids is None or row[1] in ids]
        return _Rows(name, columns, taken)

    def _write(self, payloads: list[tuple[_Rows, list[_Rows]]]) -> None:
        for snapshots, inserted in payloads:
            with self.storage.begin() as unit:
                for each in inserted:
                    insert_rows(unit, f"bare_{each.name}", each.columns, each.rows)
                self._rewrite(unit, snapshots)
                unit.commit()

    @staticmethod
    def _rewrite(unit: Unit, snapshots: _Rows) -> None:
        names = [name for name, _ in snapshots.columns]
        kept = [names.index(name) for name in _CHANGED]
        columns = [snapshots.columns[place] for place in kept]
        rows = [[row[place] for place in kept] for row in snapshots.rows]
        changes = {name: f"{{{name}}}" for name in _CHANGED[2:]}
        where = "d.customer_id = {customer_id} AND d.id = {id}"
        bare = unit.tables.subscriptions.to_metadata(MetaData(), name="bare_subscriptions")
        done = update_rows(unit, bare, columns, rows, changes, where)
        assert done == len(rows)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of a table that are ready to be written."""

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: list[tuple[Any, ...]]

    def part(self, first: int, after: int) -> _Rows:
        """Give some of them."""
        return _Rows(self.name, self.columns, self.rows[first:after])


_SUBSCRIPTION: Final = (
    ("customer_id", "text"),
    ("id", "text"),
    ("group_key", "text"),
    ("plan_id", "text"),
    ("plan_version", "bigint"),
    ("state", "text"),
    ("currency", "text"),
    ("due_at", "timestamptz"),
    ("moves", "bigint"),
    ("clock", "timestamptz"),
    ("snapshot", "text"),
    ("created_at", "timestamptz"),
)


def _moment(unit: Unit) -> Callable[[datetime], str | int]:
    return micros if unit.dialect == "sqlite" else str


def _literal(at: str | int) -> str:
    return str(at) if isinstance(at, int) else f"'{at}'"


def _kind(written: str) -> str:
    """Give PostgreSQL's word for a column's type."""
    word = written.lower()
    if "timestamp" in word:
        return "timestamptz"
    if "int" in word:
        return "bigint"
    return "numeric" if "numeric" in word else "text"

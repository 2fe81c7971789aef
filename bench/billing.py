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
from fractions import Fraction
from functools import partial
from itertools import islice
from time import process_time
from typing import TYPE_CHECKING, Any, ClassVar, Final

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

__all__ = ["Ledger", "measure", "month_at", "run"]

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


def run() -> list[Result]:
    """Bill on both databases."""
    results = []
    with sqlite() as storage:
        results += measure("SQLite", storage, Ledger)
    with postgresql() as storage:
        results += measure("PostgreSQL", storage, Ledger)
    return results


def measure(name: str, storage: Storage, ledger: type[Ledger]) -> list[Result]:
    """Bill some months of a ledger, each in turn with its floor, and print what came out."""
    bench = ledger(storage)
    bench.fill(SUBSCRIPTIONS)
    ratios, each = [], list[tuple[float, float]]()
    for month in range(1, ROUNDS + 2):
        bench.use(month)
        at = month_at(month + 1) + timedelta(hours=2)
        gc.collect()
        since = process_time()
        ours = seconds(partial(run_billing, storage, at))
        ourselves = process_time() - since
        floor = bench.floor(month + 1)
        theirs = seconds(floor)
        if month > 1:  # the first one fills what is read once for each process
            ratios.append(theirs / ours)
            each.append((ours / SUBSCRIPTIONS * 1e6, ourselves / SUBSCRIPTIONS * 1e6))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    whole, ourselves = map(min, zip(*each, strict=True))
    print(
        f"  {name}: {whole:,.0f} µs a subscription at best, {ourselves:,.0f} of them our processor"
        f" time, {most} MiB at most so far"
    )
    title = f"{bench.title} of {SUBSCRIPTIONS:,} / the same rows: {name}"
    return [compared(title, ratios, goal=GOAL, at_least=True)]


def month_at(number: int) -> datetime:
    """Give when a month begins, counted from the first of the ledger."""
    return BEGIN.replace(year=2027 + (number - 1) // 12, month=(number - 1) % 12 + 1)


def _catalog(coupons: Sequence[Mapping[str, object]]) -> Catalog[Any, Any]:
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
            **({"coupons": list(coupons)} if coupons else {}),
        }
    )


class Ledger:
    """A ledger of many subscriptions, their use, and the floor under a run.

    `inserted` are the tables that a run adds rows of documents to, `changed` those of which it
    changes rows, each with its key and what is changed.
    """

    title: ClassVar[str] = "billing run"
    coupons: ClassVar[Sequence[Mapping[str, object]]] = ()
    inserted: ClassVar[tuple[str, ...]] = ("invoices", "invoice_lines")
    changed: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "subscriptions": ("customer_id", "id", "due_at", "clock", "snapshot")
    }

    def __init__(self, storage: Storage) -> None:
        """Publish what is sold, and make the tables of the floor."""
        self.storage, self.catalog = storage, _catalog(self.coupons)
        self.meters: Mapping[str, Meter] = meters_of(self.catalog)
        early = BEGIN - timedelta(days=9)
        storage.attempt(lambda unit: publish(unit, early, self.catalog, author="bench"))
        prepare(storage, self.meters.values())
        self._make_bare((*self.inserted, "journal", *self.changed))

    def fill(self, count: int) -> None:
        """Start subscriptions on the first of January, one for each customer."""
        for first in range(0, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            self.storage.attempt(partial(self.start, numbers=numbers))
        run_billing(self.storage, BEGIN + timedelta(hours=2))
        for name in self.changed:
            self._copy(name)

    def start(self, unit: Unit, numbers: Sequence[int]) -> None:
        """Store customers and their subscriptions."""
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
                at = month_at(month) + timedelta(days=place * 2.6, seconds=n)
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

    def _make_bare(self, names: Sequence[str]) -> None:
        """Make the tables once more with all that holds them but triggers."""
        with self.storage.engine.begin() as connection:
            for name in names:
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

    def _copy(self, name: str) -> None:
        """Give the floor the rows as they are before the first round."""
        table = getattr(self.storage.tables, name).fullname
        with self.storage.engine.begin() as connection:
            connection.execute(text(f"INSERT INTO bare_{name} SELECT * FROM {table}"))  # noqa: S608 - a name of ours

    def floor(self, month: int) -> Callable[[], None]:
        """Read what a run wrote as ready figures; give what writes it again."""
        with self.storage.look() as unit:
            at = _literal(_moment(unit)(month_at(month)))
            invoices = self._read(unit, "invoices", f"at = {at}")
            ids = {row[1] for row in invoices.rows}
            inserted = [self._read(unit, name, None, ids) for name in self.inserted[1:]]
            inserted += [invoices, self._read(unit, "journal", f"at > {at}")]
            changed = [self._read(unit, name, None) for name in self.changed]
        payloads = []
        for first in range(0, SUBSCRIPTIONS, BATCH):
            part = Fraction(first, SUBSCRIPTIONS), Fraction(first + BATCH, SUBSCRIPTIONS)
            payloads.append(
                tuple([each.part(*part) for each in some] for some in (changed, inserted))
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
        place = [column for column, _ in columns].index("invoice_id") if ids is not None else 0
        taken = [tuple(row) for row in rows if ids is None or row[place] in ids]
        return _Rows(name, columns, taken)

    def _write(self, payloads: list[tuple[list[_Rows], ...]]) -> None:
        for changed, inserted in payloads:
            with self.storage.begin() as unit:
                for each in inserted:
                    insert_rows(unit, f"bare_{each.name}", each.columns, each.rows)
                for each in changed:
                    self._rewrite(unit, each)
                unit.commit()

    def _rewrite(self, unit: Unit, snapshots: _Rows) -> None:
        names = [name for name, _ in snapshots.columns]
        wanted = self.changed[snapshots.name]
        kept = [names.index(name) for name in wanted]
        columns = [snapshots.columns[place] for place in kept]
        rows = [[row[place] for place in kept] for row in snapshots.rows]
        changes = {name: f"{{{name}}}" for name in wanted[2:]}
        where = "d.customer_id = {customer_id} AND d.id = {id}"
        table = getattr(unit.tables, snapshots.name)
        bare = table.to_metadata(MetaData(), name=f"bare_{snapshots.name}")
        done = update_rows(unit, bare, columns, rows, changes, where)
        assert done == len(rows)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of a table that are ready to be written."""

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: list[tuple[Any, ...]]

    def part(self, first: Fraction, after: Fraction) -> _Rows:
        """Give those from one share of them to another."""
        many = len(self.rows)
        return _Rows(self.name, self.columns, self.rows[int(first * many) : int(after * many)])


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

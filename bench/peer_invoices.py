"""Usage to invoices, beside the billing module of `svc-infra`: a month at a time, in turns.

Both sides get the same events of the same customers (one a day for each), in transactions of a
thousand, and make an invoice of the month for each customer, in as many transactions as ours needs:
that is counted in the first month, which is not measured, and asserted after it.  Both write to
the same server, or to files with the same journal and sync; the totals are asserted to be equal.
TALLYSTICK_BENCH_SUBSCRIPTIONS says how many customers there are.

What differs: the peer adds up units, so here a unit costs one minor unit.  It keeps usage as it
comes, counts it day by day when asked (`aggregate_daily`), and writes an invoice of one line with
the sum of these days (`generate_monthly_invoice`).  Ours keeps roll-ups as usage is recorded, and
finds by itself what is due; its invoices have prices, evidence, a number, a digest, books, and
cannot be made twice.  Theirs have none of that.

`svc-infra` is not among what is installed for the other benches, as it brings a hundred packages;
bench/README.md says how to have it.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import event, select

from bench.databases import postgresql, seconds, sqlite
from bench.measure import compared
from tallystick.core.dialects import read_catalog
from tallystick.testing.clock import FrozenClock
from tallystick.wiring import Tallystick

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Engine

    from bench.measure import Result
    from tallystick.storage.unit import Storage

__all__ = ["run"]

CUSTOMERS: Final = int(os.environ.get("TALLYSTICK_BENCH_SUBSCRIPTIONS", "200"))
ROUNDS: Final = 5
BATCH: Final = 1_000
DAYS: Final = 28
YEAR: Final = 2027
DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}

Use = tuple[str, str, datetime, int]
"""An event: its customer, its id, when it occurred, how many units."""


def run() -> list[Result]:
    """Bill on both databases, if the peer is there."""
    if find_spec("svc_infra") is None:
        print("svc-infra is not installed: bench/README.md says how to compare with it")
        return []
    results: list[Result] = []
    for name, database in (("SQLite", sqlite), ("PostgreSQL", postgresql)):
        with database() as storage, asyncio.Runner() as loop:
            results += _measure(name, _Ours(storage), _Theirs(storage.engine, loop))
    return results


def _measure(name: str, ours: _Ours, theirs: _Theirs) -> list[Result]:
    recording, billing, both = [], [], []
    for month in range(1, ROUNDS + 2):
        uses = _uses(month)
        at = _month(month + 1) + timedelta(hours=2)
        turns = [_Turn(ours), _Turn(theirs)]
        for turn in turns if month % 2 else reversed(turns):
            turn.take(uses, at, month)
        mine, other = turns
        expected = Counter[str]()
        for customer, _, _, units in uses:
            expected[customer] += units
        assert ours.totals(month) == theirs.totals(month) == expected
        if month == 1:  # it fills what is read once for each process
            theirs.commits_of_bills = ours.commits
            print(f"  {name}: {ours.commits} commits for the invoices of a month, on both sides")
        else:
            assert ours.commits == theirs.commits, (ours.commits, theirs.commits)
            recording.append(other.recorded / mine.recorded)
            billing.append(other.billed / mine.billed)
            both.append((other.recorded + other.billed) / (mine.recorded + mine.billed))
    theirs.close()
    title = f"{CUSTOMERS:,} invoices beside svc-infra, rate"
    return [
        compared(f"{what}: {name}", ratios, goal=1, at_least=True)
        for what, ratios in (
            ("usage recorded beside svc-infra, rate", recording),
            (title, billing),
            ("usage and invoices together, rate", both),
        )
    ]


class _Turn:
    """One side's turn at a month: how long its parts took."""

    def __init__(self, side: _Ours | _Theirs) -> None:
        self.side = side
        self.recorded = self.billed = 0.0

    def take(self, uses: Sequence[Use], at: datetime, month: int) -> None:
        gc.collect()
        self.recorded = seconds(partial(self.side.record, uses))
        self.side.commits = 0
        self.billed = seconds(partial(self.side.bill, at, month))


def _month(number: int) -> datetime:
    return datetime(YEAR, number, 1, tzinfo=UTC)


def _uses(month: int) -> list[Use]:
    return [
        (
            _customer(n),
            f"{month}-{day}-{n}",
            _month(month) + timedelta(days=day, hours=6),
            1 + n % 50,
        )
        for day in range(DAYS)
        for n in range(CUSTOMERS)
    ]


def _customer(number: int) -> str:
    return f"cus_{number:06d}"


# --- ours -----------------------------------------------------------------------------------------


class _Ours:
    """A ledger of ours: everyone on one plan with one metered price."""

    def __init__(self, storage: Storage) -> None:
        self.commits = 0
        event.listen(storage.engine, "commit", self._commit)
        self._clock = FrozenClock(_month(1))
        catalog = read_catalog(
            {
                "dialect": "tallystick",
                "currency": "USD",
                "meters": [{"key": "calls", "aggregation": "sum"}],
                "products": [{"id": "app", "name": "App", "currency": "USD", "plans": [_PLAN]}],
            }
        )
        self._tally = Tallystick(storage.engine, catalog=catalog, clock=self._clock)
        self._tally.publish(author="bench")
        with storage.engine.begin() as connection:
            for number in range(CUSTOMERS):
                id_ = _customer(number)
                self._tally.customers.create(id_, connection=connection)
                self._tally.subscriptions.start(id_, "pro", connection=connection)

    def _commit(self, _: object) -> None:
        self.commits += 1

    def record(self, uses: Sequence[Use]) -> None:
        """Record events in transactions of a thousand, each arriving as its last one occurs."""
        for first in range(0, len(uses), BATCH):
            batch = uses[first : first + BATCH]
            self._clock.set(batch[-1][2])
            events = [
                {
                    "id": id_,
                    "customer": customer,
                    "type": "calls",
                    "occurred_at": at,
                    "properties": {"quantity": units},
                }
                for customer, id_, at, units in batch
            ]
            accepted = self._tally.usage.record_many(events).accepted
            assert accepted == len(batch), accepted

    def bill(self, at: datetime, _month: int) -> None:
        """Make the invoices that are due."""
        self._clock.set(at)
        run = self._tally.invoices.run()
        assert run.documents == CUSTOMERS, run

    def totals(self, month: int) -> dict[str, int]:
        """Give the totals of a month's invoices, by customer."""
        i = self._tally.storage.tables.invoices.c
        with self._tally.storage.look() as unit:
            unit.as_all()
            made = select(i.customer_id, i.total).where(i.at == _month(month + 1))
            return {row.customer_id: row.total for row in unit.connection.execute(made)}


_PLAN: Final = {
    "id": "pro",
    "name": "Pro",
    "interval": "month",
    "interval_count": 1,
    "prices": [
        {"id": "use", "name": "Calls", "type": "per_unit"}
        | {"meter": "calls", "unit": "call", "cost": "0.01"}
    ],
}


# --- theirs ---------------------------------------------------------------------------------------


class _Theirs:
    """The peer's service on a session of its own for each transaction, as its pages show it."""

    def __init__(self, engine: Engine, loop: asyncio.Runner) -> None:
        from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine  # noqa: PLC0415 - only for the peer

        self._billing: Any = import_module("svc_infra.billing")
        self._loop = loop
        self.commits, self.commits_of_bills = 0, 2
        url, name = engine.url, engine.dialect.name
        place = f"{url.database}.peer" if name == "sqlite" else url.database
        self._engine = create_async_engine(url.set(drivername=DRIVERS[name], database=place))
        self._session = async_sessionmaker(self._engine)
        plain: Engine = self._engine.sync_engine
        if name == "sqlite":
            event.listen(plain, "connect", _synced_as(engine))
        event.listen(plain, "commit", self._commit)
        loop.run(self._create())

    def _commit(self, _: object) -> None:
        self.commits += 1

    async def _create(self) -> None:
        base = self._billing.Invoice.metadata
        tables = [base.tables[name] for name in base.tables if name.startswith("billing_")]
        async with self._engine.begin() as connection:
            await connection.run_sync(partial(base.create_all, tables=tables))

    def record(self, uses: Sequence[Use]) -> None:
        """Record events in transactions of a thousand."""
        self._loop.run(self._record(uses))

    async def _record(self, uses: Sequence[Use]) -> None:
        for first in range(0, len(uses), BATCH):
            async with self._session.begin() as session:
                for customer, id_, at, units in uses[first : first + BATCH]:
                    service = self._billing.AsyncBillingService(session, tenant_id=customer)
                    await service.record_usage(
                        metric="calls", amount=units, at=at, idempotency_key=id_, metadata=None
                    )

    def bill(self, _at: datetime, month: int) -> None:
        """Count every day of every customer, then make the invoices: with as many commits as ours.

        The last transaction holds the invoices, the others share out the counting.
        """
        self._loop.run(self._bill(month))

    async def _bill(self, month: int) -> None:
        customers = [_customer(number) for number in range(CUSTOMERS)]
        parts = self.commits_of_bills - 1
        for part in range(parts):
            async with self._session.begin() as session:
                for customer in customers[part::parts]:
                    service = self._billing.AsyncBillingService(session, tenant_id=customer)
                    for day in range(DAYS):
                        start = _month(month) + timedelta(days=day)
                        await service.aggregate_daily(metric="calls", day_start=start)
        start, end = _month(month), _month(month + 1)
        async with self._session.begin() as session:
            for customer in customers:
                service = self._billing.AsyncBillingService(session, tenant_id=customer)
                await service.generate_monthly_invoice(
                    period_start=start, period_end=end, currency="USD"
                )

    def totals(self, month: int) -> dict[str, int]:
        """Give the totals of a month's invoices, by customer."""
        return self._loop.run(self._totals(month))

    async def _totals(self, month: int) -> dict[str, int]:
        made = self._billing.Invoice
        async with self._session() as session:
            rows = await session.execute(
                select(made.tenant_id, made.total_amount).where(made.period_start == _month(month))
            )
            return {customer: int(total) for customer, total in rows}

    def close(self) -> None:
        """Close its connections."""
        self._loop.run(self._engine.dispose())


def _synced_as(engine: Engine) -> Callable[[Any, object], None]:
    """Give what sets a SQLite connection to the journal and the sync of another."""
    with engine.connect() as connection:
        kept = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous")
        }

    def settle(connection: Any, _: object) -> None:  # noqa: ANN401 - a driver has no type
        cursor = connection.cursor()
        for name, value in kept.items():
            cursor.execute(f"PRAGMA {name} = {value}")
        cursor.close()

    return settle

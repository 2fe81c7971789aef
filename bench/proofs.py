"""`explain` of one invoice, and `verify` over a whole ledger: milliseconds, and seconds.

A customer has three metered prices and a hundred events a month, and is billed for three months.
There are as many customers as a million events make: 3,333, with as many invoices three times.
TALLYSTICK_BENCH_EVENTS sets another number of events; the goal of `verify` goes with it, that of
`explain` does not.  Both are called as a program would, in one process, and take their own
transaction.  Times are by the clock on the wall, as the database is part of the work.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bench.databases import postgresql, seconds, sqlite
from bench.measure import compared
from tallystick.core.dialects import read_catalog
from tallystick.testing.clock import FrozenClock
from tallystick.wiring import Tallystick

if TYPE_CHECKING:
    from bench.measure import Result
    from tallystick.app.explain import Trace
    from tallystick.core.catalog import Catalog
    from tallystick.storage.unit import Storage

__all__ = ["run"]

EVENTS: Final = int(os.environ.get("TALLYSTICK_BENCH_EVENTS", "1000000"))
MILLION: Final = 1_000_000
MONTHS: Final = 3
EACH: Final = 100
"""The events of one customer in one month."""

CUSTOMERS: Final = max(1, EVENTS // (MONTHS * EACH))
BATCH: Final = 1_000
EXPLAINED: Final = 25
ROUNDS: Final = 5
METERS: Final = ("calls", "bytes", "jobs")
START: Final = datetime(2027, 1, 1, tzinfo=UTC)
END: Final = datetime(2027, 4, 1, tzinfo=UTC)


def run() -> list[Result]:
    """Explain and verify on both databases."""
    results: list[Result] = []
    for name, database in (("SQLite", sqlite), ("PostgreSQL", postgresql)):
        with database() as storage:
            tally = _filled(storage)
            results += [_explaining(name, tally), _verifying(name, tally)]
    return results


def _explaining(name: str, tally: Tallystick) -> Result:
    """Explain the last invoice of some customers, each read for the first time."""
    documents = [
        max(tally.invoices.list(customer=_customer(number)), key=lambda each: each.invoice.at)
        for number in range(min(EXPLAINED + 1, CUSTOMERS))
    ]
    times = []
    for document in documents:
        traces: list[Trace] = []
        taken = seconds(lambda: traces.append(tally.invoices.explain(document.invoice.id)))  # noqa: B023 - called at once
        counted = [len(line.counted or ()) for line in traces[0].lines]
        assert len(counted) == len(METERS), counted
        assert sum(counted) == EACH, counted
        times.append(taken * 1_000)
    title = f"explain of an invoice with {len(METERS)} metered lines: {name}"
    return compared(title, times[1:] or times, goal=50, unit="ms")


def _verifying(name: str, tally: Tallystick) -> Result:
    times = []
    for _ in range(ROUNDS):
        reports = []
        times.append(seconds(lambda: reports.append(tally.verify())))  # noqa: B023 - called at once
        assert reports[0].ok, reports[0].broken
    events = CUSTOMERS * MONTHS * EACH
    title = f"verify, {events:,} events, {CUSTOMERS * MONTHS:,} invoices: {name}"
    return compared(title, times, goal=60 * events / MILLION, unit="s")


# --- the ledger -----------------------------------------------------------------------------------


def _filled(storage: Storage) -> Tallystick:
    """Sell to every customer on the first day, record three months of use, and bill them."""
    clock = FrozenClock(START)
    tally = Tallystick(storage.engine, catalog=_catalog(), clock=clock)
    tally.publish(author="bench", at=START - timedelta(days=9))
    for first in range(0, CUSTOMERS, BATCH):
        _sell(tally, range(first, min(first + BATCH, CUSTOMERS)))
    for place in range(MONTHS * EACH):
        month, hours = place // EACH, 6 * (place % EACH)
        clock.set(START.replace(month=month + 1) + timedelta(hours=hours))
        _use(tally, clock.now(), place)
    clock.set(END + timedelta(hours=2))
    run = tally.invoices.run()
    assert run.documents == CUSTOMERS * MONTHS, run
    if storage.dialect == "postgresql":
        with storage.engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE")  # as the database does by itself, only later
    return tally


def _sell(tally: Tallystick, numbers: range) -> None:
    with tally.storage.engine.begin() as connection:
        for number in numbers:
            customer = _customer(number)
            tally.customers.create(customer, name=customer, at=START, connection=connection)
            tally.subscriptions.start(customer, "pro", at=START, connection=connection)


def _use(tally: Tallystick, at: datetime, place: int) -> None:
    """Record an event of every customer as it occurs: none is late for its document."""
    for first in range(0, CUSTOMERS, BATCH):
        events = [
            {
                "id": f"{number}-{place}",
                "customer": _customer(number),
                "type": METERS[place % len(METERS)],
                "occurred_at": at,
                "properties": {"quantity": (number * 31 + place * 977) % 4_000},
            }
            for number in range(first, min(first + BATCH, CUSTOMERS))
        ]
        accepted = tally.usage.record_many(events).accepted
        assert accepted == len(events), accepted


def _customer(number: int) -> str:
    return f"cus_{number:06d}"


def _catalog() -> Catalog[Any, Any]:
    tiers = [
        {"up_to": "1000", "cost": "0"},
        {"up_to": "10000", "cost": "0.002"},
        {"up_to": None, "cost": "0.001"},
    ]
    prices = [
        {"id": f"{key}_use", "name": key, "type": "graduated", "meter": key, "unit": key}
        | {"tiers": tiers}
        for key in METERS
    ]
    plan = {"id": "pro", "name": "Pro", "interval": "month", "interval_count": 1}
    product = {"id": "app", "name": "App", "currency": "USD", "plans": [{**plan, "prices": prices}]}
    meters = [{"key": key, "aggregation": "sum"} for key in METERS]
    return read_catalog(
        {"dialect": "tallystick", "currency": "USD", "meters": meters, "products": [product]}
    )

"""Billing as the proof does it: a catalogue, customers, subscriptions, and the days they live in.

Every call has its time and its key, so that a repeat of it is the same call.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tallystick.core.dialects import read_catalog
from tallystick.testing.clock import FrozenClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.app.billing import Run
    from tallystick.storage.invoice_rows import Document
    from tallystick.wiring import Tallystick

__all__ = [
    "BEGIN",
    "SOLD",
    "arriving",
    "customers",
    "day",
    "documents",
    "numbered",
    "run",
    "sell",
    "start",
    "use",
]

SOLD: Final = read_catalog(
    {
        "dialect": "tallystick",
        "currency": "EUR",
        "meters": [{"key": "calls", "aggregation": "sum"}],
        "products": [
            {
                "id": "app",
                "name": "App",
                "currency": "EUR",
                "plans": [
                    {
                        "id": "basic",
                        "name": "Basic",
                        "interval": "month",
                        "interval_count": 1,
                        "prices": [
                            {"id": "basic", "name": "Basic", "type": "flat", "cost": "10.00"}
                        ],
                    },
                    {
                        "id": "club",
                        "name": "Club",
                        "interval": "month",
                        "interval_count": 1,
                        "prices": [{"id": "club", "name": "Club", "type": "flat", "cost": "4.00"}],
                        "credits": [
                            {
                                "id": "monthly",
                                "amount": "10.00",
                                "interval": "month",
                                "rollover": {"maximum": "5.00", "cap": "8.00"},
                            }
                        ],
                    },
                    {
                        "id": "pro",
                        "name": "Pro",
                        "interval": "month",
                        "interval_count": 1,
                        "minimum_commitment": "45.00",
                        "prices": [
                            {"id": "pro", "name": "Pro", "type": "flat", "cost": "30.00"},
                            {"id": "seat", "name": "Seats", "type": "per_seat", "cost": "5.00"},
                            {
                                "id": "calls",
                                "name": "Calls",
                                "type": "per_unit",
                                "cost": "0.05",
                                "meter": "calls",
                                "included": "100",
                                "unit": "call",
                            },
                        ],
                    },
                ],
            }
        ],
    }
)
"""What is sold: a fee; a fee, seats and calls with a minimum."""

BEGIN: Final = datetime(2026, 8, 31, 10, tzinfo=UTC)
"""When the subscriptions start: on a day that not every month has."""


def day(days: float) -> datetime:
    """Give the time so many days after the beginning."""
    return BEGIN + timedelta(days=days)


def sell(tally: Tallystick) -> None:
    """Make the tables, publish what is sold, and say who sells."""
    tally.migrate()
    tally.publish(SOLD, author="proof", at=BEGIN)
    tally.seller.set(name="Us GmbH", net_days=14, at=BEGIN)


def customers(tally: Tallystick, names: Sequence[str]) -> None:
    """Register customers."""
    for name in names:
        tally.customers.create(name, name=name.title(), currency="EUR")


def start(tally: Tallystick, name: str, plan: str = "pro", days: float = 0, seats: int = 2) -> str:
    """Put a customer on a plan; give the subscription's id, which is made of the customer's."""
    made = tally.subscriptions.start(
        name,
        plan,
        seats=seats if plan == "pro" else 1,
        id=f"{name}-sub",
        idempotency_key=f"{name}-start",
        at=day(days),
    )
    return made.subscription.id


@contextmanager
def arriving(tally: Tallystick, days: float) -> Iterator[None]:
    """Let the ledger's clock show a day: what is recorded meanwhile arrives then."""
    before = tally.clock
    tally.clock = FrozenClock(day(days))
    try:
        yield
    finally:
        tally.clock = before


def use(tally: Tallystick, name: str, days: float, quantity: int = 40) -> str:
    """Record calls on a day; they arrive when the ledger's clock says."""
    return tally.usage.record(
        name,
        "calls",
        id=f"{name}-{days}",
        occurred_at=day(days),
        properties={"quantity": quantity},
    )


def run(tally: Tallystick, days: float) -> Run:
    """Bill everything that is due by a day."""
    return tally.invoices.run(day(days))


def documents(tally: Tallystick, name: str | None = None) -> list[Document]:
    """Give the documents, of a customer or of all, in the order of their ids."""
    found: list[Document] = []
    after: str | None = None
    while True:
        page = tally.invoices.list(customer=name, limit=100, starting_after=after)
        found += page.items
        after = page.cursor
        if after is None:
            return found


def numbered(tally: Tallystick, name: str) -> list[str]:
    """Give the numbers of a customer's documents, in their order."""
    return sorted(d.invoice.number for d in documents(tally, name) if d.invoice.number)

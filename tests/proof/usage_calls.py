"""Usage as the proof writes it: the catalogue's meters, the events, and the facade's calls.

The meters have every way of adding up, so that each kind of roll-up is crashed into.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tallystick.core.dialects import read_catalog
from tallystick.core.period import Period
from tallystick.errors import StorageUnavailable
from tallystick.testing.clock import FrozenClock
from tallystick.wiring import Tallystick

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from tallystick.app.usage import Recorded
    from tests.proof.children import Report

__all__ = [
    "AT",
    "CATALOG",
    "METERS",
    "event",
    "insisted",
    "opened",
    "ready",
    "record",
    "record_many",
    "total",
]

T = TypeVar("T")

AT: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
"""The time at which everything here arrives."""

METERS: Final = (
    {"key": "requests", "group_by": ["region"]},
    {"key": "calls", "event_type": "requests", "aggregation": "count"},
    {"key": "largest", "event_type": "requests", "aggregation": "max"},
    {"key": "mean", "event_type": "requests", "aggregation": "average"},
    {"key": "users", "event_type": "requests", "aggregation": "unique", "value": "user"},
    {"key": "seats", "aggregation": "time_weighted"},
    {"key": "seats-now", "event_type": "seats", "aggregation": "last"},
)
"""The meters, as a catalogue writes them."""

_PLAN: Final = {"id": "free", "name": "Free", "payment_type": "recurring", "interval": "month"}
CATALOG: Final = read_catalog(
    {
        "meters": METERS,
        "products": [{"id": "free", "name": "Free", "currency": "EUR", "plans": [_PLAN]}],
    }
)
"""The catalogue of these meters."""

_MONTH: Final = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


def opened(url: str) -> Tallystick:
    """Open the facade on a database, its clock frozen."""
    return Tallystick(url, catalog=CATALOG, clock=FrozenClock(AT))


def ready(tally: Tallystick) -> None:
    """Make the tables, and have the roll-ups of the meters kept."""
    tally.migrate()
    tally.usage.prepare()


def event(key: str, quantity: int = 1, customer: str = "acme", **changes: Any) -> dict[str, Any]:
    """Write an event of use; the same key gives the same event."""
    number = sum(map(ord, key))
    at = AT - timedelta(days=number % 5, minutes=number)
    region, user = ("eu", "us")[number % 2], f"user {number % 3}"
    properties = {"quantity": quantity, "region": region, "user": user}
    return {
        "id": key,
        "customer": customer,
        "type": "requests",
        "occurred_at": at.isoformat(),
        "properties": properties,
        **changes,
    }


def record(tally: Tallystick, tree: dict[str, Any]) -> str:
    """Record one event of use; give what became of it."""
    return tally.usage.record(
        tree["customer"],
        tree["type"],
        id=tree["id"],
        occurred_at=tree["occurred_at"],
        properties=tree["properties"],
    )


def record_many(tally: Tallystick, trees: Sequence[object]) -> Recorded:
    """Record many events and corrections at once."""
    return tally.usage.record_many(trees)


def insisted(act: Callable[[], T], report: Report) -> T:
    """Do again what was told to try again: on a SQLite file one of two writers may never come in.

    SQLite asks for its lock now and then and stands in no queue, so that who writes without a
    pause can keep another out for the ten seconds after which this is said.  PostgreSQL has no
    such excuse.
    """
    for _ in range(5):
        try:
            return act()
        except StorageUnavailable as refused:
            if "in use by others" not in str(refused):
                raise
            report({"waited": str(refused)})
    return act()


def total(tally: Tallystick, meter: str = "requests", customer: str = "acme") -> Decimal:
    """Read what a meter of a customer comes to in the month of everything here."""
    return tally.usage.quantity(customer, meter, _MONTH)

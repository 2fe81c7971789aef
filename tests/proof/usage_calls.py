"""Usage as the proof writes it: the meters, the events, and the calls by which they are recorded.

The meters have every way of adding up, so that each kind of roll-up is crashed into.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tallystick.app import usage
from tallystick.app.meters import prepare
from tallystick.core.meter import Meter
from tallystick.core.period import Period
from tallystick.testing.clock import FrozenClock
from tallystick.wiring import Tallystick

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from tallystick.app.usage import Recorded

__all__ = [
    "AT",
    "METERS",
    "event",
    "opened",
    "ready",
    "record",
    "record_many",
    "total",
]

AT: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
"""The time at which everything here arrives."""

METERS: Final = {
    meter.key: meter
    for meter in (
        Meter(key="requests", group_by=("region",)),
        Meter(key="calls", event_type="requests", aggregation="count"),
        Meter(key="largest", event_type="requests", aggregation="max"),
        Meter(key="users", event_type="requests", aggregation="unique", value="user"),
        Meter(key="seats", aggregation="time_weighted"),
        Meter(key="seats now", event_type="seats", aggregation="last"),
    )
}
"""The meters of the catalogue that there would be."""

_MONTH: Final = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


def opened(url: str) -> Tallystick:
    """Open the facade on a database, its clock frozen."""
    return Tallystick(url, clock=FrozenClock(AT))


def ready(tally: Tallystick, meters: Iterable[Meter] = tuple(METERS.values())) -> None:
    """Make the tables, and the roll-ups of the meters."""
    tally.migrate()
    prepare(tally.storage, meters)


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


def record(tally: Tallystick, tree: object) -> str:
    """Record one event; give what became of it."""
    return tally.act(
        lambda unit, at: usage.record(unit, tree, METERS, at), repeatable=True
    )


def record_many(tally: Tallystick, trees: Sequence[object]) -> Recorded:
    """Record many events at once."""
    return tally.act(
        lambda unit, at: usage.record_many(unit, trees, METERS, at), repeatable=True
    )


def total(tally: Tallystick, meter: str = "requests", customer: str = "acme") -> Decimal:
    """Read what a meter of a customer comes to in the month of everything here."""
    return tally.act(
        lambda unit, _: usage.quantity(unit, METERS[meter], customer, _MONTH), reading=True
    )

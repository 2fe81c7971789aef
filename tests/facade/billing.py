"""A small ledger to bill in: two plans, an add-on, a one-time plan, a plan of another group."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from tallystick import Money, Tallystick, currency
from tallystick.core.dialects import read_catalog
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["START", "USD", "catalog", "day", "digest", "opened", "usd"]

USD: Final = currency("USD")
START: Final = datetime(2026, 10, 1, tzinfo=UTC)


def flat(id_: str, cost: str) -> dict[str, Any]:
    return {"id": id_, "name": id_.title(), "type": "flat", "cost": cost}


def plan(id_: str, *prices: dict[str, Any], **more: object) -> dict[str, Any]:
    base = {"id": id_, "name": id_.title(), "interval": "month", "interval_count": 1}
    return {**base, **more, "prices": list(prices)}


def catalog(basic: str = "10.00", **of_basic: object) -> Any:
    """Give the catalogue; `basic` is what the plan of that name costs, with what else it has."""
    seats = {"id": "seat", "name": "Seats", "type": "per_seat", "cost": "5.00"}
    calls = {
        "id": "calls",
        "name": "Calls",
        "type": "per_unit",
        "cost": "0.01",
        "meter": "calls",
        "included": "1000",
        "unit": "call",
    }
    return read_catalog(
        {
            "dialect": "tallystick",
            "currency": "USD",
            "meters": [{"key": "calls", "aggregation": "sum"}],
            "products": [
                {
                    "id": "app",
                    "name": "App",
                    "currency": "USD",
                    "plans": [
                        plan("basic", flat("basic", basic), **of_basic),
                        plan("pro", flat("pro", "30.00"), seats, calls),
                        plan("sms", flat("sms", "4.00")),
                        plan("old", flat("old", "1.00"), active=False),
                    ],
                },
                {
                    "id": "desk",
                    "name": "Desk",
                    "currency": "EUR",
                    "group": "desk",
                    "plans": [plan("desk", flat("desk", "7.00"))],
                },
            ],
        }
    )


def usd(text: str) -> Money:
    """Give an amount in dollars."""
    return Money.parse(text, USD)


def day(text: str) -> datetime:
    """Give the midnight of a day, or a time, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def opened(url: str) -> Tallystick:
    """Open a ledger that is migrated, with the catalogue published and acme as a customer."""
    tally = Tallystick(url, catalog=catalog(), clock=FrozenClock(START), ids=CountedIds())
    tally.migrate()
    tally.publish(author="anna", at=day("2026-01-01"))
    tally.customers.create("acme", name="Acme")
    return tally


def digest(tally: Tallystick, connection: Connection | None = None) -> str:
    """Hash every row of every table."""
    found = hashlib.sha256()

    def look(unit: Any, _: object) -> None:
        for table in unit.tables.metadata.sorted_tables:
            rows = sorted(map(repr, unit.connection.execute(select(table))))
            found.update(repr((table.name, rows)).encode())

    tally.act(look, connection=connection)
    return found.hexdigest()

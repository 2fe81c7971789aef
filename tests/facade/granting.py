"""A ledger of limits that grants of units are added to, on meters that invoices bill."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tallystick import Tallystick
from tallystick.core.dialects import read_catalog
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.facade.billing import START, day, flat, plan

if TYPE_CHECKING:
    from tallystick.core.invoice import Invoice

__all__ = ["Ledger"]

CALLS = {"key": "requests", "limit": 100, "reset": "month", "meter": "calls"}
EXPORTS = {"key": "exports", "limit": 10, "meter": "exports"}
ROLLING = {
    "id": "extra",
    "units": "50",
    "interval": "month",
    "feature": "calls",
    "expires_after": 2,
    "rollover": {"maximum": "20", "cap": "30", "expires_after": 2},
}


def _metered(plan_id: str, meter: str, included: str) -> dict[str, Any]:
    price = {"type": "per_unit", "meter": meter, "unit": meter, "cost": "0.01"}
    return {"id": f"{plan_id}-{meter}", "name": meter.title(), "included": included, **price}


def _sold(id_: str, calls: dict[str, Any], **more: object) -> dict[str, Any]:
    prices = (flat(id_, "10.00"), _metered(id_, "calls", "100"), _metered(id_, "exports", "0"))
    return plan(id_, *prices, limits=[calls, EXPORTS], **more)


CATALOG = read_catalog(
    {
        "dialect": "tallystick",
        "currency": "USD",
        "meters": [{"key": each, "aggregation": "sum"} for each in ("calls", "exports")],
        "products": [
            {
                "id": "app",
                "name": "App",
                "currency": "USD",
                "plans": [
                    _sold("api", CALLS),
                    _sold("cut", CALLS, invoice_threshold="0.30"),
                    _sold("rolling", CALLS, credits=[ROLLING]),
                    _sold("daily", {**CALLS, "limit": 10, "reset": "day"}),
                ],
            }
        ],
    }
)


class Ledger:
    """A ledger whose clock is moved, with acme on one of the plans from the first of October."""

    def __init__(self, url: str, plan_id: str = "api", *, role: bool = False) -> None:
        self.clock = FrozenClock(START)
        self.tally = Tallystick(
            url, catalog=CATALOG, clock=self.clock, ids=CountedIds(), role_check=role
        )
        if not role:
            self.tally.migrate()
        self.tally.publish(author="anna", at=day("2026-01-01"))
        self.tally.customers.create("acme", name="Acme", currency="USD")
        self.tally.subscriptions.start("acme", plan_id, id="s")

    def grant(self, units: int | str, feature: str = "calls", **more: Any) -> str:
        return self.tally.credits.grant("acme", units=units, feature=feature, **more).grant.id

    def at(self, when: str) -> None:
        self.clock.set(day(when))

    def limit(self, feature: str = "requests") -> Decimal:
        limit = self.tally.check("acme", feature).limit
        assert limit is not None
        return Decimal(limit)

    def left(self, feature: str = "requests") -> Decimal:
        remaining = self.tally.check("acme", feature).remaining
        assert remaining is not None
        return Decimal(remaining)

    def use(self, quantity: int, feature: str = "requests") -> None:
        self.tally.use("acme", feature, quantity)

    def run(self) -> list[Invoice]:
        """Bill what is due by now; give all that was issued, in the order of its numbers."""
        assert not self.tally.invoices.run().set_aside
        every = [each.invoice for each in self.tally.invoices.list(limit=100)]
        return sorted((each for each in every if each.number), key=lambda each: each.number or "")

    def paid(self) -> Decimal:
        """Add up the units that documents let grants pay."""
        return sum(
            (burn.units or Decimal(0) for each in self.run() for burn in each.burns), Decimal(0)
        )

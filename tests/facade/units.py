"""A ledger of metered plans, and a clock that goes with what is used: for grants of units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallystick import Tallystick
from tallystick.core.dialects import read_catalog
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.facade.billing import START, day, flat, plan

if TYPE_CHECKING:
    from decimal import Decimal

    from tallystick.core.invoice import Invoice

__all__ = ["Ledger", "catalog", "metered"]


def metered(id_: str, **more: object) -> dict[str, Any]:
    price = {"id": id_, "name": "Calls", "type": "per_unit", "meter": "calls", "unit": "call"}
    return {**price, **({} if "tiers" in more else {"cost": "0.01"}), **more}


def catalog(cost: str = "0.01") -> Any:
    tiers = [{"up_to": 100, "cost": "1.00"}, {"up_to": "unlimited", "cost": "0.10"}]
    quota = {"key": "requests", "limit": 100, "unit_price": 2, "reset": "month", "meter": "calls"}
    return read_catalog(
        {
            "dialect": "tallystick",
            "currency": "USD",
            "meters": [
                {"key": "calls", "aggregation": "sum", "group_by": ["zone"]},
                {"key": "disk", "aggregation": "last"},
            ],
            "products": [
                {
                    "id": "app",
                    "name": "App",
                    "currency": "USD",
                    "plans": [
                        plan("api", metered("api", included="1000", cost=cost)),
                        plan("base", flat("base", "10.00"), metered("base-calls")),
                        plan("cut", metered("cut"), invoice_threshold="10.00"),
                        plan("tiers", metered("tiers", type="volume", tiers=tiers)),
                        plan("least", metered("least", minimum_quantity="100")),
                        plan("quota", flat("quota", "1.00"), limits=[quota]),
                        plan("disk", metered("disk", meter="disk", unit="GB")),
                        plan("zones", metered("zones", group_by=["zone"])),
                    ],
                }
            ],
        }
    )


class Ledger:
    """A ledger whose clock is moved, with acme as its customer."""

    def __init__(self, url: str) -> None:
        self.clock = FrozenClock(START)
        self.tally = Tallystick(url, catalog=catalog(), clock=self.clock, ids=CountedIds())
        self.tally.migrate()
        self.tally.publish(author="anna", at=day("2026-01-01"))
        self.tally.customers.create("acme", name="Acme", currency="USD")
        self.events = 0

    def grant(self, units: int | str, **more: Any) -> str:
        asked = {"feature": "calls"} | more
        return self.tally.credits.grant("acme", units=units, **asked).grant.id

    def use(self, quantity: int, at: str, meter: str = "calls", **properties: str) -> str:
        self.events += 1
        name = f"e{self.events}"
        self.clock.set(max(self.clock.now(), day(at)))
        self.tally.usage.record(
            "acme",
            meter,
            id=name,
            quantity=quantity,
            occurred_at=day(at),
            properties=properties,
        )
        return name

    def run(self, until: str) -> list[Invoice]:
        """Bill everything until then; give all that was issued, in the order of its numbers."""
        self.clock.set(day(until))
        assert not self.tally.invoices.run().set_aside
        every = [each.invoice for each in self.tally.invoices.list(limit=100)]
        return sorted((each for each in every if each.number), key=lambda each: each.number or "")

    def left(self, grant: str) -> Decimal:
        return self.tally.credits.get(grant).remaining

    def holds(self) -> None:
        """Hold the ledger to its invariants, and each document to what the log makes of it."""
        found = self.tally.verify()
        assert found.ok, found
        for each in self.tally.invoices.list(limit=100):
            if each.number is not None:
                again = self.tally.invoices.replay(each.invoice.id)
                assert again.equal, again.differences

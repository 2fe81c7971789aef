"""A catalogue of metered prices, customers who use them, and their bills, on a real database."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.app.billing import run_billing
from tallystick.app.customer import create_customer
from tallystick.app.meters import prepare
from tallystick.app.offers import Offers
from tallystick.app.publish import publish
from tallystick.app.subscription import make_move, start_subscription
from tallystick.app.usage import record_many
from tallystick.app.usage_of_drafts import UsageOfDrafts
from tallystick.core.dialects import read_catalog
from tallystick.core.event import UsageEvent
from tallystick.core.meter import meters_of
from tallystick.core.move import Cancel, Start
from tallystick.core.reckoned_lines import rated_lines
from tallystick.storage import invoices
from tallystick.storage.invoice_rows import Draft

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.app.billing import Run
    from tallystick.core.catalog import Catalog
    from tallystick.core.invoice import Invoice, InvoiceLine
    from tallystick.storage.unit import Storage

__all__ = ["START", "Shop", "Subscribed", "event", "metered_catalog"]

START: Final = datetime(2027, 1, 1, tzinfo=UTC)
_ids: Final = itertools.count()


def metered_catalog() -> Catalog[Any, Any]:
    """Give plans of metered prices, each with one flat price of 10.00 beside them."""
    return read_catalog(
        {
            "dialect": "tallystick",
            "currency": "USD",
            "meters": [
                {"key": "calls", "aggregation": "sum"},
                {"key": "places", "aggregation": "sum", "group_by": ["place"]},
                {"key": "users", "aggregation": "unique", "value": "user"},
                {"key": "disk", "aggregation": "last"},
                {"key": "anew", "aggregation": "sum", "late": "reissue"},
                {"key": "strict", "aggregation": "sum", "late": "refuse", "late_after": 5},
            ],
            "products": [
                {
                    "id": "app",
                    "name": "App",
                    "currency": "USD",
                    "plans": [
                        _plan("calls", type="per_unit", cost="0.35", meter="calls", included="3"),
                        _plan("tiers", type="graduated", meter="calls", tiers=_TIERS),
                        _plan("bulk", type="volume", meter="calls", tiers=_TIERS),
                        _plan("packs", type="package", cost="1.99", package_size="5", **_CALLS),
                        _plan("places", cost="0.10", meter="places", group_by=["place"]),
                        _plan("users", cost="2.00", meter="users"),
                        _plan("disk", cost="0.50", meter="disk"),
                        _plan("anew", cost="0.25", meter="anew"),
                        _plan("floor", cost="0.35", meter="calls", included="3", least="20.00"),
                        _plan("strict", cost="0.25", meter="strict"),
                        _plan("billed", "10.00", cost="0.35", meter="calls", included="3"),
                        _plan("steps", "10.00", type="graduated", meter="calls", tiers=_TIERS),
                        _plan("areas", "5.00", cost="0.10", meter="places", group_by=["place"]),
                        _plan("cliff", "10.00", type="volume", meter="calls", tiers=_TIERS),
                    ],
                }
            ],
        }
    )


_CALLS: Final = {"meter": "calls"}
_TIERS: Final = [
    {"up_to": "10", "cost": "0.50"},
    {"up_to": "40", "cost": "0.20", "flat_cost": "1.00"},
    {"up_to": None, "cost": "0.07"},
]


def _plan(key: str, threshold: str | None = None, **price: Any) -> dict[str, Any]:
    least = price.pop("least", None)
    metered = {"id": f"{key}_use", "name": key, "type": "per_unit", "unit": "unit", **price}
    plan = {
        "id": key,
        "name": key,
        "interval": "month" if threshold is None else "day",
        "interval_count": 1 if threshold is None else 30,
        "prices": [{"id": f"{key}_fee", "name": "Fee", "type": "flat", "cost": "10.00"}, metered],
    }
    plan |= {} if least is None else {"minimum_commitment": least}
    return plan if threshold is None else {**plan, "invoice_threshold": threshold}


def event(key: str, at: datetime, arrived: datetime, quantity: int, **more: Any) -> UsageEvent:
    """Make an event of use, or with `kind` and `target` a correction."""
    properties = {"quantity": Decimal(quantity), **more.pop("properties", {})}
    named = {"customer": "", "type": "", **more}
    return UsageEvent(id=key, occurred_at=at, received_at=arrived, properties=properties, **named)


@dataclass(frozen=True)
class Subscribed:
    """A customer with one subscription, from an instant on."""

    customer: str
    subscription: str
    start: datetime


class Shop:
    """A ledger with the catalogue published."""

    def __init__(self, storage: Storage) -> None:
        """Publish, and keep the roll-ups of all meters."""
        self.storage = storage
        self.plans: dict[str, str] = {}
        self.catalog = metered_catalog()
        self.meters = meters_of(self.catalog)
        early = START - timedelta(days=30)
        storage.attempt(lambda unit: publish(unit, early, self.catalog, author="us"))
        prepare(storage, self.meters.values())

    def subscribe(self, plan: str, start: datetime, customer: str | None = None) -> Subscribed:
        """Have a customer, by default a new one, subscribe to a plan."""
        number = next(_ids)
        name = customer or f"c{number}"
        if customer is None:
            self.storage.attempt(lambda unit: create_customer(unit, start, name, {"name": name}))
        move = Start(customer=name, group="default", offer=f"{plan}@1", currency="USD")
        self.storage.attempt(lambda unit: start_subscription(unit, start, f"s{number}", move))
        self.plans[f"s{number}"] = plan
        return Subscribed(name, f"s{number}", start)

    def cancel(self, subscribed: Subscribed, at: datetime) -> None:
        """End it at once."""
        move = Cancel(timing="now")
        self.storage.attempt(lambda unit: make_move(unit, at, subscribed.subscription, move))

    def record(self, events: Iterable[UsageEvent]) -> None:
        """Store events in one transaction; each has to be taken."""
        items = list(events)
        at = max(each.received_at or START for each in items)
        done = self.storage.attempt(lambda unit: record_many(unit, items, self.meters, at))
        assert not done.rejected, done.rejected

    def run(self, at: datetime) -> Run:
        """Bill what is due."""
        return run_billing(self.storage, at)

    def documents(self, subscribed: Subscribed) -> list[Invoice]:
        """Give its documents in the order of their issue."""
        with self.storage.look() as unit:
            found = invoices.list_invoices(unit, 1_000, subscription=subscribed.subscription)
        issued = [each.invoice for each in found if each.status not in {"draft", "empty"}]
        return sorted(issued, key=lambda each: (each.finalize_at, each.cause))

    def lines_again(self, document: Invoice) -> list[InvoiceLine]:
        """Make the lines for usage of a document again, from what is stored by now."""
        with self.storage.look() as unit:
            kept = invoices.find_invoice(unit, document.id)
            assert kept is not None
            draft = Draft(
                customer=document.customer,
                id=document.id,
                subscription_id=document.subscription,
                due=kept.due,
                currency=document.currency,
                finalize_at=document.finalize_at,
            )
            offers = Offers(unit)
            usage = UsageOfDrafts(unit, offers, [draft], again=True)
            used, late = usage.used_for(draft), usage.late_for(draft)
            made = rated_lines(kept.due, offers, used, (), late)
        return [line for line in made if line.kind in {"usage", "late"}]

    def lines(self, subscribed: Subscribed, *kinds: str) -> list[InvoiceLine]:
        """Give the lines of these kinds in their order."""
        found = [line for each in self.documents(subscribed) for line in each.lines]
        return [line for line in found if line.kind in kinds]

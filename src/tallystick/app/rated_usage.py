"""A customer's usage of a period and what it costs on a plan: a look, no invoice."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from tallystick.app.usage import quantity as quantity_in
from tallystick.core.line_item import bill
from tallystick.core.meter import measure, meter_of, meters_of
from tallystick.core.money import Money
from tallystick.core.price import Dynamic, Percentage
from tallystick.core.rating.usage import Measured, Quantity
from tallystick.core.reading import effective, reading_of
from tallystick.core.usage_row import UsageRow
from tallystick.storage.usage import events_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.line_item import LineItem
    from tallystick.core.meter import Meter
    from tallystick.core.period import Period
    from tallystick.storage.unit import Unit

__all__ = ["RatedUsage", "rated_usage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedUsage:
    """What was used of each meter a plan names, and the lines it makes with the plan's own fees."""

    customer: str
    plan: Plan[str]
    period: Period
    metered: tuple[tuple[Meter, Decimal], ...]
    lines: tuple[LineItem, ...]
    total: Money


def rated_usage(
    unit: Unit, catalog: Catalog[str, str], plan: Plan[str], customer: str, period: Period
) -> RatedUsage:
    """Read a customer's usage of a half-open period, and rate it as one whole period of a plan.

    Raises InvalidUsage for usage that no line can be made of.
    """
    meters = meters_of(catalog)
    metered: list[tuple[Meter, Decimal]] = []
    measured: dict[str, Measured] = {}
    priced = _priced(plan)
    enabled = (key for key, feature in plan.features.items() if feature.enabled)
    for key in dict.fromkeys((*priced, *enabled)):
        meter = meters.get(key) or meter_of(plan, key, meters)
        used = quantity_in(unit, meter, customer, period)
        if not used and key not in priced:
            continue
        metered.append((meter, used))
        measured[key] = Quantity(used)
        if priced.get(key):
            rows = list(_rows(unit, key, meter, customer, period))
            measured |= measure(plan, rows, {**catalog.meters, key: meter})
    lines = bill(plan, measured, base=True)
    total = Money.total((line.amount for line in lines), plan.currency)
    return RatedUsage(
        customer=customer,
        plan=plan,
        period=period,
        metered=tuple(metered),
        lines=lines,
        total=total,
    )


def _priced(plan: Plan[str]) -> Mapping[str, bool]:
    """Name what the plan's prices are measured by, and whether they look at single events."""
    keys: dict[str, bool] = {}
    for price in plan.prices:
        if price.basis != "flat":
            key = price.meter or price.id
            keys[key] = keys.get(key, False) or isinstance(price.shape, (Percentage, Dynamic))
    return keys


def _rows(
    unit: Unit, key: str, meter: Meter, customer: str, period: Period
) -> Iterator[UsageRow]:
    stored = events_in(unit, customer, meter.event_type, period.start, period.end)
    for event in effective(stored):
        reading = reading_of(meter, event)
        if reading is None or not period.start <= reading.at < period.end:
            continue
        carried = event.properties.get("amount")
        amount = carried if isinstance(carried, Decimal) else None
        yield UsageRow(key, reading.value, amount)

"""From stored usage to what a plan's lines are made of."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tallystick.core.meter import measure
from tallystick.core.number import quantity_of
from tallystick.core.price import Dynamic, Percentage
from tallystick.core.rating.usage import Quantity
from tallystick.core.reading import effective, feeds
from tallystick.core.usage_row import UsageRow
from tallystick.storage.usage import events_in
from tallystick.storage.usage_read import read_figures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.catalog import Plan
    from tallystick.core.event import UsageEvent
    from tallystick.core.meter import Meter
    from tallystick.core.period import Period
    from tallystick.core.rating.usage import Measured
    from tallystick.storage.unit import Unit

__all__ = ["measured"]


def measured(
    unit: Unit, plan: Plan[Any], customer: str, period: Period, meters: Mapping[str, Meter]
) -> dict[str, Measured]:
    """Give what a customer used of a plan in a period, as `core.line_item.bill` takes it.

    Under each key of a feature or a price that has a meter; what was not used is not there.  A
    percentage or dynamic price is given its transactions one by one, from the events themselves:
    the property `amount`, in major units.
    """
    unit.as_customer(customer)
    single = {
        price.meter or price.id
        for price in plan.prices
        if isinstance(price.shape, (Percentage, Dynamic))
    }
    keys = {feature.key: feature.meter or feature.key for feature in plan.features.values()}
    keys |= {p.meter or p.id: p.meter or p.id for p in plan.prices if p.basis != "flat"}
    found: dict[str, Measured] = {}
    for key, name in keys.items():
        meter = meters.get(name)
        if meter is None:
            continue
        if key in single:
            found |= measure(plan, _rows(unit, meter, key, customer, period), meters)
            continue
        (figure,) = read_figures(unit, meter, customer, period)
        if figure.quantity:
            found[key] = Quantity(figure.quantity)
    return found


def _rows(unit: Unit, meter: Meter, key: str, customer: str, period: Period) -> list[UsageRow]:
    events = events_in(unit, customer, meter.event_type, period.start, period.end)
    return [
        UsageRow(key, _number(event, meter.value) or Decimal(1), _number(event, "amount"))
        for event in effective(events)
        if event.occurred_at in period and feeds(meter, event)
    ]


def _number(event: UsageEvent, name: str) -> Decimal | None:
    value = event.properties.get(name)
    return None if value is None else quantity_of(value, f"properties.{name}", negative=True)

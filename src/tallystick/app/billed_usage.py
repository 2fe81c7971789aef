"""What was used, as a document is reckoned from it: what arrived before its watermark, and no more.

Day roll-ups know everything that ever arrived.  They answer where nothing came too late for the
document; else the events themselves are read as they were known then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.fold import fold_by
from tallystick.core.meter import measure, meter_of
from tallystick.core.number import quantity_of
from tallystick.core.price import Dynamic, Percentage
from tallystick.core.rating.usage import Quantity
from tallystick.core.reading import effective, feeds
from tallystick.core.reckoned_lines import Used
from tallystick.core.terms import item_plan, prices_of
from tallystick.core.usage_row import UsageRow
from tallystick.storage.usage import events_in
from tallystick.storage.usage_read import read_figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.app.offers import Offers
    from tallystick.core.charge import Charge
    from tallystick.core.event import UsageEvent
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant, Period
    from tallystick.core.price import Price
    from tallystick.core.rating.usage import Measured
    from tallystick.storage.unit import Unit

__all__ = ["Asked", "used_for"]

_MICRO: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """A charge whose usage is asked for: whose, and what had arrived before `watermark`.

    `settled` says that nothing arrived later that could change its figures.
    """

    customer: str
    charge: Charge
    watermark: Instant
    settled: bool


def used_for(unit: Unit, offers: Offers, asked: Asked) -> tuple[Used, ...]:
    """Give what was used for one charge: one quantity, or one for each group it is billed by.

    For a credit that is capped by value: each allowance of the plan, and what was used of it.
    """
    charge = asked.charge
    if charge.kind == "credit":
        return _allowances(unit, offers, asked)
    if charge.window is None:
        return ()
    price = prices_of(charge.item, offers)[charge.price]
    meter = _meter(offers, charge, price)
    if isinstance(price.shape, (Percentage, Dynamic)):
        return (_transactions(unit, offers, asked, meter, price),)
    figures = _figures(unit, asked, meter, charge.window, price.group_by)
    return tuple(
        Used(measured=_measured(quantity), group=group) for group, quantity in figures
    )


def _measured(quantity: Decimal) -> Measured:
    return Quantity(quantity)


def _meter(offers: Offers, charge: Charge, price: Price) -> Meter:
    plan = item_plan(charge.item, offers)
    return meter_of(plan, price.meter or price.id, offers.meters(charge.item.offer))


Groups = list[tuple[tuple[tuple[str, str | None], ...], Decimal]]


def _figures(
    unit: Unit, asked: Asked, meter: Meter, window: Period, names: Sequence[str]
) -> Groups:
    if asked.charge.holes:
        events = _events(unit, asked, meter, window)
        found = fold_by(meter, events, window, names) if names else fold_by(meter, events, window, ())
        groups = list(found.items()) or [((), Decimal(0))]
        return [(tuple(zip(names, group, strict=True)), quantity) for group, quantity in groups]
    figures = read_figures(
        unit,
        meter,
        asked.customer,
        window,
        group_by=names,
        as_of=None if asked.settled else asked.watermark - _MICRO,
    )
    if names:
        return [(tuple(zip(names, each.group, strict=True)), each.quantity) for each in figures]
    return [((), figures[0].quantity if figures else Decimal(0))]


def _events(unit: Unit, asked: Asked, meter: Meter, window: Period) -> list[UsageEvent]:
    """Give the events that count, corrected, without those in a pause.

    A level goes on through time, so where one is read the events before the window count too.
    """
    held = meter.aggregation in {"last", "time_weighted"}
    start = None if held else window.start
    events = events_in(unit, asked.customer, meter.event_type, start, window.end)
    known = effective(events, as_of=asked.watermark - _MICRO)
    return [
        event for event in known if not any(event.occurred_at in hole for hole in asked.charge.holes)
    ]


def _transactions(
    unit: Unit, offers: Offers, asked: Asked, meter: Meter, price: Price
) -> Used:
    """Give transactions one by one, from the events: the property `amount`, in major units."""
    plan = item_plan(asked.charge.item, offers)
    key = price.meter or price.id
    window = asked.charge.window
    assert window is not None  # noqa: S101 - usage has a time
    rows = [
        UsageRow(key, _number(event, meter.value) or Decimal(1), _number(event, "amount"))
        for event in _events(unit, asked, meter, window)
        if event.occurred_at in window and feeds(meter, event)
    ]
    found = measure(plan, rows, offers.meters(asked.charge.item.offer))
    return Used(measured=found.get(key, Quantity(Decimal(0))))


def _number(event: UsageEvent, name: str) -> Decimal | None:
    value = event.properties.get(name)
    return None if value is None else quantity_of(value, f"properties.{name}", negative=True)


def _allowances(unit: Unit, offers: Offers, asked: Asked) -> tuple[Used, ...]:
    """Give what was used of each allowance of a plan, in the time that a fee was paid for."""
    charge = asked.charge
    if not charge.by_value or charge.period is None:
        return ()
    plan: Any = item_plan(charge.item, offers)
    found = []
    keys = {price.meter or price.id: price.included for price in prices_of(charge.item, offers).values() if price.basis == "usage"}
    keys |= {
        feature.key: Decimal(feature.limit)
        for feature in plan.features.values()
        if feature.enabled and feature.reset is not None and (feature.limit or 0) > 0
    }
    for key, included in keys.items():
        if included:
            meter = meter_of(plan, key, offers.meters(charge.item.offer))
            ((_, quantity),) = _figures(unit, asked, meter, charge.period, ())
            found.append(Used(measured=Quantity(quantity), included=included))
    return tuple(found)

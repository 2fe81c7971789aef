"""What is counted: a meter's definition, and how the values of a period become one quantity."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tallystick.core.money import to_minor
from tallystick.core.number import ZERO, exact_sum
from tallystick.core.price import Dynamic, Percentage
from tallystick.core.rating.usage import Measured, Priced, Quantity, Transactions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallystick.core.catalog import Feature, Plan
    from tallystick.core.price import Price
    from tallystick.core.usage_row import UsageRow

__all__ = ["Aggregation", "Meter", "aggregate", "measure", "meter_of", "meter_of_feature"]

Aggregation: TypeAlias = Literal["sum", "count", "max", "last"]
"""How the values of a period become one quantity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Something that is counted, by key.

    `sum` and `count` are counters (each value adds), `last` and `max` are gauges (a value says
    what exists now).  A numeric feature has a meter of its own key: a gauge read by its last value
    or, where the feature has a `reset`, a sum.
    """

    key: str
    aggregation: Aggregation = "sum"
    unit: str = ""
    description: str = ""


def meter_of_feature(feature: Feature) -> Meter:
    """Give the meter a feature has where the catalogue declares none for it."""
    return Meter(key=feature.key, aggregation="last" if feature.reset is None else "sum")


def aggregate(aggregation: Aggregation, values: Sequence[Decimal]) -> Decimal:
    """Make one quantity of the values of a period, in their order.  No value at all is zero."""
    if aggregation == "count":
        return Decimal(len(values))
    if not values:
        return ZERO
    if aggregation == "sum":
        return exact_sum(*values)
    return values[-1] if aggregation == "last" else max(values)


def measure(
    plan: Plan[Any], rows: Iterable[UsageRow], meters: Mapping[str, Meter]
) -> dict[str, Measured]:
    """Turn rows of usage into what each key's price or feature is rated on.

    A key is aggregated by the meter that the catalogue declares for it, else as its feature's own
    meter, else by sum.  A percentage price takes the rows one by one, each a transaction; a
    dynamic price takes the sum of the amounts the rows carry.
    """
    by_key: dict[str, list[UsageRow]] = {}
    for row in rows:
        by_key.setdefault(row.key, []).append(row)
    priced: dict[str, list[Price]] = {}
    for price in plan.prices:
        if price.basis != "flat":
            priced.setdefault(price.meter or price.id, []).append(price)
    return {
        key: _measured(taken, priced.get(key, []), meter_of(plan, key, meters))
        for key, taken in by_key.items()
    }


def meter_of(plan: Plan[Any], key: str, meters: Mapping[str, Meter]) -> Meter:
    """Give the meter that a key is read by: the declared one, its feature's own, else a sum."""
    feature = plan.features.get(key)
    if key in meters:
        return meters[key]
    return Meter(key=key) if feature is None else meter_of_feature(feature)


def _measured(rows: list[UsageRow], prices: list[Price], meter: Meter) -> Measured:
    for price in prices:
        if isinstance(price.shape, Percentage):
            majors = [row.quantity if row.amount is None else row.amount for row in rows]
            return Transactions(tuple(to_minor(major, price.currency) for major in majors))
    quantity = aggregate(meter.aggregation, [row.quantity for row in rows])
    for price in prices:
        if isinstance(price.shape, Dynamic):
            carried = exact_sum(*(row.amount for row in rows if row.amount is not None))
            return Priced(quantity, to_minor(carried, price.currency))
    return Quantity(quantity)

"""What is counted: a meter's definition, and how the values of a period become one quantity."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from tallystick.core.canonical import canonical_json
from tallystick.core.frozen import FrozenDict
from tallystick.core.money import to_minor
from tallystick.core.number import QUANTITY_DECIMALS, ZERO, exact_sum, round_quotient_to
from tallystick.core.price import Dynamic, Percentage
from tallystick.core.rating.usage import Measured, Priced, Quantity, Transactions
from tallystick.errors import InvalidUsage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallystick.core.catalog import Catalog, Feature, Plan
    from tallystick.core.price import Price
    from tallystick.core.usage_row import UsageRow

__all__ = [
    "GAUGES",
    "MOST_GROUPS",
    "Aggregation",
    "LateRule",
    "Meter",
    "aggregate",
    "definition",
    "definition_digest",
    "measure",
    "meter_of",
    "meter_of_definition",
    "meter_of_feature",
    "meters_of",
]

Aggregation: TypeAlias = Literal[
    "count", "sum", "min", "max", "last", "unique", "average", "time_weighted"
]
"""How the values of a period become one quantity."""

LateRule: TypeAlias = Literal["adjust", "refuse", "reissue"]
"""What a meter does with an event that arrives after its period was billed."""

GAUGES: Final[frozenset[Aggregation]] = frozenset(
    {"min", "max", "last", "average", "time_weighted"}
)
"""The aggregations whose values say what exists now.  Of the others, the counters, each adds."""

MOST_GROUPS: Final = 5
"""The most properties a meter may be grouped by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Something that is counted, by key: which events feed it, and how they become a quantity.

    It takes the events of type `event_type` (its key, where none is named) whose properties all
    have one of the texts that `filter` allows, reads the number in the property `value` and
    aggregates.  `group_by` names the properties by which its figures can be told apart.

    `rounding` is the number of decimals a quantity is rounded to, half away from zero; None keeps
    it exact (a quotient to 12).  `late_after` days from its time on, an event that arrives is
    late; `refuse` leaves it out, the other two count it.  None: nothing is late by the clock.

    A numeric feature has a meter of its own key: a gauge read by its last value or, where the
    feature has a `reset` or a sliding window, a sum.
    """

    key: str
    event_type: str = ""
    value: str = "quantity"
    aggregation: Aggregation = "sum"
    filter: Mapping[str, tuple[str, ...]] = field(default_factory=FrozenDict)
    group_by: tuple[str, ...] = ()
    unit: str = ""
    rounding: int | None = None
    allow_negative: bool = False
    late_after: int | None = None
    late: LateRule = "adjust"
    description: str = ""

    def __post_init__(self) -> None:
        """Name the event type, and give what means the same one form that cannot be changed."""
        if not self.event_type:
            object.__setattr__(self, "event_type", self.key)
        if self.aggregation == "count":
            object.__setattr__(self, "value", "quantity")
        allowed = {name: tuple(sorted(set(texts))) for name, texts in self.filter.items()}
        object.__setattr__(self, "filter", FrozenDict(allowed))
        object.__setattr__(self, "group_by", tuple(self.group_by))

    @property
    def gauge(self) -> bool:
        """Whether a value says what exists now, rather than adding to what was."""
        return self.aggregation in GAUGES


def definition(meter: Meter) -> dict[str, Any]:
    """Give what a meter's figures depend on, as plain JSON values.

    Two meters of one definition have the same roll-ups.  `unit`, `description` and `rounding` are
    no part of it, as they only dress what was counted; nor are `adjust` and `reissue`, which say
    what an invoice does.  Texts of a filter are sorted; the order of `group_by` is kept.
    """
    tree: dict[str, Any] = {
        "key": meter.key,
        "event_type": meter.event_type,
        "aggregation": meter.aggregation,
        "filter": {name: list(meter.filter[name]) for name in sorted(meter.filter)},
        "group_by": list(meter.group_by),
        "allow_negative": meter.allow_negative,
        "late_after": meter.late_after if meter.late == "refuse" else None,
    }
    return tree if meter.aggregation == "count" else tree | {"value": meter.value}


def definition_digest(meter: Meter) -> str:
    """Give `sha256:` and 64 hexadecimal digits of a meter's definition."""
    return "sha256:" + hashlib.sha256(canonical_json(definition(meter))).hexdigest()


def meter_of_definition(tree: Mapping[str, Any]) -> Meter:
    """Give a meter of a stored definition; its own definition is again that tree."""
    late: LateRule = "adjust" if tree["late_after"] is None else "refuse"
    return Meter(**{**tree, "late": late})


def meter_of_feature(feature: Feature) -> Meter:
    """Give the meter a feature has where the catalogue declares none for it."""
    return Meter(
        key=feature.meter or feature.key,
        aggregation="sum" if feature.renews else "last",
    )


def meters_of(catalog: Catalog[Any, Any]) -> dict[str, Meter]:
    """Give every meter of a catalogue by key: the declared ones, then those that go without saying.

    A numeric feature has one, and so has each metered price (a sum).  Where several plans have
    one feature and only some give it a `reset`, it is a sum for all.
    """
    meters = dict(catalog.meters)
    for plan in catalog:
        for feature in plan.features.values():
            numeric = feature.limit is not None or feature.unit_price is not None
            meter = meter_of_feature(feature)
            sums = meter.key not in catalog.meters and meter.aggregation == "sum"
            if numeric and (sums or meter.key not in meters):
                meters[meter.key] = meter
    for plan in catalog:
        for price in plan.prices:
            if price.basis == "usage":
                key = price.meter or price.id
                meters.setdefault(key, Meter(key=key))
    return meters


def aggregate(aggregation: Aggregation, values: Sequence[Decimal]) -> Decimal:
    """Make one quantity of the values of a period, in their order.  No value at all is zero.

    Values alone have neither a time nor a text to tell them apart: `time_weighted` and `unique`
    take a single value, as counted elsewhere.  Raises InvalidUsage for more.
    """
    if aggregation == "count":
        return Decimal(len(values))
    if not values:
        return ZERO
    if aggregation == "sum":
        return exact_sum(*values)
    if aggregation == "average":
        mean = Fraction(exact_sum(*values)) / len(values)
        return round_quotient_to(mean, QUANTITY_DECIMALS)
    if aggregation in {"time_weighted", "unique"} and len(values) > 1:
        kind = aggregation.replace("_", "-")
        raise InvalidUsage(f"a {kind} quantity cannot be made of rows: give one row, or events")
    if aggregation == "min":
        return min(values)
    return max(values) if aggregation == "max" else values[-1]


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

"""From the record of a price (a line item) to a `Price`: one small function for each shape."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.core.dialects.amounts import amount_of, rate_of
from tallystick.core.dialects.currencies import records_in
from tallystick.core.meter import MOST_GROUPS
from tallystick.core.number import ZERO, plain
from tallystick.core.period import Cadence, longer_than_three_years
from tallystick.core.price import (
    Basis,
    Conversion,
    Dynamic,
    FixedOff,
    Flat,
    Graduated,
    Package,
    Percentage,
    PercentOff,
    PerUnit,
    Price,
    PriceIn,
    Shape,
    Tier,
    Volume,
)
from tallystick.core.rating.graduated import percent_tier
from tallystick.core.sold_in import carries_money, charging, shape_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallystick.core.currency import Currency
    from tallystick.core.dialects.report import Record

__all__ = ["check_cadence", "price_of"]

_LONG: Final = 10_000
_TIERS: Final = frozenset({"tiers", "tiers_mode"})
_SHAPED: Final = (
    frozenset(
        [
            "cost",
            "package_size",
            "round_packages",
            "percent",
            "fixed",
            "free_transactions",
            "free_volume",
            "minimum_per_transaction",
            "maximum_per_transaction",
            "multiplier",
        ]
    )
    | _TIERS
)
_MODIFIERS: Final = frozenset(
    [
        "included",
        "minimum_quantity",
        "discount_percent",
        "discount_amount",
        "minimum_spend",
        "maximum_spend",
        "convert",
        "allow_negative",
        "unit",
        "meter",
    ]
)
_OF_UNITS: Final = frozenset({"included", "minimum_quantity", "convert"})


def _needs(record: Record, name: str, why: str) -> None:
    if name not in record and name not in record.bad:
        record.problem(name, f"is missing: {why}")


def _flat(record: Record, currency: Currency) -> Shape:
    _needs(record, "cost", "a flat price has an amount")
    return Flat(amount_of(record, "cost", currency))


def _per_unit(record: Record, currency: Currency) -> Shape:
    _needs(record, "cost", "a price for each unit has an amount")
    return PerUnit(rate_of(record, "cost", currency))


def _per_seat(record: Record, currency: Currency) -> Shape:
    if not record.has("tiers"):
        return _per_unit(record, currency)
    return _tiered(record, currency)


def _tiered(record: Record, currency: Currency) -> Shape:
    mode = record.get("tiers_mode") or record.get("type")
    if record.get("cost", ZERO):
        record.problem("cost", "must be 0 where tiers say what a unit costs")
    _needs(record, "tiers", "its units are priced by tiers")
    tiers = tuple(_tier(tier, currency) for tier in record.get("tiers", ()))
    _check_bounds(record, tiers)
    if mode == "volume":
        return Volume(tiers)
    return Graduated(tiers, of_money=any("percent" in tier for tier in record.get("tiers", ())))


def _tier(record: Record, currency: Currency) -> Tier:
    up_to, flat = record.get("up_to"), amount_of(record, "flat_cost", currency)
    if "percent" not in record:
        return Tier(up_to, rate_of(record, "cost", currency), flat)
    if record.get("cost"):
        record.problem("percent", "goes without a cost: a tier has one of the two")
    return percent_tier(up_to, record["percent"], flat, currency)


def _check_bounds(record: Record, tiers: tuple[Tier, ...]) -> None:
    below = ZERO
    for i, (tier, written) in enumerate(zip(tiers, record.get("tiers", ()), strict=True)):
        is_last = i == len(tiers) - 1
        if "up_to" in written.bad:
            continue
        if tier.up_to is None:
            if not is_last:
                written.problem("up_to", "is unbounded, so no later tier can be reached")
        elif is_last:
            written.problem(
                "up_to",
                f"the last tier ends at {plain(tier.up_to)} and leaves more without a price",
                'write null or "unlimited"',
            )
        elif tier.up_to <= below:
            written.problem("up_to", f"must be above {plain(below)}: tiers ascend")
        else:
            below = tier.up_to


def _package(record: Record, currency: Currency) -> Shape:
    _needs(record, "cost", "a package has an amount")
    _needs(record, "package_size", "a package has a size")
    size = record.get("package_size", Decimal(1))
    rounding = record.get("round_packages", "up")
    return Package(size, amount_of(record, "cost", currency), rounding)


def _percentage(record: Record, currency: Currency) -> Shape:
    _needs(record, "percent", "a percentage has a percent")

    def bound(name: str) -> Decimal | None:
        return amount_of(record, name, currency) if name in record else None

    least, most = bound("minimum_per_transaction"), bound("maximum_per_transaction")
    if least is not None and most is not None and least > most:
        record.problem("minimum_per_transaction", "is above the maximum")
    return Percentage(
        percent=record.get("percent", ZERO),
        fixed=rate_of(record, "fixed", currency),
        free_transactions=record.get("free_transactions"),
        free_volume=bound("free_volume"),
        minimum=least,
        maximum=most,
    )


def _dynamic(record: Record, currency: Currency) -> Shape:  # noqa: ARG001 - one signature for all shapes
    return Dynamic(record.get("multiplier", Decimal(1)))


@dataclass(frozen=True, slots=True)
class _Reading:
    """How a `type` is read: what it counts, its shape, and the shape fields that go with it.

    What counts transactions, or events with their own prices, has no units to give away or convert.
    """

    basis: Basis
    shape: Callable[[Record, Currency], Shape]
    fields: frozenset[str]
    counts_units: bool = True


_READINGS: Final[Mapping[str, _Reading]] = {
    "flat": _Reading("flat", _flat, frozenset({"cost"})),
    "per_seat": _Reading("seats", _per_seat, _TIERS | {"cost"}),
    "metered": _Reading("usage", _tiered, _TIERS | {"cost"}),
    "per_unit": _Reading("usage", _per_unit, frozenset({"cost"})),
    "graduated": _Reading("usage", _tiered, frozenset({"tiers", "cost"})),
    "volume": _Reading("usage", _tiered, frozenset({"tiers", "cost"})),
    "package": _Reading("usage", _package, frozenset({"cost", "package_size", "round_packages"})),
    "percentage": _Reading(
        "usage",
        _percentage,
        frozenset(
            [
                "percent",
                "fixed",
                "free_transactions",
                "free_volume",
                "minimum_per_transaction",
                "maximum_per_transaction",
            ]
        ),
        counts_units=False,
    ),
    "dynamic": _Reading("usage", _dynamic, frozenset({"multiplier"}), counts_units=False),
}


def price_of(record: Record, currency: Currency) -> Price | None:
    """Build a price, noting every problem; None where its type could not be read."""
    reading = _READINGS.get(record.get("type", ""))
    if reading is None:
        return None
    strangers = _SHAPED - reading.fields
    if reading.basis == "flat":
        strangers |= _MODIFIERS - {"discount_percent", "discount_amount"}
    elif not reading.counts_units:
        strangers |= _OF_UNITS
    if reading.basis != "usage":
        strangers |= {"group_by"}
    for name in record.written:
        if name in strangers:
            record.problem(name, f"means nothing on a {record['type']} price")
    if reading.basis == "usage":
        _needs(record, "unit", "say what one unit is called")
    if "interval_count" in record and "interval" not in record and "interval" not in record.bad:
        record.problem("interval_count", "says nothing without an interval")
    check_cadence(record)
    count = record.get("interval_count")
    price_id = record.get("id", "")
    shape = reading.shape(record, currency)
    price = Price(
        id=price_id,
        currency=currency,
        shape=shape,
        basis=reading.basis,
        name=record.get("name", ""),
        description=record.get("description", ""),
        unit=record.get("unit", ""),
        meter=None if reading.basis == "flat" else record.get("meter", price_id),
        convert=_conversion(record),
        included=record.get("included", ZERO),
        minimum_quantity=record.get("minimum_quantity", ZERO),
        discount=_discount(record, currency),
        minimum=_spend(record, "minimum_spend", currency),
        maximum=_spend(record, "maximum_spend", currency),
        allow_negative=record.get("allow_negative", False),
        provider_id=record.get("provider_id"),
        interval=record.get("interval"),
        interval_count=None if count == 1 else count,
        group_by=_groups(record),
    )
    several = (_price_in(*each, price, reading) for each in records_in(record, "price", currency))
    kept = (
        each for each in several if carries_money(price) or carries_money(charging(price, each))
    )
    return replace(price, currencies=tuple(kept))


def _price_in(
    currency: Currency, record: Record, entry: Record, price: Price, reading: _Reading
) -> PriceIn:
    """Build what a price charges in another currency; what has no amounts is as in its own."""
    written = any(name in entry for name in reading.fields)
    shape = reading.shape(record, currency) if written else None
    if shape is not None and _kind(shape) != _kind(price.shape):
        entry.problem("tiers", "must be as its own tiers are: percentages, or amounts")
    return PriceIn(
        currency=currency,
        shape=shape or shape_in(price.shape, price.currency, currency),
        discount=_discount(record, currency),
        minimum=_spend(record, "minimum_spend", currency),
        maximum=_spend(record, "maximum_spend", currency),
    )


def _kind(shape: Shape) -> tuple[type, bool]:
    return type(shape), isinstance(shape, Graduated) and shape.of_money


def check_cadence(record: Record) -> None:
    """Note a cadence that is longer than a catalogue may have."""
    interval, count = record.get("interval"), record.get("interval_count", 1)
    if interval is not None and longer_than_three_years(Cadence(interval, min(count, _LONG))):
        record.problem("interval_count", f"{count:,} {interval}s are more than three years")


def _groups(record: Record) -> tuple[str, ...]:
    names = record.get("group_by", [])
    if len(names) > MOST_GROUPS or len(set(names)) < len(names):
        record.problem("group_by", f"names at most {MOST_GROUPS} properties, each once")
        return ()
    return tuple(names)


def _conversion(record: Record) -> Conversion | None:
    convert = record.get("convert")
    if convert is None:
        return None
    return Conversion(
        operation=convert.get("operation", "multiply"),
        factor=convert.get("factor", Decimal(1)),
        rounding=convert.get("rounding", "none"),
        to=convert.get("to", Decimal(1)),
    )


def _discount(record: Record, currency: Currency) -> PercentOff | FixedOff | None:
    if "discount_percent" in record and "discount_amount" in record:
        record.problem("discount_amount", "goes without discount_percent: a price has one of them")
    if "discount_percent" in record:
        return PercentOff(record["discount_percent"])
    if "discount_amount" in record:
        return FixedOff(amount_of(record, "discount_amount", currency))
    return None


def _spend(record: Record, name: str, currency: Currency) -> Decimal | None:
    if name not in record:
        return None
    amount = amount_of(record, name, currency)
    if name == "maximum_spend" and record.get("minimum_spend", ZERO) > record[name]:
        record.problem(name, "is below minimum_spend")
    return amount

"""What an item is charged: the prices of its plan as they are for one customer.

The differences of one customer (`Item.overrides`) are fields of a price as a catalogue writes them,
amounts in major units: `{"pro": {"cost": "5.00"}}`.  The price is written down, patched and read
again, so whatever holds for a price of a catalogue holds for it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NoReturn

from tallystick.core.canonical import price_to_tree
from tallystick.core.dialects.fields import TABLES, read_record
from tallystick.core.dialects.prices import price_of
from tallystick.core.dialects.report import BAD, Report, TooMany
from tallystick.core.dialects.scalars import Number, printable, shown
from tallystick.core.frozen import FrozenDict
from tallystick.core.number import EXACT, QUANTITY_DECIMALS, ZERO, percent_of, round_quotient_to
from tallystick.core.period import Cadence, cadence_of, known_cadence
from tallystick.core.price import FixedOff, Percentage, PercentOff, PerUnit, Price
from tallystick.core.proration import TimeShare
from tallystick.core.rating.modifiers import quotient
from tallystick.core.spelling import did_you_mean
from tallystick.core.wording import and_words
from tallystick.errors import CurrencyMismatch, InvalidInput, UnknownPlan

if TYPE_CHECKING:
    from collections.abc import Hashable

    from tallystick.core.catalog import Feature, Plan
    from tallystick.core.currency import Currency
    from tallystick.core.subscription import Item

__all__ = [
    "MOST_SEATS",
    "cadence_of_price",
    "check_item",
    "feature_price",
    "fitting",
    "item_in",
    "item_plan",
    "prices_of",
    "scaled_allowance",
]

MOST_SEATS: Final = 1_000_000
"""So many seats an item may have."""

_KEPT: Final = 8_192
_LISTS: Final[dict[int, tuple[Plan[Any], Mapping[str, Price]]]] = {}
_DEEPEST: Final = 10
_HUNDRED: Final = Decimal(100)
_PERCENT_OFF: Final = "percent_off"
_FIXED: Final = frozenset(
    {"id", "type", "currency", "currencies", "meter", "group_by", "setup_fee"}
)
_SPELLINGS: Final[Mapping[str, str]] = {
    spelling: field.name for field in TABLES["price"] for spelling in field.spellings()
} | {_PERCENT_OFF: _PERCENT_OFF, "percentOff": _PERCENT_OFF, "currency": "currency"}
_OPEN: Final = frozenset(_SPELLINGS.values()) - _FIXED
_DISCOUNTS: Final = ("discount_percent", "discount_amount")


def item_plan(item: Item, offers: Mapping[str, Plan[Any]]) -> Plan[Any]:
    """Give the plan version an item is on, in the currency that the item is had in.

    Raises UnknownPlan, CurrencyMismatch.
    """
    plan = _offered(item.offer, offers)
    if item.currency is None and not plan.currencies:
        return plan
    return plan.in_currency(item.currency or plan.currency)


def item_in(item: Item, offers: Mapping[str, Plan[Any]], currency: Currency) -> Item:
    """Give an item as it is had in a subscription of a currency.

    Raises UnknownPlan, CurrencyMismatch where its plan is not sold in that currency.
    """
    plan = _offered(item.offer, offers)
    if currency not in plan.sold_in:
        codes = and_words([each.code for each in plan.sold_in])
        text = f"plan {plan.id} is sold in {codes}, the subscription is in {currency}"
        raise CurrencyMismatch(text, {"offer": [text]})
    return replace(item, currency=None if currency == plan.currency else currency)


def _offered(offer: str, offers: Mapping[str, Plan[Any]]) -> Plan[Any]:
    try:
        return offers[offer]
    except (KeyError, TypeError):
        raise UnknownPlan(str(offer)[:200]) from None


def prices_of(item: Item, offers: Mapping[str, Plan[Any]]) -> Mapping[str, Price]:
    """Give every charge of an item by price id, in the plan's order, overrides applied.

    First the plan's prices, then its features that charge what is used beyond their limit, each
    written as the usage price it is, under the feature's key (`exports/usage` where a price of the
    plan has that id).  A feature is left out where it is switched off or unlimited, or where
    a metered price charges for its meter already.

    Raises UnknownPlan, and InvalidInput for overrides that no price can have: the path of each
    field, such as `overrides.pro.cost`.
    """
    plan = item_plan(item, offers)
    if not item.overrides:
        known = _LISTS.get(id(plan))
        if known is None or known[0] is not plan:  # another had its place in memory once
            if len(_LISTS) >= _KEPT:
                _LISTS.clear()
            known = _LISTS[id(plan)] = (plan, _listed(plan))
        return known[1]
    key = _frozen(item.overrides)
    try:
        return _overridden(plan, key)
    except TypeError:
        # what cannot be a key is no plain value either, and the reader says so with its path
        return _patched_all(plan, item.overrides)


def cadence_of_price(price: Price, plan: Plan[Any]) -> Cadence | None:
    """Give how often a price is charged: its own cadence, else the plan's; None is once."""
    if price.interval is None or plan.interval is None:
        return cadence_of(plan)
    return known_cadence(price.interval, price.interval_count or 1)


def fitting(one: Cadence, other: Cadence) -> bool:
    """Whether one cadence is a whole multiple of the other, so that their periods nest.

    Days and weeks never nest in months and years.
    """
    (unit, size), (other_unit, other_size) = one.key, other.key
    return unit == other_unit and not max(size, other_size) % min(size, other_size)


def check_item(item: Item, offers: Mapping[str, Plan[Any]], currency: Currency) -> None:
    """Hold an item to what a subscription can have.

    Raises UnknownPlan, CurrencyMismatch, and InvalidInput for seats that are no whole number from
    1 to 1,000,000, a plan whose price is agreed by hand, and overrides that cannot be read.
    """
    plan = item_plan(item, offers)
    if type(item.seats) is not int or not 1 <= item.seats <= MOST_SEATS:  # bool is an int too
        _refuse("seats", f"must be a whole number from 1 to {MOST_SEATS:,}")
    if plan.custom:
        _refuse("offer", f"plan {plan.id} is custom: its price is agreed by hand, not subscribed")
    if plan.currency != currency:
        text = f"plan {plan.id} is sold in {plan.currency}, the subscription is in {currency}"
        raise CurrencyMismatch(text, {"offer": [text]})
    if not isinstance(item.overrides, Mapping):
        _refuse("overrides", f"must be an object of prices by id, not {shown(item.overrides)}")
    _patched_all(plan, item.overrides)


def feature_price(plan: Plan[Any], feature: Feature) -> Price:
    """Write a feature's limit and unit price as the price for usage they are.

    A feature without a number, or without end, includes nothing here: it has no price to charge.
    """
    return Price(
        id=feature.key,
        name=feature.description or feature.key,
        currency=plan.currency,
        shape=PerUnit(feature.unit_price if feature.unit_price is not None else ZERO),
        meter=feature.meter or feature.key,
        included=Decimal(max(feature.limit or 0, 0)),
    )


# --- a price that holds for a part of a period ----------------------------------------------------


def scaled_allowance(price: Price, part: int, whole: int) -> Price:
    """Give the price whose allowances and bounds count for a part of the period, in seconds.

    Included units and the minimum quantity are rounded to 12 decimals, half away from zero, free
    transactions to a whole number.  Minimum, maximum, free volume and a fixed discount stay exact
    minor units; a quotient without end is kept to 12 decimals.  Tiers and percentages don't change.

    Raises InvalidPeriod where the part is not within the whole.
    """
    time = TimeShare(part, whole)
    if time.part == time.whole:
        return price
    discount = price.discount
    if isinstance(discount, FixedOff):
        discount = FixedOff(_money(discount.amount, time))
    shape = price.shape
    if isinstance(shape, Percentage):
        shape = _free_share(shape, time)
    return replace(
        price,
        shape=shape,
        included=_units(price.included, time),
        minimum_quantity=_units(price.minimum_quantity, time),
        discount=discount,
        minimum=None if price.minimum is None else _money(price.minimum, time),
        maximum=None if price.maximum is None else _money(price.maximum, time),
    )


def _free_share(shape: Percentage, time: TimeShare) -> Percentage:
    """Share the free transactions and volume, which end together: where one is gone both are."""
    number, volume = shape.free_transactions or None, shape.free_volume or None
    if number is not None:
        number = int(round_quotient_to(number * time.fraction, 0))
    if volume is not None:
        volume = _money(volume, time)
    if number == 0 or volume == ZERO:
        number = volume = None
    return replace(shape, free_transactions=number, free_volume=volume)


def _units(units: Decimal, time: TimeShare) -> Decimal:
    return round_quotient_to(Fraction(units) * time.fraction, QUANTITY_DECIMALS)


def _money(minor: Decimal, time: TimeShare) -> Decimal:
    return quotient(EXACT.multiply(minor, Decimal(time.part)), Decimal(time.whole))


# --- the list, and one customer's differences from it ---------------------------------------------


@lru_cache(_KEPT)
def _listed(plan: Plan[Any]) -> Mapping[str, Price]:
    """Give the charges of a plan as they are for everybody."""
    prices = {price.id: price for price in plan.prices}
    charged = {price.meter or price.id for price in plan.prices if price.basis != "flat"}
    for feature in plan.features.values():
        limited = feature.limit is None or feature.limit >= 0
        meters = {feature.key, feature.meter}
        if feature.enabled and feature.unit_price is not None and limited and not meters & charged:
            price = feature_price(plan, feature)
            while price.id in prices:
                price = replace(price, id=f"{price.id}/usage")
            prices[price.id] = price
    return FrozenDict(prices)


@lru_cache(_KEPT)
def _overridden(plan: Plan[Any], frozen: Hashable) -> Mapping[str, Price]:
    return _patched_all(plan, _thawed(frozen))


def _frozen(value: object, depth: int = _DEEPEST) -> Hashable:
    """Give a key of plain values: True is not 1 there, and no value can be changed later."""
    if type(value) is str:
        return value
    if depth == 0:
        _refuse("overrides", f"are nested deeper than {_DEEPEST} levels")
    if isinstance(value, (dict, Mapping)):  # asked in this order, as the first is quick
        return dict, tuple([(key, _frozen(entry, depth - 1)) for key, entry in value.items()])
    if isinstance(value, (list, tuple)):
        return list, tuple([_frozen(entry, depth - 1) for entry in value])
    return type(value), value


def _thawed(frozen: Any) -> Any:  # noqa: ANN401 - plain values of any shape
    if type(frozen) is str:
        return frozen
    kind, body = frozen
    if kind is dict:
        return {key: _thawed(entry) for key, entry in body}
    return [_thawed(entry) for entry in body] if kind is list else body


def _patched_all(plan: Plan[Any], overrides: Mapping[str, Any]) -> Mapping[str, Price]:
    """Patch the prices that have overrides.  Raises InvalidInput with every problem."""
    report = Report("tallystick")
    prices = dict(_listed(plan))
    with suppress(TooMany):
        for price_id, fields in overrides.items():
            path = f"overrides.{_word(price_id)}"
            price = prices.get(price_id) if isinstance(price_id, str) else None
            if price is None:
                cure = did_you_mean(_word(price_id), prices)
                report.problem(path, f"{plan.ref} has no such price", cure)
            elif not isinstance(fields, Mapping):
                report.problem(path, f"must be an object of fields, not {shown(fields)}")
            else:
                prices[price_id] = _patched(plan, price, _named(fields, path, report), report)
    _raise(report)
    return FrozenDict(prices)


def _named(fields: Mapping[object, object], path: str, report: Report) -> dict[str, Any]:
    """Give the fields of one override by the names a price's tree has them under."""
    named: dict[str, Any] = {}
    for written, value in fields.items():
        name = _SPELLINGS.get(written) if isinstance(written, str) else None
        place = f"{path}.{_word(written)}"
        if name is None:
            cure = did_you_mean(_word(written), _OPEN)
            report.problem(place, "is not a field that a price has", cure)
        elif name in _FIXED:
            report.problem(place, "cannot be overridden", "put the customer on another plan")
        elif name in named:
            report.problem(place, "is written twice")
        else:
            named[name] = value
    return named


def _word(written: object) -> str:
    return printable(written) if isinstance(written, str) else shown(written)


def _patched(plan: Plan[Any], price: Price, patch: dict[str, Any], report: Report) -> Price:
    """Write a price down, lay the patch over it and read it again; null takes a field away."""
    path = f"overrides.{printable(price.id)}"
    percent = patch.pop(_PERCENT_OFF, None)
    tree = price_to_tree(price, price.currency)
    if price.basis == "usage":
        tree.setdefault("unit", price.id)  # a feature's price needs no name for its unit
    for name in _DISCOUNTS:
        if patch.get(name) is not None:
            tree = {field: tree[field] for field in tree if field not in _DISCOUNTS}
    tree = {name: value for name, value in (tree | patch).items() if value is not None}
    record = read_record(tree, "price", path, report)
    read = price_of(record, price.currency)
    if read is None:  # a price that was made by hand, and that no catalogue could hold
        return price
    unit = read.unit if "unit" in patch else price.unit
    read = replace(read, meter=price.meter, unit=unit)
    if read.interval != price.interval or read.interval_count != price.interval_count:
        _check_cadence(read, plan, path, report)
    return read if percent is None else _with_percent_off(read, percent, path, report)


def _check_cadence(price: Price, plan: Plan[Any], path: str, report: Report) -> None:
    own, whole = cadence_of_price(price, plan), cadence_of(plan)
    if own is None or whole is None:
        report.problem(f"{path}.interval", "means nothing on a one-time plan")
    elif not fitting(own, whole):
        report.problem(
            f"{path}.interval", "does not go evenly into the plan's, or the plan's in it"
        )


def _with_percent_off(price: Price, percent: object, path: str, report: Report) -> Price:
    """Take a percentage off what is left after the price's own discount."""
    place = f"{path}.{_PERCENT_OFF}"
    off = Number(most=100).read(percent, place, report)
    if off is BAD:
        return price
    own = price.discount
    if isinstance(own, FixedOff):
        text = "cannot be told in one discount with the price's discount_amount"
        report.problem(place, text, "override discount_amount with null, or the cost itself")
        return price
    if own is not None:
        left = percent_of(EXACT.subtract(_HUNDRED, off), EXACT.subtract(_HUNDRED, own.percent))
        off = EXACT.subtract(_HUNDRED, left)
    return replace(price, discount=PercentOff(off))


def _raise(report: Report) -> None:
    if report.problems:
        fields: dict[str, list[str]] = {}
        for problem in report.problems:
            cure = f" ({problem.cure})" if problem.cure else ""
            fields.setdefault(problem.path, []).append(problem.text + cure)
        raise InvalidInput("; ".join(map(str, report.problems[:3])), fields)


def _refuse(field: str, text: str) -> NoReturn:
    raise InvalidInput(f"{field} {text}", {field: [text]})

"""What changed in the lines of a plan, in words: shapes, tiers, and the modifiers around them."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.diff_words import Words, shown, unlike
from tallystick.core.price import Flat, Graduated, Price, Volume
from tallystick.core.sold_in import charging, price_in
from tallystick.core.wording import (
    amount_words,
    conversion_words,
    discount_words,
    each_words,
    figure,
    line_words,
    money_words,
    own_cadence_words,
    per_words,
    percent_change,
    price_words,
    tier_words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from tallystick.core.catalog import Plan
    from tallystick.core.currency import Currency
    from tallystick.core.price import Tier

__all__ = [
    "amount_change",
    "matched_lines",
    "optional_amount_change",
    "price_changes",
]

_MONEY: Final = frozenset({"amount", "fixed", "free_volume", "minimum", "maximum"})
_SHAPE_WORDS: Final = {
    "size": "package size",
    "rounding": "part packages round",
    "percent": "percentage",
    "fixed": "fixed fee a transaction",
    "free_transactions": "free transactions",
    "free_volume": "free volume",
    "minimum": "minimum a transaction",
    "maximum": "maximum a transaction",
    "multiplier": "multiplier",
}
_TOLD: Final = frozenset({"shape", "interval", "interval_count", "currencies"})
_FIELD_WORDS: Final = {
    "included": "included",
    "minimum_quantity": "minimum quantity",
    "minimum": "minimum spend",
    "maximum": "maximum spend",
    "convert": "billed quantity",
    "discount": "discount",
    "provider_id": "the provider's id",
    "basis": "what is counted",
    "group_by": "a line for each",
}


def amount_change(
    old: tuple[Decimal, Currency, str], new: tuple[Decimal, Currency, str], label: str
) -> Words:
    """Say how an amount changed: `price 29.00 → 39.00 USD a month (+34.5 %)`.

    Each side is minor units, their currency, and what follows it (` a month`).
    """
    sides = [f"{money_words(minor, money)}{per}" for minor, money, per in (old, new)]
    if old[1:] != new[1:]:
        return Words(f"{label} {sides[0]} → {sides[1]}", *sides)
    change = percent_change(Fraction(old[0]), Fraction(new[0]))
    percent = f" ({change})" if change else ""
    return Words(f"{label} {amount_words(old[0], old[1])} → {sides[1]}{percent}", *sides)


def optional_amount_change(
    old: tuple[Decimal | None, Currency, str], new: tuple[Decimal | None, Currency, str], label: str
) -> Words:
    """Say how an amount changed that may be absent: `minimum commitment none → 500.00 USD`."""
    if old[0] is not None and new[0] is not None:
        return amount_change((old[0], *old[1:]), (new[0], *new[1:]), label)
    sides = [
        "none" if minor is None else f"{money_words(minor, money)}{per}"
        for minor, money, per in (old, new)
    ]
    return Words(f"{label} {sides[0]} → {sides[1]}", *sides)


def matched_lines(
    old: Sequence[Price], new: Sequence[Price]
) -> tuple[list[tuple[Price, Price]], list[Price], list[Price]]:
    """Pair the lines of two plans: by id, then the only ones left that count the same.

    Gives the pairs, the lines only the old plan has, and those only the new one has.  A provider
    gives a changed price a new id, so a new id alone does not make another line.
    """
    by_id = {price.id: price for price in new}
    pairs = [(price, by_id[price.id]) for price in old if price.id in by_id]
    known = {price.id for price, _ in pairs}
    gone = [price for price in old if price.id not in known]
    come = [price for price in new if price.id not in known]
    for counted in (_by_meter, _by_unit):
        left = _only_ones(come, counted)
        for key, price in _only_ones(gone, counted).items():
            if key in left:
                pairs.append((price, left[key]))
                gone.remove(price)
                come.remove(left[key])
    return pairs, gone, come


def _only_ones(
    prices: Sequence[Price], counted: Callable[[Price], Hashable]
) -> dict[Hashable, Price]:
    keys = Counter(map(counted, prices))
    return {key: price for price in prices if keys[key := counted(price)] == 1}


def _by_meter(price: Price) -> Hashable:
    return (price.basis, (price.meter or price.id) if price.basis == "usage" else None)


def _by_unit(price: Price) -> Hashable:
    return (price.basis, price.unit)


def price_changes(old: Price, new: Price, plans: tuple[Plan[Any], Plan[Any]]) -> Iterator[Words]:
    """Tell what changed in one line; `plans` are the two plans it stands in."""
    found = list(_shape_changes(old, new, plans))
    yield from found
    line = _label(old)
    cadences = (own_cadence_words(old), own_cadence_words(new))
    if cadences[0] != cadences[1]:
        yield Words(f"{line}: billed {cadences[0]} → {cadences[1]}", *cadences)
    for field in fields(Price):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if field.name in _TOLD or not unlike(before, after):
            continue
        if field.name == "currency" and found:  # the amounts above carry it
            continue
        yield _field_change(field.name, old, new, line)
    yield from _in_currencies(old, new, plans)


def _in_currencies(old: Price, new: Price, plans: tuple[Plan[Any], Plan[Any]]) -> Iterator[Words]:
    """Tell what changed in other currencies: what is no money was told already."""
    sides = [{each.currency: each for each in side.currencies} for side in (old, new)]
    for unit in sorted(sides[0].keys() | sides[1].keys()):
        if unit not in sides[0] or unit not in sides[1]:
            before, after = (
                price_words(price_in(side, unit)) if unit in known else None
                for side, known in zip((old, new), sides, strict=True)
            )
            what = f"removed: {before}" if after is None else f"added: {after}"
            yield Words(f"{_label(old)}: {unit} {what}", before, after)
        elif sides[0][unit] != sides[1][unit]:
            found = price_changes(price_in(old, unit), charging(old, sides[1][unit]), plans)
            yield from (_naming(unit, each) for each in found)


def _naming(unit: Currency, words: Words) -> Words:
    """Name the currency where the amounts don't."""
    return words if unit.code in words.text else words._replace(text=f"{words.text} in {unit}")


def _label(price: Price) -> str:
    return {"flat": "price", "seats": "seats"}.get(price.basis) or line_words(price)


def _field_change(name: str, old: Price, new: Price, line: str) -> Words:
    before, after = getattr(old, name), getattr(new, name)
    sides = (_side(name, before, old), _side(name, after, new))
    if name == "id":
        return Words(f"{line}: line {old.id} is now {new.id}", old.id, new.id)
    label = _FIELD_WORDS.get(name, name.replace("_", " "))
    return Words(f"{line}: {label} {sides[0]} → {sides[1]}", *sides)


def _side(name: str, value: object, price: Price) -> str:
    if name == "convert":
        return conversion_words(price.convert)
    if name == "discount":
        return discount_words(price.discount, price.currency)
    if name in _MONEY and isinstance(value, Decimal):
        return money_words(value, price.currency)
    return shown(value)


def _shape_changes(old: Price, new: Price, plans: tuple[Plan[Any], Plan[Any]]) -> Iterator[Words]:
    if old.shape == new.shape and old.currency == new.currency:
        return
    if _kind(old) != _kind(new):
        sides = (price_words(old), price_words(new))
        yield Words(f"{_label(old)}: {sides[0]} → {sides[1]}", *sides)
    elif isinstance(old.shape, Graduated | Volume):
        yield from _tier_changes(old, new)
    else:
        yield from _figure_changes(old, new, plans)


def _kind(price: Price) -> tuple[type, bool]:
    """Tell shapes apart whose figures cannot be compared one by one."""
    return type(price.shape), isinstance(price.shape, Graduated) and price.shape.of_money


def _figure_changes(old: Price, new: Price, plans: tuple[Plan[Any], Plan[Any]]) -> Iterator[Words]:
    """Compare two shapes of one class field by field."""
    for field in fields(old.shape):
        before, after = getattr(old.shape, field.name), getattr(new.shape, field.name)
        if field.name in {"amount", "unit"}:
            if before != after or old.currency != new.currency:
                yield _amount_change(before, after, (old, new), plans)
        elif unlike(before, after):
            line = _label(old)
            label = _SHAPE_WORDS.get(field.name, field.name)
            sides = (_side(field.name, before, old), _side(field.name, after, new))
            yield Words(f"{line}: {label} {sides[0]} → {sides[1]}", *sides)


def _amount_change(
    before: Decimal, after: Decimal, prices: tuple[Price, Price], plans: tuple[Plan[Any], Plan[Any]]
) -> Words:
    old, new = (_follows(price, plan) for price, plan in zip(prices, plans, strict=True))
    label = {"flat": "price", "seats": "price a seat"}.get(prices[0].basis)
    return amount_change(
        (before, prices[0].currency, old),
        (after, prices[1].currency, new),
        label or line_words(prices[0]),
    )


def _follows(price: Price, plan: Plan[Any]) -> str:
    if price.basis != "usage":
        return f" {per_words(plan, price)}"
    if isinstance(price.shape, Flat):
        return ""
    size = getattr(price.shape, "size", None)
    return f" {each_words(price)}" if size is None else f" for each {figure(size)}"


def _tier_changes(old: Price, new: Price) -> Iterator[Words]:
    """Match the tiers by their bounds and compare what they cost."""
    line = _label(old)
    tiers = {tier.up_to: tier for tier in _tiers(new)}
    known = {tier.up_to for tier in _tiers(old)}
    for tier in _tiers(old):
        name = f"{line}, {tier_words(tier)}"
        twin = tiers.get(tier.up_to)
        if twin is None:
            cost = _tier_cost(tier, old)
            yield Words(f"{name} removed: {cost}", cost, None)
            continue
        if tier.unit != twin.unit or old.currency != new.currency:
            before = (tier.unit, old.currency, f" {each_words(old)}")
            yield amount_change(
                before, (twin.unit, new.currency, f" {each_words(new)}"), f"{name}:"
            )
        if tier.flat != twin.flat:
            before = (tier.flat, old.currency, "")
            yield amount_change(before, (twin.flat, new.currency, ""), f"{name}: flat fee")
    for tier in _tiers(new):
        if tier.up_to not in known:
            cost = _tier_cost(tier, new)
            yield Words(f"{line}, {tier_words(tier)} added: {cost}", None, cost)


def _tiers(price: Price) -> tuple[Tier, ...]:
    shape = price.shape
    return shape.tiers if isinstance(shape, Graduated | Volume) else ()


def _tier_cost(tier: Tier, price: Price) -> str:
    flat = f" + {money_words(tier.flat, price.currency)} flat" if tier.flat else ""
    return f"{money_words(tier.unit, price.currency)} {each_words(price)}{flat}"

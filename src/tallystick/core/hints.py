"""Hints about single prices and limits: what is allowed, and probably not what was meant.

A hint is only given where it is certain that it holds, and each names a cure.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tallystick.core.number import EXACT, ZERO
from tallystick.core.price import Graduated, Volume
from tallystick.core.rating import Quantity, rate
from tallystick.core.wording import amount_words, feature_words, figure
from tallystick.errors import Problem, TallystickError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.money import Money
    from tallystick.core.price import Price, Tier

__all__ = ["hint", "placed", "price_hints"]

_ONE: Final = Decimal(1)


class _Cliff(NamedTuple):
    """Where using more costs less: the two quantities, and what each costs."""

    below: Decimal
    above: Decimal
    dearer: Money
    cheaper: Money


def hint(path: str, text: str, cure: str) -> Problem:
    """Make a finding that is worth a look and fails nothing."""
    return Problem(path, text, cure, severity="hint")


def placed(catalog: Catalog[Any, Any]) -> Iterator[tuple[str, Plan[Any]]]:
    """Iterate the plans with their paths."""
    for number, product in enumerate(catalog.products):
        for index, plan in enumerate(product.plans):
            yield f"products[{number}].plans[{index}]", plan


def price_hints(catalog: Catalog[Any, Any]) -> Iterator[Problem]:
    """Give the hints that one price or one limit is enough for."""
    for path, plan in placed(catalog):
        for number, price in enumerate(plan.prices):
            place = f"{path}.prices[{number}]"
            if isinstance(price.shape, Volume):
                yield from _cliffs(place, price, price.shape.tiers)
                yield from _unreachable(place, price, price.shape.tiers)
            if isinstance(price.shape, Graduated | Volume):
                yield from _split_seats(place, price, price.shape.tiers)
                yield from _free_twice(place, price, price.shape.tiers)
        yield from _unusable(path, plan)
        if plan.invoice_threshold is not None and not _bills_usage(plan):
            yield hint(
                f"{path}.invoice_threshold",
                f"{plan.id} bills no usage, so its invoice threshold is never reached",
                "give it a metered price or a unit_price, or leave the threshold out",
            )


def _cliffs(path: str, price: Price, tiers: tuple[Tier, ...]) -> Iterator[Problem]:
    bare = replace(price, convert=None)  # bounds are written in the units that are billed
    seen: set[Decimal] = set()
    for number, (tier, _) in enumerate(pairwise(tiers), 1):
        cliff = None if tier.up_to is None else _cliff(bare, tier.up_to, _step(price))
        if cliff is None or cliff.below in seen:
            continue
        seen.add(cliff.below)
        units = _units(price)
        yield hint(
            f"{path}.tiers[{number}]",
            f"using more costs less: {figure(cliff.above)} {units} cost {cliff.cheaper},"
            f" {figure(cliff.below)} cost {_bare(cliff.dearer)}",
            "make the tiers graduated, or raise this tier so that its first unit does not cost"
            " less than the tier before",
        )


def _cliff(price: Price, bound: Decimal, step: Decimal | None) -> _Cliff | None:
    """Rate the last quantity of a tier and the next one; None where the next costs no less."""
    last = EXACT.add(bound, price.included)
    below = last if step is None else _multiple(last, step)
    above = EXACT.add(_multiple(last, step or _ONE), step or _ONE)
    if below <= 0:
        return None
    try:
        dearer, cheaper = (rate(price, Quantity(q)).amount for q in (below, above))
    except TallystickError:  # figures beyond what can be billed at all
        return None
    return _Cliff(below, above, dearer, cheaper) if cheaper < dearer else None


def _step(price: Price) -> Decimal | None:
    """Give what every billed quantity is a multiple of; None where it may be any."""
    if price.convert is not None and price.convert.rounding != "none" and price.convert.to > 0:
        return price.convert.to
    return _ONE if price.basis == "seats" and price.convert is None else None


def _multiple(quantity: Decimal, step: Decimal) -> Decimal:
    """Round down to a multiple of a step."""
    return EXACT.multiply(EXACT.divide_int(quantity, step), step)


def _unreachable(path: str, price: Price, tiers: tuple[Tier, ...]) -> Iterator[Problem]:
    """Find the volume tiers that no quantity falls in."""
    least, step = price.minimum_quantity, _step(price)
    lower = ZERO
    for number, tier in enumerate(tiers):
        bound = tier.up_to
        if bound is None:
            return
        place, name = f"{path}.tiers[{number}]", f"the tier up to {figure(bound)}"
        if bound < least:
            yield hint(
                place,
                f"{name} can't be reached: at least {figure(least)} are charged",
                "take the tier out, or lower minimum_quantity",
            )
        elif step is not None and number and not _holds(lower, bound, price, step):
            yield hint(
                place,
                f"{name} can't be reached: quantities come in steps of {figure(step)}",
                "take the tier out, or move its bound to a quantity that occurs",
            )
        lower = bound


def _holds(lower: Decimal, bound: Decimal, price: Price, step: Decimal) -> bool:
    """Whether some multiple of the step falls in a tier once the free units are off."""
    if lower < price.minimum_quantity <= bound:
        return True
    highest = _multiple(EXACT.add(bound, price.included), step)
    return EXACT.subtract(highest, price.included) > lower


def _split_seats(path: str, price: Price, tiers: tuple[Tier, ...]) -> Iterator[Problem]:
    for number, tier in enumerate(tiers):
        whole = tier.up_to is None or tier.up_to == tier.up_to.to_integral_value(ROUND_FLOOR)
        if price.basis == "seats" and price.convert is None and tier.up_to and not whole:
            yield hint(
                f"{path}.tiers[{number}].up_to",
                f"a seat is whole, the bound {figure(tier.up_to)} is not",
                "write a whole number",
            )


def _free_twice(path: str, price: Price, tiers: tuple[Tier, ...]) -> Iterator[Problem]:
    """Find an allowance that is written as `included` and again as a first tier for nothing."""
    first = tiers[0] if tiers else None
    if first is None or first.up_to is None or first.unit or first.flat:
        return
    if price.included == first.up_to and isinstance(price.shape, Graduated):
        free = EXACT.add(price.included, first.up_to)
        yield hint(
            f"{path}.tiers[0]",
            f"{figure(price.included)} {_units(price)} are included and the first tier gives as"
            f" many again: {figure(free)} are free",
            "tiers count after the included units: keep one of the two",
        )


def _unusable(path: str, plan: Plan[Any]) -> Iterator[Problem]:
    for number, (key, feature) in enumerate(plan.features.items()):
        if feature.enabled and feature.limit == 0 and feature.unit_price is None:
            yield hint(
                f"{path}.limits[{number}].limit",
                f"{plan.name} has {feature_words(key)}, but with limit 0 it may never be used",
                "write enabled: false, or a unit_price if it is paid by the unit",
            )


def _bills_usage(plan: Plan[Any]) -> bool:
    metered = any(price.basis == "usage" for price in plan.prices)
    return metered or any(
        feature.enabled and feature.unit_price is not None for feature in plan.features.values()
    )


def _units(price: Price) -> str:
    if price.basis == "seats" and not price.unit:
        return "seats"
    unit = price.unit or "unit"
    return unit if unit.endswith("s") or not unit[-1].islower() else f"{unit}s"


def _bare(money: Money) -> str:
    return amount_words(Decimal(money.minor), money.currency)

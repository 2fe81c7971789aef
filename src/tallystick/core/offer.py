"""What a plan costs and gives, made comparable with other plans.

Two plans compare only where what they cost differs in figures alone: usage lines and tiered seats
must be the same lines at the same cadence, as no figure says which of two shapes is the dearer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.list_price import list_price_per_year
from tallystick.core.period import cadence_of
from tallystick.core.price import PerUnit, Price
from tallystick.errors import TallystickError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from tallystick.core.catalog import Catalog, Feature, Plan, Product

__all__ = ["Offer", "gives_no_more", "offers"]

_BOUNDLESS: Final = 10**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A plan that is offered now, with what makes it comparable.

    `cost` is for a year with one seat and `slope` what one more seat adds, exact minor units;
    `periods` is how many periods a year has; `rest` are the lines that must be the same; `texts`
    are what the product promises in words alone; `market` is within what it competes at all;
    `score` is never lower where a plan gives more; `distinct` is whether no two plans of the
    product share a cadence.
    """

    path: str
    plan: Plan[Any]
    product: Product[Any]
    cost: Fraction
    slope: Fraction
    periods: Fraction
    rest: Hashable
    texts: frozenset[str]
    market: Hashable
    score: int
    distinct: bool

    @property
    def open_to_all(self) -> bool:
        """Whether no business rules may stand between a customer and the plan."""
        return not self.plan.business_rules and not self.product.business_rules


def offers(catalog: Catalog[Any, Any]) -> list[Offer]:
    """Give the plans that are shown, sold and paid by period, in catalogue order."""
    found: list[Offer] = []
    for number, product in enumerate(catalog.products):
        distinct = _distinct(product)
        for index, plan in enumerate(product.plans):
            if plan.active and not plan.custom and not plan.one_time and not product.hidden:
                offer = _offer(
                    f"products[{number}].plans[{index}]", plan, product, distinct=distinct
                )
                found += [offer] if offer is not None else []
    return found


def _distinct(product: Product[Any]) -> bool:
    cadences: set[Hashable] = set()
    for plan in product.plans:
        if plan.active:
            try:
                key = (plan.currency, cadence_of(plan))
            except TallystickError:  # a count below one, which the reader reports
                return False
            if key in cadences:
                return False
            cadences.add(key)
    return True


def _offer(path: str, plan: Plan[Any], product: Product[Any], *, distinct: bool) -> Offer | None:
    seats = any(price.basis == "seats" for price in plan.prices)
    try:
        cadence = cadence_of(plan)
        cost = list_price_per_year(plan)
        slope = list_price_per_year(plan, seats=2) - cost if seats else Fraction(0)
    except TallystickError:  # figures beyond what can be billed at all
        return None
    if cadence is None:
        return None
    rest = frozenset(_anonymous(price) for price in plan.prices if not _linear(price))
    texts = _texts(plan, product)
    silent = not texts and not plan.features  # then only its own product says what it gives
    return Offer(
        path=path,
        plan=plan,
        product=product,
        cost=cost,
        slope=slope,
        periods=cadence.per_year,
        rest=(rest, cadence.key) if rest else None,
        texts=texts,
        market=(plan.currency, product.group, plan.provider, product.id if silent else None),
        score=len(texts) + sum(_worth(feature) for feature in plan.features.values()),
        distinct=distinct,
    )


def _linear(price: Price) -> bool:
    """Whether a line costs a figure for the period plus a figure for each seat, and no more."""
    if price.basis != "seats":
        return price.basis == "flat"
    bare = Price(id="", currency=price.currency, shape=price.shape, basis="seats")
    return isinstance(price.shape, PerUnit) and bare == replace(_anonymous(price), meter=None)


def _anonymous(price: Price) -> Price:
    """Take away what says who a line is and leave what it charges."""
    own = price.meter == price.id
    return replace(
        price,
        id="",
        name="",
        description="",
        unit="",
        meter=None if own else price.meter,
        provider_id=None,
    )


def _texts(plan: Plan[Any], product: Product[Any]) -> frozenset[str]:
    """Give the product's texts; none where they were made from the features themselves."""
    made = tuple(feature.description or key for key, feature in plan.features.items())
    return frozenset() if product.features == made else frozenset(product.features)


def gives_no_more(offer: Offer, other: Offer) -> bool:
    """Whether everything that `offer` gives, `other` gives too, and is known to.

    Features and limits compare by key, the product's texts by their words.  Plans of one product
    that say nothing of their own are one thing at several cadences; where two of them share a
    cadence they are not, and what they give is unknown.
    """
    mine, theirs = offer.plan, other.plan
    return (
        mine.enabled <= theirs.enabled
        and offer.texts <= other.texts
        and (mine.trial_days or 0) <= (theirs.trial_days or 0)
        and all(_within(mine.features[key], theirs.features[key]) for key in mine.enabled)
        and _is_told(offer, other)
    )


def _is_told(offer: Offer, other: Offer) -> bool:
    if offer.plan.features:
        return True
    if offer.product is not other.product:
        return bool(offer.texts)
    return offer.distinct


def _within(mine: Feature, theirs: Feature) -> bool:
    """Whether a feature gives no more than another of the same key."""
    if _boundless(theirs):
        return True
    if _boundless(mine) or mine.limit is None or theirs.limit is None:
        return False
    if mine.limit > theirs.limit or mine.reset != theirs.reset:
        return False
    if mine.unit_price is None:
        return True
    return theirs.unit_price is not None and theirs.unit_price <= mine.unit_price


def _boundless(feature: Feature) -> bool:
    return feature.limit is None or feature.limit < 0


def _worth(feature: Feature) -> int:
    if not feature.enabled:
        return 0
    return _BOUNDLESS if _boundless(feature) else 1 + (feature.limit or 0)

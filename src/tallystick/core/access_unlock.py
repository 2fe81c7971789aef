"""What would allow a use that was denied: the cheapest plan, add-on and top-up.

Each is tried: it is put into the customer's hands, and the same question is asked again.  Only what
then answers yes is named.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Literal

from tallystick.core.access import Had, Standing, access_to, given_of
from tallystick.core.entitlement import UpTo
from tallystick.core.list_price import list_price_per_year
from tallystick.core.money import Money
from tallystick.core.number import exact_sum
from tallystick.core.period import cadence_of, to_the_second
from tallystick.core.rating import rate
from tallystick.core.rating.usage import Quantity
from tallystick.core.subscription_grants import units_added
from tallystick.core.terms import MOST_SEATS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.access import Counted
    from tallystick.core.catalog import Plan, Product
    from tallystick.core.entitlement import Access
    from tallystick.core.period import Instant
    from tallystick.core.schedule import Schedule

__all__ = ["Unlock", "unlocked"]

_SOLD: Final = frozenset({"limit_reached", "feature_disabled", "not_in_plan", "no_subscription"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlock:
    """Something that can be bought, after which the same use is allowed.

    `plan` is its id: of the plan to change to, or of the add-on to have beside it, with so many
    seats.  A `top_up` is an add-on whose credits are units of the feature.  `price` is what its
    fees come to in one of its periods, None for "contact us".
    """

    kind: Literal["plan", "add_on", "top_up"]
    plan: str
    name: str
    price: Money | None
    seats: int = 1


def unlocked(
    answer: Access, standing: Standing, counted: Counted, schedule: Schedule, at: Instant
) -> Access:
    """Give a denied answer with what would unlock it, the cheapest of each kind, cheapest first.

    `schedule` is that of a subscription which would start now, for who has none.  What only time
    or a payment cures (past due, paused) is not for sale.
    """
    if answer.allowed or standing.catalog is None or answer.reason not in _SOLD:
        return answer
    offered = list(_offered(standing))
    tries = [_Try(standing, product, plan, schedule) for product, plan in offered]
    kinds = (
        [found for each in tries if (found := each.as_plan(answer, counted, at))],
        [found for each in tries if (found := each.as_add_on(answer, counted, at))],
        [found for each in tries if (found := each.as_top_up(answer, counted, at))],
    )
    best = [min(found, key=_order) for found in kinds if found]
    unlocks = tuple(found.unlock for found in sorted(best, key=_order))
    plan = next((each for each in unlocks if each.kind == "plan"), None)
    text = answer.text + (f"; {unlocks[0].name} allows it" if unlocks else "")
    return replace(
        answer, unlocks=unlocks, upgrade_to=None if plan is None else plan.plan, text=text
    )


@dataclass(frozen=True, slots=True)
class _Found:
    unlock: Unlock
    custom: bool
    one_time: bool
    per_year: Fraction


def _order(found: _Found) -> tuple[bool, bool, Fraction]:
    return found.custom, found.one_time, found.per_year


def _offered(standing: Standing) -> Iterator[tuple[Product[Any], Plan[Any]]]:
    assert standing.catalog is not None  # noqa: S101 - asked before
    for product in standing.catalog.products:
        for plan in product.plans:
            if plan.active and not product.hidden:
                yield product, plan


class _Try:
    """One plan on offer, tried as the plan itself and as an add-on."""

    def __init__(
        self, standing: Standing, product: Product[Any], plan: Plan[Any], schedule: Schedule
    ) -> None:
        self.standing, self.plan, self.schedule = standing, plan, schedule
        self.group = product.group
        mains = [had for had in standing.had if not had.add_on]
        self.same = next((had for had in mains if _group(had) == product.group), None)
        self.main = next(iter(mains), None)

    def as_plan(self, answer: Access, counted: Counted, at: Instant) -> _Found | None:
        """Change to the plan, or start with it where there is none of its group."""
        old = self.same
        if old is not None and (
            old.plan.id == self.plan.id or old.plan.currency != self.plan.currency
        ):
            return None
        # Who has a subscription has the default plan no more: only its own group replaces it.
        if old is None and any(had.subscription is None for had in self.standing.had):
            return None
        kept = tuple(had for had in self.standing.had if had.subscription is not None)
        if old is None or old not in kept:
            billing = cadence_of(self.plan)
            had = (*kept, Had(plan=self.plan, schedule=self.schedule, billing=billing))
        else:
            new = replace(old, plan=self.plan, bar=None)
            had = tuple(new if each is old else each for each in kept)
        if not self._allowed(had, answer, counted, at):
            return None
        return self._found("plan", 1)

    def as_add_on(self, answer: Access, counted: Counted, at: Instant) -> _Found | None:
        """Put it beside the plan, with as many seats as it takes."""
        main, feature = self._beside(), self.plan.features.get(answer.feature)
        if main is None or feature is None:
            return None
        had = replace(main, plan=self.plan, seats=1, add_on=True, bar=None)
        for seats in dict.fromkeys((1, self._seats(had, answer, counted))):
            more = (*self.standing.had, replace(had, seats=seats))
            if 1 <= seats <= MOST_SEATS and self._allowed(more, answer, counted, at):
                return self._found("add_on", seats)
        return None

    def as_top_up(self, answer: Access, counted: Counted, at: Instant) -> _Found | None:
        """Put it beside the plan for the units that it grants at once."""
        main, key = self._beside(), answer.feature
        if main is None or main.granted is None or key in self.plan.features:
            return None
        start, covered = (to_the_second(at), main.schedule), main.granted
        each = units_added(self.plan, key, 1, start, covered)
        had = replace(main, plan=self.plan, add_on=True, bar=None)
        for seats in _times(had, each, answer, counted):
            units = units_added(self.plan, key, seats, start, covered)
            more = (*self.standing.had, replace(had, seats=seats))
            topped_up = replace(counted, granted=exact_sum(counted.granted, units))
            if self._allowed(more, answer, topped_up, at):
                return self._found("top_up", seats)
        return None

    def _beside(self) -> Had | None:
        """Give the plan that this one could stand beside as an add-on, where it could."""
        main = self.main
        fits = (
            main is not None
            and main.subscription is not None
            and self.same is None
            and main.plan.currency == self.plan.currency
            and not self.plan.custom
            and not any(had.plan.id == self.plan.id for had in self.standing.had)
        )
        return main if fits else None

    def _seats(self, had: Had, answer: Access, counted: Counted) -> int:
        """Give how many seats of the add-on lift the limit as far as is asked."""
        feature = self.plan.features[answer.feature]
        if not _by_seat(had) or feature.limit is None or feature.limit <= 0:
            return 1
        return -(-_missing(answer, counted) // feature.limit)

    def _allowed(self, had: tuple[Had, ...], answer: Access, counted: Counted, at: Instant) -> bool:
        before = given_of(self.standing, answer.feature)
        given = given_of(replace(self.standing, had=had), answer.feature)
        if isinstance(given.entitlement, UpTo) and before.counts and not _alike(before, given):
            return False  # counted in another way: what it would come to is not known here
        return access_to(given, counted, answer.requested, at).allowed

    def _found(self, kind: Literal["plan", "add_on", "top_up"], seats: int) -> _Found:
        plan = self.plan
        price = None if plan.custom else _fees(plan, seats)
        per_year = Fraction(0) if plan.custom else list_price_per_year(plan, seats=seats)
        unlock = Unlock(kind=kind, plan=plan.id, name=plan.name, price=price, seats=seats)
        return _Found(unlock, plan.custom, plan.one_time and not plan.custom, per_year)


def _by_seat(had: Had) -> bool:
    return replace(had, seats=2).times == 2  # noqa: PLR2004 - two seats count twice


def _times(had: Had, each: Decimal, answer: Access, counted: Counted) -> list[int]:
    """Give how many seats may grant what is missing: one more where a part was rounded."""
    if not each:
        return []
    if not _by_seat(had):
        return [1]
    needed = -(-_missing(answer, counted) // Fraction(each))
    return [seats for seats in dict.fromkeys((1, needed, needed + 1)) if 1 <= seats <= MOST_SEATS]


def _missing(answer: Access, counted: Counted) -> Fraction:
    """Give how much more than the limit is asked for."""
    wanted = Fraction(counted.used) + Fraction(counted.reserved) + Fraction(answer.requested)
    return wanted - Fraction(answer.limit or 0)


def _alike(before: Any, after: Any) -> bool:  # noqa: ANN401 - two Givens with a feature
    """Whether what is used counts in the same way: by one meter, in one kind of window."""
    one, other = before.feature, after.feature
    return (one.meter or one.key, one.reset, one.window_seconds) == (
        other.meter or other.key,
        other.reset,
        other.window_seconds,
    )


def _group(had: Had) -> str:
    plan = had.plan
    return "default" if plan.catalog is None else plan.catalog.product_of(plan).group


def _fees(plan: Plan[Any], seats: int) -> Money:
    """Add up what the plan's fees come to in one period, each line rounded by itself."""
    lines = [price for price in plan.prices if price.basis != "usage"]
    minor = sum(rate(price, Quantity(Decimal(seats))).amount.minor for price in lines)
    return Money(minor, plan.currency)

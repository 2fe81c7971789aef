"""Price migrations: who is moved from older plan versions to another, from when on, at what price.

A price migration plans a change for each subscription, which takes effect at the end of a period.
What it is to cost is compared before anybody is moved: one whole period on the plan itself, with
its seats, with the prices that are its own, and with what was used in its last period.  Add-ons
stay as they are and coupons are left out, so that neither hides a difference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from tallystick.core.calendar import period_containing
from tallystick.core.frozen import FrozenDict
from tallystick.core.money import Money
from tallystick.core.move import Change
from tallystick.core.number import EXACT, round_quotient, round_quotient_to
from tallystick.core.period import cadence_of
from tallystick.core.rating import rate
from tallystick.core.span import fee_exact
from tallystick.core.subscription_items import changed_items
from tallystick.core.subscription_moves import advance, apply, next_at
from tallystick.core.terms import cadence_of_price, check_item, item_plan, prices_of
from tallystick.errors import Conflict, InvalidPeriod

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tallystick.core.catalog import Plan
    from tallystick.core.period import Cadence, Instant, Period
    from tallystick.core.price import Price
    from tallystick.core.rating.usage import Measured
    from tallystick.core.subscription import Item, Subscription

__all__ = [
    "MigrationState",
    "MoveStatus",
    "PriceMigration",
    "PriceMove",
    "change_for",
    "cost_of_period",
    "last_windows",
    "new_item",
    "takes_effect",
]

MigrationState: TypeAlias = Literal["planned", "running", "stopped", "done", "undone"]
"""How a price migration stands.  `stopped` and `undone` are for ever."""

MoveStatus: TypeAlias = Literal["planned", "moved", "skipped", "undone"]
"""What became of one subscription: `moved` has its change planned, or has it already."""

_SECOND: Final = timedelta(seconds=1)
_MOST_STEPS: Final = 5_000
_HUNDRED: Final = Decimal(100)
_PERCENT_DECIMALS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceMigration:
    """Who is moved, to which plan version, and how.

    `from_offers` are plan versions, `pro@1`; `customers` None are all who have one of them, but
    those `without`.  Each is moved at the end of the first period that ends at `at` or later, and
    `notice_days` after its change was planned or later.  Nobody pays more than `cap_percent` over
    what was paid before; None is no cap.  `stages` says how many subscriptions each run takes: the
    first 10, then 100, then the rest; `stage` is how many runs began.  `counts` are its
    subscriptions by status.
    """

    id: str
    from_offers: tuple[str, ...]
    to_offer: str
    at: Instant
    planned_at: Instant
    customers: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    notice_days: int = 0
    cap_percent: Decimal | None = None
    stages: tuple[int, ...] = ()
    state: MigrationState = "planned"
    stage: int = 0
    counts: Mapping[str, int] = field(default_factory=FrozenDict)

    def __hash__(self) -> int:
        """Hash by id."""
        return hash(self.id)

    def since(self, now: Instant) -> Instant:
        """Give when a change that is planned now may take effect: never before its notice is over.

        Raises InvalidPeriod beyond the calendar.
        """
        try:
            return max(self.at, now + timedelta(days=self.notice_days))
        except OverflowError:
            raise InvalidPeriod("the notice ends after the year 9999") from None

    def size_of(self, stage: int) -> int | None:
        """Give how many subscriptions a stage takes, counted from 1; None for all that are left."""
        return self.stages[stage - 1] if stage <= len(self.stages) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceMove:
    """One subscription's part of a price migration.

    `item` is the plan as it was had when the prices were compared: `before` and `after` are for one
    whole period, None where they cannot be reckoned.  `reason` says why it is not moved, or was not
    undone.  `number` is that of the planned change.  `takes_effect_at` is None while nobody can
    tell, as in a pause without an end.
    """

    customer: str
    subscription: str
    item: Item
    name: str | None = None
    before: Money | None = None
    after: Money | None = None
    status: MoveStatus = "planned"
    reason: str = ""
    stage: int | None = None
    number: int | None = None
    takes_effect_at: Instant | None = None

    @property
    def change(self) -> Money | None:
        """What a period costs more than before; below zero for less."""
        if self.before is None or self.after is None:
            return None
        return self.after - self.before

    @property
    def percent(self) -> Decimal | None:
        """The change in percent, to two decimals, half away from zero; None after nothing."""
        if self.before is None or self.after is None:
            return None
        if not self.before.minor:
            return None if self.after.minor else Decimal(0)
        more = Fraction(self.after.minor - self.before.minor, abs(self.before.minor))
        return round_quotient_to(more * 100, _PERCENT_DECIMALS)

    def exceeds(self, cap_percent: Decimal | None) -> bool:
        """Whether it is to pay more than the cap allows: exact, and after nothing always."""
        if cap_percent is None or self.before is None or self.after is None:
            return False
        if self.after.minor <= self.before.minor:
            return False
        most = EXACT.multiply(EXACT.add(_HUNDRED, cap_percent), Decimal(self.before.minor))
        return EXACT.multiply(_HUNDRED, Decimal(self.after.minor)) > most


# --- what it costs --------------------------------------------------------------------------------


def cost_of_period(
    item: Item,
    offers: Mapping[str, Plan[Any]],
    used: Mapping[str, Sequence[Measured]],
    per: Cadence,
) -> Money:
    """Give what an item costs for one whole period of a cadence.

    Its flat and per-seat prices, what was `used` of the others by price id, and what is missing to
    a minimum commitment.  A price of another cadence counts by its share of a year; each line is
    rounded once, half away from zero.  Set-up fees are not asked for again.

    Raises UnknownPlan, InvalidInput, InvalidUsage, OutOfBounds.
    """
    plan = item_plan(item, offers)
    total = 0
    for key, price in prices_of(item, offers).items():
        share = _share(cadence_of_price(price, plan), per)
        for exact in _exact(price, item, used.get(key, ())):
            total += round_quotient(Fraction(exact) * share)
    if plan.minimum_commitment is not None:
        least = Fraction(plan.minimum_commitment) * _share(cadence_of(plan), per)
        total = max(total, round_quotient(least))
    return Money(total, plan.currency)


def _exact(price: Price, item: Item, used: Sequence[Measured]) -> Iterator[Decimal]:
    """Give what a price asks for a whole period of its own, a figure for each line."""
    if price.basis != "usage":
        yield fee_exact(price, item)
        return
    for measured in used:
        yield rate(price, measured).exact


def _share(own: Cadence | None, per: Cadence) -> Fraction:
    return Fraction(1) if own is None else own.per_year / per.per_year


def last_windows(
    subscription: Subscription, item: Item, offers: Mapping[str, Plan[Any]], at: Instant
) -> dict[str, Period]:
    """Give the last whole period of each metered price of an item, by price id.

    Who is in the first period of all has that one, as far as it goes; who is in none, has no usage.
    """
    anchor, started = subscription.anchor, subscription.started_at
    if anchor is None or started is None or subscription.period is None:
        return {}
    found = {}
    plan = item_plan(item, offers)
    for key, price in prices_of(item, offers).items():
        cadence = cadence_of_price(price, plan)
        if price.basis != "usage" or cadence is None:
            continue
        window = period_containing(anchor, cadence, at, subscription.zone)
        if window.start > started:
            window = period_containing(anchor, cadence, window.start - _SECOND, subscription.zone)
        found[key] = window
    return found


# --- the change -----------------------------------------------------------------------------------


def change_for(migration: PriceMigration, offer: str, now: Instant) -> Change:
    """Give the change that moves who has a plan version, planned now."""
    return Change(
        offer=migration.to_offer,
        timing="period_end",
        at=migration.since(now),
        instead_of=offer,
    )


def new_item(item: Item, to_offer: str, offers: Mapping[str, Plan[Any]]) -> Item:
    """Give the plan as it is had after the change: the same seats and prices of one's own.

    Prices of one's own that the new version has not are gone.  Raises InvalidInput for those that
    its prices cannot have.
    """
    after = changed_items((item,), Change(offer=to_offer), offers)[0]
    check_item(after, offers, item_plan(item, offers).currency)
    return after


def takes_effect(
    subscription: Subscription, change: Change, at: Instant, offers: Mapping[str, Plan[Any]]
) -> Instant | None:
    """Give when a change that is planned at an instant takes effect; None where nobody can tell.

    Raises Conflict where it never would: the subscription ends before, or another change of plan is
    planned for it already; what `core.subscription_moves.apply` raises.
    """
    if any(each.change.offer is not None for each in subscription.planned):
        raise Conflict("another change of plan is planned for it already")
    now = apply(subscription, change, at, offers).subscription
    for _ in range(_MOST_STEPS):
        if now.plan == change.offer:
            return now.clock
        when = next_at(now)
        if when is None or not now.planned:
            break
        now = advance(now, when, offers).subscription
    if now.planned:
        return None
    raise Conflict("it ends before the change would take effect")

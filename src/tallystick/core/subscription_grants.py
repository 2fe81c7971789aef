"""What the plans of a subscription grant as time passes: each stretch of time once.

A credit is granted when it begins and then at every boundary of its own cadence, which is counted
from the anchor of the subscription.  What begins within such a period has the part of it that is
left, by the second.  Who leaves a plan and comes back within a period is not granted it again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.calendar import next_boundary
from tallystick.core.credit_cadence import RecurringGrant, granted
from tallystick.core.money import Money
from tallystick.core.number import EXACT, ZERO, exact_sum
from tallystick.core.period import Period, cadence_of, instant_text
from tallystick.core.proration import TimeShare, grant_share
from tallystick.core.span import period_from
from tallystick.core.subscription import MAIN, Granted
from tallystick.core.terms import item_plan
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from decimal import Decimal

    from tallystick.core.catalog import Plan
    from tallystick.core.credit import Amount, CreditGrant
    from tallystick.core.period import Cadence, Instant
    from tallystick.core.schedule import Schedule
    from tallystick.core.subscription import Item, Subscription

__all__ = ["PlanGrant", "grant_due", "granting", "grants_next", "units_added"]

_GRANTING: Final = frozenset({"active", "past_due"})
_LETTERS: Final = 26
_UNIT_DECIMALS: Final = 8


@dataclass(frozen=True, slots=True)
class PlanGrant:
    """A grant that a plan version made by one of its credits, for a stretch of time.

    `offer` is the plan version (`pro@2`), `credit` the key of the credit in it.
    """

    grant: CreditGrant
    subscription: str
    offer: str
    credit: str
    period: Period


def granting(now: Subscription) -> bool:
    """Whether its plans grant anything now: not before it begins, in a pause, or once it ended."""
    return now.state in _GRANTING and now.begins_at is None and now.anchor is not None


def grants_next(now: Subscription) -> Instant | None:
    """Give when the next grant is due; None for none.

    What a pause kept back is due when it ends, and not at the boundaries that were in it.
    """
    if not granting(now) or not now.granted:
        return None
    return max(now.clock, min(each.end for each in now.granted))


def grant_due(
    now: Subscription, offers: Mapping[str, Plan[Any]], at: Instant
) -> tuple[Subscription, list[PlanGrant]]:
    """Grant at an instant what its plans grant and no grant covers yet.

    Raises UnknownPlan for an offer that is not given.
    """
    if not granting(now):
        return now, []
    covered = [each for each in now.granted if each.end > at]
    known = {(each.plan, each.credit) for each in covered}
    made: list[PlanGrant] = []
    for item, plan, credit in _credits(now, offers):
        if (plan.id, credit.key) in known:
            continue
        end, whole = _period(now, plan, credit, at)
        covered.append(Granted(plan=plan.id, credit=credit.key, start=at, end=end))
        amount = _part(credit, item, _share(at, end, whole))
        if amount is not None:
            made.append(_grant(now, (item, plan, credit), Period(at, end), amount))
    if tuple(covered) == now.granted:
        return now, made
    return replace(now, granted=tuple(covered)), made


def units_added(
    plan: Plan[Any],
    feature: str,
    seats: int,
    start: tuple[Instant, Schedule],
    covered: Iterable[Granted],
) -> Decimal:
    """Give the units of a feature that a plan would grant as an add-on, from an instant on.

    `start` is that instant, and the schedule of the subscription that it would be added to;
    `covered` is what that one was granted.
    """
    at, schedule = start
    known = {(each.plan, each.credit) for each in covered if each.end > at}
    units = ZERO
    for credit in plan.credits:
        if credit.feature == feature and (plan.id, credit.key) not in known:
            whole = period_from(at, schedule.origin, _cadence(plan, credit), schedule.zone)
            units = exact_sum(units, _size(credit, seats, _share(at, *whole)))
    return units


def _credits(
    now: Subscription, offers: Mapping[str, Plan[Any]]
) -> Iterator[tuple[Item, Plan[Any], RecurringGrant]]:
    for item in now.items:
        plan = item_plan(item, offers)
        for credit in plan.credits:
            yield item, plan, credit


def _cadence(plan: Plan[Any], credit: RecurringGrant) -> Cadence:
    found = credit.cadence or cadence_of(plan)
    if found is None:
        raise InvalidInput(f"the credit {credit.key!r} of plan {plan.ref} does not say how often")
    return found


def _period(
    now: Subscription, plan: Plan[Any], credit: RecurringGrant, at: Instant
) -> tuple[Instant, Period]:
    """Give the end of the stretch that begins at an instant, and the whole one it is a part of."""
    return period_from(at, now.anchor or at, _cadence(plan, credit), now.zone)


def _share(at: Instant, end: Instant, whole: Period) -> TimeShare:
    return TimeShare(Period(at, end).seconds, whole.seconds)


def _part(credit: RecurringGrant, item: Item, share: TimeShare) -> Amount | None:
    """Give what is granted for a share of a period; None where it comes to nothing.

    An add-on is granted as often as it is had.
    """
    size = _size(credit, 1 if item.key == MAIN else item.seats, share)
    if not size:
        return None
    return Money(int(size), credit.amount.currency) if isinstance(credit.amount, Money) else size


def _size(credit: RecurringGrant, times: int, share: TimeShare) -> Decimal:
    """Give the share of what is granted so many times, rounded once: minor units, or units."""
    size = EXACT.multiply(credit.size, times)
    if share.part == share.whole:
        return size
    money = isinstance(credit.amount, Money)
    return grant_share(size, share, decimals=0 if money else _UNIT_DECIMALS)


def _grant(
    now: Subscription,
    sold: tuple[Item, Plan[Any], RecurringGrant],
    period: Period,
    amount: Amount,
) -> PlanGrant:
    item, plan, credit = sold
    made = granted(
        credit,
        _id(now, f"{plan.id}/{credit.key}/{instant_text(period.start)}"),
        now.customer,
        period,
        expires_at=_expiry(now, plan, credit, period.end),
        amount=amount,
    )
    return PlanGrant(made, now.id, item.offer, credit.key, period)


def _expiry(
    now: Subscription, plan: Plan[Any], credit: RecurringGrant, end: Instant
) -> Instant | None:
    """Give when a grant ends: with its stretch, so many boundaries later, or never."""
    if credit.expires == "never":
        return None
    if isinstance(credit.expires, int):
        for _ in range(credit.expires - 1):
            end = next_boundary(end, now.anchor or end, _cadence(plan, credit), now.zone)
    return end


def _id(now: Subscription, part: str) -> str:
    """Give the id of a grant: the same for ever, whoever makes it and when."""
    body = f"{len(now.customer)}:{now.customer}{len(now.id)}:{now.id}{part}".encode()
    return f"grt_{hashlib.sha256(body).hexdigest()[:_LETTERS]}"

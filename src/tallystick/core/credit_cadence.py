"""Credits that a plan grants again and again.

A cadence of grants is its own: a yearly plan can grant monthly.  A grant's id is made of the key of
what recurs and of its start, so that whoever asks again, and however late, makes the same grants.
What a subscription's own plans grant is in `core.subscription_grants`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tallystick.core.calendar import boundary, next_boundary
from tallystick.core.credit import DEFAULT_PRIORITY, CreditGrant, CreditScope, size_of
from tallystick.core.number import bounded
from tallystick.core.period import Cadence, Period, instant_text
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from tallystick.core.credit import Amount, Category
    from tallystick.core.period import Instant
    from tallystick.core.rollover import Rollover
    from tallystick.core.schedule import Schedule

__all__ = ["RecurringGrant", "due_grants", "granted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurringGrant:
    """What a plan grants at every boundary of a cadence; None is the cadence of the plan itself.

    `expires` says how long each may be used: until the next one, for so many of its own cadence
    counted from the same anchor, for a stretch of time, or for ever ("never").  `rollover` is what
    goes on of one that ends, `cap` what all that went on may come to, minor units or units.

    Raises InvalidInput for an expiry that says nothing and for a cap below zero.
    """

    key: str
    amount: Amount
    cadence: Cadence | None = None
    expires: Cadence | int | Literal["next", "never"] = "next"
    feature: str | None = None
    category: Category = "promotional"
    priority: int = DEFAULT_PRIORITY
    scope: CreditScope = field(default_factory=CreditScope)
    rollover: Rollover | None = None
    cap: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse a word for the expiry that says nothing."""
        counted = type(self.expires) is int and self.expires > 0
        known = counted or isinstance(self.expires, Cadence) or self.expires in {"next", "never"}
        if not known:
            text = "a recurring grant expires 'next', 'never' or after a Cadence or count"
            raise InvalidInput(text)
        if self.cap is not None and bounded(self.cap) < 0:
            raise InvalidInput("a cap over what rolls over is 0 or more")

    @property
    def size(self) -> Decimal:
        """The amount as a plain number: minor units, or units."""
        return size_of(self.amount)


def due_grants(
    rule: RecurringGrant, customer: str, schedule: Schedule, during: Period, *, created: int = 0
) -> tuple[CreditGrant, ...]:
    """Make the grants that take effect during a period: at the start, then at every boundary.

    Boundaries are counted from the anchor, as those of a subscription are.  `created` is the place
    of the first in the order in which grants are made.

    Raises InvalidInput for a rule that has no cadence of its own, InvalidPeriod.
    """
    if rule.cadence is None:
        raise InvalidInput(f"the recurring grant {rule.key!r} does not say how often")
    periods = [each for each in _periods(rule.cadence, schedule, during) if each.start in during]
    return tuple(
        granted(
            rule,
            f"{rule.key}@{instant_text(period.start)}",
            customer,
            period,
            expires_at=_expiry(rule, period, schedule),
            created=created + number,
        )
        for number, period in enumerate(periods)
    )


def granted(
    rule: RecurringGrant,
    id: str,  # noqa: A002 - the field's word
    customer: str,
    period: Period,
    *,
    expires_at: Instant | None,
    amount: Amount | None = None,
    created: int = 0,
) -> CreditGrant:
    """Make the grant of a period by a rule; `amount` where it is another than the rule's."""
    return CreditGrant(
        id=id,
        customer=customer,
        amount=rule.amount if amount is None else amount,
        feature=rule.feature,
        effective_at=period.start,
        expires_at=expires_at,
        category=rule.category,
        source="plan",
        priority=rule.priority,
        created=created,
        scope=rule.scope,
        rollover=rule.rollover,
    )


def _periods(cadence: Cadence, schedule: Schedule, during: Period) -> Iterator[Period]:
    start = schedule.start
    while start < during.end and (schedule.end is None or start < schedule.end):
        end = next_boundary(
            start, schedule.origin, cadence, schedule.zone, subscription_end=schedule.end
        )
        yield Period(start, end)
        start = end


def _expiry(rule: RecurringGrant, period: Period, schedule: Schedule) -> Instant | None:
    lasts, zone = rule.expires, schedule.zone
    if isinstance(lasts, Cadence):
        return boundary(period.start, lasts, 1, zone)
    if not isinstance(lasts, int):
        return period.end if lasts == "next" else None
    assert rule.cadence is not None  # noqa: S101 - it has periods
    end = period.end
    for _ in range(lasts - 1):
        end = next_boundary(end, schedule.origin, rule.cadence, zone)
    return end

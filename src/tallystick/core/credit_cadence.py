"""Credits that a plan grants again and again.

A cadence of grants is its own: a yearly plan can grant monthly.  A grant's id is made of the key of
what recurs and of its start, so that whoever asks again, and however late, makes the same grants.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tallystick.core.calendar import boundary, next_boundary
from tallystick.core.credit import DEFAULT_PRIORITY, CreditGrant, CreditScope
from tallystick.core.period import Cadence, Period, instant_text
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.credit import Amount, Category
    from tallystick.core.period import Instant
    from tallystick.core.rollover import Rollover
    from tallystick.core.schedule import Schedule

__all__ = ["RecurringGrant", "due_grants"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurringGrant:
    """What a plan grants at every boundary of a cadence.

    `expires` says how long each may be used: until the next one, so long, or for ever ("never").
    """

    key: str
    amount: Amount
    cadence: Cadence
    expires: Cadence | Literal["next", "never"] = "next"
    feature: str | None = None
    category: Category = "promotional"
    priority: int = DEFAULT_PRIORITY
    scope: CreditScope = field(default_factory=CreditScope)
    rollover: Rollover | None = None

    def __post_init__(self) -> None:
        """Refuse a word for the expiry that says nothing."""
        if not isinstance(self.expires, Cadence) and self.expires not in {"next", "never"}:
            raise InvalidInput("a recurring grant expires 'next', 'never' or after a Cadence")


def due_grants(
    rule: RecurringGrant, customer: str, schedule: Schedule, during: Period, *, created: int = 0
) -> tuple[CreditGrant, ...]:
    """Make the grants that take effect during a period: at the start, then at every boundary.

    Boundaries are counted from the anchor, as those of a subscription are.  `created` is the place
    of the first in the order in which grants are made.  Raises InvalidPeriod.
    """
    periods = [each for each in _periods(rule.cadence, schedule, during) if each.start in during]
    return tuple(
        CreditGrant(
            id=f"{rule.key}@{instant_text(period.start)}",
            customer=customer,
            amount=rule.amount,
            feature=rule.feature,
            effective_at=period.start,
            expires_at=_expiry(rule.expires, period, schedule.zone),
            category=rule.category,
            source="plan",
            priority=rule.priority,
            created=created + number,
            scope=rule.scope,
            rollover=rule.rollover,
        )
        for number, period in enumerate(periods)
    )


def _periods(cadence: Cadence, schedule: Schedule, during: Period) -> Iterator[Period]:
    start = schedule.start
    while start < during.end and (schedule.end is None or start < schedule.end):
        end = next_boundary(
            start, schedule.origin, cadence, schedule.zone, subscription_end=schedule.end
        )
        yield Period(start, end)
        start = end


def _expiry(
    lasts: Cadence | Literal["next", "never"], period: Period, zone: str | None
) -> Instant | None:
    if isinstance(lasts, Cadence):
        return boundary(period.start, lasts, 1, zone)
    return period.end if lasts == "next" else None

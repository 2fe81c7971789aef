"""Parents: a customer that pays for others, and until when.

A family has one level: who pays for others has no parent, and a child pays for nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.core.calendar import at_wall_clock, shift, wall_clock
from tallystick.core.period import Cadence, instant_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.core.period import Instant

__all__ = ["Parent", "end_of_day", "parent_tree", "payer_at"]

_DAY = Cadence("day")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """Who pays for a customer, from an instant (inclusive) to another one (exclusive).

    `until` is None as long as nobody has ended it.
    """

    customer: str
    parent: str
    from_at: Instant
    until: Instant | None = None

    def holds(self, at: Instant) -> bool:
        """Whether the parent pays at an instant."""
        return self.from_at <= at and (self.until is None or at < self.until)

    def outlasts(self, at: Instant) -> bool:
        """Whether the parent pays at an instant or at any time after it."""
        return self.until is None or at < self.until


def payer_at(parents: Iterable[Parent], customer: str, at: Instant) -> str | None:
    """Give who pays for a customer on a consolidated document; None where nothing is consolidated.

    That is its parent, or, for one that pays for others then, itself.
    """
    held = [each for each in parents if each.holds(at)]
    found = next((each.parent for each in held if each.customer == customer), None)
    if found is None and any(each.parent == customer for each in held):
        return customer
    return found


def end_of_day(at: Instant, zone: str | None = None) -> Instant:
    """Give the midnight at which the day ends into which an instant falls, by a zone's clock.

    An instant at midnight belongs to the day that begins there.  Raises InvalidPeriod.
    """
    midnight = wall_clock(at, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    end = at_wall_clock(shift(midnight, _DAY, 1), zone)
    return end if end > at else at_wall_clock(shift(midnight, _DAY, 2), zone)


def parent_tree(parent: Parent) -> dict[str, str | None]:
    """Give who pays for whom as plain JSON values; times as RFC 3339 text."""
    return {
        "customer": parent.customer,
        "parent": parent.parent,
        "from": instant_text(parent.from_at),
        "until": None if parent.until is None else instant_text(parent.until),
    }

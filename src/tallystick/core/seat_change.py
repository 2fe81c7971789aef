"""Changes of the number of seats: what they come to, and whether they are allowed.

More seats count at once; fewer count from the end of the period, as they are paid until then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SeatChange", "SeatRefusal", "SeatsOverCycle", "seat_refusal", "seats_over_cycle"]

SeatRefusal: TypeAlias = Literal["no_change", "below_minimum", "above_maximum"]
"""Why a change of seats is refused; a closed list."""


@dataclass(frozen=True, slots=True)
class SeatChange:
    """So many seats more, or fewer.  `at` left out: more now, fewer at the period's end.

    Raises InvalidInput.
    """

    delta: int
    at: Literal["now", "period_end"] | None = None

    def __post_init__(self) -> None:
        """Refuse a part of a seat, and a time that is none of the two."""
        if type(self.delta) is not int:
            raise InvalidInput("seats change by a whole number")
        if self.at not in {None, "now", "period_end"}:
            raise InvalidInput(f"seats change now or at period_end, not {str(self.at)[:40]!r}")

    @property
    def waits(self) -> bool:
        """Whether it counts from the end of the period only."""
        return self.delta < 0 if self.at is None else self.at == "period_end"


@dataclass(frozen=True, slots=True)
class SeatsOverCycle:
    """The seats there are now, and those from the end of the period on."""

    now: int
    after_period_end: int


def seats_over_cycle(initial: int, changes: Iterable[SeatChange]) -> SeatsOverCycle:
    """Apply changes to a number of seats.

    Raises InvalidInput where seats would be fewer than none, now or then.
    """
    asked = list(changes)
    now = initial + sum(each.delta for each in asked if not each.waits)
    then = now + sum(each.delta for each in asked if each.waits)
    if min(initial, now, then) < 0:
        raise InvalidInput("there would be fewer seats than none")
    return SeatsOverCycle(now, then)


def seat_refusal(
    current: int, delta: int, *, least: int = 0, most: int | None = None, pending: int = 0
) -> SeatRefusal | None:
    """Say why a change of seats is refused, or None where it is allowed.

    More seats are held to `most`, fewer to `least`; a step back towards a bound is always allowed.
    `pending` is what waits for the end of the period already.  It counts against the change and
    never for it: fewer seats to come lower what may be taken away, and free nothing now.

    Raises InvalidInput for a part of a seat.
    """
    numbers = (current, delta, least, pending, 0 if most is None else most)
    if any(type(each) is not int for each in numbers):
        raise InvalidInput("seats are whole numbers")
    if delta == 0:
        return "no_change"
    if delta < 0:
        left = current + min(pending, 0) + delta
        return "below_minimum" if left < max(least, 0) else None
    reached = current + max(pending, 0) + delta
    return "above_maximum" if most is not None and reached > most else None

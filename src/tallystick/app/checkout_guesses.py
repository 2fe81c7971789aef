"""How many codes a customer may try in vain, so that codes cannot be found out by trying.

A place is held for every code before it is looked at, whoever else tries at the same moment, and
given back where the code was good.  Once all places are taken nothing is told of any code, the good
ones among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallystick.core.period import instant_text
from tallystick.errors import RateLimited
from tallystick.storage import redemptions
from tallystick.storage.redemptions import GUESS, Slot

if TYPE_CHECKING:
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["MOST_GUESSES", "Guesses", "hold_guesses"]

MOST_GUESSES: Final = 50
"""So many codes a customer may try in vain on a day, in UTC."""

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Guesses:
    """The places that are held for codes that are being looked at."""

    slot: Slot

    def give_back(self, unit: Unit, many: int) -> None:
        """Give places back, those of codes that were good."""
        redemptions.give_back(unit, [self.slot] * many)


def hold_guesses(unit: Unit, at: Instant, customer: str, many: int) -> Guesses:
    """Hold a place for each of so many codes until the transaction ends.

    Raises RateLimited where there are not so many left today.
    """
    today = at.replace(hour=0, minute=0, second=0, microsecond=0)
    slot = Slot(f"{GUESS}{today:%Y-%m-%d}", MOST_GUESSES, customer)
    if not all(redemptions.claim(unit, slot) for _ in range(many)):
        until = today + _DAY
        raise RateLimited(
            f"too many codes were tried: nothing is told of codes before {instant_text(until)}",
            wait=-((at - until) // _SECOND),
        )
    return Guesses(slot)

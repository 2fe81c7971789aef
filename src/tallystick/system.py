"""What a ledger takes of its machine where nobody gives it another: the time, and dice for ids."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tallystick.ports import Clock

__all__ = ["SystemClock", "SystemIds"]

_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # in their order, none like another
_TIME_LETTERS: Final = 10  # 50 bits of milliseconds: good for 35,000 years
_CHANCE_LETTERS: Final = 16  # 80 bits


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Give the time, in UTC."""
        return datetime.now(UTC)


class SystemIds:
    """Ids of a time and 80 random bits: they sort by the millisecond and never meet."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Take the time from a clock; the machine's if None."""
        self._clock = SystemClock() if clock is None else clock

    def new(self, prefix: str) -> str:
        """Give a new id, as `cus_01jd8h3m5r…`."""
        at = int(self._clock.now().timestamp() * 1000)
        chance = secrets.randbits(5 * _CHANCE_LETTERS)
        return f"{prefix}_{_letters(at, _TIME_LETTERS)}{_letters(chance, _CHANCE_LETTERS)}"


def _letters(number: int, length: int) -> str:
    return "".join(_LETTERS[number >> 5 * place & 31] for place in reversed(range(length)))

"""A ledger of one meter: what was credited, what was used, and the resets that empty both.

Here the balance may be below zero: it says how much was used beyond what was credited.  What grants
pay, one by one and never below zero, is in `core.credit_burn`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from tallystick.core.number import EXACT, ZERO, bounded
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

__all__ = ["LedgerEntry", "LedgerTotals", "ledger_totals"]

EntryKind = Literal["usage", "credit", "reset"]
"""What an entry of the ledger does."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Units that were used or credited, or a reset.  A credit below zero takes credit back.

    Raises InvalidInput.
    """

    kind: EntryKind
    units: Decimal = ZERO

    def __post_init__(self) -> None:
        """Hold the kind to the known ones and the units to their bounds."""
        if self.kind not in get_args(EntryKind):
            raise InvalidInput(f"{str(self.kind)[:40]!r} is not usage, credit or reset")
        bounded(self.units)


@dataclass(frozen=True, slots=True)
class LedgerTotals:
    """What was consumed and credited since the last reset."""

    consumed: Decimal = ZERO
    credited: Decimal = ZERO

    @property
    def balance(self) -> Decimal:
        """Give what is left; below zero is what was used beyond it."""
        return EXACT.subtract(self.credited, self.consumed)


def ledger_totals(entries: Iterable[LedgerEntry]) -> LedgerTotals:
    """Add entries up in the order given.

    The running sum of credits never goes below zero: 100, -150 and 50 are 50.
    """
    totals = LedgerTotals()
    for entry in entries:
        totals = _after(totals, entry)
    return totals


def _after(totals: LedgerTotals, entry: LedgerEntry) -> LedgerTotals:
    if entry.kind == "reset":
        return LedgerTotals()
    if entry.kind == "usage":
        return LedgerTotals(EXACT.add(totals.consumed, entry.units), totals.credited)
    credited = max(ZERO, EXACT.add(totals.credited, entry.units))
    return LedgerTotals(totals.consumed, credited)

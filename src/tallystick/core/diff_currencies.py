"""What changed in the currencies of a plan, in words: those that came and went, and its amounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.core.diff_price import optional_amount_change
from tallystick.core.diff_words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from tallystick.core.catalog import PlanIn
    from tallystick.core.money import Rate

__all__ = ["currency_changes", "rate_changes"]

_AMOUNTS: Final = {
    "setup_fee": "set-up fee",
    "minimum_commitment": "minimum commitment",
    "invoice_threshold": "invoice threshold",
}


def currency_changes(before: Sequence[PlanIn], after: Sequence[PlanIn]) -> Iterator[Words]:
    """Tell in which currencies a plan is sold now or no longer, and what it asks for in each."""
    old = {each.currency: each for each in before}
    new = {each.currency: each for each in after}
    for unit in sorted(old.keys() | new.keys()):
        if unit not in old:
            yield Words(f"is now sold in {unit} too", None, unit.code)
        elif unit not in new:
            yield Words(f"is no longer sold in {unit}", unit.code, None)
        for name, label in _AMOUNTS.items():
            sides = [
                (getattr(side[unit], name) or None if unit in side else None) for side in (old, new)
            ]
            if sides[0] != sides[1]:
                yield optional_amount_change((sides[0], unit, ""), (sides[1], unit, ""), label)


def rate_changes(before: Sequence[Rate], after: Sequence[Rate]) -> Iterator[Words]:
    """Tell what a unit beyond the limit costs now, in each currency where that changed."""
    old, new = ({each.currency: each.value for each in side} for side in (before, after))
    for unit in sorted(old.keys() | new.keys()):
        sides: list[Decimal | None] = [old.get(unit), new.get(unit)]
        if sides[0] != sides[1]:
            told = optional_amount_change(
                (sides[0], unit, " each"), (sides[1], unit, " each"), "beyond the limit"
            )
            yield told

"""How a backtest is told to people: signed amounts, bins, and how long their bars are."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from tallystick.core.money import Money
from tallystick.core.wording import percent_change

if TYPE_CHECKING:
    from tallystick.core.backtest import Bin, Summary

__all__ = ["bar_lengths", "bin_words", "change_words", "signed"]


def signed(amount: Money) -> str:
    """Write a difference with its sign: +9.99 USD, -9.99 USD, 0.00 USD."""
    return f"{'+' if amount.minor > 0 else ''}{amount}"


def change_words(summary: Summary) -> str:
    """Write what all come to: +120.00 USD (+7.5%); without a share where nothing was asked for."""
    words = signed(summary.difference)
    if not summary.issued.minor or not summary.difference.minor:
        return words
    before, after = Fraction(summary.issued.minor), Fraction(summary.repriced.minor)
    return f"{words} ({percent_change(before, after)})"


def bin_words(each: Bin, summary: Summary) -> str:
    """Write from where to where a bin goes, in major units without the currency."""
    low, high = (
        "" if end is None else f"{Money(end, summary.currency).major:+f}"
        for end in (each.low, each.high)
    )
    if not low:
        return f"below {high}"
    return f"{low} to {high}" if high else f"from {low}"


def bar_lengths(summary: Summary, longest: int) -> tuple[int, ...]:
    """Give how long the bar of each bin is; who is there at all has at least 1."""
    most = max((each.customers for each in summary.bins), default=1)
    return tuple(-(-each.customers * longest // most) for each in summary.bins)

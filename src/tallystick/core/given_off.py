"""What fixed coupons gave for a time before, on other documents, and that still stands.

What a coupon took off a fee it gave for the time of that fee, second by second alike.  Where the
rest of the fee was given back, that part of it was given back, too.  What a document for a whole
period gave off usage or one-off items counts for that period: the coupon acted in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from tallystick.core.given_back import given_back
from tallystick.core.money import Money
from tallystick.core.number import round_quotient

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from tallystick.core.currency import Currency
    from tallystick.core.given_back import GivenBack
    from tallystick.core.invoice import Invoice, InvoiceLine
    from tallystick.core.period import Period

__all__ = ["given_off"]


@dataclass(frozen=True, slots=True)
class _Off:
    """What a coupon gave for a time, minor units; `share` is its part of all that was taken off."""

    coupon: str
    line: InvoiceLine
    window: Period
    minor: Fraction
    share: Fraction

    def within(self, window: Period) -> Fraction:
        """Give what of it is for a time."""
        both = self.window.intersection(window)
        return Fraction(0) if both is None else self.minor * both.seconds / self.window.seconds


def given_off(
    earlier: Iterable[Invoice],
    lines: Sequence[InvoiceLine],
    coupons: Collection[str],
    windows: Collection[Period],
    currency: Currency,
) -> dict[tuple[str, Period], Money]:
    """Give what each coupon gave for each window, where that is anything, rounded once.

    `earlier` are the documents of the subscription that stand, `lines` those of the one that is
    made: with their discounts, where they give back.
    """
    offs: list[_Off] = []
    for invoice in earlier:
        offs += list(_given_back(invoice.lines, offs))
        offs += _offs(invoice, coupons)
    offs += list(_given_back(lines, offs))
    found: dict[tuple[str, Period], Money] = {}
    for coupon in coupons:
        mine = [off for off in offs if off.coupon == coupon]
        for window in windows:
            minor = round_quotient(sum((off.within(window) for off in mine), Fraction(0)))
            if minor > 0:
                found[coupon, window] = Money(minor, currency)
    return found


def _offs(invoice: Invoice, coupons: Collection[str]) -> Iterator[_Off]:
    whole = next((line.window for line in invoice.lines if _is_whole(line)), None)
    for each in invoice.discounts:
        if each.coupon not in coupons:
            continue
        for position, minor in each.by_line.items():
            line = invoice.lines[int(position) - 1]
            window = line.window if line.kind == "fee" else whole
            if window is not None:
                taken = Fraction(line.discount.minor + line.credit.minor)
                yield _Off(each.coupon, line, window, Fraction(minor), minor / taken)


def _is_whole(line: InvoiceLine) -> bool:
    return line.kind == "fee" and line.share is None


def _given_back(lines: Iterable[InvoiceLine], offs: Sequence[_Off]) -> Iterator[_Off]:
    """Give what lines give back of discounts, below zero, for the time that they give back."""
    for line in lines:
        if line.kind == "credit" and line.discount.minor:
            backs = given_back(line)
            whole = sum(back.minor for back in backs)
            for back in backs:
                yield from _of_fee(back, Fraction(line.discount.minor * back.minor, whole), offs)


def _of_fee(back: GivenBack, minor: Fraction, offs: Sequence[_Off]) -> Iterator[_Off]:
    fees = [off.line for off in offs if off.minor > 0 and _covers(off.line, back)]
    window = back.window
    if fees and window is not None:
        for off in offs:
            if off.line is fees[-1] and off.minor > 0:
                yield _Off(off.coupon, off.line, window, minor * off.share, off.share)


def _covers(line: InvoiceLine, back: GivenBack) -> bool:
    """Whether a credit gives back of a fee; pauses may have moved its end on."""
    if line.kind != "fee" or line.window is None or back.window is None:
        return False
    if (line.item, line.price) != (back.item, back.price):
        return False
    end = line.window.end + timedelta(seconds=back.paused)
    return line.window.start <= back.window.start and back.window.end <= end

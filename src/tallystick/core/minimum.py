"""A minimum commitment: what counts for it, and the line that makes up what is missing.

Late usage of a window whose commitment was settled lowers what had been missing, so its document
carries the difference: whenever usage arrives, all documents together ask for the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from tallystick.core.frozen import FrozenDict
from tallystick.core.money import Money, settle
from tallystick.core.proration import share
from tallystick.core.reckoned_lines import line_name, plain_line, time_of
from tallystick.core.terms import item_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallystick.core.catalog import Plan
    from tallystick.core.charge import Charge
    from tallystick.core.invoice import InvoiceLine
    from tallystick.core.period import Instant, Period

__all__ = ["Settled", "asked_for_minimum", "counts_for_minimum", "minimum_line", "settled_line"]

_FOR_MINIMUM: Final = frozenset({"fee", "usage", "late", "credit"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A minimum commitment that an earlier document settled, and for which late usage counts.

    `before` is what documents asked for in its window, `made_up` what they asked for to make up
    what was missing: minor units.  `part` tells the line that corrects it from theirs.
    """

    charge: Charge
    before: int
    made_up: int
    part: str


def minimum_line(
    charge: Charge,
    offers: Mapping[str, Plan[Any]],
    before: int,
    lines: Sequence[InvoiceLine],
) -> InvoiceLine | None:
    """Give what is missing to a minimum commitment; None where nothing is.

    Fees and usage of the item count, of its window, after their discounts: those that earlier
    documents asked for (`before`, minor units) and those of this one.
    """
    found = _missing(charge, offers, before, lines)
    if found is None or not found[0].minor:
        return None
    gap, sums = found
    return _line(charge, offers, gap, sums)


def settled_line(
    settled: Settled, offers: Mapping[str, Plan[Any]], lines: Sequence[InvoiceLine]
) -> InvoiceLine | None:
    """Give what is missing to a commitment now less what was made up; None for no difference."""
    found = _missing(settled.charge, offers, settled.before, lines)
    if found is None or found[0].minor == settled.made_up:
        return None
    gap, sums = found
    amount = Money(gap.minor - settled.made_up, gap.currency)
    line = _line(settled.charge, offers, amount, {**sums, "earlier": settled.made_up})
    return replace(line, part=settled.part)


def _missing(
    charge: Charge, offers: Mapping[str, Plan[Any]], before: int, lines: Sequence[InvoiceLine]
) -> tuple[Money, dict[str, Any]] | None:
    """Give what is missing, zero or more, and the sums that say so; None for no commitment."""
    plan = item_plan(charge.item, offers)
    time = time_of(charge)
    if plan.minimum_commitment is None or time is None or charge.window is None:
        return None
    billed = Money(before + asked_for_minimum(charge, lines, settling=True), plan.currency)
    minimum = settle(plan.minimum_commitment, plan.currency)
    asked = share(minimum, time)
    gap = max(asked - billed, Money.zero(plan.currency))
    sums = {"minimum": minimum.minor, "share": [time.part, time.whole], "billed": billed.minor}
    return gap, sums


def _line(
    charge: Charge, offers: Mapping[str, Plan[Any]], amount: Money, sums: Mapping[str, Any]
) -> InvoiceLine:
    name = f"{line_name(charge, offers, None)} minimum commitment"
    return plain_line(charge, name, amount, evidence=FrozenDict(sums))


class _Line(Protocol):
    """A line of a document, or one as it was billed."""

    @property
    def kind(self) -> str: ...
    @property
    def item(self) -> str: ...
    @property
    def price(self) -> str: ...
    @property
    def offer(self) -> str | None: ...
    @property
    def window(self) -> Period | None: ...
    @property
    def amount(self) -> Money: ...
    @property
    def discount(self) -> Money: ...


def asked_for_minimum(charge: Charge, lines: Iterable[_Line], *, settling: bool = False) -> int:
    """Add up what lines ask for that counts for a minimum commitment, minor units.

    A fee that is charged and given back from one instant on counts, with its credit, where it
    begins; what was given back before it, where the fee before it does.  `settling` says that the
    lines are those of the document that settles it: of a fee they give back from its start on, an
    earlier document may have asked.
    """
    total = 0
    begun: set[tuple[Any, ...]] = set()
    for line in lines:
        key = (line.item, line.price, line.offer, line.window and line.window.start)
        kind = "fee" if line.kind == "credit" and key in begun else line.kind
        if line.kind == "fee":
            begun.add(key)
        same = settling and line.offer in {None, charge.item.offer}
        if counts_for_minimum(charge, kind, line.item, line.window, from_start=same):
            total += line.amount.minor - line.discount.minor
    return total


def counts_for_minimum(
    charge: Charge, kind: str, item: str, window: Period | None, *, from_start: bool = False
) -> bool:
    """Whether a line counts for a minimum commitment: a fee, usage, or what was given back of it.

    It counts where it begins; what was given back, in the window of the fee that it is of.  What is
    given back from the start of the window on is of a fee of it only where `from_start` says so.
    """
    mine = charge.window
    if mine is None or window is None or item != charge.item.key or kind not in _FOR_MINIMUM:
        return False
    if kind == "credit":
        return _is_given_back(charge, mine, window.start, from_start=from_start)
    return mine.start <= window.start < mine.end


def _is_given_back(charge: Charge, mine: Period, at: Instant, *, from_start: bool) -> bool:
    """Whether what is given back from an instant on was charged for this window.

    What cuts a period gives back the rest of its fees from the cut on: they are of the window that
    ends there, and not of the one that begins.  A pause moved the start of the whole back.
    """
    whole = charge.whole or mine
    paused = sum((hole.end - hole.start for hole in charge.holes), timedelta())
    if at == mine.start:
        return from_start and mine.start - whole.start <= paused
    return mine.start < at < mine.end or (at == mine.end and mine.end < whole.end)

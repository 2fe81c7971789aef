"""What earlier slices of a window billed, for the lines that bill the rest of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from tallystick.app.billed_usage import Asked
from tallystick.app.late_usage import SLICE, slice_of
from tallystick.core.money import Money
from tallystick.core.number import exact_sum
from tallystick.core.rating.line import Earlier
from tallystick.core.rating.usage import Quantity
from tallystick.core.reckoned_lines import Used
from tallystick.core.terms import item_plan
from tallystick.core.units_billed import UnitsBilled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallystick.app.billed_usage import UsageReader
    from tallystick.app.offers import Offers
    from tallystick.core.charge import Charge
    from tallystick.core.invoice import InvoiceLine
    from tallystick.core.period import Instant
    from tallystick.core.rating.usage import Measured
    from tallystick.storage.invoice_lines import BilledLine
    from tallystick.storage.invoice_rows import Draft

__all__ = ["Slices", "is_sliced"]

Group: TypeAlias = tuple[tuple[str, str | None], ...]
_Place: TypeAlias = tuple[str, str, str, str, "Instant | None"]


@dataclass(frozen=True, slots=True)
class _Slice:
    """One line that billed a part of a window, known until when; `last` at the window's end."""

    line: BilledLine | InvoiceLine
    until: Instant

    @property
    def last(self) -> bool:
        """Whether it billed the rest of the window."""
        return not self.line.part.startswith(SLICE)


def is_sliced(charge: Charge, offers: Offers) -> bool:
    """Whether a charge for usage may have been billed in slices: its plan has a threshold."""
    if charge.kind != "usage":
        return False
    return item_plan(charge.item, offers).invoice_threshold is not None or slice_of(charge)


class Slices:
    """The slices that documents billed, of the subscriptions of one batch."""

    def __init__(self, offers: Offers, reader: UsageReader) -> None:
        """Begin with none."""
        self._offers, self._reader = offers, reader
        self._found: dict[_Place, list[_Slice]] = defaultdict(list)

    def add_billed(self, lines: Iterable[BilledLine]) -> None:
        """Take up lines that were billed before; what is void is billed anew."""
        for line in lines:
            if line.kind == "usage" and line.status != "void":
                start = None if line.window is None else line.window.start
                place = (line.customer, line.subscription or "", line.item, line.price, start)
                self._found[place].append(_Slice(line, line.at))

    def issued(self, draft: Draft, lines: Iterable[InvoiceLine]) -> None:
        """Take up the lines of a document of this batch."""
        for line in lines:
            if line.kind == "usage":
                start = None if line.window is None else line.window.start
                owner = (draft.customer, draft.subscription_id or "")
                each = _Slice(line, draft.due.at)
                self._found[*owner, line.item, line.price, start].append(each)

    def rest(
        self, draft: Draft, charge: Charge, used: Sequence[Used], *, again: bool = False
    ) -> tuple[Used, ...]:
        """Give what was used with what slices billed of it; nothing for a slice that is too late.

        A group of which nothing is left still has what was billed of it to give back.  `again`
        looks as it was when the document was made.
        """
        last = not slice_of(charge)
        if charge.window is None:
            return tuple(used)
        place = (
            *(draft.customer, draft.subscription_id or ""),
            *(charge.item.key, charge.price, charge.window.start),
        )
        slices = self._found.get(place, [])
        if again:
            until = (draft.due.at, last)  # a slice may be cut where the window ends
            slices = [each for each in slices if not each.last and (each.until, False) < until]
        if not last and any(each.last for each in slices):
            return ()
        by_group: dict[Group, list[_Slice]] = defaultdict(list)
        for each in slices:
            by_group[each.line.group].append(each)
        known = {each.group for each in used}
        gone = [
            Used(measured=Quantity(Decimal(0)), group=group)
            for group in by_group
            if group not in known
        ]
        return tuple(
            replace(self._after(draft, charge, each, by_group[each.group]), last=last)
            if each.group in by_group
            else replace(each, last=last)
            for each in (*used, *gone)
        )

    def _after(self, draft: Draft, charge: Charge, used: Used, slices: Sequence[_Slice]) -> Used:
        """Give a use with what had been measured by the last slice, and what all of them billed."""
        lines = [each.line for each in slices]
        billed = Money.total((line.amount for line in lines), lines[0].amount.currency)
        units = UnitsBilled()
        for line in lines:
            units = units.plus(line)
        measured: Measured = Quantity(exact_sum(*(line.quantity for line in lines)))
        if not isinstance(used.measured, Quantity):  # not all of it can be read from a line
            until = max(each.until for each in slices)
            (before,) = self._reader.used_for(Asked(draft.customer, charge, until))
            measured = before.measured
        earlier = Earlier(measured, billed, units.granted)
        return replace(used, earlier=earlier, before=units)

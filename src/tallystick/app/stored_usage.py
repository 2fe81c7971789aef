"""What was used, as the lines of issued documents have it: nothing is measured twice.

Usage whose charge stays as it is keeps the amount that was billed for it.  Only what counts
something else, or came late, is asked of the events.  What grants of units paid, they paid still.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from tallystick.app.billed_slices import Slices, is_sliced
from tallystick.app.billed_usage import Asked
from tallystick.app.invoice import draft_from
from tallystick.app.late_usage import slice_of
from tallystick.app.replay_usage import EventReader, billed_of, late_before, shown_order
from tallystick.core.number import ZERO, exact_sum
from tallystick.core.rating.usage import Priced, Quantity
from tallystick.core.reckoned_lines import Late, Used
from tallystick.core.terms import prices_of
from tallystick.core.units_billed import granted_units

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.app.trials import Trials
    from tallystick.core.charge import Charge
    from tallystick.core.invoice import Invoice
    from tallystick.core.period import Instant
    from tallystick.storage.invoice_lines import BilledLine
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = ["StoredUsage"]

_ONE: Final = Decimal(1)
_Group: TypeAlias = tuple[tuple[str, str | None], ...]
_Window: TypeAlias = "tuple[str, str, str, Instant | None]"


class StoredUsage:
    """The usage of one customer's documents, one after the other in the order of issue."""

    def __init__(self, unit: Unit, trials: Trials, reader: EventReader, *, late: bool) -> None:
        """Begin with none; `late` says that anything came late for this customer."""
        self._unit, self._trials, self._reader, self._late = unit, trials, reader, late
        self._slices = Slices(trials, reader)
        self._to_date: dict[_Window, dict[_Group, Decimal]] = defaultdict(dict)

    def note(self, document: Document, stored: Sequence[BilledLine], invoice: Invoice) -> None:
        """Note what a document measured, and what it comes to now, for those that follow."""
        for line in stored:
            if line.kind == "usage":
                groups = self._to_date[_window(line, line.subscription)]
                groups[line.group] = exact_sum(groups.get(line.group, ZERO), line.quantity)
        self._slices.issued(draft_from(document), invoice.lines)

    # --- usage of the document's own windows ------------------------------------------------------

    def used_for(
        self, document: Document, stored: Sequence[BilledLine]
    ) -> dict[int, tuple[Used, ...]]:
        """Give what was used for each charge of a document that measures, by its place."""
        found: dict[int, tuple[Used, ...]] = {}
        for place, charge in enumerate(document.due.charges):
            if charge.kind == "usage":
                found[place] = self._used(document, charge, stored)
            elif charge.by_value:
                found[place] = self._reader.used_for(self.asked(document, charge))
        return found

    @staticmethod
    def asked(document: Document, charge: Charge) -> Asked:
        """Give the question of what was used for a charge."""
        return Asked(document.invoice.customer, charge, document.invoice.watermark)

    def _used(
        self, document: Document, charge: Charge, stored: Sequence[BilledLine]
    ) -> tuple[Used, ...]:
        mine = [line for line in stored if line.kind == "usage" and _is_for(line, charge)]
        if not self._trials.is_changed(charge):
            return tuple(_as_billed(line) for line in mine)
        if self._trials.counts_anew(charge):
            used = self._reader.used_for(self.asked(document, charge))
        else:
            used = self._measured(document, charge, mine)
        used = tuple(_as_granted(each, mine) for each in used)
        if not is_sliced(charge, self._trials):
            return used
        return self._slices.rest(draft_from(document), charge, used)

    def _measured(
        self, document: Document, charge: Charge, mine: Sequence[BilledLine]
    ) -> tuple[Used, ...]:
        """Give what was measured from the start of the window to now, by group."""
        price = prices_of(charge.item, self._trials)[charge.price]
        gauge = self._reader.meter_of(charge, price).gauge
        start = None if charge.window is None else charge.window.start
        window = (document.invoice.subscription or "", charge.item.key, charge.price, start)
        groups = dict(self._to_date[window])
        for line in mine:
            groups[line.group] = exact_sum(groups.get(line.group, ZERO), line.quantity)
        if not groups and not price.group_by:
            groups[()] = ZERO
        return tuple(
            Used(measured=Quantity(groups[group]), group=group, gauge=gauge)
            for group in sorted(groups, key=shown_order)
        )

    # --- late usage -------------------------------------------------------------------------------

    def late_for(
        self,
        document: Document,
        stored: Sequence[BilledLine],
        earlier: Sequence[Document],
        billed: Sequence[BilledLine],
    ) -> tuple[Late, ...]:
        """Give what came late for the `earlier` documents of its subscription.

        `billed` are their lines as they come out now.
        """
        found = list(self._late_as_billed(stored, earlier, billed))
        if self._late:
            asked = [self._of_changed(each) for each in earlier]
            mine = [line for line in stored if line.kind == "late"]
            for late in late_before(self._unit, self._reader, document, asked, billed):
                lines = [line for line in mine if _is_of(line, late.charge)]
                found.append(replace(late, used=_as_granted(late.used, lines)))
        return tuple(sorted(found, key=_in_time))

    def _late_as_billed(
        self,
        stored: Sequence[BilledLine],
        earlier: Sequence[Document],
        billed: Sequence[BilledLine],
    ) -> Iterator[Late]:
        """Give the late lines whose price stays, each with the amount that it has.

        What it gives back of, it gives back as that is billed now: coupons and taxes may be others.
        """
        for line in stored:
            if line.kind == "late":
                charge = next(
                    each
                    for document in earlier
                    for each in document.due.charges
                    if each.kind == "usage" and not slice_of(each) and _is_of(line, each)
                )
                if not self._trials.is_changed(charge):
                    before = billed_of(line, billed)
                    used = _as_billed(line, before.amount)
                    yield Late(charge=charge, used=used, billed=before, part=line.part)

    def _of_changed(self, document: Document) -> Document:
        """Give a document with no more than the charges that are priced anew."""
        charges = filter(self._trials.is_changed, document.due.charges)
        return replace(document, due=replace(document.due, charges=tuple(charges)))


def _as_billed(line: BilledLine, before: int = 0) -> Used:
    """Give usage that comes to what was billed for it, beyond what was `before`, minor units."""
    return Used(measured=Priced(_ONE, Decimal(before + line.amount.minor)), group=line.group)


def _as_granted(used: Used, lines: Sequence[BilledLine]) -> Used:
    """Give a use with what grants paid of it, by the lines that were issued for it."""
    mine = [line.evidence for line in lines if line.group == used.group]
    return replace(used, grants=tuple(each for found in mine for each in granted_units(found)))


def _window(line: BilledLine, subscription: str | None) -> _Window:
    start = None if line.window is None else line.window.start
    return subscription or "", line.item, line.price, start


def _is_of(line: BilledLine, charge: Charge) -> bool:
    """Whether a line is for the window of a charge."""
    start = None if line.window is None else line.window.start
    other = None if charge.window is None else charge.window.start
    return (line.item, line.price, start) == (charge.item.key, charge.price, other)


def _is_for(line: BilledLine, charge: Charge) -> bool:
    return _is_of(line, charge) and line.part == charge.part


def _in_time(late: Late) -> tuple[str, str, str]:
    charge = late.charge
    start = "" if charge.window is None else charge.window.start.isoformat()
    return start, charge.item.key, charge.price

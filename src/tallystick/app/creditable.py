"""What can still be given back of an invoice, line by line.

Of no line more than it asked for, whoever gave the rest: credit notes by hand, or the rest of a fee
that a change or a cancellation gave back by itself.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.line_tax import Invoiced, taxes_of
from tallystick.storage import invoice_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallystick.core.charge import Charge, Due
    from tallystick.core.invoice import InvoiceLine
    from tallystick.core.line_tax import TaxedLine
    from tallystick.core.period import Period
    from tallystick.core.tax import TaxRate
    from tallystick.storage.invoice_lines import BilledLine
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = ["asked_for", "creditable", "given_back", "left_of_fees", "left_of_lines", "taxes_given"]

_ISSUED: Final = frozenset({"open", "paid", "uncollectible"})


def left_of_fees(due: Due, billed: Sequence[BilledLine]) -> dict[int, Invoiced]:
    """Give the fees that the credits of a document give back of, and what is left, by their place.

    `billed` are the lines of its subscription before it.  Nothing is left of a void invoice.  A
    credit has no entry where nothing was billed for it yet, as with a fee of the same document.
    """
    found = {}
    for place, charge in enumerate(due.charges):
        if charge.kind == "credit":
            fee = _invoiced(charge, due, billed)
            if fee is not None:
                found[place] = fee
    return found


def _invoiced(charge: Charge, due: Due, billed: Sequence[BilledLine]) -> Invoiced | None:
    credit = _Rest.of_charge(charge)
    fee = credit.fee(billed)
    own = [each for each in due.charges if each.kind == "fee" and credit.covered_by_charge(each)]
    if fee is None or any(_after(each, fee) for each in own):
        return None
    if fee.status not in _ISSUED:
        return Invoiced(sold=0)
    issued = [line for line in billed if line.status in _ISSUED]
    back = [line for line in issued if _gives_back(line, fee, issued)]
    return Invoiced(
        sold=_sold(fee),
        taxes=taxes_of(fee),
        given=-sum(map(_sold, back)),
        given_taxes=taxes_given(fee, back),
    )


def taxes_given(line: TaxedLine, back: Iterable[TaxedLine]) -> tuple[int, ...]:
    """Give what lines gave back of each tax of another, minor units."""
    given: Counter[TaxRate] = Counter()
    for each in back:
        for tax in taxes_of(each):
            given[tax.rate] -= tax.amount.minor
    return tuple(given[tax.rate] for tax in taxes_of(line))


def _sold(line: BilledLine) -> int:
    """Give what a line was sold for, without the taxes that are added to it."""
    return asked_for(line) - line.tax.minor


def _after(charge: Charge, fee: BilledLine) -> bool:
    """Whether a fee that is to be charged came after one that was."""
    if charge.window is None or fee.window is None:
        return False
    mine, other = (charge.window.start, _number(charge.part)), (fee.window.start, _number(fee.part))
    return mine > other


def _gives_back(line: BilledLine, fee: BilledLine, issued: Sequence[BilledLine]) -> bool:
    if not _is_credit(line):
        return False
    if _by_hand(line):
        where = (line.evidence["invoice"], int(line.evidence["position"]))
        return where == (fee.invoice, fee.position)
    found = _Rest.of_line(line).fee(issued)
    return found is not None and (found.invoice, found.position) == (fee.invoice, fee.position)


def creditable(unit: Unit, document: Document) -> tuple[int, ...]:
    """Give what can still be given back of each line of an invoice, minor units."""
    return left_of_lines(document, given_back(unit, document))


def left_of_lines(document: Document, back: Sequence[Sequence[BilledLine]]) -> tuple[int, ...]:
    """Give what is left of each line of an invoice after what gave `back` of it, minor units."""
    return tuple(
        max(0, asked_for(line) + sum(map(asked_for, some)))
        for line, some in zip(document.invoice.lines, back, strict=True)
    )


def given_back(unit: Unit, document: Document) -> tuple[tuple[BilledLine, ...], ...]:
    """Give the lines that gave back of each line of an invoice so far."""
    invoice = document.invoice
    owner = (invoice.customer, invoice.subscription or "")
    prices = {line.price for line in invoice.lines}
    billed = [
        line
        for line in invoice_lines.billed_lines(unit, [owner], prices=prices)
        if line.status in _ISSUED
    ]
    back: list[list[BilledLine]] = [[] for _ in invoice.lines]
    for line in billed:
        if not _is_credit(line):
            continue
        place = _corrected(line, billed, document)
        if place is not None:
            back[place].append(line)
    return tuple(map(tuple, back))


def asked_for(line: InvoiceLine | BilledLine) -> int:
    """Give what a line asked for in the end: discounts and promotions taken off, tax included."""
    return line.amount.minor - line.discount.minor - line.credit.minor + line.tax.minor


def _corrected(credit: BilledLine, billed: Sequence[BilledLine], document: Document) -> int | None:
    """Tell which line of the document a credit gives back of, by its place; None for none of it.

    One by hand names it.  The rest of a fee is of what was charged for it last before.
    """
    if _by_hand(credit):
        mine = credit.evidence["invoice"] == document.invoice.id
        return int(credit.evidence["position"]) - 1 if mine else None
    last = _Rest.of_line(credit).fee(billed)
    mine = last is not None and last.invoice == document.invoice.id
    return last.position - 1 if last is not None and mine else None


def _is_credit(line: BilledLine) -> bool:
    """Whether a line gives back; what it asks for tells, as a minor unit may be all tax."""
    return asked_for(line) < 0 and (line.kind == "credit" or _by_hand(line))


def _by_hand(line: BilledLine) -> bool:
    return line.kind == "item" and "position" in line.evidence


@dataclass(frozen=True, slots=True)
class _Rest:
    """The rest of a fee that is given back: of which item and price, for which time, and why."""

    item: str
    price: str
    window: Period | None
    part: str
    moved: timedelta = timedelta()

    @classmethod
    def of_line(cls, line: BilledLine) -> _Rest:
        return cls(line.item, line.price, line.window, line.part)

    @classmethod
    def of_charge(cls, charge: Charge) -> _Rest:
        """Take it from a charge: pauses may have moved its end behind that of the fee."""
        moved = sum((hole.end - hole.start for hole in charge.holes), timedelta())
        return cls(charge.item.key, charge.price, charge.window, charge.part, moved)

    def fee(self, billed: Iterable[BilledLine]) -> BilledLine | None:
        """Give the fee that was charged last before for that time."""
        fees = [
            line
            for line in billed
            if line.kind == "fee"
            and self._covered(line.item, line.price, line.window)
            and self._follows(line.part)
        ]
        return max(fees, key=_order) if fees else None

    def covered_by_charge(self, fee: Charge) -> bool:
        same = self._covered(fee.item.key, fee.price, fee.window)
        return same and self._follows(fee.part)

    def _covered(self, item: str, price: str, window: Period | None) -> bool:
        if window is None or self.window is None or (item, price) != (self.item, self.price):
            return False
        return window.start <= self.window.start and self.window.end <= window.end + self.moved

    def _follows(self, part: str) -> bool:
        """Whether it came after the fee: moves have numbers in their order."""
        return not part or not self.part or _number(part) < _number(self.part)


def _order(fee: BilledLine) -> tuple[Any, ...]:
    start = fee.at if fee.window is None else fee.window.start
    return start, _number(fee.part), fee.at, fee.status in _ISSUED


def _number(part: str) -> int:
    """Give the number of the move that made a line; 0 for the period's own."""
    last = part.rpartition("/")[2]
    return int(last) if last.isdecimal() else 0

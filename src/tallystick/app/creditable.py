"""What can still be given back of an invoice, line by line.

Of no line more than it asked for, whoever gave the rest: credit notes by hand, or the rest of a fee
that a change or a cancellation gave back by itself.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.given_back import given_back, paused_seconds
from tallystick.core.line_tax import NOTHING, Invoiced, taxes_of
from tallystick.core.money import Money
from tallystick.core.period import Period
from tallystick.storage import invoice_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallystick.core.charge import Charge, Due
    from tallystick.core.currency import Currency
    from tallystick.core.given_back import GivenBack
    from tallystick.core.invoice import Invoice, InvoiceLine
    from tallystick.core.line_tax import TaxedLine
    from tallystick.core.subscription import Paid
    from tallystick.core.tax import Tax, TaxRate
    from tallystick.storage.invoice_lines import BilledLine
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = [
    "GaveBack",
    "asked_for",
    "creditable",
    "gave_back",
    "left_of_fees",
    "left_of_lines",
    "taxes_given",
]

_ISSUED: Final = frozenset({"open", "paid", "uncollectible"})


@dataclass(frozen=True, slots=True)
class GaveBack:
    """What one line gave back of another: minor units asked for, sold, and of each tax."""

    asked: int
    sold: int
    taxes: tuple[Tax, ...] = ()


def left_of_fees(due: Due, billed: Sequence[BilledLine]) -> dict[int, tuple[Invoiced, ...]]:
    """Give the fees that the credits of a document give back of, by the place of the credit.

    Of each the one fee that it is of, or those that were paid in its place.  `billed` are the lines
    of its subscription before it.  Nothing is left of a void invoice.  A credit has no entry where
    nothing was billed for it yet, as with a fee of the same document.
    """
    found: dict[int, tuple[Invoiced, ...]] = {}
    for place, charge in enumerate(due.charges):
        if charge.kind != "credit":
            continue
        rests = [_Rest.of_paid(each, charge) for each in charge.paid] or [_Rest.of_charge(charge)]
        fees = [_invoiced(rest, due, billed) for rest in rests]
        if any(fee is not None for fee in fees):
            found[place] = tuple(
                _at_most(fee, paid) for fee, paid in zip_longest(fees, charge.paid)
            )
    return found


def _at_most(fee: Invoiced | None, paid: Paid | None) -> Invoiced:
    """Give a fee within what of it was paid for a time; itself where nothing took it over."""
    if paid is None:
        return fee or NOTHING
    return Invoiced(sold=paid.invoiced) if fee is None else replace(fee, most=paid.invoiced)


def _invoiced(credit: _Rest, due: Due, billed: Sequence[BilledLine]) -> Invoiced | None:
    fee = credit.fee(billed)
    own = [each for each in due.charges if each.kind == "fee" and credit.covered_by_charge(each)]
    if fee is None or any(_after(each, fee) for each in own):
        return None
    if fee.status not in _ISSUED:
        return Invoiced(sold=0)
    issued = [line for line in billed if line.status in _ISSUED]
    back = [
        gave
        for line in issued
        for place, gave in _corrected(line, issued)
        if place == (fee.invoice, fee.position)
    ]
    return Invoiced(
        sold=_sold(fee),
        discount=fee.amount.minor - _sold(fee),
        taxes=taxes_of(fee),
        given=sum(each.sold for each in back),
        given_taxes=taxes_given(fee, back),
    )


def taxes_given(line: TaxedLine, back: Iterable[GaveBack]) -> tuple[int, ...]:
    """Give what was given back of each tax of a line, minor units."""
    given: Counter[TaxRate] = Counter()
    for each in back:
        for tax in each.taxes:
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


def creditable(unit: Unit, document: Document) -> tuple[int, ...]:
    """Give what can still be given back of each line of an invoice, minor units."""
    return left_of_lines(document, gave_back(unit, document))


def left_of_lines(document: Document, back: Sequence[Sequence[GaveBack]]) -> tuple[int, ...]:
    """Give what is left of each line of an invoice after what gave `back` of it, minor units."""
    return tuple(
        max(0, asked_for(line) - sum(each.asked for each in some))
        for line, some in zip(document.invoice.lines, back, strict=True)
    )


def gave_back(unit: Unit, document: Document) -> tuple[tuple[GaveBack, ...], ...]:
    """Give what was given back of each line of an invoice so far."""
    back: list[tuple[GaveBack, ...]] = []
    for customer, subscription, id_, lines in _parts(document.invoice):
        billed = invoice_lines.billed_lines(unit, [(customer, subscription)])
        back += _back_of(id_, lines, [line for line in billed if line.status in _ISSUED])
    return tuple(back)


def _parts(invoice: Invoice) -> list[tuple[str, str, str, int]]:
    """Give the document, or its sections: of whom, which subscription, its id, how many lines."""
    if not invoice.sections:
        return [(invoice.customer, invoice.subscription or "", invoice.id, len(invoice.lines))]
    return [
        (each.customer, each.subscription or "", each.id, each.lines) for each in invoice.sections
    ]


def _back_of(id_: str, lines: int, billed: Sequence[BilledLine]) -> list[tuple[GaveBack, ...]]:
    """Give what was given back of each line of a document, of all that was billed beside it."""
    back: list[list[GaveBack]] = [[] for _ in range(lines)]
    for line in billed:
        for (of, position), gave in _corrected(line, billed):
            if of == id_:
                back[position - 1].append(gave)
    return list(map(tuple, back))


def asked_for(line: InvoiceLine | BilledLine) -> int:
    """Give what a line asked for in the end: discounts and promotions taken off, tax included."""
    return line.amount.minor - line.discount.minor - line.credit.minor + line.tax.minor


def _corrected(
    credit: BilledLine, billed: Sequence[BilledLine]
) -> list[tuple[tuple[str, int], GaveBack]]:
    """Tell which lines a credit gives back of, each by its document and place, and how much.

    One by hand names it.  The rest of a fee is of what was charged for it last before.
    """
    if asked_for(credit) >= 0 or not (credit.kind == "credit" or _by_hand(credit)):
        return []
    whole = GaveBack(-asked_for(credit), -_sold(credit), taxes_of(credit))
    if _by_hand(credit):
        return [((credit.evidence["invoice"], int(credit.evidence["position"])), whole)]
    backs = given_back(credit)
    found = [_Rest.of_given(each, credit.part).fee(billed) for each in backs]
    parts = _shared(whole, [each.minor for each in backs], credit.amount.currency)
    return [
        ((fee.invoice, fee.position), part)
        for fee, part in zip(found, parts, strict=True)
        if fee is not None
    ]


def _shared(whole: GaveBack, weights: Sequence[int], unit: Currency) -> list[GaveBack]:
    """Share what a credit gives back out to the fees that it is of."""
    if len(weights) == 1:
        return [whole]
    asked, sold = (Money(part, unit).split(weights) for part in (whole.asked, whole.sold))
    taxes = [Money(-tax.amount.minor, unit).split(weights) for tax in whole.taxes]
    return [
        GaveBack(
            asked[place].minor,
            sold[place].minor,
            tuple(
                replace(tax, amount=Money(-parts[place].minor, unit))
                for tax, parts in zip(whole.taxes, taxes, strict=True)
            ),
        )
        for place in range(len(weights))
    ]


def _by_hand(line: BilledLine) -> bool:
    return line.kind == "item" and "position" in line.evidence


@dataclass(frozen=True, slots=True)
class _Rest:
    """The rest of a fee that is given back: of which item and price, for which time, and why."""

    item: str
    price: str
    window: Period | None
    part: str
    paused: int = 0

    @classmethod
    def of_given(cls, back: GivenBack, part: str) -> _Rest:
        return cls(back.item, back.price, back.window, part, back.paused)

    @classmethod
    def of_charge(cls, charge: Charge) -> _Rest:
        """Take it from a charge: pauses may have moved its end behind that of the fee."""
        return cls(
            charge.item.key, charge.price, charge.window, charge.part, paused_seconds(charge.holes)
        )

    @classmethod
    def of_paid(cls, paid: Paid, charge: Charge) -> _Rest:
        """Take it from a fee that was paid in the place of a charge."""
        window = Period(paid.start, paid.end)
        return cls(paid.item.key, paid.price, window, charge.part, paused_seconds(paid.holes))

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
        end = window.end + timedelta(seconds=self.paused)
        return window.start <= self.window.start and self.window.end <= end

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

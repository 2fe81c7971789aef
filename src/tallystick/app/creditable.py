"""What can still be given back of an invoice, line by line.

Of no line more than it asked for, whoever gave the rest: credit notes by hand, or the rest of a fee
that a change or a cancellation gave back by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.given_back import given_back, paused_seconds
from tallystick.core.money import Money
from tallystick.core.period import Period
from tallystick.storage import invoice_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallystick.core.charge import Charge, Due
    from tallystick.core.given_back import GivenBack
    from tallystick.core.invoice import InvoiceLine
    from tallystick.core.subscription import Paid
    from tallystick.storage.invoice_lines import BilledLine
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = ["asked_for", "creditable", "left_of_fees"]

_ISSUED: Final = frozenset({"open", "paid", "uncollectible"})


def left_of_fees(due: Due, billed: Sequence[BilledLine]) -> dict[int, tuple[int, ...]]:
    """Give what is left of the fees that the credits of a document give back of, by their place.

    Of each the one fee that it is of, or those that were paid in its place.  `billed` are the lines
    of its subscription before it.  Nothing is left of a void invoice.  A credit has no entry where
    nothing was billed for it yet, as with a fee of the same document.
    """
    found: dict[int, tuple[int, ...]] = {}
    for place, charge in enumerate(due.charges):
        if charge.kind == "credit" and charge.paid:
            found[place] = tuple(_left_of_paid(each, charge, due, billed) for each in charge.paid)
        elif charge.kind == "credit":
            left = _left(_Rest.of_charge(charge), due, billed)
            if left is not None:
                found[place] = (left,)
    return found


def _left_of_paid(paid: Paid, charge: Charge, due: Due, billed: Sequence[BilledLine]) -> int:
    left = _left(_Rest.of_paid(paid, charge), due, billed)
    return paid.invoiced if left is None else min(paid.invoiced, left)


def _left(credit: _Rest, due: Due, billed: Sequence[BilledLine]) -> int | None:
    fee = credit.fee(billed)
    own = [each for each in due.charges if each.kind == "fee" and credit.covered_by_charge(each)]
    if fee is None or any(_after(each, fee) for each in own):
        return None
    if fee.status not in _ISSUED:
        return 0
    issued = [line for line in billed if line.status in _ISSUED]
    given = sum(
        minor
        for line in issued
        for place, minor in _corrected(line, issued)
        if place == (fee.invoice, fee.position)
    )
    return max(0, asked_for(fee) - given)


def _after(charge: Charge, fee: BilledLine) -> bool:
    """Whether a fee that is to be charged came after one that was."""
    if charge.window is None or fee.window is None:
        return False
    mine, other = (charge.window.start, _number(charge.part)), (fee.window.start, _number(fee.part))
    return mine > other


def creditable(unit: Unit, document: Document) -> tuple[int, ...]:
    """Give what can still be given back of each line of an invoice, minor units."""
    invoice = document.invoice
    owner = (invoice.customer, invoice.subscription or "")
    billed = [line for line in invoice_lines.billed_lines(unit, [owner]) if line.status in _ISSUED]
    given = [0] * len(invoice.lines)
    for line in billed:
        for (id_, position), minor in _corrected(line, billed):
            if id_ == invoice.id:
                given[position - 1] += minor
    return tuple(
        max(0, asked_for(line) - back) for line, back in zip(invoice.lines, given, strict=True)
    )


def asked_for(line: InvoiceLine | BilledLine) -> int:
    """Give what a line asked for in the end: discounts and promotions taken off, tax included."""
    return line.amount.minor - line.discount.minor - line.credit.minor + line.tax.minor


def _corrected(
    credit: BilledLine, billed: Sequence[BilledLine]
) -> list[tuple[tuple[str, int], int]]:
    """Tell which lines a credit gives back of, each by its document and place, and how much.

    One by hand names it.  The rest of a fee is of what was charged for it last before.
    """
    if credit.amount.minor >= 0 or not (credit.kind == "credit" or _by_hand(credit)):
        return []
    given = Money(-asked_for(credit), credit.amount.currency)
    if _by_hand(credit):
        where = (credit.evidence["invoice"], int(credit.evidence["position"]))
        return [(where, given.minor)]
    backs = given_back(credit)
    shares = given.split([each.minor for each in backs])
    found = [
        (_Rest.of_given(each, credit.part).fee(billed), share.minor)
        for each, share in zip(backs, shares, strict=True)
    ]
    return [((fee.invoice, fee.position), minor) for fee, minor in found if fee is not None]


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

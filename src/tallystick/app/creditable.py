"""What can still be given back of an invoice, line by line.

Of no line more than it asked for, whoever gave the rest: credit notes by hand, or the rest of a fee
that a change or a cancellation gave back by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.storage import invoice_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.invoice import InvoiceLine
    from tallystick.storage.invoice_lines import BilledLine
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = ["asked_for", "creditable"]

_ISSUED: Final = frozenset({"open", "paid", "uncollectible"})


def creditable(unit: Unit, document: Document) -> tuple[int, ...]:
    """Give what can still be given back of each line of an invoice, minor units."""
    invoice = document.invoice
    owner = (invoice.customer, invoice.subscription or "")
    prices = {line.price for line in invoice.lines}
    billed = [
        line
        for line in invoice_lines.billed_lines(unit, [owner], prices=prices)
        if line.status in _ISSUED
    ]
    given = [0] * len(invoice.lines)
    for line in billed:
        if line.amount.minor >= 0 or not (line.kind == "credit" or _by_hand(line)):
            continue
        place = _corrected(line, billed, document)
        if place is not None:
            given[place] -= asked_for(line)
    return tuple(
        max(0, asked_for(line) - back) for line, back in zip(invoice.lines, given, strict=True)
    )


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
    fees = [line for line in billed if _covers(line, credit)]
    if not fees:
        return None
    last = max(fees, key=lambda line: (line.window.start if line.window else line.at, line.at))
    return last.position - 1 if last.invoice == document.invoice.id else None


def _by_hand(line: BilledLine) -> bool:
    return line.kind == "item" and "position" in line.evidence


def _covers(fee: BilledLine, credit: BilledLine) -> bool:
    if fee.kind != "fee" or fee.window is None or credit.window is None:
        return False
    same = (fee.item, fee.price) == (credit.item, credit.price)
    inside = fee.window.start <= credit.window.start and credit.window.end <= fee.window.end
    return same and inside and (not fee.part or fee.part != credit.part)

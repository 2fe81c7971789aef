"""What a credit note that was just issued does to the invoices it corrects, and to the balance."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tallystick.core.given_back import given_back
from tallystick.core.settlement import noted, shared_credit
from tallystick.storage import balances, invoice_lines, invoice_settlement, invoices
from tallystick.storage.sections import payers_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.given_back import GivenBack
    from tallystick.core.invoice import Invoice, InvoiceLine
    from tallystick.core.settlement import Transfer
    from tallystick.storage.invoice_lines import BilledLine
    from tallystick.storage.unit import Unit

__all__ = ["settle_note"]


def settle_note(unit: Unit, note: Invoice) -> tuple[Transfer, ...]:
    """Lower what is due on the invoices it corrects; the rest goes to the customer's balance.

    Gives what is to be posted for it.
    """
    given = -note.total.minor
    left, written_off = [], set()
    for key in _corrected(unit, note):
        found = invoices.hold_invoices(unit, [key]).get(key)
        if found is not None and found.invoice.kind == "invoice":
            left.append((key[1], found.invoice.total.minor - found.noted, found.left))
            written_off |= {key[1]} if found.status == "uncollectible" else set()
    shares = shared_credit(given, left)
    for share in shares:
        invoice_settlement.add_credited(
            unit, note.customer, share.invoice, lowered=share.lowered, given=share.given
        )
    lowered = sum(share.lowered for share in shares)
    if given > lowered:
        balances.add(unit, [(note.customer, replace(note.total, minor=given - lowered))])
    off = sum(share.lowered for share in shares if share.invoice in written_off)
    return noted(note, lowered, written_off=off)


def _corrected(unit: Unit, note: Invoice) -> list[tuple[str, str]]:
    """Give the documents that billed what a credit note gives back, the oldest first.

    Of the customer itself: what another customer was asked for is to the note's customer's credit.
    """
    found: list[BilledLine] = []
    for customer, subscription, lines in _parts(note):
        back = [each for line in lines if line.amount.minor < 0 for each in given_back(line)]
        billed = invoice_lines.billed_lines(
            unit, [(customer, subscription)], prices={each.price for each in back}
        )
        found += [
            line
            for line in billed
            if line.amount.minor > 0
            and line.status != "void"
            and any(_of_one_time(line, each) for each in back)
        ]
    keys = [(line.customer, line.invoice) for line in sorted(found, key=lambda line: line.at)]
    of = payers_of(unit, keys)
    asked = dict.fromkeys(of.get(key, key) for key in keys)
    return [key for key in asked if key[0] == note.customer and key[1] != note.id]


def _parts(note: Invoice) -> list[tuple[str, str, Sequence[InvoiceLine]]]:
    """Give the subscriptions that a note gives back of, each with its lines."""
    parts = [(each.customer, each.subscription, lines) for each, lines in note.by_section()]
    parts = parts or [(note.customer, note.subscription, note.lines)]
    return [(customer, of, lines) for customer, of, lines in parts if of is not None]


def _of_one_time(billed: BilledLine, back: GivenBack) -> bool:
    """Whether a line was billed for some of the time that another gives back, at one price."""
    if billed.window is None or back.window is None or billed.price != back.price:
        return False
    return back.window.overlaps(billed.window)

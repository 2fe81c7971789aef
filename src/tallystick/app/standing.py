"""How documents stood when another one was made: which came before it, and what was known of them.

A document that is made again sees the others as they were then.  An invoice that was taken back
only later was still asked for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tallystick.core.minimum import asked_for_minimum
from tallystick.storage.journal import entries_of
from tallystick.storage.sections import sections_of_customer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tallystick.core.charge import Charge
    from tallystick.core.invoice import Invoice
    from tallystick.storage.invoice_lines import BilledLine
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.journal import Entry
    from tallystick.storage.unit import Unit

__all__ = ["as_known", "billed_for", "came_before", "known_before", "known_of_family", "stood"]


def came_before(one: Document, other: Document) -> bool:
    """Whether a document was issued before another one, and counted then."""
    if one.invoice.id == other.invoice.id:
        return False
    if one.number is not None and other.number is not None and one.series == other.series:
        return one.number < other.number
    return _place(one) < _place(other)


def _place(document: Document) -> tuple[Any, ...]:
    """Give where a document stands in the order in which documents are issued."""
    ready, *turn = document.turn
    return ready, document.invoice.customer, *turn


def known_before(entries: Iterable[Entry], invoice: Invoice) -> Collection[str]:
    """Give the causes of what stood in the books of its customer before a document.

    `entries` are all of the customer's, in the order in which they were posted.
    """
    entries = tuple(entries)
    own, known = f"{invoice.kind}/{invoice.id}", set[str]()
    posted = any(entry.cause == own for entry in entries)
    for entry in entries:
        if entry.cause == own or (not posted and entry.at > invoice.finalize_at):
            break
        known.add(entry.cause)
    return known


def known_of_family(unit: Unit, customer: str, invoice: Invoice) -> Collection[str]:
    """Give the causes of what stood in the books of a customer, and its payers, before a document.

    What became of a payer's document became of the customer's sections on it.
    """
    known = set(known_before(entries_of(unit, customer), invoice))
    sections = sections_of_customer(unit, customer)
    for payer in sorted({payer for payer, _ in sections.values()}):
        known |= set(known_before(entries_of(unit, payer), invoice))
    return known | {
        f"void/{section}" for section, (_, id_) in sections.items() if f"void/{id_}" in known
    }


def stood(document: Document, known: Collection[str]) -> bool:
    """Whether a document was not void yet, by what stood in the books."""
    return document.status != "void" or f"void/{document.invoice.id}" not in known


def as_known(lines: Iterable[BilledLine], known: Collection[str]) -> list[BilledLine]:
    """Give lines as they stood: what was taken back only later was still asked for."""
    return [
        replace(line, status="open")
        if line.status == "void" and f"void/{line.invoice}" not in known
        else line
        for line in lines
    ]


def billed_for(charge: Charge, lines: Sequence[BilledLine], known: Collection[str]) -> int:
    """Give what documents asked for of a minimum's item and window, minor units."""
    return asked_for_minimum(
        charge, (line for line in as_known(lines, known) if line.status != "void")
    )

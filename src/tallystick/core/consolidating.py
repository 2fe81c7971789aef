"""One document for several customers: each section is reckoned by itself, and paid as one.

Rating, grants of units, coupons and minimum commitments are a section's own affair
(`core.reckoning`).  What comes after them is the payer's: promotional credits, taxes (each rate
once on the sum of all sections), paid credits and balance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tallystick.core.frozen import FrozenDict
from tallystick.core.invoice import InvoiceSection
from tallystick.core.reckoning import STEPS, Bill, by_measure, document_of
from tallystick.core.taxing import invoiced_before, taxed_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tallystick.core.invoice import Invoice, InvoiceDiscount
    from tallystick.core.reckoning import Facts
    from tallystick.core.taxing import FeeBack

__all__ = ["Consolidated", "Section", "consolidated", "section_of"]

_OWN: Final = STEPS[:3]
_PROMOTIONS, _, _BALANCE = STEPS[3:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section that is reckoned as far as it stands alone.

    `backs` is what its lines give back of other documents, by the place of the line: what they give
    back of the same document is taxed with it.
    """

    facts: Facts
    name: str | None
    bill: Bill
    backs: Mapping[int, Sequence[FeeBack]]

    @property
    def draft(self) -> Invoice:
        """The section as a document of its own would be, before credits and taxes."""
        return document_of(self.bill, self.facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consolidated:
    """A document with sections, and each section with the sums of its own lines."""

    invoice: Invoice
    sections: tuple[Invoice, ...]


def section_of(facts: Facts, name: str | None = None, together: Collection[int] = ()) -> Section:
    """Reckon a section: its lines, what grants of units pay, its coupons, its minimum commitments.

    `facts.grants` are those of units: money of its customer pays nothing here.  `together` are the
    places of credits whose fee stands on the same document.

    Raises as `core.reckoning.reckon` does.
    """
    bill = Bill()
    for step in _OWN:
        bill = step(bill, facts)
    of_others = {place: fees for place, fees in facts.creditable.items() if place not in together}
    backs = invoiced_before(bill.lines, facts.due, of_others, facts.late)
    return Section(facts=facts, name=name, bill=bill, backs=backs)


def consolidated(facts: Facts, sections: Sequence[Section]) -> Consolidated:
    """Give the payer's document: all sections in their order, then what pays them.

    `facts` are the payer's; nothing of its own is due by them.  Raises TaxUndecided, OutOfBounds.
    """
    bill = Bill(
        lines=tuple(line for each in sections for line in each.bill.lines),
        discounts=tuple(row for each in _placed(sections) for row in _moved(*each)),
        burns=tuple(
            replace(burn, line=first + burn.line)
            for first, each in _placed(sections)
            for burn in each.bill.burns
        ),
        grants=by_measure(facts.grants)[1],
    )
    bill = _PROMOTIONS(bill, facts)
    backs = {
        first + place: fees
        for first, each in _placed(sections)
        for place, fees in each.backs.items()
    }
    lines, evidence = taxed_lines(
        bill.lines, backs, facts.taxation, facts.finalize_at, facts.offers
    )
    bill = _BALANCE(replace(bill, lines=lines, tax_evidence=evidence), facts)
    invoice = replace(document_of(bill, facts), sections=tuple(map(_told, sections)))
    return Consolidated(
        invoice=invoice,
        sections=tuple(
            document_of(
                replace(each.bill, lines=lines[first : first + len(each.bill.lines)]), each.facts
            )
            for first, each in _placed(sections)
        ),
    )


def _placed(sections: Sequence[Section]) -> list[tuple[int, Section]]:
    """Give the sections, each with how many lines stand before it."""
    found, first = [], 0
    for each in sections:
        found.append((first, each))
        first += len(each.bill.lines)
    return found


def _moved(first: int, section: Section) -> list[InvoiceDiscount]:
    """Give what coupons took off a section, by the lines of the whole document."""
    return [
        replace(
            each,
            by_line=FrozenDict({str(int(n) + first): minor for n, minor in each.by_line.items()}),
        )
        for each in section.bill.discounts
    ]


def _told(section: Section) -> InvoiceSection:
    facts = section.facts
    return InvoiceSection(
        id=facts.id,
        customer=facts.customer,
        name=section.name,
        subscription=facts.subscription,
        cause=facts.due.cause,
        at=facts.due.at,
        lines=len(section.bill.lines),
    )

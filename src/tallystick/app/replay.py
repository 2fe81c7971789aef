"""A document made again from the truth alone, and held against the one that was issued.

The truth is the moves of the subscription, the published catalogues, the events as they were known
at the watermark, one-off items, and what earlier documents asked for.  From the document itself
come only its number, its times, seller and buyer, which were frozen with it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tallystick.app.billed_slices import Slices, is_sliced
from tallystick.app.billed_usage import Asked
from tallystick.app.credit_burning import grants_before
from tallystick.app.creditable import left_of_fees
from tallystick.app.difference import Difference, differences, told
from tallystick.app.explain import document_at
from tallystick.app.invoice import draft_from
from tallystick.app.kept_document import kept_differences
from tallystick.app.late_minimums import settled_minimums
from tallystick.app.offers import Offers
from tallystick.app.redemptions import redemptions_before
from tallystick.app.refold import made_by_moves, refolded
from tallystick.app.replay_usage import EventReader, late_before
from tallystick.app.standing import as_known, came_before, known_of_family, stood
from tallystick.app.taxes import engine_of, rules_of_digest
from tallystick.core.consolidating import consolidated, section_of
from tallystick.core.invoice import Party
from tallystick.core.line_tax import taxes_by_rate
from tallystick.core.minimum import asked_for_minimum
from tallystick.core.money import Money
from tallystick.core.reckoned_lines import OneOff
from tallystick.core.reckoning import Facts, by_measure, finalize, reckon
from tallystick.core.tax_decision import Taxation
from tallystick.core.trees import body_of, tree_of
from tallystick.errors import InvalidInput, TallystickError
from tallystick.storage import invoice_items, invoice_lines, invoices, journal, moves
from tallystick.storage.invoices import find_invoices
from tallystick.storage.parents import parents_of
from tallystick.storage.sections import payers_of, section_documents
from tallystick.storage.stored_documents import documents_of, stored_document

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tallystick.core.charge import Charge, Due
    from tallystick.core.consolidating import Section
    from tallystick.core.credit_balance import GrantBalance
    from tallystick.core.invoice import Invoice
    from tallystick.core.line_tax import Invoiced
    from tallystick.core.reckoned_lines import Used
    from tallystick.core.redemption import Redemption
    from tallystick.storage.credits import CreditMove
    from tallystick.storage.invoice_lines import BilledLine
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = ["Replay", "replay_invoice"]

_BY_HAND: Final = "credit/"
_TAKEN: Final = frozenset({"voided", "transferred"})


@dataclass(frozen=True, slots=True)
class Replay:
    """A document that was made again: its bytes, and every difference to the one that is stored."""

    invoice: str
    number: str
    body: bytes
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        """Whether it came out the same, byte for byte."""
        return not self.differences


def replay_invoice(unit: Unit, invoice_id: str, *, customer_id: str | None = None) -> Replay:
    """Make an issued document again, by id or number, and change nothing.

    Raises NotFound; Conflict where it was not issued.
    """
    try:
        document = document_at(unit, invoice_id, customer_id=customer_id)
    except (InvalidInput, ValueError) as error:
        unread = Difference("body", "a document", told(f"cannot be read: {error}"))
        return Replay(str(invoice_id), str(invoice_id), b"", (unread,))
    stored = document.invoice
    if parents_of(unit, [stored.customer]):
        unit.as_all()  # what others paid or were paid for is a part of the truth
    else:
        unit.as_customer(stored.customer)
    made = _Made(unit, document)
    found = [*kept_differences(unit, document, [each.document for each in made.sections])]
    try:
        body = body_of(made.again())
    except TallystickError as refused:
        found.append(Difference("document", "was issued", f"cannot be made: {refused}"))
        body = b""
    found += made.due_differences
    row = stored_document(unit, stored.customer, stored.id)
    if body and body != row["body"].encode():
        found += differences("body", json.loads(row["body"]), json.loads(body))
    return Replay(stored.id, stored.number or "", body, tuple(dict.fromkeys(found)))


class _Made:
    """One document on its way to be made again."""

    def __init__(self, unit: Unit, document: Document) -> None:
        self.unit, self.document, self.stored = unit, document, document.invoice
        self.offers = Offers(unit)
        self.reader = EventReader(unit, self.offers)
        self.due_differences: list[Difference] = []
        self.asked = document.invoice
        found = section_documents(unit, (self.stored.customer, self.stored.id))
        self.sections = [_Section(unit, each, self) for each in found]

    def again(self) -> Invoice:
        """Make it: fold, measure, reckon, finalise.

        What a person gave back by hand is itself the truth: only its sums are made again.
        """
        stored = self.stored
        if stored.cause.startswith(_BY_HAND):
            return _summed(stored)
        draft = self._consolidated() if self.sections else reckon(self._facts(self._due_again()))
        done = finalize(
            draft,
            number=stored.number or "",
            due_at=stored.due_at or stored.finalize_at,
            seller=stored.seller or Party(),
            buyer=stored.buyer or Party(),
        )
        return replace(done, credits=stored.credits)

    def _consolidated(self) -> Invoice:
        """Make every section again, then what pays them; names were frozen with the document."""
        names = {each.id: each.name for each in self.stored.sections}
        parts = [each.part(names.get(each.stored.id)) for each in self.sections]
        self.due_differences += [told for each in self.sections for told in each.due_differences]
        return consolidated(self._facts(self.document.due), parts).invoice

    def _due_again(self) -> Due:
        """Fold the moves, and give the due of the cause; what no moves make is as it is stored."""
        stored, kept = self.stored, self.document.due
        if stored.subscription is None or not made_by_moves(stored.cause):
            return kept
        records = moves.moves_of(self.unit, stored.customer, stored.subscription)
        before = [each for each in records if each.number == 1 or each.at <= stored.at]
        outcome = refolded(before, stored.at, self.offers)
        due = next((each for each in outcome.dues if each.cause == stored.cause), None)
        if due is None:
            self.due_differences.append(Difference("due", stored.cause, None))
            return kept
        self.due_differences += differences("due", tree_of(kept), tree_of(due))
        return due

    def _facts(self, due: Due) -> Facts:
        stored = self.stored
        earlier = self._earlier()
        known = self._known()
        told = as_known(self._lines_of(earlier), known)
        before = [line for line in told if line.status != "void"]
        used = {
            place: self._used(due, charge, before)
            for place, charge in enumerate(due.charges)
            if charge.kind == "usage" or charge.by_value
        }
        minimums = [(p, each) for p, each in enumerate(due.charges) if each.kind == "minimum"]
        late = late_before(self.unit, self.reader, self.document, earlier, before)
        charges = (charge for each in earlier for charge in each.due.charges)
        return Facts(
            id=stored.id,
            customer=stored.customer,
            subscription=stored.subscription,
            currency=stored.currency,
            due=due,
            finalize_at=stored.finalize_at,
            offers=self.offers,
            used=used,
            billed={place: asked_for_minimum(charge, before) for place, charge in minimums},
            creditable=self._creditable(due, told, known),
            items=self._items(),
            redemptions=self._redemptions(),
            earlier=[each.invoice for each in earlier if stood(each, known)],
            grants=self._grants(),
            taxation=self._taxation(),
            late=late,
            settled=settled_minimums(charges, before, late, stored.cause),
            balance=self._balance_before(),
            terms=stored.terms,
        )

    def _taxation(self) -> Taxation | None:
        """Ask the rules that it was taxed by, whatever was published since."""
        stored = self.stored
        if not stored.tax_evidence:
            return None
        rules = rules_of_digest(self.unit, str(stored.tax_evidence.get("rules")))
        return Taxation(
            decide=engine_of(rules),
            seller=stored.seller or Party(),
            buyer=stored.buyer or Party(),
        )

    def _items(self) -> tuple[OneOff, ...]:
        found = invoice_items.items_of(self.unit, self.stored.customer, self.stored.id)
        return tuple(
            OneOff(
                id=item.id,
                description=item.description,
                quantity=item.quantity,
                amount=item.amount,
            )
            for item in found
        )

    def _used(self, due: Due, charge: Charge, before: list[BilledLine]) -> tuple[Used, ...]:
        """Measure a charge anew, less what slices of its window billed before."""
        stored = self.stored
        used = self.reader.used_for(Asked(stored.customer, charge, stored.watermark))
        if not is_sliced(charge, self.offers):
            return used
        slices = Slices(self.offers, self.reader)
        slices.add_billed(before)
        return slices.rest(replace(draft_from(self.document), due=due), charge, used)

    def _creditable(
        self, due: Due, before: list[BilledLine], known: Collection[str]
    ) -> Mapping[int, tuple[Invoiced, ...]]:
        """Give what was left of the fees that it gives back of, as the books stood before it."""
        stored = self.stored
        if stored.subscription is None or all(each.kind != "credit" for each in due.charges):
            return {}
        found = documents_of(self.unit, stored.customer, stored.subscription)
        notes = [
            each
            for each in found
            if each.invoice.cause.startswith(_BY_HAND) and f"credit_note/{each.invoice.id}" in known
        ]
        owner = (stored.customer, stored.subscription)
        of_family = [
            line
            for line in invoice_lines.notes_on_sections(self.unit, [owner])
            if f"credit_note/{line.invoice}" in known
        ]
        return left_of_fees(due, [*before, *self._lines_of(notes), *of_family])

    def _known(self) -> Collection[str]:
        """Give the causes of what stood in the books before the document."""
        return known_of_family(self.unit, self.stored.customer, self.asked)

    def _redemptions(self) -> tuple[Redemption, ...]:
        """Give the coupons that acted on it, as often used as they were then."""
        known = self._known()

        def counted(other: Document) -> bool:
            return stood(other, known) and came_before(other, self.document)

        return redemptions_before(self.unit, self.document, counted)

    def _came_before(self, other: Document) -> bool:
        """Whether another document of the customer was issued before it."""
        return came_before(other, self.document)

    def _grants(self) -> tuple[GrantBalance, ...]:
        """Give the credit grants as they stood before it.

        What a person took of a grant that paid nothing counts: a late run may have come after it.
        """

        def counted(move: CreditMove) -> bool:
            if move.kind in _TAKEN:
                return True
            if move.invoice is None or move.kind == "restored":
                return move.at <= self.stored.finalize_at
            other = invoices.find_invoice(self.unit, move.invoice, customer=move.customer)
            return other is not None and self._came_before(other)

        return grants_before(self.unit, self.stored, counted)

    def _earlier(self) -> list[Document]:
        """Give the documents of the subscription that came before, in their order."""
        stored = self.stored
        if stored.subscription is None:
            return []
        found = documents_of(self.unit, stored.customer, stored.subscription)
        others = [each for each in found if not each.invoice.cause.startswith(_BY_HAND)]
        return [each for each in others if came_before(each, self.document)]

    def _lines_of(self, documents: list[Document]) -> list[BilledLine]:
        keys = [(each.invoice.customer, each.invoice.id) for each in documents]
        found = invoice_lines.lines_of(self.unit, keys)
        return [line for key in keys for line in found[key]]

    def _balance_before(self) -> int:
        """Give what the customer had to its credit before the document's own entries."""
        stored = self.stored
        own = f"{stored.kind}/{stored.id}"
        balance = 0
        for entry in journal.entries_of(self.unit, stored.customer):
            if entry.cause == own:
                return balance
            if entry.amount.currency == stored.currency:
                balance += entry.amount.minor * (
                    (entry.credit == "balance") - (entry.debit == "balance")
                )
        return balance


class _Section(_Made):
    """A section of a payer's document on its way to be made again."""

    def __init__(self, unit: Unit, document: Document, whole: _Made) -> None:
        super().__init__(unit, document)
        self.asked, self.whole = whole.stored, whole

    def part(self, name: str | None) -> Section:
        """Make it as far as it stands alone."""
        due = self._due_again()
        facts = self._facts(due)
        known = self._known()
        others = [each for each in self._earlier() if each.invoice.id not in self._same()]
        before = self._creditable(due, as_known(self._lines_of(others), known), known)
        return section_of(facts, name, facts.creditable.keys() - before.keys())

    def _grants(self) -> tuple[GrantBalance, ...]:
        """Give its customer's grants of units: those of money pay no section."""
        return by_measure(super()._grants())[0]

    def _came_before(self, other: Document) -> bool:
        """Whether another document of the customer was issued before the payer's."""
        if other.invoice.id in self._same():
            return super()._came_before(other)
        key = (other.invoice.customer, other.invoice.id)
        payer = payers_of(self.unit, [key]).get(key)
        found = None if payer is None else find_invoices(self.unit, [payer])[payer]
        return came_before(other if found is None else found, self.whole.document)

    def _same(self) -> set[str]:
        """Give the ids of the sections of its document."""
        return {each.stored.id for each in self.whole.sections}

    def _lines_of(self, documents: list[Document]) -> list[BilledLine]:
        """Give lines as they stood: those of the same document had no credits and taxes yet."""
        same = self._same()
        return [
            replace(line, credit=replace(line.credit, minor=0), tax=replace(line.tax, minor=0))
            if line.invoice in same
            else line
            for line in super()._lines_of(documents)
        ]


def _summed(note: Invoice) -> Invoice:
    unit = note.currency
    subtotal = Money.total((line.amount for line in note.lines), unit)
    tax = Money.total((line.tax for line in note.lines), unit)
    taxes = taxes_by_rate(note.lines)
    return replace(note, subtotal=subtotal, tax=tax, taxes=taxes, total=subtotal + tax)

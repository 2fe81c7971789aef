"""Documents of customers reckoned again on trial, from what is stored of them.

Each is reckoned by the same steps as it was, in the order of issue, from its stored quantities, and
from what the documents before it come to now.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cmp_to_key, partial
from typing import TYPE_CHECKING, Any, Final

from tallystick.app.creditable import left_of_fees
from tallystick.app.late_minimums import settled_minimums
from tallystick.app.redemptions import redemptions_for
from tallystick.app.refold import made_by_moves, refolded
from tallystick.app.replay_usage import EventReader
from tallystick.app.standing import as_known, billed_for, came_before, known_before, stood
from tallystick.app.stored_grants import StoredGrants
from tallystick.app.stored_rates import StoredRates
from tallystick.app.stored_usage import StoredUsage
from tallystick.core.reckoned_lines import OneOff
from tallystick.core.reckoning import Facts, reckon
from tallystick.errors import RuleError, TallystickError
from tallystick.storage import credits as shelf
from tallystick.storage import customers, invoice_lines, journal, moves
from tallystick.storage.invoice_lines import as_billed
from tallystick.storage.issued_figures import documents_until
from tallystick.storage.usage_arrivals import late_customers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from tallystick.app.taxes import Taxing
    from tallystick.app.trials import Trials
    from tallystick.core.charge import Charge, Due
    from tallystick.core.invoice import Invoice
    from tallystick.core.period import Instant
    from tallystick.core.redemption import Redemption
    from tallystick.core.tax_decision import Taxation
    from tallystick.storage.credits import GrantRow
    from tallystick.storage.invoice_lines import BilledLine
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = ["Retried", "retried"]

_BY_HAND: Final = "credit/"


@dataclass(frozen=True, slots=True)
class Retried:
    """A document and what its total comes to now, minor units; `why` it had to stay as it was."""

    document: Document
    total: int
    why: str = ""


def retried(
    unit: Unit, trials: Trials, people: Collection[str], until: Instant, taxing: Taxing | None
) -> Iterator[Retried]:
    """Give all documents of customers that were issued before an instant, reckoned again.

    `taxing` is whom to ask for rates that no document has; None where there are no tax rules.
    """
    of: dict[str, list[Document]] = defaultdict(list)
    for document in documents_until(unit, people, until):
        of[document.invoice.customer].append(trials.agreed(document))
    documents = [document for some in of.values() for document in some]
    stored = invoice_lines.lines_of(unit, [_key(each) for each in documents])
    reader = EventReader(unit, trials)
    _ask(reader, trials, documents)
    redeemed = redemptions_for(unit, list(of))
    late = late_customers(unit, list(of), until)
    granted = _granted(unit, list(of))
    for customer, some in of.items():
        one = _Customer(
            unit,
            trials,
            some,
            stored=stored,
            usage=StoredUsage(unit, trials, reader, late=customer in late),
            rates=None if taxing is None else StoredRates(partial(_rules, unit, taxing, customer)),
            redemptions=redeemed.get(customer, ()),
            granted=granted.get(customer, ()),
        )
        yield from one.again()


def _ask(reader: EventReader, trials: Trials, documents: Sequence[Document]) -> None:
    """Ask at once for all that is counted anew."""
    for document in documents:
        for charge in document.due.charges:
            if charge.by_value or trials.counts_anew(charge):
                with suppress(RuleError):  # told where the document is reckoned
                    reader.ask([StoredUsage.asked(document, charge)], by_events=True)


def _rules(unit: Unit, taxing: Taxing, customer: str) -> Taxation | None:
    return taxing.taxation(customers.several(unit, [customer]).get(customer))


def _granted(unit: Unit, people: Collection[str]) -> Mapping[str, Sequence[GrantRow]]:
    found: dict[str, list[GrantRow]] = defaultdict(list)
    for row in shelf.grants_of(unit, people, spent=True):
        found[row.grant.customer].append(row)
    return found


def _key(document: Document) -> tuple[str, str]:
    return document.invoice.customer, document.invoice.id


def _order(one: Document, other: Document) -> int:
    return came_before(other, one) - came_before(one, other)


def _by_hand(document: Document) -> bool:
    return document.invoice.cause.startswith(_BY_HAND)


class _Customer:
    """One customer's documents on their way, and what those so far come to."""

    def __init__(
        self,
        unit: Unit,
        trials: Trials,
        documents: Sequence[Document],
        *,
        stored: Mapping[tuple[str, str], Sequence[BilledLine]],
        usage: StoredUsage,
        rates: StoredRates | None,
        redemptions: Sequence[Redemption],
        granted: Sequence[GrantRow],
    ) -> None:
        self.unit, self.trials, self.stored, self.usage = unit, trials, stored, usage
        self.rates, self.redemptions = rates, redemptions
        self.documents = sorted(documents, key=cmp_to_key(_order))
        corrected = any(each.status == "void" or _by_hand(each) for each in documents)
        customer = documents[0].invoice.customer
        self.grants = StoredGrants(granted, shelf.moves_of(unit, customer) if granted else ())
        self.entries = journal.entries_of(unit, customer) if corrected else ()
        self.done: list[Document] = []
        self.made: dict[str, Invoice] = {}
        self.lines: dict[str, list[BilledLine]] = {}
        self.uses: dict[str, list[Document]] = defaultdict(list)

    def again(self) -> Iterator[Retried]:
        """Reckon them, the first first."""
        for document in self.documents:
            yield self._one(document)
            self.done.append(document)

    def _one(self, document: Document) -> Retried:
        invoice, stored = document.invoice, self.stored[_key(document)]
        self.lines[invoice.id] = list(stored)
        if _by_hand(document):
            return Retried(document, invoice.total.minor)
        try:
            made = reckon(self._facts(document, stored))
        except RuleError as refused:
            self.grants.note_kept(document)
            return Retried(document, invoice.total.minor, str(refused))
        self._note(document, stored, made)
        return Retried(document, made.total.minor)

    def _note(self, document: Document, stored: Sequence[BilledLine], made: Invoice) -> None:
        asks = any(line.amount.minor for line in made.lines)
        status = "open" if document.status == "empty" and asks else document.status
        self.lines[made.id] = [replace(line, status=status) for line in as_billed(made)]
        self.usage.note(document, stored, made)
        self.grants.note(document, made)
        self.made[made.id] = made
        for each in made.discounts:
            self.uses[each.redemption].append(document)

    def _facts(self, document: Document, stored: Sequence[BilledLine]) -> Facts:
        invoice = document.invoice
        known = known_before(self.entries, invoice)
        earlier = self._earlier(document)
        told = as_known([line for each in earlier for line in self.lines[each.invoice.id]], known)
        billed = [line for line in told if line.status != "void"]
        late = self.usage.late_for(document, stored, earlier, billed)
        charges = [charge for each in earlier for charge in each.due.charges]
        due = self._capped(document)
        return Facts(
            id=invoice.id,
            customer=invoice.customer,
            subscription=invoice.subscription,
            currency=invoice.currency,
            due=due,
            finalize_at=invoice.finalize_at,
            offers=self.trials,
            used=self.usage.used_for(document, stored),
            late=late,
            settled=settled_minimums(charges, billed, late, invoice.cause),
            billed={
                place: billed_for(charge, billed, known)
                for place, charge in enumerate(due.charges)
                if charge.kind == "minimum"
            },
            creditable=left_of_fees(due, [*told, *as_known(self._notes(document, known), known)]),
            items=tuple(_one_off(line) for line in stored if line.kind == "item"),
            redemptions=self._redemptions(document, known),
            earlier=self._made(earlier, known),
            grants=self.grants.before(document, known),
            taxation=None if self.rates is None else self.rates.taxation(stored),
            terms=invoice.terms,
        )

    def _earlier(self, document: Document) -> list[Document]:
        """Give the documents of its subscription before it, but those by hand."""
        mine = document.invoice.subscription
        if mine is None:
            return []
        some = [
            each for each in self.done if each.invoice.subscription == mine and not _by_hand(each)
        ]
        return sorted(some, key=lambda each: each.turn)

    def _made(self, earlier: Sequence[Document], known: Collection[str]) -> list[Invoice]:
        ids = [each.invoice.id for each in earlier if stood(each, known)]
        return [self.made[id_] for id_ in ids if id_ in self.made]

    def _notes(self, document: Document, known: Collection[str]) -> list[BilledLine]:
        """Give the lines of the credit notes by hand that it knew of."""
        return [
            line
            for each in self.documents
            if _by_hand(each)
            and each.invoice.subscription == document.invoice.subscription
            and f"credit_note/{each.invoice.id}" in known
            for line in self.stored[_key(each)]
        ]

    def _redemptions(self, document: Document, known: Collection[str]) -> tuple[Redemption, ...]:
        mine = {None, document.invoice.subscription}
        return tuple(
            replace(each, used=sum(stood(use, known) for use in self.uses[each.id]))
            for each in self.redemptions
            if each.subscription in mine
        )

    def _capped(self, document: Document) -> Due:
        """Give its due, each credit of a changed fee capped by what was charged for it now."""
        due = document.due
        if not any(self._is_capped(charge) for charge in due.charges):
            return due
        caps = self._caps(document)
        charges = (
            replace(charge, **caps.get(_rest(charge), {"cap": None}))
            if self._is_capped(charge)
            else charge
            for charge in due.charges
        )
        return replace(due, charges=tuple(charges))

    def _is_capped(self, charge: Charge) -> bool:
        return charge.cap is not None and self.trials.is_changed(charge)

    def _caps(self, document: Document) -> dict[tuple[Any, ...], dict[str, Any]]:
        """Fold the moves on trial: what they then give back, and of what was charged how much."""
        invoice = document.invoice
        if invoice.subscription is None or not made_by_moves(invoice.cause):
            return {}
        records = moves.moves_of(self.unit, invoice.customer, invoice.subscription)
        before = [each for each in records if each.number == 1 or each.at <= invoice.at]
        try:
            dues = refolded(before, invoice.at, self.trials).dues
        except TallystickError:
            return {}
        return {
            _rest(charge): {"cap": charge.cap, "paid": charge.paid}
            for due in dues
            if due.cause == invoice.cause
            for charge in due.charges
            if charge.kind == "credit"
        }


def _rest(charge: Charge) -> tuple[Any, ...]:
    return charge.item.key, charge.price, charge.window, charge.part


def _one_off(line: BilledLine) -> OneOff:
    name = line.part.removeprefix("item/")
    return OneOff(id=name, description=name, quantity=line.quantity, amount=line.amount)

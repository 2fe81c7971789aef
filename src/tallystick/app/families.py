"""Families: where the drafts of customers go for whom another one pays.

A draft of a family is a section of its payer's consolidated document, of which there is one for
each day of the payer's and each currency; it is issued when that day ends.  Who pays is decided by
the instant for which a document is due, never by the time of the run.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tallystick.app.drafting import document_id
from tallystick.app.refold import BY_MOVES
from tallystick.app.sequence import in_sequence
from tallystick.core.charge import Due
from tallystick.core.parent import end_of_day, payer_at
from tallystick.core.period import instant_text
from tallystick.storage import customers, invoices, sections
from tallystick.storage.invoice_rows import Draft
from tallystick.storage.parents import any_parents, parents_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tallystick.core.currency import Currency
    from tallystick.core.parent import Parent
    from tallystick.core.period import Instant
    from tallystick.storage.sections import Key
    from tallystick.storage.unit import Unit

__all__ = ["CONSOLIDATED", "Placed", "place_drafts", "placed_alone"]

CONSOLIDATED: Final = "consolidated/"
"""How the cause of a payer's document begins."""

_BOUNDARY: Final = "boundary/"


@dataclass(frozen=True, slots=True)
class Placed:
    """Drafts as they would be issued: those of families on documents of their payers."""

    drafts: tuple[Draft, ...]
    sections: Mapping[str, list[Draft]]


def place_drafts(unit: Unit, drafts: Sequence[Draft]) -> list[Draft]:
    """Store drafts, those of families as sections of their payers' documents; give the new ones.

    None may be issued before an earlier one of its subscription.  Whoever asks again makes nothing
    again.
    """
    if not drafts:
        return []
    with unit.for_all():
        if not any_parents(unit):
            return invoices.insert_drafts(unit, in_sequence(unit, drafts))
        payers = _Payers(unit, drafts)
        found = [(draft, payers.of(draft)) for draft in drafts]
        dated = [payers.dated(draft, payer) for draft, payer in found]
        new = invoices.insert_drafts(unit, in_sequence(unit, dated))
        of = {draft.id: payer for draft, payer in found if payer is not None}
        documents: dict[tuple[str, Instant, str], Key] = {}
        links = []
        for draft in sorted((each for each in new if each.id in of), key=lambda each: of[each.id]):
            place = (of[draft.id], draft.finalize_at, draft.currency.code)
            if place not in documents:
                documents[place] = _document(unit, place[0], draft)
            links.append((documents[place], (draft.customer, draft.id)))
        sections.add_sections(unit, links)
    return new


def placed_alone(unit: Unit, drafts: Sequence[Draft]) -> Placed:
    """Give drafts as they would stand if each were issued alone, and store nothing.

    The draft of a payer's document has its sections.
    """
    with unit.for_all():
        keys = [(draft.customer, draft.id) for draft in drafts]
        found = {key[1]: some for key, some in sections.section_drafts(unit, keys).items()}
        if not any_parents(unit):
            return Placed(tuple(drafts), found)
        stored = sections.payers_of(unit, keys)
        payers = _Payers(unit, drafts)
        placed = []
        for draft in drafts:
            of = stored.get((draft.customer, draft.id))
            payer = payers.of(draft) if of is None else of[0]
            if payer is None or draft.id in found:
                placed.append(draft)
                continue
            dated = draft if of is not None else payers.dated(draft, payer)
            placed.append(_payers_draft(payer, dated, id_=draft.id))
            found[draft.id] = [dated]
    return Placed(tuple(placed), found)


class _Payers:
    """Who pays for the documents of some customers."""

    def __init__(self, unit: Unit, drafts: Sequence[Draft]) -> None:
        self._unit = unit
        people = {draft.customer for draft in drafts}
        self._parents: dict[str, list[Parent]] = defaultdict(list)
        known = parents_of(unit, people)
        for each in known:
            self._parents[each.customer].append(each)
            self._parents[each.parent].append(each)
        names = sorted({each.parent for each in known})
        self._zones = {key: it.time_zone for key, it in customers.several(unit, names).items()}
        self._asked: dict[Key, str | None] = {}

    def of(self, draft: Draft) -> str | None:
        """Give who pays for a draft: from a boundary on, who does then; till the next, the same."""
        known = self._parents.get(draft.customer)
        if not known:
            return None
        payer = payer_at(known, draft.customer, draft.due.at)
        if draft.subscription_id is not None:
            key = (draft.customer, draft.subscription_id)
            if not draft.cause.startswith(_BOUNDARY):
                payer = self._before(draft, key, payer)
            if draft.cause.partition("/")[0] in BY_MOVES:
                self._asked[key] = payer
        return payer

    def _before(self, draft: Draft, key: Key, now: str | None) -> str | None:
        """Give who was asked for the period in which a document falls due."""
        if key in self._asked:
            return self._asked[key]
        found = sections.asked_before(self._unit, key, draft.due.at, BY_MOVES)
        return now if found is None else found[0]

    def dated(self, draft: Draft, payer: str | None) -> Draft:
        """Give a draft as it may be issued: a section when its payer's day ends."""
        if payer is None:
            return draft
        return replace(draft, finalize_at=end_of_day(draft.finalize_at, self._zones.get(payer)))


def _document(unit: Unit, payer: str, section: Draft) -> Key:
    """Give the payer's document for a section, a draft that is locked; make it where it is not.

    Where the day's document was issued already, as for a section that had been set aside, the next.
    """
    causes = _causes(section.finalize_at, section.currency)
    while True:
        draft = _payers_draft(payer, section, cause=next(causes))
        invoices.insert_drafts(unit, [draft])
        key = (payer, draft.id)
        if invoices.hold_invoices(unit, [key])[key].status == "draft":
            return key


def _causes(at: Instant, currency: Currency) -> Iterator[str]:
    first = f"{CONSOLIDATED}{instant_text(at)}/{currency.code}"
    yield first
    number = 1
    while True:
        number += 1
        yield f"{first}/{number}"


def _payers_draft(
    payer: str, section: Draft, *, cause: str | None = None, id_: str | None = None
) -> Draft:
    """Give the draft of a payer's document, of which nothing is due but its sections."""
    made = next(_causes(section.finalize_at, section.currency)) if cause is None else cause
    return Draft(
        customer=payer,
        id=document_id(payer, made) if id_ is None else id_,
        due=Due(cause=made, at=section.finalize_at, charges=()),
        currency=section.currency,
        finalize_at=section.finalize_at,
    )

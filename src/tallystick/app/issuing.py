"""Issuing: drafts whose grace is over become documents, in order, each for ever.

A batch is one transaction.  It holds the series of numbers, so only one process issues at a time;
what it needs is read for the whole batch, the reckoning is in core, and what comes out is written
in a few statements.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallystick.app.batch_facts import BatchFacts
from tallystick.app.credit_burning import burn_grants
from tallystick.app.families import placed_alone
from tallystick.app.invoice_items import draft_left_items
from tallystick.app.late_drafts import draft_late
from tallystick.app.note_settlement import settle_note
from tallystick.app.offers import Offers
from tallystick.app.stopped import FAULTS, reason_of
from tallystick.app.thresholds import draft_thresholds, has_thresholds
from tallystick.app.top_ups import TopUps
from tallystick.core.reckoning import finalize
from tallystick.core.settlement import issued as issued_entries
from tallystick.errors import RuleError, StorageUnavailable
from tallystick.storage import (
    balances,
    invoice_items,
    invoices,
    journal,
    series,
    usage_watermark,
)
from tallystick.storage.invoice_rows import sealed
from tallystick.storage.redemptions import insert_discounts
from tallystick.storage.sections import section_drafts
from tallystick.storage.sold_on import last_to_issue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.invoice import Invoice
    from tallystick.core.period import Instant
    from tallystick.core.settlement import Transfer
    from tallystick.storage.aside import Stored
    from tallystick.storage.invoice_rows import Draft, Issued
    from tallystick.storage.unit import Unit

__all__ = ["SERIES", "Batch", "close_ahead", "drafted", "drafted_all", "issue_batch", "ready_usage"]

SERIES: Final = {"invoice": "invoice", "credit_note": "credit_note"}
"""The series that documents of each kind are numbered in."""
_DIGITS: Final = 6
_FEWER: Final = 4


@dataclass(slots=True)
class Batch:
    """What a batch came to: documents issued, drafts without any amount, drafts set aside."""

    issued: list[Invoice] = field(default_factory=list)
    empty: list[Invoice] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        """Count the drafts that are done with."""
        return len(self.issued) + len(self.empty) + len(self.set_aside)


def issue_batch(unit: Unit, until: Instant, *, before: Instant | None, limit: int) -> Batch:
    """Issue the drafts that may be by then, the first first, and only `before` an instant."""
    held = series.hold_series(unit, SERIES.values())
    unread: list[str] = []

    def leave(row: Stored, why: Exception) -> None:
        _leave(unit, (row["customer_id"], row["id"]), row["finalize_at"], row["due"], why)
        unread.append(row["id"])

    drafts = invoices.claim_drafts(unit, until, limit, before=before, unread=leave)
    while drafts:
        batch = Batch(set_aside=[*unread])
        try:
            with unit.savepoint():
                _Issuing(unit, drafts, held, _sections(unit, drafts)).issue(batch)
        except StorageUnavailable:
            raise
        except FAULTS as fault:
            if len(drafts) == 1:
                _set_aside(unit, drafts[0], fault)
                return Batch(set_aside=[*unread, drafts[0].id])
            drafts = drafts[: -(-len(drafts) // _FEWER)]  # one of them may have stopped all others
        else:
            return batch
    return Batch(set_aside=unread)


def close_ahead(unit: Unit, until: Instant) -> None:
    """Close usage for all that a run will issue, in a short transaction of its own.

    So no batch has to keep anybody from recording while it is at work.
    """
    unit.as_all()
    last = until if has_thresholds(unit, Offers(unit)) else last_to_issue(unit, until)
    if last is not None:
        usage_watermark.close_usage(unit, last)


def ready_usage(unit: Unit, until: Instant) -> None:
    """Make drafts of thresholds that were reached, and of what waits for no other document.

    These are items of subscriptions that have ended, and what came late.
    Once a run, before any batch is issued, so that they are numbered among the others.
    """
    unit.as_all()
    offers = Offers(unit)
    draft_left_items(unit, until)
    draft_thresholds(unit, offers, until)
    draft_late(unit, offers, until)


def drafted(unit: Unit, draft: Draft, watermark: Instant | None = None) -> Invoice:
    """Reckon a draft as it stands now, and change nothing."""
    early = draft if watermark is None else replace(draft, finalize_at=watermark)
    return drafted_all(unit, [early])[0]


def drafted_all(unit: Unit, drafts: Sequence[Draft]) -> tuple[Invoice, ...]:
    """Reckon drafts as they would be issued one after the other now, and change nothing."""
    if not drafts:
        return ()
    placed = placed_alone(unit, drafts)
    return _Issuing(unit, placed.drafts, {}, placed.sections).foreseen()


class _Issuing:
    """One batch on its way: what was read for all of it, and what is to be written."""

    def __init__(
        self,
        unit: Unit,
        drafts: Sequence[Draft],
        held: Mapping[str, tuple[int, str]],
        sections: Mapping[str, Sequence[Draft]],
    ) -> None:
        self.unit, self.drafts = unit, drafts
        self.facts = BatchFacts(unit, drafts, sections, lock=bool(held))
        self.next = {name: number for name, (number, _) in held.items()}
        self.chain = {name: chain for name, (_, chain) in held.items()}
        self.top_ups = TopUps(unit, self.facts.people)
        self.notes: list[Invoice] = []
        self.noted: set[tuple[str, str]] = set()
        self.ready: list[Issued] = []
        self.closed: list[Invoice] = []
        self.entries: list[journal.Entry] = []
        self.used_items: list[tuple[str, str, str]] = []

    # --- the batch --------------------------------------------------------------------------------

    def issue(self, batch: Batch) -> None:
        usage_watermark.close_usage(self.unit, max(draft.finalize_at for draft in self.drafts))
        for draft in self.drafts:
            if self.top_ups.follows(draft.customer):
                break  # what was bought can pay it
            if (draft.customer, draft.currency.code) in self.noted:
                break  # what a credit note gave back can pay it: it is in the balance by then
            try:
                invoice = self.facts.reckoned(draft)
            except RuleError as refused:
                _set_aside(self.unit, draft, refused)
                batch.set_aside.append(draft.id)
                if draft.id in self.facts.sections:
                    break  # what its sections used up was noted: the next batch knows better
                continue
            self.facts.follow(draft, invoice)
            self.closed += self.facts.sections_of(invoice)
            if invoice.burns or any(line.amount.minor for line in invoice.lines):
                batch.issued.append(self._close(draft, invoice))
                self.top_ups.note(invoice, self.facts.grants_for(draft))
            else:
                batch.empty.append(invoice)
        self._write(batch)

    def foreseen(self) -> tuple[Invoice, ...]:
        """Reckon the drafts in their order, each after what the ones before would use up."""
        found = []
        for draft in sorted(self.drafts, key=lambda each: each.turn):
            invoice = self.facts.reckoned(draft)
            found.append(invoice)
            self.facts.follow(draft, invoice)
            self.facts.settle(invoice)
        return tuple(found)

    # --- one document -----------------------------------------------------------------------------

    def _close(self, draft: Draft, invoice: Invoice) -> Invoice:
        """Number a document, freeze who sells and buys, and note what it means for the books."""
        name = SERIES[invoice.kind]
        number = self.next[name]
        self.next[name] = number + 1
        prefix = self.facts.seller.invoice_prefix
        if invoice.kind == "credit_note":
            prefix = self.facts.seller.credit_note_prefix
        days = draft.terms.net_days
        net = timedelta(days=self.facts.seller.net_days if days is None else days)
        done = finalize(
            invoice,
            number=f"{prefix}{number:0{_DIGITS}}",
            due_at=invoice.finalize_at + net,
            seller=self.facts.seller.party,
            buyer=self.facts.buyer(draft),
        )
        sealed_one = sealed(done, name, number, self.chain[name])
        self.chain[name] = sealed_one.chain
        self.ready.append(sealed_one)
        self._settle(done)
        return done

    def _settle(self, invoice: Invoice) -> None:
        self.used_items += self.facts.settle(invoice)
        if invoice.kind == "credit_note":
            self.notes.append(invoice)
            self.noted.add((invoice.customer, invoice.currency.code))
        else:
            self._post(invoice, issued_entries(invoice))

    def _post(self, invoice: Invoice, transfers: Sequence[Transfer]) -> None:
        assert invoice.issued_at is not None  # noqa: S101 - it was just issued
        self.entries += [
            journal.Entry(
                customer=invoice.customer,
                at=invoice.issued_at,
                cause=f"{invoice.kind}/{invoice.id}",
                debit=each.debit,
                credit=each.credit,
                amount=each.amount,
            )
            for each in transfers
        ]

    # --- writing ----------------------------------------------------------------------------------

    def _write(self, batch: Batch) -> None:
        unit = self.unit
        invoices.close_sections(unit, self.closed)
        insert_discounts(unit, self.closed)
        if batch.empty:
            invoices.drop_empty(unit, batch.empty)
        if not self.ready:
            return
        invoices.issue(unit, self.ready)
        insert_discounts(unit, [each.invoice for each in self.ready if not each.invoice.sections])
        burn_grants(unit, [*self.closed, *(each.invoice for each in self.ready)])
        self.top_ups.write()
        for name in {each.series for each in self.ready}:
            count = sum(each.series == name for each in self.ready)
            series.take_numbers(unit, name, count)
            series.put_chain(unit, name, self.chain[name])
        if self.used_items:
            invoice_items.put_on_invoice(unit, self.used_items)
        for note in self.notes:
            self._post(note, settle_note(unit, note))
        taken = [
            (customer, each.invoice.from_balance)
            for each in self.ready
            if (customer := each.invoice.customer) and each.invoice.from_balance.minor
        ]
        if taken:
            balances.take(unit, taken)
        if self.entries:
            journal.post(unit, self.entries)


def _sections(unit: Unit, drafts: Sequence[Draft]) -> dict[str, list[Draft]]:
    """Give the drafts that stand on others, by the id of the other."""
    found = section_drafts(unit, [(draft.customer, draft.id) for draft in drafts])
    return {id_: some for (_, id_), some in found.items()}


def _set_aside(unit: Unit, draft: Draft, why: Exception) -> None:
    _leave(unit, (draft.customer, draft.id), draft.finalize_at, draft.due, why)


def _leave(
    unit: Unit, key: tuple[str, str], at: Instant, made_from: object, why: Exception
) -> None:
    """Leave a draft out of further runs, with what is needed to look into it."""
    reason = reason_of(why, at, made_from, f"tallystick invoice preview {key[1]}")
    invoices.set_aside(unit, *key, json.dumps(reason, ensure_ascii=False, sort_keys=True))

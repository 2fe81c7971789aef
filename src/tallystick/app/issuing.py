"""Issuing: drafts whose grace is over become documents, in order, each for ever.

A batch is one transaction.  It holds the series of numbers, so only one process issues at a time;
what it needs is read for the whole batch, the reckoning is in core, and what comes out is written
in a few statements.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallystick.app.coupons_before import CouponsBefore
from tallystick.app.credit_burning import burn_grants, grants_left, pays_in
from tallystick.app.creditable import left_of_fees
from tallystick.app.families import placed_alone
from tallystick.app.invoice_items import draft_left_items
from tallystick.app.late_drafts import draft_late
from tallystick.app.note_settlement import settle_note
from tallystick.app.offers import Offers
from tallystick.app.redemptions import redemptions_for
from tallystick.app.seller import settings_of
from tallystick.app.stopped import FAULTS, reason_of
from tallystick.app.taxes import Taxing
from tallystick.app.thresholds import draft_thresholds, has_thresholds
from tallystick.app.top_ups import TopUps
from tallystick.app.usage_of_drafts import UsageOfDrafts
from tallystick.core.consolidating import Consolidated, consolidated, section_of
from tallystick.core.minimum import asked_for_minimum
from tallystick.core.reckoned_lines import OneOff
from tallystick.core.reckoning import Facts, finalize, reckon
from tallystick.core.settlement import issued as issued_entries
from tallystick.errors import RuleError, StorageUnavailable
from tallystick.storage import (
    balances,
    customers,
    invoice_items,
    invoice_lines,
    invoices,
    journal,
    series,
    usage_watermark,
)
from tallystick.storage.invoice_lines import as_billed
from tallystick.storage.invoice_rows import sealed
from tallystick.storage.redemptions import insert_discounts
from tallystick.storage.sections import section_drafts
from tallystick.storage.sold_on import last_to_issue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.charge import Charge
    from tallystick.core.credit_balance import GrantBalance
    from tallystick.core.invoice import Invoice
    from tallystick.core.period import Instant
    from tallystick.core.redemption import Redemption
    from tallystick.core.seller import Seller
    from tallystick.core.settlement import Transfer
    from tallystick.storage.aside import Stored
    from tallystick.storage.invoice_lines import BilledLine
    from tallystick.storage.invoice_rows import Draft, Issued
    from tallystick.storage.unit import Unit

__all__ = ["Batch", "close_ahead", "drafted", "drafted_all", "issue_batch", "ready_usage"]

_SERIES: Final = {"invoice": "invoice", "credit_note": "credit_note"}
_DIGITS: Final = 6
_FEWER: Final = 4
_AFTER_OTHERS: Final = frozenset({"minimum", "credit"})


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
    held = series.hold_series(unit, _SERIES.values())
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
        self.sections = {  # whatever their payer's document waits for, they wait for, too
            draft.id: [replace(each, finalize_at=draft.finalize_at) for each in sections[draft.id]]
            for draft in drafts
            if draft.id in sections
        }
        self.asked = [each for draft in drafts for each in self.sections.get(draft.id, (draft,))]
        self.made: dict[str, Consolidated] = {}
        self.next = {name: number for name, (number, _) in held.items()}
        self.chain = {name: chain for name, (_, chain) in held.items()}
        self.offers = Offers(unit)
        self.seller: Seller = settings_of(unit)
        people = sorted({draft.customer for draft in (*drafts, *self.asked)})
        self.customers = customers.several(unit, people)
        self.taxing = Taxing(unit, self.seller.party)
        keys = {(draft.customer, draft.currency.code) for draft in drafts}
        self.redemptions = redemptions_for(unit, people, lock=bool(held))
        self.coupons = CouponsBefore(unit, self.asked, self.redemptions)
        self.grants = {
            customer: [row.balance for row in rows]
            for customer, rows in grants_left(unit, people, lock=bool(held)).items()
        }
        self.top_ups = TopUps(unit, people)
        self.balances = dict(balances.hold(unit, keys)) if held else self._seen_balances(people)
        self.taken: dict[tuple[str, str], int] = {}
        self.notes: list[Invoice] = []
        self.noted: set[tuple[str, str]] = set()
        self.items: dict[str, list[invoice_items.InvoiceItem]] = defaultdict(list)
        for item in invoice_items.waiting_items(unit, people):
            self.items[item.customer].append(item)
        waiting = [item for some in self.items.values() for item in some]
        self.own_documents = invoices.known_causes(
            unit, [(item.customer, f"item/{item.id}") for item in waiting]
        )
        self.lines: dict[tuple[str, str], list[BilledLine]] = defaultdict(list)
        self._read_lines()
        self.usage = UsageOfDrafts(unit, self.offers, self.asked)
        self.ready: list[Issued] = []
        self.closed: list[Invoice] = []
        self.entries: list[journal.Entry] = []
        self.used_items: list[tuple[str, str, str]] = []
        self.items_taken: dict[str, list[str]] = {}

    def _seen_balances(self, people: Sequence[str]) -> dict[tuple[str, str], int]:
        return {
            (customer, money.currency.code): money.minor
            for customer in people
            for money in balances.balance_of(self.unit, customer)
        }

    def _read_lines(self) -> None:
        """Read what was billed before, where a draft stands on it."""
        self.followed = {
            (draft.customer, draft.subscription_id)
            for draft in self.asked
            if draft.subscription_id is not None
            and any(charge.kind in _AFTER_OTHERS for charge in draft.due.charges)
        }
        if self.followed:
            for line in invoice_lines.billed_lines(self.unit, self.followed):
                self.lines[line.customer, line.subscription or ""].append(line)

    def _follow(self, draft: Draft, invoice: Invoice) -> None:
        """Note what a document uses up, for those of the batch that come after it."""
        if draft.id in self.made:
            parts = zip(self.sections[draft.id], self.made[draft.id].sections, strict=True)
            for each, section in parts:
                self._follow_lines(each, section)
        else:
            self._follow_lines(draft, invoice)
            self._follow_use(draft, invoice)
        for burn in invoice.burns:
            self.grants[draft.customer] = [
                each.burn(burn.size) if each.grant.id == burn.grant else each
                for each in self.grants[draft.customer]
            ]

    def _follow_lines(self, draft: Draft, invoice: Invoice) -> None:
        key = (draft.customer, draft.subscription_id)
        if key in self.followed:
            self.lines[draft.customer, draft.subscription_id or ""] += as_billed(invoice)

    def _follow_use(self, draft: Draft, invoice: Invoice) -> None:
        self.usage.issued(draft, invoice.lines)
        self.coupons.issued(draft, invoice)
        if invoice.discounts:
            used = {each.redemption for each in invoice.discounts}
            self.redemptions[draft.customer] = [
                replace(each, used=each.used + 1) if each.id in used else each
                for each in self.redemptions[draft.customer]
            ]

    # --- the batch --------------------------------------------------------------------------------

    def issue(self, batch: Batch) -> None:
        usage_watermark.close_usage(self.unit, max(draft.finalize_at for draft in self.drafts))
        for draft in self.drafts:
            if self.top_ups.follows(draft.customer):
                break  # what was bought can pay it
            if (draft.customer, draft.currency.code) in self.noted:
                break  # what a credit note gave back can pay it: it is in the balance by then
            try:
                invoice = self.reckoned(draft)
            except RuleError as refused:
                _set_aside(self.unit, draft, refused)
                batch.set_aside.append(draft.id)
                if draft.id in self.sections:
                    break  # what its sections used up was noted: the next batch knows better
                continue
            self._follow(draft, invoice)
            if draft.id in self.made:
                self.closed += self.made[draft.id].sections
            if invoice.burns or any(line.amount.minor for line in invoice.lines):
                batch.issued.append(self._close(draft, invoice))
                self.top_ups.note(invoice, self._grants(draft))
            else:
                batch.empty.append(invoice)
        self._write(batch)

    def foreseen(self) -> tuple[Invoice, ...]:
        """Reckon the drafts in their order, each after what the ones before would use up."""
        found = []
        for draft in sorted(self.drafts, key=lambda each: each.turn):
            invoice = self.reckoned(draft)
            found.append(invoice)
            self._follow(draft, invoice)
            key = (invoice.customer, invoice.currency.code)
            self.taken[key] = self.taken.get(key, 0) + invoice.from_balance.minor
            self._items_of(invoice)
        return tuple(found)

    def reckoned(self, draft: Draft) -> Invoice:
        """Reckon one draft from what was read."""
        if draft.id in self.sections:
            self.made[draft.id] = self._consolidated(draft)
            return self.made[draft.id].invoice
        return reckon(self._facts(draft, pays=True))

    def _consolidated(self, draft: Draft) -> Consolidated:
        """Reckon the sections of a payer's document, each after what the ones before used up."""
        parts = []
        before = {key: tuple(lines) for key, lines in self.lines.items()}
        for each in self.sections[draft.id]:
            facts = self._facts(each)
            others = before.get((each.customer, each.subscription_id or ""), ())
            together = facts.creditable.keys() - left_of_fees(each.due, others).keys()
            customer = self.customers.get(each.customer)
            part = section_of(facts, None if customer is None else customer.name, together)
            self._follow_lines(each, part.draft)
            self._follow_use(each, part.draft)
            self.items_taken[each.id] = self._items_of(part.draft)
            parts.append(part)
        for key, lines in before.items():
            self.lines[key] = [*lines]  # they come again, with their credits and taxes
        return consolidated(self._facts(draft, pays=True), parts)

    def _facts(self, draft: Draft, *, pays: bool = False) -> Facts:
        """Gather what a document is reckoned from; one that `pays` has credits, taxes, balance."""
        charges = draft.due.charges
        billed = {
            place: self._billed(draft, charge)
            for place, charge in enumerate(charges)
            if charge.kind == "minimum"
        }
        used = self.usage.used_for(draft)
        late = self.usage.late_for(draft)
        facts = Facts(
            id=draft.id,
            customer=draft.customer,
            subscription=draft.subscription_id,
            currency=draft.currency,
            due=draft.due,
            finalize_at=draft.finalize_at,
            offers=self.offers,
            used=used,
            late=late,
            settled=self.usage.settled_for(draft, late),
            billed=billed,
            creditable=left_of_fees(
                draft.due, self.lines.get((draft.customer, draft.subscription_id or ""), ())
            ),
            items=() if draft.id in self.sections else self._one_offs(draft),
            redemptions=self._redemptions(draft),
            earlier=self.coupons.earlier(draft),
            terms=draft.terms,
        )
        if not pays:
            return facts
        return replace(
            facts,
            grants=self._grants(draft),
            taxation=self.taxing.taxation(self.customers.get(draft.customer)),
            balance=self._balance(draft),
        )

    def _redemptions(self, draft: Draft) -> tuple[Redemption, ...]:
        """Give the coupons of its subscription, and those for whatever the customer is billed."""
        mine = {None, draft.subscription_id}
        found = self.redemptions.get(draft.customer, ())
        return tuple(each for each in found if each.subscription in mine)

    def _grants(self, draft: Draft) -> tuple[GrantBalance, ...]:
        """Give the credit grants that can pay it, as far as the batch has left them."""
        found = self.grants.get(draft.customer, ())
        return tuple(each for each in found if pays_in(each.grant, draft.currency))

    def _one_offs(self, draft: Draft) -> tuple[OneOff, ...]:
        """Give the items that wait for this document: its subscription's, or anybody's."""
        return tuple(
            OneOff(
                id=item.id,
                description=item.description,
                quantity=item.quantity,
                amount=item.amount,
            )
            for item in self.items[draft.customer]
            if item.amount.currency == draft.currency
            and item.subscription in {None, draft.subscription_id}
            and item.at <= draft.due.at
            and self._is_for(item, draft)
        )

    def _is_for(self, item: invoice_items.InvoiceItem, draft: Draft) -> bool:
        """Whether an item may stand on a document: one with a document of its own has no other."""
        own = f"item/{item.id}"
        if draft.due.cause.startswith("item/"):
            return draft.due.cause == own
        return (item.customer, own) not in self.own_documents

    def _billed(self, draft: Draft, charge: Charge) -> int:
        """Give what earlier documents asked for, of a minimum's item and window."""
        key = (draft.customer, draft.subscription_id or "")
        return asked_for_minimum(
            charge, (line for line in self.lines[key] if line.status != "void")
        )

    def _balance(self, draft: Draft) -> int:
        key = (draft.customer, draft.currency.code)
        return self.balances.get(key, 0) - self.taken.get(key, 0)

    # --- one document -----------------------------------------------------------------------------

    def _close(self, draft: Draft, invoice: Invoice) -> Invoice:
        """Number a document, freeze who sells and buys, and note what it means for the books."""
        name = _SERIES[invoice.kind]
        number = self.next[name]
        self.next[name] = number + 1
        prefix = self.seller.invoice_prefix
        if invoice.kind == "credit_note":
            prefix = self.seller.credit_note_prefix
        days = draft.terms.net_days
        net = timedelta(days=self.seller.net_days if days is None else days)
        done = finalize(
            invoice,
            number=f"{prefix}{number:0{_DIGITS}}",
            due_at=invoice.finalize_at + net,
            seller=self.seller.party,
            buyer=self.taxing.buyer(self.customers.get(draft.customer)),
        )
        sealed_one = sealed(done, name, number, self.chain[name])
        self.chain[name] = sealed_one.chain
        self.ready.append(sealed_one)
        self._settle(done)
        return done

    def _settle(self, invoice: Invoice) -> None:
        key = (invoice.customer, invoice.currency.code)
        if invoice.from_balance.minor:
            self.taken[key] = self.taken.get(key, 0) + invoice.from_balance.minor
        for section in self.made[invoice.id].sections if invoice.id in self.made else (invoice,):
            taken = self.items_taken.get(section.id) or self._items_of(section)
            self.used_items += [(section.customer, item, section.id) for item in taken]
        if invoice.kind == "credit_note":
            self.notes.append(invoice)
            self.noted.add(key)
        else:
            self._post(invoice, issued_entries(invoice))

    def _items_of(self, invoice: Invoice) -> list[str]:
        found = [line.part.removeprefix("item/") for line in invoice.lines if line.kind == "item"]
        waiting = self.items[invoice.customer]
        self.items[invoice.customer] = [item for item in waiting if item.id not in found]
        return found

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
        burn_grants(unit, [each.invoice for each in self.ready])
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

"""What the documents of a batch are reckoned from: read at once, and less what came before used up.

What one document of a batch uses up (lines, usage, coupons, grants, items, balance) the next of the
same batch no longer has.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tallystick.app.coupons_before import CouponsBefore
from tallystick.app.credit_burning import grants_left, own_burns, pays_in
from tallystick.app.creditable import left_of_fees
from tallystick.app.offers import Offers
from tallystick.app.redemptions import redemptions_for
from tallystick.app.seller import settings_of
from tallystick.app.taxes import Taxing
from tallystick.app.usage_of_drafts import UsageOfDrafts
from tallystick.core.consolidating import Consolidated, consolidated, section_of
from tallystick.core.minimum import asked_for_minimum
from tallystick.core.reckoned_lines import OneOff
from tallystick.core.reckoning import Facts, by_measure, reckon
from tallystick.storage import balances, customers, invoice_items, invoice_lines, invoices
from tallystick.storage.invoice_lines import as_billed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.charge import Charge
    from tallystick.core.credit_balance import GrantBalance
    from tallystick.core.invoice import Invoice, Party
    from tallystick.core.redemption import Redemption
    from tallystick.core.seller import Seller
    from tallystick.storage.invoice_lines import BilledLine
    from tallystick.storage.invoice_rows import Draft
    from tallystick.storage.unit import Unit

__all__ = ["BatchFacts"]

_AFTER_OTHERS: Final = frozenset({"minimum", "credit"})


class BatchFacts:
    """The drafts of one batch, with all that is needed to reckon them one after the other."""

    def __init__(
        self,
        unit: Unit,
        drafts: Sequence[Draft],
        sections: Mapping[str, Sequence[Draft]],
        *,
        lock: bool,
    ) -> None:
        """Read what these drafts need; `lock` what they will use up."""
        self.unit = unit
        self.sections = {  # whatever their payer's document waits for, they wait for, too
            draft.id: [replace(each, finalize_at=draft.finalize_at) for each in sections[draft.id]]
            for draft in drafts
            if draft.id in sections
        }
        self.asked = [each for draft in drafts for each in self.sections.get(draft.id, (draft,))]
        self.made: dict[str, Consolidated] = {}
        self.offers = Offers(unit)
        self.seller: Seller = settings_of(unit)
        self.people = people = sorted({draft.customer for draft in (*drafts, *self.asked)})
        self.customers = customers.several(unit, people)
        self.taxing = Taxing(unit, self.seller.party)
        keys = {(draft.customer, draft.currency.code) for draft in drafts}
        self.redemptions = redemptions_for(unit, people, lock=lock)
        self.coupons = CouponsBefore(unit, self.asked, self.redemptions)
        self.grants = {
            customer: [row.balance for row in rows]
            for customer, rows in grants_left(unit, people, lock=lock).items()
        }
        self.balances = dict(balances.hold(unit, keys)) if lock else self._seen_balances(people)
        self.taken: dict[tuple[str, str], int] = {}
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

    def reckoned(self, draft: Draft) -> Invoice:
        """Reckon one draft from what was read."""
        if draft.id in self.sections:
            self.made[draft.id] = self._consolidated(draft)
            return self.made[draft.id].invoice
        return reckon(self._facts(draft, pays=True))

    def follow(self, draft: Draft, invoice: Invoice) -> None:
        """Note what a document uses up, for those of the batch that come after it."""
        if draft.id in self.made:
            parts = zip(self.sections[draft.id], self.made[draft.id].sections, strict=True)
            for each, section in parts:
                self._follow_lines(each, section)
        else:
            self._follow_lines(draft, invoice)
            self._follow_use(draft, invoice)
        self._follow_burns(invoice)

    def _follow_burns(self, invoice: Invoice) -> None:
        for burn in own_burns(invoice):
            self.grants[invoice.customer] = [
                each.burn(burn.size) if each.grant.id == burn.grant else each
                for each in self.grants[invoice.customer]
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

    def settle(self, invoice: Invoice) -> list[tuple[str, str, str]]:
        """Note what a document takes of balance and items.

        Gives the items: customer, item and the document they stand on.
        """
        key = (invoice.customer, invoice.currency.code)
        if invoice.from_balance.minor:
            self.taken[key] = self.taken.get(key, 0) + invoice.from_balance.minor
        found = []
        for section in self.sections_of(invoice) or (invoice,):
            taken = self.items_taken.get(section.id) or self._items_of(section)
            found += [(section.customer, item, section.id) for item in taken]
        return found

    def sections_of(self, invoice: Invoice) -> Sequence[Invoice]:
        """Give the sections of a document that was reckoned."""
        return self.made[invoice.id].sections if invoice.id in self.made else ()

    def buyer(self, draft: Draft) -> Party:
        """Give who buys, as it is written on the document."""
        return self.taxing.buyer(self.customers.get(draft.customer))

    def _items_of(self, invoice: Invoice) -> list[str]:
        found = [line.part.removeprefix("item/") for line in invoice.lines if line.kind == "item"]
        waiting = self.items[invoice.customer]
        self.items[invoice.customer] = [item for item in waiting if item.id not in found]
        return found

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
            self._follow_burns(part.draft)
            self.items_taken[each.id] = self._items_of(part.draft)
            parts.append(part)
        for key, lines in before.items():
            self.lines[key] = [*lines]  # they come again, with their credits and taxes
        return consolidated(self._facts(draft, pays=True), parts)

    def _facts(self, draft: Draft, *, pays: bool = False) -> Facts:
        """Gather what a document is reckoned from; one that `pays` has credits, taxes, balance.

        One that does not is a section: grants of units pay its usage all the same.
        """
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
        grants = self.grants_for(draft)
        if not pays:
            return replace(facts, grants=by_measure(grants)[0])
        return replace(
            facts,
            grants=grants,
            taxation=self.taxing.taxation(self.customers.get(draft.customer)),
            balance=self._balance(draft),
        )

    def _redemptions(self, draft: Draft) -> tuple[Redemption, ...]:
        """Give the coupons of its subscription, and those for whatever the customer is billed."""
        mine = {None, draft.subscription_id}
        found = self.redemptions.get(draft.customer, ())
        return tuple(each for each in found if each.subscription in mine)

    def grants_for(self, draft: Draft) -> tuple[GrantBalance, ...]:
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

"""Grants of units at limits: as they stand once all that fell due by now is done, done or not.

A limit is asked at any moment; the run that brings grants of plans, lets what is left of them go
on, and issues what they pay comes when it comes.  So what it will do is reckoned here, by the same
functions and in its order, and nothing is kept of it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallystick.app.batch_facts import BatchFacts
from tallystick.app.drafting import drafts_of
from tallystick.app.families import placed_alone
from tallystick.app.offers import Offers
from tallystick.app.plan_credits import credit_rule, rolled, runs_on, source_of
from tallystick.app.seller import settings_of
from tallystick.app.sequence import in_sequence
from tallystick.app.stopped import FAULTS
from tallystick.app.usage_of_drafts import UsageOfDrafts
from tallystick.core.access import allowance_window
from tallystick.core.charge import Due
from tallystick.core.credit_balance import GrantBalance
from tallystick.core.credit_units import covered_usage
from tallystick.core.granted_units import UnitGrant, units_added
from tallystick.core.number import EXACT, ZERO, exact_sum
from tallystick.core.period import to_the_second
from tallystick.core.subscription_moves import advance, next_at
from tallystick.core.subscription_spans import closed
from tallystick.core.terms import prices_of
from tallystick.core.units_billed import granted_units
from tallystick.storage import invoices, subscriptions
from tallystick.storage.invoice_rows import Draft
from tallystick.storage.plan_grants import rolled_over
from tallystick.storage.unit_grants import drafts_before, rolling_before, unit_grants_of
from tallystick.storage.usage_stretches import BEGINNING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from decimal import Decimal

    from tallystick.core.access import Given
    from tallystick.core.charge import Charge
    from tallystick.core.credit import CreditGrant
    from tallystick.core.invoice import Invoice
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Subscription
    from tallystick.storage.credits import GrantRow
    from tallystick.storage.plan_grants import PlanGrantRow
    from tallystick.storage.unit import Unit
    from tallystick.storage.unit_grants import Burned

    _Rows = Sequence[tuple[GrantRow, tuple[Burned, ...]]]
    _Key = tuple[str, str]

__all__ = ["granted_of", "grants_units"]

_SECOND: Final = timedelta(seconds=1)
_LATER: Final = timedelta(days=2)  # after all that has arrived


def granted_of(
    unit: Unit,
    at: Instant,
    now: Instant,
    asked: Sequence[tuple[str, Given, Meter | None]],
) -> list[Decimal]:
    """Give the units that grants add to the limit of each customer's feature at an instant.

    `now` is up to when a run would have come by.
    """
    counting = [(customer, given) for customer, given, _ in asked if given.counts]
    people = {customer for customer, _ in counting}
    rows = unit_grants_of(unit, people) if people else ()
    owners = {row.grant.customer for row, _ in rows}
    owners |= {customer for customer, given in counting if grants_units(given)}
    if not owners:
        return [ZERO] * len(asked)
    windows = [allowance_window(given, at) if given.counts else None for _, given, _ in asked]
    purses = _Purses(unit, rows, Offers(unit))
    starts = [window.start for window in windows if window is not None]
    if starts:
        purses.read_paid(min(starts))
    purses.catch_up(owners, max(at, now))
    found = []
    for (customer, given, meter), window in zip(asked, windows, strict=True):
        mine = purses.of(customer) if given.counts else []
        if window is not None and meter is not None:
            mine = purses.used_before(window.start, mine, customer, meter)
        found.append(units_added(mine, given, meter, window, at))
    return found


def grants_units(given: Given) -> bool:
    """Whether the plan of a subscription grants units."""
    had = given.had
    if had is None or had.subscription is None:
        return False
    return any(credit.feature is not None for credit in had.plan.credits)


def _gone(grant: UnitGrant) -> Decimal:
    return EXACT.subtract(grant.grant.size, grant.left)


class _Purses:
    """The grants of units of some customers, and what they paid."""

    def __init__(self, unit: Unit, rows: _Rows, offers: Offers) -> None:
        self.unit, self.offers = unit, offers
        self.until = BEGINNING
        self.left: dict[_Key, GrantBalance] = {}
        self.burned: dict[_Key, Decimal] = {}
        self.paid: dict[_Key, list[tuple[Instant, Decimal]]] = defaultdict(list)
        self.documents: dict[_Key, list[Burned]] = defaultdict(list)
        self.held: dict[_Key, Subscription] = {}
        self.gone_on: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for row, burns in rows:
            key = (row.grant.customer, row.grant.id)
            self.left[key] = row.balance
            self.burned[key] = exact_sum(ZERO, *(each.size for each in burns))
            for each in burns:
                self.documents[row.grant.customer, each.invoice].append(each)

    def of(self, customer: str) -> list[UnitGrant]:
        """Give the grants of a customer as a limit sees them."""
        return [
            UnitGrant(each.grant, each.remaining, self.burned.get(key, ZERO), tuple(self.paid[key]))
            for key, each in self.left.items()
            if key[0] == customer
        ]

    def read_paid(self, since: Instant) -> None:
        """Read which time it is that documents of a window under way let grants pay."""
        keys = [
            key
            for key, some in self.documents.items()
            if any(each.at > since for each in some) and exact_sum(*(each.size for each in some))
        ]
        if keys:
            for found in invoices.find_invoices(self.unit, keys).values():
                self._note_paid(found.invoice)

    def _note_paid(self, invoice: Invoice) -> list[tuple[_Key, Decimal]]:
        found = []
        for line in invoice.lines:
            for grant, units in granted_units(line.evidence):
                key = (invoice.customer, grant)
                if key in self.left:
                    found.append((key, units))
                    if line.window is not None:
                        self.paid[key].append((line.window.start, units))
        return found

    # --- periods under way ------------------------------------------------------------------------

    def used_before(
        self, since: Instant, mine: Sequence[UnitGrant], customer: str, meter: Meter
    ) -> list[UnitGrant]:
        """Give grants less what they will pay of use before an instant that no document bills yet.

        That is where a quota starts again within the period of an invoice, as each day.
        """
        left = {each.grant.id: GrantBalance(each.grant, _gone(each)) for each in mine}
        for draft in self._under_way(customer, meter, since) if mine else ():
            used = UsageOfDrafts(self.unit, self.offers, [draft]).used_for(draft)
            paid, _ = covered_usage(draft.due, self.offers, used, (), tuple(left.values()))
            for grant, units in (one for some in paid.values() for u in some for one in u.grants):
                left[grant] = left[grant].burn(units)
        return [replace(each, left=left[each.grant.id].remaining) for each in mine]

    def _under_way(self, customer: str, meter: Meter, since: Instant) -> Iterator[Draft]:
        """Make a document of each subscription's use of a meter so far, as if it ended then."""
        whole = to_the_second(since)
        since = whole if whole == since else whole + _SECOND
        for (owner, id_), now in self.held.items():
            spans = [each for each in now.spans if owner == customer and each.start < since]
            closing = (closed(now, each, since) for each in spans)
            charges = tuple(each for each in closing if each and self._counts(each, meter))
            if charges:
                yield Draft(
                    customer=customer,
                    id=id_,
                    subscription_id=id_,
                    due=Due(cause=f"limit/{id_}", at=self.until, charges=charges),
                    currency=now.currency,
                    finalize_at=self.until + _LATER,
                    terms=now.terms,
                )

    def _counts(self, charge: Charge, meter: Meter) -> bool:
        if charge.kind != "usage":
            return False
        price = prices_of(charge.item, self.offers)[charge.price]
        return (price.meter or price.id) == meter.key

    # --- what time has brought --------------------------------------------------------------------

    def catch_up(self, owners: Collection[str], until: Instant) -> None:
        """Do what a run at an instant would do with the grants, in its order, and keep nothing."""
        self.until = until
        drafts = list(drafts_before(self.unit, owners, until))
        rolls = list(rolling_before(self.unit, owners, until))
        for each in self._behind(owners, until):
            drafts += in_sequence(self.unit, each[0])
            rolls += each[1]
        rolls = sorted(
            (row for row in rolls if row.rolls_at is not None and row.rolls_at <= until),
            key=lambda row: (row.rolls_at, row.customer, row.grant),
        )
        if drafts:
            with self.unit.for_all():
                self._reckon(drafts, rolls)
        for row in rolls:
            self._roll(row)

    def _behind(
        self, owners: Collection[str], until: Instant
    ) -> list[tuple[list[Draft], list[PlanGrantRow]]]:
        """Let time pass for subscriptions that no run has come by for; take up what it grants."""
        grace, found = None, []
        every = subscriptions.of_customers(self.unit, sorted(owners)).values()
        for before in (each for some in every for each in some):
            self.held[before.customer, before.id] = before
            due = next_at(before)
            if due is None or due > until:
                continue
            try:
                outcome = advance(before, until, self.offers)
            except FAULTS:  # it is set aside, and nothing comes of it till somebody looks
                continue
            grace = settings_of(self.unit).grace if grace is None else grace
            self.held[before.customer, before.id] = outcome.subscription
            for made in outcome.grants:
                self._add(replace(made.grant, rollover=None))
            drafts = drafts_of(outcome.subscription, outcome.dues, grace)
            found.append((drafts, [source_of(made) for made in outcome.grants]))
        return found

    def _add(self, grant: CreditGrant) -> None:
        if grant.feature is not None:
            self.left[grant.customer, grant.id] = GrantBalance(grant)

    def _reckon(self, drafts: Sequence[Draft], rolls: list[PlanGrantRow]) -> None:
        """Let grants pay documents that are not issued yet; what goes on before them is done."""
        placed = placed_alone(self.unit, drafts)
        facts = BatchFacts(self.unit, placed.drafts, placed.sections, lock=False)
        for draft in sorted(placed.drafts, key=lambda each: each.turn):
            last = max(each.due.at for each in facts.sections.get(draft.id, (draft,)))
            while rolls and rolls[0].rolls_at is not None and rolls[0].rolls_at <= last:
                self._roll(rolls.pop(0))
            self._put_into(facts)
            try:
                invoice = facts.reckoned(draft)
            except FAULTS:  # it cannot be issued, so nothing is paid by it
                continue
            facts.follow(draft, invoice)
            facts.settle(invoice)
            for each in facts.sections_of(invoice) or (invoice,):
                for key, units in self._note_paid(each):
                    self.left[key] = self.left[key].burn(units)
                    self.burned[key] = exact_sum(self.burned.get(key, ZERO), units)

    def _put_into(self, facts: BatchFacts) -> None:
        """Give the documents the grants as they stand by now."""
        for customer in {customer for customer, _ in self.left}:
            money = [each for each in facts.grants.get(customer, ()) if each.grant.feature is None]
            mine = [each for key, each in self.left.items() if key[0] == customer]
            facts.grants[customer] = [*money, *mine]

    def _roll(self, row: PlanGrantRow) -> None:
        """Let what is left of a grant go on."""
        key = (row.customer, row.grant)
        subscription = self.held.get((row.customer, row.subscription))
        if key not in self.left or subscription is None or not runs_on(subscription, row):
            return
        older = [each.grant for each in rolled_over(self.unit, row)] + self.gone_on[row.source]
        result = rolled(
            row,
            self.left[key],
            [self.left[row.customer, name] for name in older],
            credit_rule(self.offers, row),
            subscription.zone,
        )
        assert row.rolls_at is not None  # noqa: S101 - it was asked for by it
        self.left[key] = self.left[key].expire(row.rolls_at)
        for name, withdrawal in result.withdrawals:
            self.left[row.customer, name] = self.left[row.customer, name].withdraw(withdrawal)
        for grant in result.grants:
            self._add(grant)
            self.gone_on[row.source].append(grant.id)

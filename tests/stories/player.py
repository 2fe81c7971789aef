"""Plays a story on a ledger: each step at its time, billing every day or once at the end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from tallystick import Money, Tallystick, currency
from tallystick.core.dialects import read_catalog
from tallystick.core.dialects.tax_rules import read_tax_rules
from tallystick.errors import NotFound, TallystickError
from tallystick.testing.clock import FrozenClock
from tests.stories.paper import paper

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tallystick.storage.unit import Storage
    from tests.stories.telling import Step, Story

__all__ = ["Player"]

_DAY: Final = timedelta(days=1)
_PAGE: Final = 100
_NEEDS_DOCUMENTS: Final = frozenset(
    {"taxes", "customer_is", "pay", "refund", "void", "uncollectible", "credit"}
)
_TIMES: Final = ("starts_at", "ends_at", "anchor", "paid_until", "resumes_at", "when")
_WORDS: Final = frozenset({"now", "period_end"})


class Player:
    """One ledger on which one story is played.

    `daily` bills at every midnight and after every step; else everything is billed in one run at
    the end, but where somebody pays or gives back, for which there must be a document.
    """

    def __init__(self, storage: Storage, story: Story, *, daily: bool) -> None:
        """Publish the catalogue, the day before anything happens."""
        self.story, self.daily = story, daily
        first = min(step.at for step in story.steps) - _DAY
        self.clock = FrozenClock(first)
        self.storage = storage
        self.tally = Tallystick(storage.engine, catalog=story.catalog, clock=self.clock)
        self.tally.publish(author="story", at=first)
        if story.seller:
            self.tally.seller.set(**story.seller)
        if story.taxes is not None:
            self.tally.taxes.publish(story.taxes, author="story", at=first)
        self.events = 0
        self.billed = first
        self.seen: set[str] = set()
        self.grants: dict[str, str] = {}

    def play(self) -> None:
        """Let everything happen."""
        for step in self.story.steps:
            self._pass_until(step.when)
            if not self.daily and step.verb in _NEEDS_DOCUMENTS:
                self._bill()
            self._take(step)
            if self.daily:
                self._bill()
        self._pass_until(self.story.until)
        self._bill()

    def _pass_until(self, at: datetime) -> None:
        """Move the clock on, by days where billing is daily."""
        while self.daily:
            now = self.clock.now()
            midnight = now.replace(hour=0, minute=0, second=0) + _DAY
            if midnight >= at:
                break
            self.clock.set(midnight)
            self._bill()
        self.clock.set(at)
        if self.daily:
            self._bill()

    def _bill(self) -> None:
        before, self.billed = self.billed, self.clock.now()
        run = self.tally.invoices.run()
        assert not run.set_aside, f"set aside: {run.set_aside}"
        if self.daily and run.documents:
            self._check_punctual(before)

    def _check_punctual(self, before: datetime) -> None:
        """Hold what came out of a run to its date: it was not due at the last run yet."""
        found = {each.invoice.id: each.invoice for each in self.tally.invoices.list(limit=_PAGE)}
        late = [
            f"{each.number} of {each.issued_at}"
            for name, each in found.items()
            if name not in self.seen and each.issued_at is not None
            if each.issued_at < before and not each.cause.startswith("credit/")  # not by hand
        ]
        assert not late, f"issued only after the run of {before}: {', '.join(late)}"
        self.seen = set(found)

    def _take(self, step: Step) -> None:
        act: Callable[[Step], object] = getattr(self, f"_{step.verb}", self._move)
        if step.refused is None:
            act(step)
            return
        with pytest.raises(TallystickError) as refused:
            act(step)
        assert step.refused in str(refused.value)

    # --- what came out ----------------------------------------------------------------------------

    def paper(self) -> list[str]:
        """Write the documents as a story does."""
        page = self.tally.invoices.list(limit=_PAGE)
        assert page.cursor is None, f"a story has at most {_PAGE} documents"
        return paper(page.items, self.story.times)

    def not_made_again(self) -> list[str]:
        """Give what differs where the documents are made again from the truth alone."""
        return [
            f"{each.invoice.number} {difference}"
            for each in self.tally.invoices.list(limit=_PAGE)
            if each.invoice.number is not None
            for difference in self.tally.invoices.replay(each.invoice.number).differences
        ]

    def balances(self) -> dict[str, str]:
        """Give what customers have to their credit in the end."""
        people = sorted({step.customer for step in self.story.steps if step.verb == "start"})
        found = {
            name: ", ".join(str(each) for each in self.tally.invoices.balance(name) if each.minor)
            for name in people
        }
        return {name: text for name, text in found.items() if text}

    def states(self) -> dict[str, str]:
        """Give the states of the subscriptions that the story tells of."""
        return {name: self.tally.subscriptions.get(name).state for name in self.story.states}

    # --- steps: customers -------------------------------------------------------------------------

    def _parent(self, step: Step) -> None:
        if step.about is None:
            self.tally.customers.remove_parent(step.customer)
            return
        for name in (step.customer, step.about):
            self._know(name)
        self.tally.customers.set_parent(step.customer, step.about)

    # --- steps: subscriptions ---------------------------------------------------------------------

    def _publish(self, step: Step) -> None:
        catalog = read_catalog(step.about)
        self.tally.publish(catalog, author="story")
        self.tally.price_book = catalog

    def _taxes(self, step: Step) -> None:
        self.tally.taxes.publish(read_tax_rules(step.about), author="story")

    def _customer_is(self, step: Step) -> None:
        self._know(step.customer)
        self.tally.customers.update(step.customer, **step.about)

    def _know(self, customer: str, zone: str | None = None) -> None:
        try:
            self.tally.customers.get(customer)
        except NotFound:
            self.tally.customers.create(customer, name=customer.title(), time_zone=zone)

    def _start(self, step: Step) -> None:
        asked = self._asked(step)
        self._know(step.customer, asked.pop("zone", None))
        self.tally.subscriptions.start(step.customer, id=step.subscription, **asked)

    def _move(self, step: Step) -> None:
        move = getattr(self.tally.subscriptions, step.verb)
        if step.verb == "unplan":
            move(step.subscription, int(step.about))
        else:
            move(step.subscription, **self._asked(step))

    def _asked(self, step: Step) -> dict[str, Any]:
        """Give what a step says, its times read."""
        asked = dict(step.about or {})
        for word in _TIMES:
            if word in asked and asked[word] not in _WORDS:
                asked[word] = self.story.times.read(asked[word])
        return asked

    # --- steps: usage -----------------------------------------------------------------------------

    def _use(self, step: Step) -> None:
        asked = dict(step.about)
        id_ = asked.pop("id", None)
        properties = asked.pop("properties", {})
        for meter, quantity in asked.items():
            self.events += 1
            status = self.tally.usage.record(
                step.customer,
                meter,
                id=id_ or f"event-{self.events}",
                quantity=quantity,
                occurred_at=step.at,
                properties=properties,
            )
            assert status == "accepted"

    def _amend(self, step: Step) -> None:
        self.events += 1
        self.tally.usage.amend(
            step.customer,
            step.about["id"],
            quantity=step.about["quantity"],
            correction_id=f"amend-{self.events}",
        )

    def _void_usage(self, step: Step) -> None:
        self.tally.usage.void(step.customer, step.about)

    # --- steps: coupons and credits -------------------------------------------------------------

    def _redeem(self, step: Step) -> None:
        self._know(step.customer)
        asked = dict(step.about)
        self.tally.coupons.redeem(step.customer, asked.pop("code", None), **asked)

    def _end_coupon(self, step: Step) -> None:
        held = self.tally.coupons.redemptions(step.customer)
        [found] = [each for each in held if each.coupon.id == step.about]
        self.tally.coupons.end(found.id)

    def _grant(self, step: Step) -> None:
        self._know(step.customer)
        asked = dict(step.about)
        name = asked.pop("name", None)
        for word in ("effective_at", "expires_at"):
            if word in asked:
                asked[word] = self.story.times.read(asked[word])
        if "amount" in asked:
            asked["amount"] = Money.parse(str(asked["amount"]), currency(asked.pop("currency")))
        made = self.tally.credits.grant(step.customer, **asked)
        self.grants[name] = made.grant.id

    def _void_grant(self, step: Step) -> None:
        self.tally.credits.void(self.grants[step.about])

    # --- steps: documents -------------------------------------------------------------------------

    def _item(self, step: Step) -> None:
        asked = dict(step.about)
        self.tally.invoices.add_item(
            step.customer, asked.pop("description"), str(asked.pop("amount")), **asked
        )

    def _pay(self, step: Step) -> None:
        self.tally.invoices.pay(*self._named(step))

    def _refund(self, step: Step) -> None:
        invoice, amount = self._named(step)
        assert amount is not None, "a refund says how much"
        self.tally.invoices.refund(invoice, amount)

    def _void(self, step: Step) -> None:
        self.tally.invoices.void(step.about)

    def _uncollectible(self, step: Step) -> None:
        self.tally.invoices.uncollectible(step.about)

    def _credit(self, step: Step) -> None:
        invoice, amount = self._named(step)
        lines = [(int(each["line"]), str(each["amount"])) for each in step.about.get("lines", ())]
        self.tally.invoices.credit(invoice, amount, lines=lines or None)

    def _named(self, step: Step) -> tuple[str, str | None]:
        amount = step.about.get("amount")
        return step.about["invoice"], None if amount is None else str(amount)

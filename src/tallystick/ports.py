"""The few holes in the wall: what the engine asks of the world outside.

A port stands here only where there are two real ways through it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from decimal import Decimal
    from typing import Any

    from tallystick.core.catalog import Plan
    from tallystick.core.checkout_page import OpenedPage, Page, PageState
    from tallystick.core.coupon import Code, Coupon
    from tallystick.core.customer import Customer
    from tallystick.core.inbox import Told
    from tallystick.core.intent import Charge, Outcome, ProviderAccount, Refund
    from tallystick.core.mirror import Mirrored
    from tallystick.core.money import Money
    from tallystick.core.move import Move, Start
    from tallystick.core.provider import Abilities
    from tallystick.core.provider_act import ProviderAct, ProviderCall
    from tallystick.core.provider_event import Fetched, ProviderEvent
    from tallystick.core.quote import Quoted
    from tallystick.core.subscription import Subscription
    from tallystick.core.tax_decision import TaxDecision, TaxQuestion
    from tallystick.core.usage_report import UsageReport

__all__ = [
    "Bills",
    "Clock",
    "EventSource",
    "Ids",
    "NamesPayers",
    "Pages",
    "Provider",
    "ReportsUsage",
    "TaxEngine",
]


class Clock(Protocol):
    """What time it is: `system.SystemClock`, or `testing.clock.FrozenClock`."""

    def now(self) -> datetime:
        """Give the time, aware and in UTC."""
        ...


class Ids(Protocol):
    """New names for our own rows: `system.SystemIds`, or `testing.ids.CountedIds`."""

    def new(self, prefix: str) -> str:
        """Give an id that was never given before, as `cus_…`; ids sort in the order of birth."""
        ...


class Provider(Protocol):
    """Who takes the money: `providers.manual`, or one of a third party.

    That one is found by its name in the entry points of the group `tallystick.providers`: a
    function without arguments that gives the provider.  It is never called inside a transaction.
    To the same key it gives the same object for ever, whoever asks, and however often; what it
    cannot tell it never guesses.  `testing.provider_contract` checks all of this.

    Each call raises OutcomeUnknown where no answer came: it may or may not have had its effect.
    """

    @property
    def abilities(self) -> Abilities:
        """What it declares that it can do."""
        ...

    @property
    def account(self) -> ProviderAccount:
        """Whose account it works on, and whether the money is real; known without a call."""
        ...

    def collect(self, charge: Charge) -> Outcome:
        """Collect money, or begin to; a refusal is Declined.  Raises OutcomeUnknown."""
        ...

    def refund(self, refund: Refund) -> Outcome:
        """Give money back, or begin to; more than was collected is Declined.

        Raises OutcomeUnknown; Conflict where it declares no refunds.
        """
        ...

    def look_up(self, asked: Charge | Refund, reference: str) -> Outcome:
        """Say how an object of its own stands now.

        Raises OutcomeUnknown; NotFound where there is none.
        """
        ...

    def cancel(self, asked: Charge | Refund, reference: str) -> Outcome:
        """Give up what is waiting; what moved already is Succeeded, as `look_up` says it.

        Raises OutcomeUnknown; NotFound where there is none.
        """
        ...


class EventSource(Protocol):
    """Who tells what happened at a provider: `providers.stripe.events.StripeEvents`.

    What an event says of its object is a hint: the object is asked for before anything is changed.
    Nothing here is called inside a transaction, but for `told`, which asks nobody.
    """

    @property
    def name(self) -> str:
        """What the provider is called."""
        ...

    @property
    def account(self) -> ProviderAccount:
        """Whose events are expected, and whether their money is real."""
        ...

    def read(self, body: bytes, signature: str | None, at: datetime) -> ProviderEvent:
        """Verify what was sent, on its bytes, and read it.  Raises BadRequest."""
        ...

    def told(self, event: ProviderEvent) -> Told:
        """Give what an event says of its object."""
        ...

    def fetch(self, kind: str, id_: str, at: datetime) -> Fetched | None:
        """Give an object as it stands, asked for at that time; None where there is none.

        Raises OutcomeUnknown where no answer came, NotFound for a kind that is not known.
        """
        ...


@runtime_checkable
class NamesPayers(Protocol):
    """What a provider that keeps customers of its own can do besides: Stripe does, a bank not.

    It is never called inside a transaction; what it gives is kept as the customer's `provider_id`.
    """

    def name_payer(self, customer: Customer) -> str:
        """Give what it calls a customer, for ever the same, made where it is not there yet.

        Raises OutcomeUnknown; Conflict where it refuses.
        """
        ...


class Pages(Protocol):
    """The pages of a provider to pay on, the attribute `pages` of one that declares them.

    They are never asked for inside a transaction, and to the same key there is one page for ever.
    What was paid on one is given back by `Provider.refund`, as what was collected is.

    Each call raises OutcomeUnknown where no answer came, and Conflict for what is refused.
    """

    def open_page(self, page: Page) -> OpenedPage:
        """Put up a page, and the customer at the provider where there is none yet."""
        ...

    def look_at_page(self, reference: str) -> PageState:
        """Say how a page stands, as the provider tells it now.  Raises NotFound."""
        ...

    def close_page(self, reference: str) -> PageState:
        """Let nobody pay on a page any more; say how it stands then.  Raises NotFound."""
        ...

    def open_portal(self, payer: str, return_url: str) -> str:
        """Give the address of the page on which a customer looks after what they have."""
        ...


class Bills(Protocol):
    """The subscriptions that a provider bills itself, the attribute `subscriptions` of one.

    Nothing of it that asks is called inside a transaction; what is worked out without a call says
    so.  Each call that asks raises OutcomeUnknown where no answer came.
    """

    @property
    def name(self) -> str:
        """What the provider is called."""
        ...

    @property
    def account(self) -> ProviderAccount:
        """Whose account it is, and whether its money is real."""
        ...

    @property
    def key_hours(self) -> int | None:
        """For how long it knows a key; None for ever, or where it does not matter."""
        ...

    def fetch(self, reference: str, as_of: datetime) -> Mirrored:
        """Say how a subscription stands, asked for now.  Raises NotFound, Conflict."""
        ...

    def read(self, fetched: Mapping[str, Any], as_of: datetime) -> Mirrored:
        """Read one that was fetched, without a call.  Raises Conflict, InvalidInput."""
        ...

    def call_of(
        self, move: Move, held: Subscription, offers: Mapping[str, Plan[Any]]
    ) -> ProviderCall:
        """Work out the call that makes a move, without a call.  Raises Conflict, InvalidInput."""
        ...

    def start_call(self, move: Start, payer: str, offers: Mapping[str, Plan[Any]]) -> ProviderCall:
        """Work out the call that begins a subscription, without a call.  Raises Conflict."""
        ...

    def page_call(
        self, move: Start, coupon: tuple[Coupon, Code | None] | None, plan: Plan[Any]
    ) -> ProviderCall:
        """Work out what a page sells, without a call: prices, set-up fee, trial, discount.

        Raises Conflict, which names what the provider does not know.
        """
        ...

    def preview(self, call: ProviderCall, payer: str, at: datetime) -> Quoted:
        """Give the first document of what a page sells, as the provider reckons it at a time.

        Raises Conflict.
        """
        ...

    def ask(self, act: ProviderAct) -> str:
        """Ask for an act, once for a key; give the subscription.  Raises NotFound, Conflict."""
        ...

    def give_up(self, refund: Refund) -> Outcome:
        """Cancel the subscription that was paid for (`payment`) at once; give back what was paid.

        Where nothing was, it is Canceled.  One that somebody else had ended already stays as it is:
        that is Declined, `core.checkout_page.ENDED_THERE`.  Raises Conflict.
        """
        ...

    def keeps_fault(self, fault: Exception) -> bool:
        """Tell whether the provider says the same fault to this key for ever."""
        ...

    def every(self, now: Callable[[], datetime]) -> Iterator[tuple[datetime, list[dict[str, Any]]]]:
        """Give all subscriptions, a page at a time, each with when it was asked for."""
        ...

    def customers(
        self, now: Callable[[], datetime]
    ) -> Iterator[tuple[datetime, list[dict[str, Any]]]]:
        """Give all customers, a page at a time, each with when it was asked for."""
        ...

    def unpaid(self, now: Callable[[], datetime]) -> dict[str, Money]:
        """Give what is left to be paid of open invoices there, by currency."""
        ...


@runtime_checkable
class ReportsUsage(Protocol):
    """What a provider can do besides that bills metered usage itself: be told of it.

    It is never called inside a transaction.
    """

    def report_usage(self, report: UsageReport) -> None:
        """Take a report; one that it knows already changes nothing.

        Raises OutcomeUnknown; NotFound; Conflict where it refuses.
        """
        ...

    def known_usage(self, report: UsageReport) -> Decimal:
        """Give what it has added up in the window of a report.

        Raises OutcomeUnknown; NotFound, Conflict.
        """
        ...


class TaxEngine(Protocol):
    """Which rates a document is taxed at: `core.tax_rules.TaxRules`, or an engine of a third party.

    That one is found by its name in the entry points of the group `tallystick.tax_engines`: a
    function that is given the published TaxRules and gives the engine.
    """

    def decide(self, question: TaxQuestion) -> TaxDecision:
        """Give the rates of each line; to the same question for ever the same ones.

        It is asked within a transaction: what it knows it has at hand, and asks no network.
        Raises TaxUndecided where it cannot tell, which sets the document aside.
        """
        ...

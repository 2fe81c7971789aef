"""A subscription as values: what a customer has, since when, and what is to be charged for it.

Nothing here moves.  The moves are in `core.move`, the table of what is allowed and the engine that
applies moves and lets time pass in `core.subscription_moves`; what a document is made of in
`core.charge`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from tallystick.core.frozen import FrozenDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.charge import Charge
    from tallystick.core.currency import Currency
    from tallystick.core.move import Change
    from tallystick.core.period import Instant, Period

__all__ = [
    "LIVE",
    "MAIN",
    "TERMINAL",
    "AfterTrial",
    "Biller",
    "Granted",
    "Item",
    "Origin",
    "Paid",
    "PauseMode",
    "Planned",
    "Span",
    "State",
    "Subscription",
    "Terms",
]

State: TypeAlias = Literal[
    "scheduled", "trialing", "active", "past_due", "paused", "canceled", "ended"
]
"""How a subscription stands.  `canceled` and `ended` are for ever."""

AfterTrial: TypeAlias = Literal["active", "paused", "canceled"]
"""What a trial ends into."""

Biller: TypeAlias = Literal["tallystick", "provider"]
"""Who bills it: this engine, or the provider whose subscription it mirrors; never both."""

PauseMode: TypeAlias = Literal["keep", "extend"]
"""What a pause does to the period: boundaries stay where they are, or move on by its length."""

LIVE: Final[frozenset[State]] = frozenset({"trialing", "active", "past_due", "paused"})
"""The states of which a customer has at most one in a plan group."""

TERMINAL: Final[frozenset[State]] = frozenset({"canceled", "ended"})
"""The states that nothing leaves."""

MAIN: Final = "plan"
"""The key of the item that is the plan itself; an add-on has its plan's id."""


@dataclass(frozen=True, slots=True)
class Item:
    """One plan version that is had: the plan itself, or an add-on.

    `overrides` is what is different for this customer, by price id: fields of a price as a
    catalogue writes them (`{"pro": {"cost": "5.00"}}`).  `currency` is the one it is had in, where
    that is not the plan's own.
    """

    key: str
    offer: str
    seats: int = 1
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=FrozenDict)
    currency: Currency | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What stands on its documents: days until they are due, a purchase order, a note."""

    net_days: int | None = None
    po_number: str | None = None
    memo: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """A fee that was charged for a time which another price took over without a charge.

    `invoiced` is what of it was charged for `[start, end)`, minor units; `whole` and `holes` are as
    in a span.
    """

    item: Item
    price: str
    start: Instant
    end: Instant
    whole: Period
    invoiced: int
    holes: tuple[Period, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time that one price of one item covers now: `[start, end)`.

    `whole` is the whole period that shares are taken of: a first part of a month has the month.
    `price` is empty for a plan's minimum commitment.
    For what is charged in advance `invoiced` is what was charged for it, minor units; usage is
    charged when the span ends and has 0.  What took over the time of others without a charge has
    what was `paid` for them instead.  `holes` are pauses within it, which are not billed.
    `cut` is one that began with a change in mid-period.
    """

    item: Item
    price: str
    start: Instant
    end: Instant
    whole: Period
    advance: bool
    invoiced: int = 0
    paid: tuple[Paid, ...] = ()
    holes: tuple[Period, ...] = ()
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Which subscription of a provider one mirrors, and the lines that it has there.

    `account`, `live` and `reference` are the provider's own names and never change; so are those of
    each line and of its price, in `lines`.
    """

    provider: str
    account: str
    live: bool
    reference: str
    lines: tuple[tuple[str, str], ...] = ()

    @property
    def prices(self) -> frozenset[str]:
        """What the provider calls the prices that it has."""
        return frozenset(price for _, price in self.lines)

    @property
    def key(self) -> tuple[str, str, bool, str]:
        """What names it: whose account, whether its money is real, and its name there."""
        return self.provider, self.account, self.live, self.reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A stretch of time, `[start, end)`, for which a credit of a plan was granted."""

    plan: str
    credit: str
    start: Instant
    end: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A change that is to come: at an instant, or at the end of the n-th period from now on.

    With `since` it is the end of the first period that ends then or later.
    """

    number: int
    change: Change
    at: Instant | None = None
    periods: int | None = None
    since: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a customer has, as far as time and moves have gone.

    `moves` is how many moves made it what it is; `clock` how far time has passed for it: nothing
    can happen to it before then.  `anchor` is what periods are counted from, None before they
    begin (`begins_at`: a start or the end of a trial to come).  `period` is the plan's own, also
    where nothing is charged for it.  `spans` cover the present; `waiting` are charges that the next
    document takes along; `planned` what is to come, in the order in which it was asked for.
    `paid_once` names the prices without a cadence that were charged (`plan/licence`).
    `granted` are the stretches of time for which its plans granted credits and that run still.
    `aligned` counts periods from the first day of a calendar unit.  `lapsed` is one in a pause that
    is past due, and goes on so.  `ends_at` is the end of a fixed term, `cancel_at` that of a
    cancellation.  With an `origin` a provider bills it: it has no spans, and time does
    nothing to it.
    """

    id: str
    customer: str
    group: str
    currency: Currency
    zone: str | None = None
    state: State = "scheduled"
    items: tuple[Item, ...] = ()
    moves: int = 0
    clock: Instant
    anchor: Instant | None = None
    aligned: bool = False
    begins_at: Instant | None = None
    period: Period | None = None
    trial_end: Instant | None = None
    after_trial: AfterTrial = "active"
    trial_days: int | None = None
    started_at: Instant | None = None
    cancel_at: Instant | None = None
    cancel_credit: bool = False
    ends_at: Instant | None = None
    ended_at: Instant | None = None
    paused_at: Instant | None = None
    pause_mode: PauseMode = "keep"
    lapsed: bool = False
    resumes_at: Instant | None = None
    spans: tuple[Span, ...] = ()
    waiting: tuple[Charge, ...] = ()
    paid_once: tuple[str, ...] = ()
    granted: tuple[Granted, ...] = ()
    planned: tuple[Planned, ...] = ()
    terms: Terms = field(default_factory=Terms)
    origin: Origin | None = None

    def __hash__(self) -> int:
        """Hash by id."""
        return hash(self.id)

    @property
    def biller(self) -> Biller:
        """Who bills it."""
        return "tallystick" if self.origin is None else "provider"

    @property
    def plan(self) -> str:
        """The plan version it is on: `pro@2`."""
        return self.items[0].offer

    @property
    def seats(self) -> int:
        """The seats of the plan itself."""
        return self.items[0].seats

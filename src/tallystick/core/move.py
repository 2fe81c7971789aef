"""The moves of a subscription: what a person or a program asks for, as values.

A move is kept for ever, in order; the subscription is what they make of it, by
`core.subscription_moves`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tallystick.core.frozen import FrozenDict
from tallystick.core.subscription import Terms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.period import Instant, Period
    from tallystick.core.subscription import AfterTrial, Item, Origin, PauseMode, State

__all__ = [
    "AddOn",
    "Billing",
    "Cancel",
    "Change",
    "Keep",
    "Lapse",
    "Mirror",
    "Move",
    "MoveKind",
    "Pause",
    "Phase",
    "Proration",
    "Recover",
    "Resume",
    "Start",
    "Timing",
    "Unplan",
]

Timing: TypeAlias = Literal["now", "period_end"]
"""When a change takes effect; a date is given instead of one of these where it is a date."""

Proration: TypeAlias = Literal["invoice_now", "next_invoice", "none", "value_capped"]
"""What is charged for the rest of a period: at once, with the next invoice, or nothing.

`value_capped` is `next_invoice` whose credit is the lesser of unused time and unused allowance.
"""

Billing: TypeAlias = Literal["anniversary", "calendar"]
"""What periods are counted from: the start, or the first day of a month (week, year)."""

MoveKind: TypeAlias = Literal[
    "start", "change", "pause", "resume", "cancel", "keep", "unplan", "lapse", "recover", "mirror"
]
"""The word for each move, as it is stored."""


@dataclass(frozen=True, slots=True)
class AddOn:
    """Another plan that is had beside the plan itself: a plan's ref, and how many."""

    offer: str
    seats: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of whole periods on other terms, before the list: three months at half price.

    `percent_off` goes off every flat and per-seat price; `overrides` are as in an item; `offer` is
    another plan version.  Those of the last phase stay where `periods` is None.
    """

    periods: int | None
    percent_off: str | None = None
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=FrozenDict)
    offer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Begin: at once, in the future or in the past.

    `trial_days` are days on the wall clock.  `paid_until` is for one that ran elsewhere: nothing
    is charged for the time before.  `anchor` sets the day that periods are counted from.
    `coupons` are the codes that were typed for it, in their order (`core.coupon.code_key`).
    """

    customer: str
    group: str
    offer: str
    currency: str
    zone: str | None = None
    seats: int = 1
    add_ons: tuple[AddOn, ...] = ()
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=FrozenDict)
    phases: tuple[Phase, ...] = ()
    starts_at: Instant | None = None
    trial_days: int | None = None
    after_trial: AfterTrial = "active"
    billing: Billing = "anniversary"
    anchor: Instant | None = None
    paid_until: Instant | None = None
    ends_at: Instant | None = None
    coupons: tuple[str, ...] = ()
    terms: Terms = field(default_factory=Terms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Have something else: another plan, other seats, add-ons, prices of one's own.

    What is None stays as it is.  `add` and `seats_of` are by the add-on's plan id; `overrides`
    replaces those of the plan itself.  `timing` and `proration` None: as the table of changes
    says (`core.change`).  `at` is a date to come; with `timing="period_end"` it is the first end of
    a period on or after it.  One with `instead_of` is for who has that plan version: where another
    is had by then, nothing changes.
    """

    offer: str | None = None
    seats: int | None = None
    add: tuple[AddOn, ...] = ()
    remove: tuple[str, ...] = ()
    overrides: Mapping[str, Mapping[str, Any]] | None = None
    timing: Timing | None = None
    at: Instant | None = None
    proration: Proration | None = None
    instead_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Stop for a while: `keep` leaves the boundaries, `extend` moves them on.

    `resumes_at` resumes by itself.
    """

    mode: PauseMode = "keep"
    resumes_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Go on after a pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """End it: now, at the end of the period, or at a date; with or without the rest given back."""

    timing: Timing = "period_end"
    at: Instant | None = None
    credit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Take a cancellation back that has not come true yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplan:
    """Take back a change that is to come, by its number."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapse:
    """An invoice was not paid in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recover:
    """What was not paid has been."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """Be what the provider that bills it says: the whole of it, each time.

    The first one makes the subscription.  `as_of` is when the provider was asked, and `stamp` tells
    apart what it said at one instant (`core.mirror.newer`).  `anchor` is what its periods are
    counted from.
    """

    customer: str
    group: str
    currency: str
    origin: Origin
    items: tuple[Item, ...]
    state: State
    as_of: Instant
    stamp: str
    started_at: Instant | None = None
    anchor: Instant | None = None
    period: Period | None = None
    trial_end: Instant | None = None
    cancel_at: Instant | None = None
    ended_at: Instant | None = None
    paused_at: Instant | None = None
    resumes_at: Instant | None = None
    lapsed: bool = False


Move: TypeAlias = (
    Start | Change | Pause | Resume | Cancel | Keep | Unplan | Lapse | Recover | Mirror
)
"""Whatever can be asked of a subscription."""

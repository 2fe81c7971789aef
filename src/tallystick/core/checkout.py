"""A checkout before anything is paid: what is asked for, by whom, and what the answer is made of.

How the answer comes about is in `core.checkout_resolve`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from tallystick.core.frozen import FrozenDict
from tallystick.core.qualification import REASONS
from tallystick.core.subscription import LIVE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.coupon import Code, Coupon
    from tallystick.core.currency import Currency
    from tallystick.core.customer import Customer
    from tallystick.core.money import Money
    from tallystick.core.move import Start
    from tallystick.core.period import Instant
    from tallystick.core.qualification import Reason, Redeemed
    from tallystick.core.quote import Quoted
    from tallystick.core.redemption import Redemption
    from tallystick.core.subscription import Subscription

__all__ = [
    "Biller",
    "Buyer",
    "CheckoutRequest",
    "CouponLeftOut",
    "CouponTaken",
    "NotAvailable",
    "NotAvailableCode",
    "PlanWish",
    "ResolvedPlan",
    "Source",
    "TrialAnswer",
]

Biller: TypeAlias = Literal["tallystick", "provider"]
"""Who issues the invoices: we, or the provider by a subscription of its own."""

Source: TypeAlias = Literal["plan", "customer", "code"]
"""How a coupon is come by, in the order in which they act: with the plan, given, by a code."""

TrialAnswer: TypeAlias = Literal["none", "given", "had"]
"""Whether a plan's trial is given: it has none, it is, or the customer had one before."""

NotAvailableCode: TypeAlias = Literal[
    "custom", "not_offered", "currency", "subscribed", "not_eligible", "refused"
]
"""Why a plan cannot be bought: agreed by hand, sold no more, not in this currency, another one of
its group is had, its rule says no, or the sale itself was refused when it was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanWish:
    """A plan that is asked for, by its id, with its seats; `add_ons` are plan ids with theirs."""

    plan: str
    quantity: int = 1
    add_ons: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutRequest:
    """What is asked: plans to choose from, codes as they were typed, in which currency to pay.

    `context` are attributes that the host knows, which rules name `context.*`.  `stated` are those
    that nobody checked, as a browser says them, which rules name `stated.*`: whoever writes a rule
    sees which of the two it trusts.
    """

    plans: tuple[PlanWish, ...]
    codes: tuple[str, ...] = ()
    currency: Currency | None = None
    context: Mapping[str, str] = field(default_factory=FrozenDict)
    stated: Mapping[str, str] = field(default_factory=FrozenDict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """Who asks, and what is known of them; `customer` None is a stranger.

    `promotions` are redemptions for whatever the customer buys, `redeemed` how often coupons were
    redeemed, by the ids of coupon and code (None without).  `bought` is whether they were ever
    asked for money, `had_trial` whether a trial was given to them or to one of their identities.
    """

    customer: Customer | None = None
    subscriptions: Sequence[Subscription] = ()
    promotions: Sequence[Redemption] = ()
    redeemed: Mapping[tuple[str, str | None], Redeemed] = field(default_factory=FrozenDict)
    bought: bool = False
    had_trial: bool = False

    def live_in(self, group: str) -> Subscription | None:
        """Give the live subscription of a plan group; None where there is none."""
        found = (s for s in self.subscriptions if s.group == group and s.state in LIVE)
        return next(found, None)


@dataclass(frozen=True, slots=True)
class NotAvailable:
    """One reason why a plan cannot be bought, for programs and in words."""

    code: NotAvailableCode
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponTaken:
    """A coupon that acts, and what it takes off today and at the first renewal.

    An amount is None where there is no such document.
    """

    coupon: Coupon
    source: Source
    code: Code | None = None
    today: Money | None = None
    renewal: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponLeftOut:
    """A coupon that does not act, and why not; of a code that is refused, the code alone.

    `typed` is the code as it was typed.  `limit` is how many discounts the provider takes, where
    that is the reason.
    """

    coupon: Coupon | None = None
    typed: str | None = None
    reasons: tuple[Reason, ...] = ()
    limit: int | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """Give the reasons in words."""
        told = tuple(REASONS[reason] for reason in self.reasons)
        if self.limit is None:
            return told
        return (*told, f"the provider takes at most {self.limit} of the coupons at once")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedPlan:
    """What buying one plan would be: whether it can be, why not, what it costs and what acts.

    `start` is the very move that would be made; it and the figures are None where there are none
    to give.  `today` is None where nothing falls due at the start, `renewal` where nothing follows.
    `quote` is signed text, good until `expires_at` (exclusive), where we bill a customer.
    """

    plan: str
    wish: PlanWish
    currency: Currency
    reasons: tuple[NotAvailable, ...] = ()
    trial: TrialAnswer = "none"
    start: Start | None = None
    taken: tuple[CouponTaken, ...] = ()
    left_out: tuple[CouponLeftOut, ...] = ()
    today: Quoted | None = None
    renewal: Quoted | None = None
    biller: Biller = "tallystick"
    quote: str | None = None
    expires_at: Instant | None = None

    @property
    def available(self) -> bool:
        """Whether it can be bought."""
        return not self.reasons

    def __hash__(self) -> int:
        """Hash by the plan's ref."""
        return hash(self.plan)

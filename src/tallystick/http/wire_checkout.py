"""The shapes of a checkout that is asked about, and of its answer (`core.checkout_tree`)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from tallystick.core.checkout import Biller, NotAvailableCode, Source, TrialAnswer
from tallystick.core.checkout_page import CheckoutState
from tallystick.core.checkout_request import MOST_CODES, MOST_PLANS
from tallystick.core.qualification import Reason
from tallystick.core.terms import MOST_SEATS

__all__ = ["ResolvedCheckout", "SentCheckout", "SentCheckoutPage", "ShownCheckout"]

PlanId: TypeAlias = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^@]+$")]
"""The id of a plan, without a version: it is the newest."""

Quantity: TypeAlias = Annotated[int, Field(ge=1, le=MOST_SEATS)]
"""How many seats, or of an add-on."""

Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
"""A text that names something; no blanks at its ends, no control characters."""

Attributes: TypeAlias = Annotated[
    dict[str, Annotated[str, Field(max_length=500)]], Field(max_length=50)
]
"""Texts by name."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SentAddOn(_Shape):
    """A plan that is wanted beside another."""

    plan: PlanId
    quantity: Quantity = 1


class SentPlan(SentAddOn):
    """A plan that is wanted."""

    add_ons: Annotated[list[PlanId | SentAddOn], Field(max_length=20)] = []


class SentCheckout(_Shape):
    """What is asked for, and what is known of who asks.

    context is what your program knows, stated what nobody checked; identities are under which a
    trial is given once, beside the customer. There is no field for any amount.
    """

    customer: Name
    plans: Annotated[list[PlanId | SentPlan], Field(min_length=1, max_length=MOST_PLANS)]
    codes: Annotated[
        list[Annotated[str, Field(max_length=400)]] | None, Field(max_length=MOST_CODES)
    ] = None
    context: Attributes | None = None
    stated: Attributes | None = None
    identities: Annotated[list[Name] | None, Field(max_length=10)] = None


class Amount(_Shape):
    """An amount in minor units of its currency."""

    minor: int
    currency: str


class ResolvedLine(_Shape):
    """A line as it will stand on the document; amount is before discounts, credit and tax."""

    description: str
    price: str
    quantity: Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
    amount: Amount
    discount: Amount
    credit: Amount
    tax: Amount


class ResolvedDocument(_Shape):
    """A document as it will be: balance is what credits pay, amount_due what is left to pay."""

    at: datetime
    lines: list[ResolvedLine]
    subtotal: Amount
    discount: Amount
    credit: Amount
    tax: Amount
    total: Amount
    balance: Amount
    amount_due: Amount


class TakenCoupon(_Shape):
    """A coupon that acts, with what it takes off; null where there is no such document."""

    coupon: str
    name: str
    source: Source
    code: str | None
    today: Amount | None
    renewal: Amount | None


class LeftOutCoupon(_Shape):
    """A coupon that does not act, and why not; of a code that is refused, the code alone."""

    coupon: str | None
    code: str | None
    reasons: list[Reason | Literal["provider_limit"]]
    text: str


class WhyNot(_Shape):
    """One reason why a plan cannot be bought."""

    code: NotAvailableCode
    text: str


class ResolvedAddOn(_Shape):
    """An add-on, and how many."""

    plan: str
    quantity: int


class ResolvedPlanEntry(_Shape):
    """What buying one plan would be.

    today is null where nothing falls due at the start, renewal where nothing follows; quote is
    signed text, good until expires_at, where the plan is available.
    """

    plan: str
    version: int
    quantity: int
    add_ons: list[ResolvedAddOn]
    currency: str
    available: bool
    reasons: list[WhyNot]
    trial: TrialAnswer
    trial_days: int | None
    biller: Biller
    discounts: list[TakenCoupon]
    left_out: list[LeftOutCoupon]
    today: ResolvedDocument | None
    renewal: ResolvedDocument | None
    quote: str | None
    expires_at: datetime | None


class ResolvedPlans(_Shape):
    """The plans that were asked for, in their order."""

    customer: str
    plans: list[ResolvedPlanEntry]


class ResolvedCheckout(_Shape):
    """The answer."""

    ok: Literal[True]
    data: ResolvedPlans


class SentCheckoutPage(_Shape):
    """A quote, or one plan, that is to be paid on a page; one of the two.

    codes and context go with a plan only: in a quote they stand already.
    """

    customer: Name
    quote: str | None = None
    plans: Annotated[list[PlanId | SentPlan] | None, Field(min_length=1, max_length=1)] = None
    codes: Annotated[
        list[Annotated[str, Field(max_length=400)]] | None, Field(max_length=MOST_CODES)
    ] = None
    context: Attributes | None = None
    success_url: Annotated[str, Field(max_length=2000)]
    cancel_url: Annotated[str, Field(max_length=2000)]
    provider: Name | None = None
    biller: Biller | None = None


class WhyNotSold(_Shape):
    """Why a checkout came to nothing."""

    code: str
    text: str


class PageOfCheckout(_Shape):
    """A checkout: where it is paid, and what became of it.

    The amount is what is paid today, as quoted_by reckoned it.
    """

    id: str
    state: CheckoutState
    url: str | None
    customer: str
    plan: str
    version: int
    quantity: int
    subscription: str | None
    amount: Amount
    expires_at: datetime
    reason: WhyNotSold | None
    biller: Biller
    quoted_by: Biller


class ShownCheckout(_Shape):
    """The answer about one checkout."""

    ok: Literal[True]
    data: PageOfCheckout

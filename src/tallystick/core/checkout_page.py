"""A checkout: the page that a customer pays on, what a provider says of it, and what it is for us.

Prices come from a quote alone.  A page counts as paid only where everything on it is what was
asked for: account, mode, currency, amount, customer and checkout.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tallystick.core.mirror import mirror_id
from tallystick.core.property import shown
from tallystick.core.subscription import Origin
from tallystick.core.text import id_at, refused_at, text_at
from tallystick.errors import InvalidInput, OutcomeUnknown, SetupError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tallystick.core.customer import Customer
    from tallystick.core.intent import ProviderAccount
    from tallystick.core.money import Money
    from tallystick.core.period import Instant
    from tallystick.core.provider_act import ProviderCall
    from tallystick.core.quote import Quote, Quoted

__all__ = [
    "ENDED_THERE",
    "LIVE_CHECKOUT",
    "Checkout",
    "CheckoutState",
    "OpenedPage",
    "Page",
    "PageLine",
    "PageState",
    "opened_page_of",
    "page_lines",
    "page_mismatch",
    "page_state_of",
    "page_until",
    "return_address",
    "return_origin",
]

CheckoutState: TypeAlias = Literal[
    "open", "processing", "complete", "expired", "failed", "refunding", "refunded"
]
"""How a checkout stands.

`open` can be paid; `processing` was, by a way that takes days; `refunding` was paid and cannot be
sold any more, so the money goes back.
"""

LIVE_CHECKOUT: Final[frozenset[CheckoutState]] = frozenset({"open", "processing", "refunding"})
"""The states in which a checkout is gone on with."""

ENDED_THERE: Final = "ended_there"
"""The code of a refusal to give back: the subscription was ended there, and not by us."""

_LONGEST_ADDRESS: Final = 2_000
_SHORTEST: Final = timedelta(hours=1)
_LONGEST: Final = timedelta(hours=23)  # a page at Stripe lives 24 hours at most
_ORIGIN: Final = re.compile(
    r"(https?)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?(?=[/?#]|\Z)",
    re.ASCII | re.IGNORECASE,
)
_STRANGE: Final = frozenset('\\ <>"`^|')
_STATES: Final = ("open", "processing", "paid", "failed", "expired")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A quote on its way to a subscription.

    `key` is made of our id and sent with every try; `attempts` counts them as those of an intent.
    `request` is the digest of what was asked for, so that a repeat with its key is known.
    `payer` is what the provider called the customer when it began, `reference` what it calls the
    page, `payment` the payment, `refund` what it gave back by.  A page that is `closing` is to be
    closed, because another took its place.  `reason` is why it failed or was given back, as JSON;
    `set_aside` why no worker goes on with it.

    `biller` is whose invoices it is about.  Where that is the provider, `sells` is what the page
    sells, `payment` the subscription that was bought there, and the quote is the provider's own
    preview, made when it was issued: what it charges in the end is its affair.
    """

    customer: str
    id: str
    quote: Quote
    provider: str
    account: ProviderAccount
    amount: Money
    key: str
    request: str
    success_url: str
    cancel_url: str
    created_at: Instant
    expires_at: Instant
    next_at: Instant
    biller: Literal["tallystick", "provider"] = "tallystick"
    payer: str | None = None
    idempotency_key: str | None = None
    state: CheckoutState = "open"
    attempts: int = 0
    leased_until: Instant | None = None
    first_sent_at: Instant | None = None
    reference: str | None = None
    url: str | None = None
    closing: bool = False
    payment: str | None = None
    refund: str | None = None
    reason: Mapping[str, str] | None = None
    closed_at: Instant | None = None
    set_aside: str | None = None
    sells: ProviderCall | None = None

    @property
    def subscription(self) -> str | None:
        """The id of the subscription that it leads to; None where it is not known before."""
        if self.biller == "tallystick":
            return self.quote.subscription
        if self.payment is None:
            return None
        named, live = self.account.id, self.account.live
        origin = Origin(provider=self.provider, account=named, live=live, reference=self.payment)
        return mirror_id(origin)

    @property
    def quoted_by(self) -> Literal["tallystick", "provider"]:
        """Who reckoned the amount: we, or the provider in a preview."""
        return self.biller

    def __hash__(self) -> int:
        """Hash by id."""
        return hash(self.id)


@dataclass(frozen=True, slots=True)
class PageLine:
    """One line on a page: what the payer is shown, and how much of the sum it is."""

    label: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page that a provider is to put up; to the same `key` it gives the same one for ever.

    The lines sum up to `amount`.  Where `payer` is None the provider makes the customer, with the
    same name for the same `customer`.

    One that `sells` something that the provider bills from then on has no lines of ours.
    """

    key: str
    checkout: str
    customer: Customer
    amount: Money
    lines: tuple[PageLine, ...]
    success_url: str
    cancel_url: str
    expires_at: Instant
    payer: str | None = None
    sells: ProviderCall | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPage:
    """A page that stands: what the provider calls it and the customer, and where it is paid."""

    reference: str
    url: str
    payer: str
    account: ProviderAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class PageState:
    """How a page stands at its provider, as fetched.

    `processing` is done with, and the money is on its way; `failed` is done with, and it did not
    come.  `payment` is what the provider calls the payment, by which it can be given back, and
    `subscription` what it calls the subscription that was bought, where it bills it.
    """

    reference: str
    state: Literal["open", "processing", "paid", "failed", "expired"]
    account: ProviderAccount
    amount: Money
    payer: str | None = None
    checkout: str | None = None
    payment: str | None = None
    subscription: str | None = None


def page_until(quote: Quote, at: Instant) -> Instant:
    """Give until when a quote can be paid: its end, but 1 hour to 23 from now."""
    return min(max(quote.expires_at, at + _SHORTEST), at + _LONGEST)


def page_lines(today: Quoted, label: str) -> tuple[PageLine, ...]:
    """Give the lines that a page shows: each quoted one less its discount, or all in one.

    In one (`label`) where one of them is below nothing, or they do not sum up to what is due.
    """
    for taxed in (True, False):
        lines = [
            PageLine(
                line.description,
                line.amount - line.discount - line.credit + line.tax
                if taxed
                else line.amount - line.discount - line.credit,
            )
            for line in today.lines
        ]
        sums = [line.amount.minor for line in lines]
        if min(sums, default=-1) >= 0 and sum(sums) == today.amount_due.minor:
            return tuple(line for line in lines if line.amount.minor)
    return (PageLine(label, today.amount_due),)


def opened_page_of(answer: object) -> OpenedPage:
    """Give a page that was put up, as it can be kept.  Raises OutcomeUnknown for no such."""
    if not isinstance(answer, OpenedPage):
        raise OutcomeUnknown(f"the provider answered with {shown(answer)}, which is no page")
    try:
        id_at(answer.reference, "reference")
        id_at(answer.payer, "payer")
        text_at(answer.url, "url", _LONGEST_ADDRESS)
    except InvalidInput as refused:
        raise OutcomeUnknown(f"the provider's page cannot be kept: {refused}") from None
    return answer


def page_state_of(answer: object) -> PageState:
    """Give what a provider says of a page, fit to be kept.  Raises OutcomeUnknown for no such."""
    if not isinstance(answer, PageState) or answer.state not in _STATES:
        raise OutcomeUnknown(f"the provider says {shown(answer)} of a page, which is no answer")
    bought = answer.payment or answer.subscription
    if answer.state == "paid" and bought is None:
        raise OutcomeUnknown("the provider says paid, and names no payment")
    try:
        id_at(answer.reference, "reference")
        if bought is not None:
            id_at(bought, "payment")
    except InvalidInput as refused:
        raise OutcomeUnknown(f"the provider's answer cannot be kept: {refused}") from None
    return answer


def page_mismatch(checkout: Checkout, state: PageState) -> str | None:
    """Say what of a page is not what was asked for; None where all of it is.

    Where the provider bills, the amount is its own and not compared.
    """
    told: tuple[tuple[str, object, object], ...] = (
        ("page", state.reference, checkout.reference),
        ("account", state.account.id, checkout.account.id),
        ("live", state.account.live, checkout.account.live),
        ("currency", state.amount.currency.code, checkout.amount.currency.code),
        ("amount", state.amount.minor, checkout.amount.minor),
        ("payer", state.payer, checkout.payer),
        ("checkout", state.checkout, checkout.id),
    )
    if checkout.biller == "provider":
        told = tuple(each for each in told if each[0] != "amount")
    wrong = [f"{what} {is_!r} instead of {asked!r}" for what, is_, asked in told if is_ != asked]
    return ", ".join(wrong) or None


# --- where a customer returns to ------------------------------------------------------------------


def return_origin(text: object) -> str:
    """Read an origin, `https://app.example` or `http://localhost:3000`, as browsers write it.

    Raises SetupError for what is none.
    """
    found = _origin(text) if isinstance(text, str) else None
    if found is None or not isinstance(text, str) or set(text.partition("://")[2]) & set("/?#"):
        raise SetupError(
            f"{shown(text)} is no origin: write a scheme and a host, as https://app.example"
        )
    return found


def return_address(value: object, path: str, origins: Collection[str]) -> str:
    """Read an address that a customer returns to: a full one, of one of the origins.

    Raises InvalidInput.
    """
    if not isinstance(value, str):
        raise refused_at(path, f"must be a text, not {shown(value)}")
    if len(value) > _LONGEST_ADDRESS:
        raise refused_at(path, f"is longer than {_LONGEST_ADDRESS} characters")
    found = _origin(value)
    if found is None:
        raise refused_at(path, "is no full address: write https://, a host and a path")
    if found not in origins:
        known = ", ".join(sorted(origins))
        raise refused_at(path, f"leads to {found[:100]}: the origins that are allowed are {known}")
    return value


def _origin(text: str) -> str | None:
    """Give the origin of an address; None for one that two readers could read in two ways."""
    if not text.isprintable() or not _STRANGE.isdisjoint(text):
        return None
    found = _ORIGIN.match(text)
    if found is None:
        return None
    scheme, host, port = found[1].lower(), found[2].lower(), found[3]
    usual = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{host}" + ("" if port is None or int(port) == usual else f":{int(port)}")

"""Going on with checkouts: claim one, ask its provider outside of any transaction, keep the answer.

Whatever is heard of a page (a webhook, its success page, the clock) is a hint to ask; only what is
fetched then counts.  Any number of workers may do so at once, as with intents.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tallystick.app.asking import LEASE, ask, go_through, is_forgotten, keep_answer
from tallystick.app.billers import bills_of
from tallystick.app.billing import run_billing
from tallystick.app.checkout_billed import Bought, fetch_bought
from tallystick.app.checkout_finish import (
    fail,
    keep_bought,
    keep_given_back,
    keep_opened,
    keep_page,
    leave,
)
from tallystick.app.checkout_open import page_of
from tallystick.core.checkout_page import OpenedPage, PageState, opened_page_of, page_state_of
from tallystick.core.intent import Refund, outcome_of, wait_after_silence
from tallystick.core.period import to_the_second
from tallystick.errors import Conflict, NotFound, OutcomeUnknown, RuleError, SetupError
from tallystick.storage import checkouts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tallystick.core.checkout_page import Checkout, Page
    from tallystick.core.intent import Outcome
    from tallystick.core.period import Instant
    from tallystick.ports import Pages, Provider
    from tallystick.storage.unit import Storage, Unit

__all__ = ["CheckoutRun", "claim_checkout", "finish_checkout", "finish_checkouts", "pages_of"]

_Act: TypeAlias = Literal["open", "look", "close", "refund", "look up refund"]
_Answer: TypeAlias = "OpenedPage | PageState | Bought | Outcome"

_LAG: Final = timedelta(minutes=1)  # what was made just now is shown everywhere after it
_LOOKS: Final = frozenset({"look", "close"})


@dataclass(frozen=True, slots=True)
class Claim:
    """A checkout that is leased, and what its provider is to be asked."""

    checkout: Checkout
    act: _Act = "look"
    page: Page | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutRun:
    """What a run of checkouts came to: how many are in which state after it."""

    open: int = 0
    processing: int = 0
    complete: int = 0
    expired: int = 0
    failed: int = 0
    refunding: int = 0
    refunded: int = 0
    silent: int = 0
    set_aside: int = 0

    @property
    def over(self) -> int:
        """How many came to their end."""
        return self.complete + self.expired + self.failed + self.refunded

    @property
    def asked(self) -> int:
        """How many were gone on with."""
        waiting = self.open + self.processing + self.refunding
        return self.over + waiting + self.silent + self.set_aside


def pages_of(provider: Provider) -> Pages:
    """Give the pages of a provider.  Raises Conflict where it declares none, SetupError."""
    name = provider.abilities.name
    if not provider.abilities.pages:
        raise Conflict(f"the provider {name!r} has no pages to pay on: collect the invoice there")
    pages: Pages | None = getattr(provider, "pages", None)
    if pages is None:
        raise SetupError(f"the provider {name!r} declares pages, and has none")
    return pages


def finish_checkouts(
    storage: Storage,
    providers: Iterable[Provider],
    now: Callable[[], Instant],
    limit: int | None = None,
    stop: Callable[[], bool] = bool,
) -> CheckoutRun:
    """Go on with every checkout that is due at these providers; a second run changes nothing.

    One that fails waits for its next time and blocks no other.  Raises StorageUnavailable.
    """

    def step(provider: Provider) -> str | None:
        done = finish_checkout(storage, provider, now)
        return None if done is None else _what(*done)

    with_pages = (each for each in providers if each.abilities.pages)
    return CheckoutRun(**go_through(with_pages, step, limit, stop))


def finish_checkout(
    storage: Storage, provider: Provider, now: Callable[[], Instant], only: str | None = None
) -> tuple[Checkout, Exception | None] | None:
    """Go on with the checkout that is due first, or with one by its id; give what it is then.

    With it what went wrong in asking, if anything did.  None where none is due, or another worker
    has it.  Raises StorageUnavailable.
    """
    at = now()
    claim = storage.attempt(lambda unit: claim_checkout(unit, at, provider, only))
    if claim is None:
        return None
    checkout = claim.checkout
    if checkout.closed_at is not None or checkout.set_aside is not None:
        return checkout, None
    answer = ask(checkout.provider, checkout.id, lambda: _answer(storage, provider, claim, now))
    if isinstance(answer, PageState) and answer.state == "paid":
        run_billing(storage, now())  # its invoice is numbered after what was due before it
    done = keep_answer(
        storage,
        checkout.id,
        lambda unit: _keep(unit, now(), claim, answer),
        lambda unit, why: _left(unit, now(), checkout, why),
    )
    return done, answer if isinstance(answer, Exception) else None


def claim_checkout(
    unit: Unit, at: Instant, provider: Provider, only: str | None = None
) -> Claim | None:
    """Lease the first checkout that is due, and say what is to be asked; None for none.

    One whose page nobody was ever told of is closed here, once it is too late for it.
    """
    unit.as_all()
    at = to_the_second(at)
    abilities = provider.abilities
    found = checkouts.due_checkout(unit, abilities.name, provider.account, at, only)
    if found is None:
        return None
    act = _act(found)
    sends = act in {"open", "refund"}
    forgotten = sends and is_forgotten(found.first_sent_at, at, abilities.key_hours)
    unseen = found.closing and not found.attempts
    if act == "open" and (unseen or forgotten or at >= found.expires_at):
        over = replace(found, state="expired", leased_until=None, closed_at=at)
        checkouts.put_checkout(unit, over, found.attempts)
        return Claim(over)
    if forgotten:
        return Claim(leave(unit, found, _FORGOTTEN, at))
    leased = replace(
        found,
        attempts=found.attempts + 1,
        leased_until=at + LEASE,
        first_sent_at=(found.first_sent_at or at) if sends else found.first_sent_at,
    )
    checkouts.put_checkout(unit, leased, found.attempts)
    return Claim(leased, act, page_of(unit, leased) if act == "open" else None)


_FORGOTTEN: Final = Conflict(
    "the provider did not answer for longer than it knows a key: look there whether the money went"
    " back, and let it be asked again only where it did not"
)


def _act(checkout: Checkout) -> _Act:
    if checkout.state == "refunding":
        return "refund" if checkout.refund is None else "look up refund"
    if checkout.reference is None:
        return "open"
    return "close" if checkout.closing and checkout.state == "open" else "look"


def _answer(
    storage: Storage, provider: Provider, claim: Claim, now: Callable[[], Instant]
) -> _Answer:
    checkout, reference = claim.checkout, claim.checkout.reference or ""
    if claim.page is not None:
        return opened_page_of(pages_of(provider).open_page(claim.page))
    if claim.act in _LOOKS:
        pages = pages_of(provider)
        look = pages.look_at_page if claim.act == "look" else pages.close_page
        page = page_state_of(look(reference))
        if page.state != "paid" or checkout.biller == "tallystick":
            return page
        return fetch_bought(storage, bills_of(provider), checkout, page, now)
    refund = Refund(
        key=f"{checkout.key}/refund",
        invoice=checkout.id,
        customer=checkout.customer,
        amount=checkout.amount,
        payment=checkout.payment or "",
        payer=checkout.payer,
    )
    if checkout.refund is None and checkout.biller == "provider":
        return outcome_of(bills_of(provider).give_up(refund))
    if checkout.refund is None:
        return outcome_of(provider.refund(refund))
    return outcome_of(provider.look_up(refund, checkout.refund))


def _keep(unit: Unit, at: Instant, claim: Claim, answer: _Answer | Exception) -> Checkout:
    unit.as_all()
    checkout = claim.checkout
    match answer:
        case OpenedPage():
            return keep_opened(unit, at, checkout, answer)
        case PageState():
            return keep_page(unit, at, checkout, answer)
        case Bought():
            return keep_bought(unit, at, checkout, answer)
        case RuleError() if claim.act == "open":
            return fail(unit, checkout, answer, at)
        case NotFound() if claim.act in _LOOKS and at < checkout.expires_at:
            return _silent(unit, at, checkout, _LAG)  # what a provider shows may lag for a while
        case RuleError():
            return leave(unit, checkout, answer, at)
        case Exception():
            return _silent(unit, at, checkout)
        case _:
            return keep_given_back(unit, at, checkout, answer)


def _left(unit: Unit, at: Instant, checkout: Checkout, why: Exception) -> Checkout:
    unit.as_all()
    if isinstance(why, OutcomeUnknown):  # what has to be done before was not done by then
        return _silent(unit, at, checkout)
    return leave(unit, checkout, why, at)


def _silent(unit: Unit, at: Instant, checkout: Checkout, wait: timedelta | None = None) -> Checkout:
    wait = wait_after_silence(checkout.attempts) if wait is None else wait
    silent = replace(checkout, leased_until=None, next_at=to_the_second(at) + wait)
    checkouts.put_checkout(unit, silent, checkout.attempts)
    return silent


def _what(checkout: Checkout, fault: Exception | None) -> str:
    if checkout.set_aside is not None:
        return "set_aside"
    silent = fault is not None and checkout.closed_at is None
    return "silent" if silent else checkout.state

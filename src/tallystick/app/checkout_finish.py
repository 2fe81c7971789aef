"""What a provider says of a page, and what that makes of the checkout: sold once, or given back.

A page that was paid becomes a subscription, its invoice and its payment in one transaction.  What
cannot be sold by then is not: the money goes back, and the checkout says why.

Locks are taken in one order: numbers, checkout, balance, document, intent.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallystick.app.billing import BATCH
from tallystick.app.checkout_billed import mirror_bought
from tallystick.app.customer import get_customer, update_customer
from tallystick.app.intent_book import book
from tallystick.app.invoice import get_document
from tallystick.app.issuing import SERIES, issue_batch
from tallystick.app.quote import accept_quote
from tallystick.app.stopped import reason_of
from tallystick.core.checkout_page import ENDED_THERE, page_mismatch
from tallystick.core.frozen import FrozenDict
from tallystick.core.intent import Canceled, Declined, Intent, Succeeded, Waiting, key_of
from tallystick.core.period import to_the_second
from tallystick.errors import Conflict, NotFound, OutcomeUnknown, PriceChanged, RuleError
from tallystick.storage import checkouts, intents, series, subscriptions

if TYPE_CHECKING:
    from tallystick.app.checkout_billed import Bought
    from tallystick.core.checkout_page import Checkout, OpenedPage, PageState
    from tallystick.core.intent import Outcome
    from tallystick.core.period import Instant
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = ["fail", "keep_bought", "keep_given_back", "keep_opened", "keep_page", "leave"]

_SOON: Final = timedelta(minutes=1)
_POLL: Final = timedelta(minutes=10)
_POLL_ON_ITS_WAY: Final = timedelta(hours=1)
_MOST_BATCHES: Final = 100
_MISMATCH: Final = "MISMATCH"


def keep_opened(unit: Unit, at: Instant, checkout: Checkout, opened: OpenedPage) -> Checkout:
    """Keep where the page is, and what the provider calls the customer."""
    if opened.account != checkout.account:
        told = f"{opened.account.id} (live: {opened.account.live})"
        return leave(unit, checkout, Conflict(f"the page is of account {told}"), at, _MISMATCH)
    if get_customer(unit, checkout.customer).provider_id is None:
        update_customer(unit, at, checkout.customer, {"provider_id": opened.payer})
    stands = replace(
        checkout,
        reference=opened.reference,
        url=opened.url,
        payer=opened.payer,
        first_sent_at=None,
    )
    return _wait(unit, at, checkout, stands, _POLL)


def keep_page(unit: Unit, at: Instant, checkout: Checkout, page: PageState) -> Checkout:
    """Keep how a page stands; one that was paid is sold, or its money given back.

    What does not match what was asked for is set aside: nothing counts as paid.

    Raises OutcomeUnknown where a document has to be issued before: the same again later.
    """
    wrong = page_mismatch(checkout, page)
    if wrong is not None:
        refusal = Conflict(f"{checkout.provider} answered with {wrong}")
        return leave(unit, checkout, refusal, at, _MISMATCH)
    match page.state:
        case "open":
            return _wait(unit, at, checkout, checkout, _POLL)
        case "processing":
            on_its_way = replace(checkout, state="processing")
            return _wait(unit, at, checkout, on_its_way, _POLL_ON_ITS_WAY)
        case "expired":
            return _close(unit, at, checkout, replace(checkout, state="expired"))
        case "failed":
            return fail(unit, checkout, Conflict("the payment did not come"), at)
        case "paid":
            return _sell(unit, at, checkout, page)


def keep_bought(unit: Unit, at: Instant, checkout: Checkout, bought: Bought) -> Checkout:
    """Keep that a subscription was bought which the provider bills: mirrored, or given back.

    Given back is one whose place another has taken by now; what does not match what was asked for
    is set aside, as is what cannot be mirrored.
    """
    wrong = page_mismatch(checkout, bought.page)
    if wrong is not None:
        refusal = Conflict(f"{checkout.provider} answered with {wrong}")
        return leave(unit, checkout, refusal, at, _MISMATCH)
    named = replace(checkout, payment=bought.page.subscription)
    done = _closed(at, replace(named, state="complete"))
    try:
        with unit.savepoint():
            if not checkouts.put_checkout(unit, done, checkout.attempts):
                return _now(unit, checkout)
            mirror_bought(unit, at, done, bought)
            checkouts.mark_others_closing(unit, done, to_the_second(at))
    except Conflict as refused:
        if "live" not in refused.data:
            raise
        back = replace(named, state="refunding", reason=_told(refused), first_sent_at=None)
        return _wait(unit, at, checkout, back, timedelta())
    return done


def keep_given_back(unit: Unit, at: Instant, checkout: Checkout, outcome: Outcome) -> Checkout:
    """Keep what came of giving the money back."""
    if isinstance(outcome, Waiting):
        waits = replace(checkout, refund=outcome.reference, first_sent_at=None)
        return _wait(unit, at, checkout, waits, timedelta(hours=outcome.hours))
    billed = checkout.biller == "provider"
    if billed and isinstance(outcome, Canceled):  # it ended before anything was paid
        return _close(
            unit, at, checkout, replace(checkout, state="refunded", refund=outcome.reference)
        )
    if billed and isinstance(outcome, Declined) and outcome.code == ENDED_THERE:
        again = replace(checkout, state="open", payment=None, reason=None, first_sent_at=None)
        return _wait(unit, at, checkout, again, _SOON)  # what it was told was not so any more
    if not isinstance(outcome, Succeeded):
        said = getattr(outcome, "message", "it was given up")
        return leave(unit, checkout, Conflict(f"the money was not given back: {said}"), at)
    amount = outcome.amount if billed else checkout.amount
    if (outcome.account, outcome.amount) != (checkout.account, amount):
        refusal = Conflict(f"{outcome.amount} went back, not {checkout.amount}")
        return leave(unit, checkout, refusal, at, _MISMATCH)
    back = replace(checkout, state="refunded", refund=outcome.reference)
    return _close(unit, at, checkout, back)


def fail(unit: Unit, checkout: Checkout, why: Exception, at: Instant) -> Checkout:
    """Close a checkout that comes to nothing, with the reason."""
    return _close(unit, at, checkout, replace(checkout, state="failed", reason=_told(why)))


def leave(unit: Unit, checkout: Checkout, why: Exception, at: Instant, code: str = "") -> Checkout:
    """Set a checkout aside with the reason: no worker goes on with it until a person has looked."""
    replay = f"tallystick checkout show {checkout.id}"
    reason = reason_of(why, at, checkout.key, replay) | ({"code": code} if code else {})
    text = json.dumps(reason, ensure_ascii=False, sort_keys=True)
    return _put(unit, checkout, replace(checkout, leased_until=None, set_aside=text))


# --- selling --------------------------------------------------------------------------------------


def _sell(unit: Unit, at: Instant, checkout: Checkout, page: PageState) -> Checkout:
    """Make the subscription that was quoted, issue its invoice and book the payment; or none."""
    series.hold_series(unit, SERIES.values())
    if subscriptions.lowest_due(unit, to_the_second(at)) is not None:
        raise OutcomeUnknown("other documents are to be numbered before this one")
    done = _closed(at, replace(checkout, state="complete", payment=page.payment))
    try:
        with unit.savepoint():
            if not checkouts.put_checkout(unit, done, checkout.attempts):
                return _now(unit, checkout)
            _book(unit, at, done)
    except RuleError as refused:
        back = replace(checkout, state="refunding", payment=page.payment, reason=_told(refused))
        return _wait(unit, at, checkout, replace(back, first_sent_at=None), timedelta())
    return done


def _book(unit: Unit, at: Instant, checkout: Checkout) -> None:
    made = accept_quote(unit, at, checkout.quote)  # also one that was accepted by hand meanwhile
    unit.as_all()  # what is numbered before it is others'
    document = _issued(unit, at, made.documents)
    if document.status != "open" or document.left != checkout.amount.minor:
        raise PriceChanged(
            f"{document.left} are due on the invoice, and {checkout.amount.minor} were paid",
            quoted=str(checkout.amount),
        )
    intent = _intent(at, checkout, document)
    intents.add_intent(unit, intent)
    assert checkout.payment is not None  # noqa: S101 - it was paid
    paid = Succeeded(
        reference=checkout.payment,
        amount=checkout.amount,
        account=checkout.account,
        payer=checkout.payer,
    )
    booked = book(unit, at, intent, paid)
    if booked.state != "succeeded" or booked.surplus or booked.set_aside is not None:
        raise Conflict(f"the payment {checkout.payment!r} cannot be booked: {booked.set_aside}")
    checkouts.mark_others_closing(unit, checkout, to_the_second(at))


def _issued(unit: Unit, at: Instant, documents: tuple[str, ...]) -> Document:
    """Issue what may be issued up to the first of the documents; give that one.

    Numbers go by the instant from which on a document may be issued, so what comes before it is
    issued with it.  Raises Conflict where it is not issued by then.
    """
    if not documents:
        raise Conflict("nothing falls due today any more, and something was paid")
    for _ in range(_MOST_BATCHES):
        found = get_document(unit, documents[0])
        if found.status != "draft":
            return found
        if not issue_batch(unit, to_the_second(at), before=None, limit=BATCH):
            break
    raise Conflict(f"the document {documents[0]!r} cannot be issued now")


def _intent(at: Instant, checkout: Checkout, document: Document) -> Intent:
    """Give the intent by which the page collected, under an id that follows from the checkout's."""
    id_ = f"int_{checkout.id.partition('_')[2] or checkout.id}"
    return Intent(
        customer=checkout.customer,
        id=id_,
        kind="collect",
        invoice=document.invoice.id,
        provider=checkout.provider,
        account=checkout.account,
        payer=checkout.payer,
        amount=checkout.amount,
        key=key_of(id_),
        label=document.invoice.number or document.invoice.id,
        created_at=to_the_second(at),
        next_at=to_the_second(at),
    )


# --- keeping --------------------------------------------------------------------------------------


def _wait(unit: Unit, at: Instant, before: Checkout, after: Checkout, wait: timedelta) -> Checkout:
    """Keep a checkout that is looked at again later: at once where its page is to be closed."""
    at = to_the_second(at)
    soon = after.closing and after.state == "open" and before.reference is None
    next_at = at if soon else at + wait
    return _put(unit, before, replace(after, leased_until=None, next_at=next_at))


def _close(unit: Unit, at: Instant, before: Checkout, after: Checkout) -> Checkout:
    return _put(unit, before, _closed(at, after))


def _closed(at: Instant, checkout: Checkout) -> Checkout:
    return replace(checkout, leased_until=None, closed_at=to_the_second(at))


def _put(unit: Unit, before: Checkout, after: Checkout) -> Checkout:
    """Keep it; give it, or what another made of it since it was asked for."""
    kept = checkouts.put_checkout(unit, after, before.attempts)
    return after if kept else _now(unit, before)


def _now(unit: Unit, checkout: Checkout) -> Checkout:
    found = checkouts.checkout_by_id(unit, checkout.id)
    if found is None:
        raise NotFound("checkout", checkout.id)
    return found


def _told(why: Exception) -> FrozenDict[str, str]:
    code = getattr(why, "code", "")
    return FrozenDict({"code": str(code), "message": str(why)[:1_000]})

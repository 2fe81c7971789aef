"""Money that went back at a provider: refunds, also those that nobody asked for here, and disputes.

What was given back there of a payment that we collected is given back in our books, by an intent
that was never asked.  Where our payment is not booked yet, it waits for that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tallystick.app.inbox_apply import NOT_OURS, Note
from tallystick.app.inbox_payments import apply_payment, intent_of, nothing, of_another_account
from tallystick.app.intent_book import book, hold
from tallystick.core.intent import (
    LIVE,
    Intent,
    Refund,
    Succeeded,
    key_of,
    mismatch,
    outcome_of,
)
from tallystick.core.money import Money
from tallystick.core.period import to_the_second
from tallystick.errors import NotFound, OutcomeUnknown
from tallystick.storage import intents

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.app.inbox_apply import Act, Applier, Room
    from tallystick.core.intent import Outcome
    from tallystick.core.period import Instant
    from tallystick.core.provider_event import Fetched
    from tallystick.ports import Provider
    from tallystick.storage.unit import Unit

__all__ = ["MONEY_BACK_APPLIERS", "apply_dispute", "apply_refund"]

_PAYMENT: Final = "payment_intent"
_PAGE: Final = "checkout.session"


def apply_refund(room: Room, fetched: Fetched) -> Act:
    """Book a refund by the intent that asked for it, or as one that was made at the provider.

    Raises OutcomeUnknown where its payment is not booked yet, or two answers are not of one state.
    """
    if room.storage.attempt(lambda unit: intent_of(unit, fetched), reading=True) is not None:
        return apply_payment(room, fetched)
    of, provider = _collected(room, fetched), room.providers.get(fetched.provider)
    if of is None or provider is None:
        return nothing(Note(NOT_OURS, f"no refund of ours is {fetched.id}"))
    wrong = of_another_account(provider, of) or _not_collected(of)
    if wrong is not None:
        return nothing(wrong)
    if not fetched.moved:
        return _changes_nothing
    outcome = _looked_up(provider, of, fetched)
    why = fetched.tree.get("reason")
    words = why if isinstance(why, str) else None
    return lambda unit, at: _given_back(unit, at, of.id, outcome, words)


def _changes_nothing(unit: Unit, at: Instant) -> None:
    """Take note of money that did not move, and was never booked."""


def apply_dispute(room: Room, fetched: Fetched) -> Act:  # noqa: ARG001 - the shape of an applier
    """Tell a person of money that a payer wants back: the books follow what is decided there."""
    text = f"{fetched.id} is {fetched.tree.get('status')}: look into it at {fetched.provider}"
    return nothing(Note("DISPUTE", text, alert=True))


# --- whose payment it was -------------------------------------------------------------------------


def _collected(room: Room, fetched: Fetched) -> Intent | None:
    """Give the intent that collected what goes back; None where that was no payment of ours.

    A payment on a page is found by the page.  Raises OutcomeUnknown where it is not booked yet.
    """
    payment = fetched.tree.get("payment_intent")
    if not isinstance(payment, str):
        return None
    paid = replace(fetched, kind=_PAYMENT, id=payment, intent=None)
    found = room.storage.attempt(lambda unit: intent_of(unit, paid), reading=True)
    if found is not None:
        return found
    shown = room.source.fetch(_PAYMENT, payment, fetched.asked_at)
    if shown is None:
        raise OutcomeUnknown(f"the provider does not show {payment} yet")
    named = room.storage.attempt(lambda unit: intent_of(unit, shown), reading=True)
    if named is None or named.kind != "collect":
        return None
    if named.reference is None:
        return named
    page = None
    if named.reference.startswith("cs_"):
        page = room.source.fetch(_PAGE, named.reference, fetched.asked_at)
    return named if page is not None and page.tree.get("payment_intent") == payment else None


def _not_collected(of: Intent) -> Note | None:
    """Give an alert where nothing was collected by that intent.

    Raises OutcomeUnknown where that is still open.
    """
    if of.set_aside is not None:
        text = f"{of.id} is set aside: look at it, then tallystick payments retry {of.id}"
        return Note("SET_ASIDE", text, alert=True)
    if of.state in LIVE:
        raise OutcomeUnknown(f"the payment {of.id} is not booked yet")
    if (of.kind, of.state) == ("collect", "succeeded"):
        return None
    text = f"{of.id} is {of.kind} {of.state} here, and something of it went back"
    return Note("MONEY_MOVED", text, alert=True)


# --- booking it -----------------------------------------------------------------------------------


def _looked_up(provider: Provider, of: Intent, fetched: Fetched) -> Succeeded:
    """Ask the provider for a refund, as for one of ours."""
    asked = Refund(
        key=key_of(_id_of(fetched.id)),
        invoice=of.invoice,
        customer=of.customer,
        amount=of.amount,
        payment=of.reference or "",
        payer=of.payer,
    )
    try:
        outcome: Outcome = outcome_of(provider.look_up(asked, fetched.id))
    except NotFound as unseen:
        raise OutcomeUnknown(f"the provider does not show {fetched.id} yet") from unseen
    if not isinstance(outcome, Succeeded) or outcome.reference != fetched.id:
        raise OutcomeUnknown(f"the provider shows {fetched.id} in two ways")
    return outcome


def _given_back(
    unit: Unit, at: Instant, of_id: str, outcome: Succeeded, reason: str | None
) -> Note | None:
    """Book a refund that nobody asked for here, once: the reference is the provider's name."""
    of = intents.intent_by_id(unit, of_id)
    if of is None:
        raise NotFound("payment intent", of_id)
    hold(unit, of, refund=True)
    done = intents.intent_by_reference(unit, of.provider, of.account, outcome.reference)
    if done is None:
        asked = _never_asked(at, of, outcome, reason)
        live = intents.live_intent(unit, of.customer, of.invoice, "refund")
        if live is not None:
            raise OutcomeUnknown(f"another refund is being asked for by now: {live.id}")
        wrong = _too_much(unit, of, outcome) or mismatch(asked, outcome)
        if wrong is not None:
            text = f"{outcome.reference} is no refund of {of.id}: {wrong}"
            return Note("MISMATCH", text, alert=True)
        intents.add_intent(unit, asked)
        done = book(unit, at, asked, outcome)
    if done.set_aside is not None:
        text = f"{done.id} is set aside: look at it, then tallystick payments retry {done.id}"
        return Note("SET_ASIDE", text, alert=True)
    return None


def _too_much(unit: Unit, of: Intent, outcome: Succeeded) -> str | None:
    currency = of.amount.currency
    if outcome.amount.currency != currency:
        return f"currency {outcome.amount.currency.code!r} instead of {currency.code!r}"
    left = Money(of.amount.minor - of.surplus - intents.given_back(unit, of), currency)
    return f"{outcome.amount} of {left} that are left" if outcome.amount > left else None


def _never_asked(at: Instant, of: Intent, outcome: Succeeded, reason: str | None) -> Intent:
    id_ = _id_of(outcome.reference)
    return Intent(
        customer=of.customer,
        id=id_,
        kind="refund",
        invoice=of.invoice,
        of=of.id,
        of_reference=of.reference,
        provider=of.provider,
        account=of.account,
        payer=of.payer,
        amount=outcome.amount,
        key=key_of(id_),
        label=of.label,
        reason=reason,
        created_at=to_the_second(at),
        next_at=to_the_second(at),
    )


def _id_of(reference: str) -> str:
    """Give the id of an intent for what was made at the provider: of its name there alone."""
    return f"int_{reference}"


MONEY_BACK_APPLIERS: Final[Mapping[str, Applier]] = {
    "refund": apply_refund,
    "dispute": apply_dispute,
}
"""What is made of the objects by which money goes back."""

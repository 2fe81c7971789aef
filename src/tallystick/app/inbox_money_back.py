"""Money that went back at a provider: refunds, also those that nobody asked for here, and disputes.

What was given back there of a payment that we collected is given back in our books, by an intent
that was never asked.  A refund that failed after it was booked is taken back, and a dispute that
was lost is a chargeback.  Where our payment is not booked yet, all of it waits for that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tallystick.app.inbox_apply import NOT_OURS, Note
from tallystick.app.inbox_payments import (
    apply_payment,
    intent_of,
    is_one,
    nothing,
    of_another_account,
)
from tallystick.app.intent_book import book, hold
from tallystick.app.undone import charge_back, fail_refund, failure_of, is_charged_back
from tallystick.core.intent import (
    LIVE,
    Canceled,
    Declined,
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
_KEPT: Final = frozenset({"won", "warning_closed", "prevented"})
"""How a dispute stands that is over, and of which the money is still here."""


def apply_refund(room: Room, fetched: Fetched) -> Act:
    """Book a refund by the intent that asked for it, or as one that was made at the provider.

    Raises OutcomeUnknown where its payment is not booked yet, or two answers are not of one state.
    """
    known = room.storage.attempt(lambda unit: intent_of(unit, fetched), reading=True)
    if known is not None and known.reference == fetched.id and fetched.moved is False:
        return _failed(room, fetched, known)
    if known is not None:
        return apply_payment(room, fetched)
    of = _collected(room, fetched)
    if isinstance(of, Note):
        return nothing(of)
    if not fetched.moved:
        return _changes_nothing
    outcome = _looked_up(room.providers[fetched.provider], of, fetched)
    if not isinstance(outcome, Succeeded):
        raise OutcomeUnknown(f"the provider shows {fetched.id} in two ways")
    why = fetched.tree.get("reason")
    words = why if isinstance(why, str) else None
    return lambda unit, at: _given_back(unit, at, of.id, outcome, words)


def _changes_nothing(unit: Unit, at: Instant) -> None:
    """Take note of money that did not move, and was never booked."""


def apply_dispute(room: Room, fetched: Fetched) -> Act:
    """Tell a person of money that a payer wants back; once it is lost, book the chargeback.

    One that was won changes nothing, but where it had been lost before: a person books what came.

    Raises OutcomeUnknown where its payment is not booked yet.
    """
    status = fetched.tree.get("status")
    if status != "lost" and status not in _KEPT:
        text = f"{fetched.id} is {status}: look into it at {fetched.provider}"
        return nothing(Note("DISPUTE", text, alert=True))
    of, amount = _collected(room, fetched), fetched.amount
    if isinstance(of, Note):
        return nothing(of)
    if status in _KEPT:
        return lambda unit, at: _kept(unit, of, fetched)  # noqa: ARG005 - the shape of an act
    if amount is None:
        return nothing(Note("MISMATCH", f"{fetched.id} is of no amount", alert=True))
    return lambda unit, at: _charged_back(unit, at, of.id, amount, fetched.id)


# --- whose payment it was -------------------------------------------------------------------------


def _collected(room: Room, fetched: Fetched) -> Intent | Note:
    """Give the intent that collected what goes back, or why there is none.

    Raises OutcomeUnknown where it is not booked yet.
    """
    of, provider = _paid_by(room, fetched), room.providers.get(fetched.provider)
    if of is None or provider is None:
        text = f"{fetched.kind} {fetched.id} is of no payment of ours"
        return Note(NOT_OURS, text)
    return of_another_account(provider, of) or _not_collected(of) or of


def _paid_by(room: Room, fetched: Fetched) -> Intent | None:
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
    return named if is_one(room, shown, named.reference) else None


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


def _looked_up(provider: Provider, of: Intent, fetched: Fetched) -> Outcome:
    """Ask the provider for a refund, as for one of ours of that payment."""
    asked = Refund(
        key=key_of(_id_of(fetched.id)),
        invoice=of.invoice,
        customer=of.customer,
        amount=of.amount,
        payment=of.reference or "",
        payer=of.payer,
    )
    try:
        outcome = outcome_of(provider.look_up(asked, fetched.id))
    except NotFound as unseen:
        raise OutcomeUnknown(f"the provider does not show {fetched.id} yet") from unseen
    if outcome.reference != fetched.id:
        raise OutcomeUnknown(f"the provider answers {fetched.id} with {outcome.reference}")
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


def _failed(room: Room, fetched: Fetched, refund: Intent) -> Act:
    """Take back a refund that was booked and did not arrive; one that is open ends as any other."""
    of_intent = apply_payment(room, fetched)
    provider = room.providers.get(fetched.provider)
    if provider is None or of_another_account(provider, refund) is not None:
        return of_intent
    outcome = _looked_up(provider, refund, fetched)
    if not isinstance(outcome, Declined | Canceled):
        raise OutcomeUnknown(f"the provider shows {fetched.id} in two ways")

    def act(unit: Unit, at: Instant) -> Note | None:
        now = intents.intent_by_id(unit, refund.id)
        if now is not None and now.state == "succeeded":
            fail_refund(unit, at, now, outcome)
        if failure_of(unit, refund) is None:
            return of_intent(unit, at)
        text = (
            f"{fetched.id} of {refund.amount} did not arrive: it is on the balance of"
            f" {refund.customer} again, so give it back in another way, or let it stand"
        )
        return Note("REFUND_FAILED", text, alert=True)

    return act


def _kept(unit: Unit, of: Intent, fetched: Fetched) -> Note | None:
    """Look whether what was kept had been booked as lost: what came back is a payment by hand."""
    if not is_charged_back(unit, of, fetched.id):
        return None
    text = (
        f"{fetched.id} was lost and is {fetched.tree.get('status')} now: record what came back with"
        " tallystick invoice pay"
    )
    return Note("MONEY_MOVED", text, alert=True)


def _charged_back(
    unit: Unit, at: Instant, of_id: str, amount: Money, reference: str
) -> Note | None:
    of = intents.intent_by_id(unit, of_id)
    if of is None:
        raise NotFound("payment intent", of_id)
    live = intents.live_intent(unit, of.customer, of.invoice, "refund")
    if live is not None:
        raise OutcomeUnknown(f"a refund is being asked for by now: {live.id}")
    charge_back(unit, at, of, amount, reference)
    return None


MONEY_BACK_APPLIERS: Final[Mapping[str, Applier]] = {
    "refund": apply_refund,
    "dispute": apply_dispute,
}
"""What is made of the objects by which money goes back."""

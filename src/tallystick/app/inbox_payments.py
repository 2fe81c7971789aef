"""Payments, refunds and pages that a provider told of: to our intents, or to nothing.

An object is ours where an intent has it as its reference, or it names an intent that is without
one.  What it says is not believed: the provider is asked for that very intent, and money counts
only where account, mode, currency, amount and payer are those of the intent.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tallystick.app.inbox_apply import NOT_OURS, Note
from tallystick.app.intent_book import book
from tallystick.core.intent import LIVE, Succeeded, Waiting, asked_of, mismatch, outcome_of
from tallystick.core.period import to_the_second
from tallystick.errors import NotFound, OutcomeUnknown
from tallystick.storage import intents

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.app.inbox_apply import Act, Applier, Room
    from tallystick.core.intent import Intent, Outcome
    from tallystick.core.period import Instant
    from tallystick.core.provider_event import Fetched
    from tallystick.ports import Provider
    from tallystick.storage.unit import Unit

__all__ = [
    "PAYMENT_APPLIERS",
    "apply_payment",
    "intent_of",
    "is_one",
    "nothing",
    "of_another_account",
]

_PAGE: Final = "checkout.session"


def apply_payment(room: Room, fetched: Fetched) -> Act:
    """Find the intent of a payment, a refund or a page, ask the provider for it, book the answer.

    Where it is still open whether the money moves, the worker of payments looks at it soon.

    Raises OutcomeUnknown where two answers are not of one state.
    """
    intent = room.storage.attempt(lambda unit: intent_of(unit, fetched), reading=True)
    provider = room.providers.get(fetched.provider)
    if intent is None or provider is None:
        return nothing(Note(NOT_OURS, f"no payment of ours is {fetched.kind} {fetched.id}"))
    other = of_another_account(provider, intent)
    if other is not None:
        return nothing(other)
    if fetched.moved is None or (intent.reference is None and not fetched.moved):
        # What only calls itself ours ends nothing: who asks by our own key finds out.
        return lambda unit, at: _looked_at_soon(unit, at, intent.id)
    reference = intent.reference or _reference(fetched)
    if reference != _reference(fetched) and not is_one(room, fetched, reference):
        return _other(intent, fetched)
    try:
        outcome = outcome_of(provider.look_up(asked_of(intent), reference))
    except NotFound as unseen:
        raise OutcomeUnknown(f"the provider does not show {reference} yet") from unseen
    if isinstance(outcome, Waiting) or isinstance(outcome, Succeeded) is not fetched.moved:
        raise OutcomeUnknown(f"the provider shows {reference} in two ways")
    return lambda unit, at: _booked(unit, at, intent.id, outcome)


def of_another_account(provider: Provider, intent: Intent) -> Note | None:
    """Give an alert where an intent was asked of another account, or of real money for a test."""
    if (provider.abilities.name, provider.account) == (intent.provider, intent.account):
        return None
    text = f"{intent.id} was asked of {intent.provider}, account {intent.account.id}"
    return Note("OTHER_ACCOUNT", text, alert=True)


def is_one(room: Room, fetched: Fetched, reference: str) -> bool:
    """Tell whether one of two objects is the page on which the other was paid.

    Raises OutcomeUnknown where the page is not shown as paid yet.
    """
    if fetched.kind == _PAGE:
        return fetched.tree.get("payment_intent") == reference
    if not reference.startswith("cs_"):
        return False
    page = room.source.fetch(_PAGE, reference, fetched.asked_at)
    paid = None if page is None else page.tree.get("payment_intent")
    if paid is None:
        raise OutcomeUnknown(f"the provider does not show {reference} as paid yet")
    return bool(paid == fetched.id)


def _other(intent: Intent, fetched: Fetched) -> Act:
    """Tell of an object that only calls itself by our intent: it changes nothing of it."""
    if not fetched.moved:
        return lambda unit, at: _looked_at_soon(unit, at, intent.id)
    text = f"{fetched.id} says that it is {intent.id}, which is {intent.reference}"
    return nothing(Note("MISMATCH", text, alert=True))


def _looked_at_soon(unit: Unit, at: Instant, intent_id: str) -> None:
    """Let whoever asks for what waits do so at once."""
    intent = intents.intent_by_id(unit, intent_id)
    if intent is not None and intent.state == "waiting" and intent.leased_until is None:
        intents.put_intent(unit, replace(intent, next_at=to_the_second(at)), intent.attempts)


def _booked(unit: Unit, at: Instant, intent_id: str, outcome: Outcome) -> Note | None:
    intent = intents.intent_by_id(unit, intent_id)
    if intent is None:
        raise NotFound("payment intent", intent_id)
    if intent.set_aside is not None:
        text = f"{intent.id} is set aside: look at it, then tallystick payments retry {intent.id}"
        return Note("SET_ASIDE", text, alert=True)
    if intent.state not in LIVE:
        return _after_the_end(intent, outcome)
    if intent.reference is None:
        # Somebody may have written there that it is ours: nothing of the intent changes by that.
        wrong = mismatch(intent, outcome)
        if wrong is not None:
            return Note("MISMATCH", f"it says that it is {intent.id}, with {wrong}", alert=True)
    done = book(unit, at, intent, outcome)
    if done.set_aside is not None:
        return Note("MISMATCH", f"{done.id} is set aside: {done.set_aside}", alert=True)
    if done.state in LIVE:
        raise OutcomeUnknown(f"{done.id} was asked for by another at the same time")
    return None


def _after_the_end(intent: Intent, outcome: Outcome) -> Note | None:
    """Look at what is said of an intent that is over: no money may have moved since."""
    if isinstance(outcome, Succeeded) != (intent.state == "succeeded"):
        text = f"{intent.id} is {intent.state} here, and otherwise at {intent.provider}"
        return Note("MONEY_MOVED", text, alert=True)
    return None


def intent_of(unit: Unit, fetched: Fetched) -> Intent | None:
    """Give the intent that has an object as its reference, else the one that it names; or None."""
    unit.as_all()
    named = (fetched.provider, fetched.account)
    found = intents.intent_by_reference(unit, *named, _reference(fetched))
    if found is not None:
        return found
    return None if fetched.intent is None else intents.intent_by_id(unit, fetched.intent)


def _reference(fetched: Fetched) -> str:
    """Give what our intents call an object: a charge is a try of its payment."""
    of = fetched.tree.get("payment_intent") if fetched.kind == "charge" else None
    return of if isinstance(of, str) else fetched.id


def nothing(note: Note) -> Act:
    """Change nothing, and say why."""
    return lambda unit, at: note  # noqa: ARG005 - the shape of an act


PAYMENT_APPLIERS: Final[Mapping[str, Applier]] = {
    "payment_intent": apply_payment,
    "checkout.session": apply_payment,
    "charge": apply_payment,
}
"""What is made of the objects by which money comes."""

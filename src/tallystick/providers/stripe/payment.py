"""Collecting by a payment intent: looked for, made, and only then confirmed.

Making it moves no money, so a question asked twice is no payment made twice.  Confirming moves it,
and an intent takes its amount once, whoever confirms it and however often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import stripe

from tallystick.core.intent import Declined
from tallystick.errors import Conflict
from tallystick.providers.stripe.answers import needs_holder, payment_answer
from tallystick.providers.stripe.client import our_errors
from tallystick.providers.stripe.customer import payment_method_of
from tallystick.providers.stripe.labels import KEY, PAGE, has, labels_of
from tallystick.providers.stripe.once import make_once
from tallystick.providers.stripe.page import ask_on_page, page_of_payment
from tallystick.providers.stripe.wire import api_amount

if TYPE_CHECKING:
    from tallystick.core.intent import Charge, Outcome
    from tallystick.providers.stripe.settings import StripeSettings

__all__ = ["cancel_payment", "collect_payment", "look_up_payment"]

_KIND: Final = "payment intent of Stripe"
_MOVED: Final = ("succeeded", "processing")
_CANCELABLE: Final = ("requires_payment_method", "requires_confirmation", "requires_action")
_REFUSALS: Final = ("amount_too_small", "amount_too_large")
_PAGE: Final = 100  # the most that a list gives at once


def collect_payment(
    client: stripe.StripeClient, settings: StripeSettings, charge: Charge
) -> Outcome:
    """Collect money from a payer who is not there, or wait for them on a page.

    Raises OutcomeUnknown, NotFound, Conflict.
    """
    try:
        return _collected(client, settings, charge)
    except Conflict as refused:
        code = refused.data.get("provider_code")
        if code not in _REFUSALS:
            raise
        return Declined(code=str(code), message=str(refused))


def _collected(client: stripe.StripeClient, settings: StripeSettings, charge: Charge) -> Outcome:
    made = _found(client, charge)
    if made is not None and has(made.metadata, PAGE):
        session = page_of_payment(client, made.id)
        return payment_answer(settings, made, None if session is None else session.id)
    if made is None or _is_fresh(made):
        method = None if charge.payer is None else payment_method_of(client, charge.payer)
        if method is None:
            return ask_on_page(client, settings, charge)
        made = _confirmed(client, _made(client, charge) if made is None else made, method)
    if needs_holder(made):
        return ask_on_page(client, settings, charge, code="authentication_required")
    return payment_answer(settings, made)


def look_up_payment(
    client: stripe.StripeClient, settings: StripeSettings, reference: str
) -> Outcome:
    """Say how a payment stands.  Raises OutcomeUnknown, NotFound."""
    return payment_answer(settings, _retrieved(client, reference))


def cancel_payment(
    client: stripe.StripeClient, settings: StripeSettings, reference: str
) -> Outcome:
    """Give a payment up; one that moved, or is on its way, stands as it is.

    Raises OutcomeUnknown, NotFound.
    """
    made = _retrieved(client, reference)
    if made.status in _CANCELABLE:
        try:
            with our_errors(_KIND, reference):
                made = client.v1.payment_intents.cancel(reference)
        except Conflict:
            made = _retrieved(client, reference)
    return payment_answer(settings, made)


# --- how ------------------------------------------------------------------------------------------


def _made(client: stripe.StripeClient, charge: Charge) -> stripe.PaymentIntent:
    # What may change meanwhile, as the way to pay, is no part of the question that has the key.
    params: Any = {
        "amount": api_amount(charge.amount),
        "currency": charge.amount.currency.code.lower(),
        "customer": charge.payer,
        "description": charge.label,
        "metadata": labels_of(charge),
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
    }
    return make_once(
        charge.key,
        lambda: _found(client, charge),
        lambda key: client.v1.payment_intents.create(params, {"idempotency_key": key}),
        _KIND,
    )


def _found(client: stripe.StripeClient, charge: Charge) -> stripe.PaymentIntent | None:
    """Give the payment of a key that is there: first what moved, then the oldest of its own."""
    with our_errors(_KIND):
        ours = [
            each for each in _candidates(client, charge) if has(each.metadata, KEY) == charge.key
        ]
    moved = [each for each in ours if each.status in _MOVED]
    left = moved or [each for each in ours if has(each.metadata, PAGE) is None]
    return min(
        left, key=lambda each: (each.status != "succeeded", each.created, each.id), default=None
    )


def _candidates(client: stripe.StripeClient, charge: Charge) -> list[stripe.PaymentIntent]:
    """Give what may be it: the newest of the payer, and what a search finds of older ones.

    A list is never late; a search is, by less than the time in which a payer makes a hundred.
    """
    newest: list[stripe.PaymentIntent] = []
    if charge.payer is not None:
        listed = client.v1.payment_intents.list({"customer": charge.payer, "limit": _PAGE})
        newest = list(listed.data)
        if not listed.has_more:
            return newest
    query = f'metadata["{KEY}"]:"{charge.key}"'
    searched = client.v1.payment_intents.search({"query": query, "limit": _PAGE})
    ids = {each.id for each in newest}
    older = [each.id for each in searched.data if each.id not in ids]
    return [*newest, *(client.v1.payment_intents.retrieve(each) for each in older)]


def _is_fresh(made: stripe.PaymentIntent) -> bool:
    """Tell whether nobody tried to take the money yet."""
    fresh = made.status in {"requires_payment_method", "requires_confirmation"}
    return fresh and made.last_payment_error is None


def _confirmed(
    client: stripe.StripeClient, made: stripe.PaymentIntent, method: str
) -> stripe.PaymentIntent:
    try:
        with our_errors(_KIND, made.id):
            return client.v1.payment_intents.confirm(
                made.id, {"payment_method": method, "off_session": True}
            )
    except stripe.CardError:
        return _retrieved(client, made.id)
    except Conflict:
        now = _retrieved(client, made.id)
        if _is_fresh(now):
            raise
        return now


def _retrieved(client: stripe.StripeClient, reference: str) -> stripe.PaymentIntent:
    with our_errors(_KIND, reference):
        return client.v1.payment_intents.retrieve(reference)

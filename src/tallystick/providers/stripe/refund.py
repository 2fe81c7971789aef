"""Giving money back of a payment, never twice for one key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.core.intent import Declined
from tallystick.errors import Conflict, NotFound
from tallystick.providers.stripe.answers import id_of, refund_answer
from tallystick.providers.stripe.client import our_errors
from tallystick.providers.stripe.labels import KEY, has, labels_of
from tallystick.providers.stripe.wire import api_amount

if TYPE_CHECKING:
    import stripe

    from tallystick.core.intent import Outcome, Refund
    from tallystick.providers.stripe.settings import StripeSettings

__all__ = ["cancel_refund", "look_up_refund", "make_refund"]

_KIND: Final = "refund of Stripe"
_EXPAND: Final = ["payment_intent"]


def make_refund(client: stripe.StripeClient, settings: StripeSettings, refund: Refund) -> Outcome:
    """Give money back.  It is looked for first, also once Stripe has forgotten the key.

    A refund moves money by being made.  So where Stripe failed and keeps that for the key, it is
    asked with no other one: it is looked for, until Stripe has forgotten the key after a day.

    Raises OutcomeUnknown, NotFound for the payment.
    """
    payment = _payment_of(client, refund.payment)
    found = _found(client, refund, payment)
    if found is not None:
        return refund_answer(settings, found)
    params: Any = {
        "payment_intent": payment,
        "amount": api_amount(refund.amount),
        "metadata": labels_of(refund),
        "expand": _EXPAND,
    }
    try:
        with our_errors("payment intent of Stripe", payment):
            made = client.v1.refunds.create(params, {"idempotency_key": refund.key})
    except Conflict as refused:
        code = refused.data.get("provider_code") or "refused"
        return Declined(code=str(code), message=str(refused))
    return refund_answer(settings, made)


def look_up_refund(
    client: stripe.StripeClient, settings: StripeSettings, reference: str
) -> Outcome:
    """Say how a refund stands.  Raises OutcomeUnknown, NotFound."""
    with our_errors(_KIND, reference):
        found = client.v1.refunds.retrieve(reference, {"expand": _EXPAND})
    return refund_answer(settings, found)


def cancel_refund(client: stripe.StripeClient, settings: StripeSettings, reference: str) -> Outcome:
    """Give a refund up where its receiver has to act still; else it stands as it is.

    Raises OutcomeUnknown, NotFound.
    """
    with our_errors(_KIND, reference):
        found = client.v1.refunds.retrieve(reference, {"expand": _EXPAND})
        if found.status == "requires_action":
            found = client.v1.refunds.cancel(reference, {"expand": _EXPAND})
    return refund_answer(settings, found)


def _payment_of(client: stripe.StripeClient, reference: str) -> str:
    """Give the payment intent behind what a charge was called: itself, or a page's."""
    if not reference.startswith("cs_"):
        return reference
    with our_errors("checkout session of Stripe", reference):
        found = id_of(client.v1.checkout.sessions.retrieve(reference).payment_intent)
    if found is None:
        raise NotFound("payment of the checkout session", reference)
    return found


def _found(client: stripe.StripeClient, refund: Refund, payment: str) -> stripe.Refund | None:
    params: Any = {"payment_intent": payment, "limit": 100, "expand": ["data.payment_intent"]}
    with our_errors("payment intent of Stripe", payment):
        every = client.v1.refunds.list(params).auto_paging_iter()
        return next((each for each in every if has(each.metadata, KEY) == refund.key), None)

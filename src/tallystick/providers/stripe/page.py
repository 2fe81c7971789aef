"""A page of Stripe's to pay one invoice on: for who left nothing to pay with, or has to confirm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.core.intent import Canceled, Declined, Waiting
from tallystick.errors import Conflict
from tallystick.providers.stripe.answers import payment_answer
from tallystick.providers.stripe.client import our_errors
from tallystick.providers.stripe.labels import KEY, PAGE, has, labels_of
from tallystick.providers.stripe.once import make_once
from tallystick.providers.stripe.wire import api_amount

if TYPE_CHECKING:
    import stripe

    from tallystick.core.intent import Charge, Outcome
    from tallystick.providers.stripe.settings import StripeSettings

__all__ = ["ask_on_page", "cancel_page", "look_up_page", "page_answer", "page_of_payment"]

_KIND: Final = "checkout session of Stripe"
_EXPAND: Final = ["payment_intent"]


def ask_on_page(
    client: stripe.StripeClient,
    settings: StripeSettings,
    charge: Charge,
    code: str = "no_payment_method",
) -> Outcome:
    """Wait on a page for exactly this amount; Declined with the code where no page is wanted.

    What the payer pays with is kept for the next time.  Raises OutcomeUnknown, Conflict.
    """
    if settings.return_url is None:
        told = "the payer has to act, and there is no page: set TALLYSTICK_STRIPE_RETURN_URL"
        return Declined(code=code, message=told)
    params = _params(charge, settings.return_url)
    made = _found(client, charge) or make_once(
        f"{charge.key}/page",
        lambda: _found(client, charge),
        lambda key: client.v1.checkout.sessions.create(params, {"idempotency_key": key}),
        _KIND,
    )
    return page_answer(settings, made)


def _params(charge: Charge, return_url: str) -> Any:  # noqa: ANN401 - what the SDK takes
    labels = labels_of(charge)
    price = {
        "currency": charge.amount.currency.code.lower(),
        "unit_amount": api_amount(charge.amount),
        "product_data": {"name": charge.label},
    }
    paying: dict[str, Any] = {"description": charge.label, "metadata": {**labels, PAGE: "yes"}}
    whose: dict[str, Any] = {}
    if charge.payer is not None:
        whose = {"customer": charge.payer}
        paying["setup_future_usage"] = "off_session"
    return {
        "mode": "payment",
        "success_url": return_url,
        "line_items": [{"price_data": price, "quantity": 1}],
        "metadata": labels,
        "payment_intent_data": paying,
        **whose,
    }


def look_up_page(client: stripe.StripeClient, settings: StripeSettings, reference: str) -> Outcome:
    """Say whether a page was paid on.  Raises OutcomeUnknown, NotFound."""
    return page_answer(settings, _retrieved(client, reference))


def cancel_page(client: stripe.StripeClient, settings: StripeSettings, reference: str) -> Outcome:
    """Close a page; what was paid on it stays paid.  Raises OutcomeUnknown, NotFound."""
    found = _retrieved(client, reference)
    if found.status == "open":
        try:
            with our_errors(_KIND, reference):
                found = client.v1.checkout.sessions.expire(reference, {"expand": _EXPAND})
        except Conflict:
            found = _retrieved(client, reference)
    return page_answer(settings, found)


def page_answer(settings: StripeSettings, session: stripe.checkout.Session) -> Outcome:
    """Give what a page came to; its payment is expanded."""
    payment = session.payment_intent
    if session.status == "complete" and payment is not None and not isinstance(payment, str):
        return payment_answer(settings, payment, session.id)
    if session.status == "expired":
        return Canceled(reference=session.id)
    return Waiting(reference=session.id, url=session.url)


def page_of_payment(client: stripe.StripeClient, payment: str) -> stripe.checkout.Session | None:
    """Give the page that a payment was made on, or None.  Raises OutcomeUnknown."""
    with our_errors(_KIND):
        found = client.v1.checkout.sessions.list({"payment_intent": payment, "limit": 1}).data
    return found[0] if found else None


def _found(client: stripe.StripeClient, charge: Charge) -> stripe.checkout.Session | None:
    """Give the open page of a charge that is there already; None where its payer is not named."""
    if charge.payer is None:
        return None
    params: Any = {"customer": charge.payer, "limit": 100, "status": "open"}
    with our_errors(_KIND):
        every = client.v1.checkout.sessions.list(params).auto_paging_iter()
        ours = [each for each in every if has(each.metadata, KEY) == charge.key]
    return min(ours, key=lambda each: (each.created, each.id), default=None)


def _retrieved(client: stripe.StripeClient, reference: str) -> stripe.checkout.Session:
    with our_errors(_KIND, reference):
        return client.v1.checkout.sessions.retrieve(reference, {"expand": _EXPAND})

"""What an object of Stripe says, as an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.core.currency import currency
from tallystick.core.intent import Canceled, Declined, ProviderAccount, Succeeded, Waiting
from tallystick.providers.stripe.wire import from_api_amount

if TYPE_CHECKING:
    import stripe

    from tallystick.core.intent import Outcome
    from tallystick.core.money import Money
    from tallystick.providers.stripe.settings import StripeSettings

__all__ = ["id_of", "needs_holder", "payment_answer", "refund_answer"]

_ASKS: Final = "authentication_required"
_HOURS: Final = 12  # money that is under way takes days
_LONGEST: Final = 200


def payment_answer(
    settings: StripeSettings, made: stripe.PaymentIntent, reference: str | None = None
) -> Outcome:
    """Give what a payment intent came to; `reference` is the page that it was paid on."""
    named = reference or made.id
    if made.status == "succeeded":
        return Succeeded(
            reference=named,
            amount=_money(made.amount_received, made.currency),
            account=_account(settings, live=made.livemode),
            payer=id_of(made.customer),
        )
    if made.status == "canceled":
        return Canceled(reference=named)
    if made.status == "requires_payment_method" and made.last_payment_error is not None:
        error = made.last_payment_error
        return _declined(error.decline_code or error.code, error.message, named)
    if made.status == "requires_action":
        return _declined(_ASKS, "the payer has to confirm this payment", named)
    return Waiting(reference=named, hours=_HOURS)


def refund_answer(settings: StripeSettings, made: stripe.Refund) -> Outcome:
    """Give what a refund came to; its payment is expanded."""
    if made.status == "succeeded":
        payment = made.payment_intent
        live = settings.live if payment is None or isinstance(payment, str) else payment.livemode
        payer = None if payment is None or isinstance(payment, str) else id_of(payment.customer)
        return Succeeded(
            reference=made.id,
            amount=_money(made.amount, made.currency),
            account=_account(settings, live=live),
            payer=payer,
        )
    if made.status == "canceled":
        return Canceled(reference=made.id)
    if made.status == "failed":
        why = getattr(made, "failure_reason", None)
        return _declined(why, "the money could not be given back", made.id)
    return Waiting(reference=made.id, hours=_HOURS)


def needs_holder(made: stripe.PaymentIntent) -> bool:
    """Tell whether a payment failed only as the holder of the card was not there."""
    error = made.last_payment_error
    told = None if error is None else (error.decline_code or error.code)
    return made.status == "requires_action" or told == _ASKS


def id_of(thing: str | stripe.StripeObject | None) -> str | None:
    """Give the id of what Stripe names or has expanded."""
    return thing if thing is None or isinstance(thing, str) else str(thing["id"])


def _declined(code: str | None, message: str | None, reference: str) -> Declined:
    said = message or "Stripe declined the payment"
    return Declined(code=(code or "declined")[:_LONGEST], message=said, reference=reference)


def _money(amount: int, code: str) -> Money:
    return from_api_amount(amount, currency(code.upper()))


def _account(settings: StripeSettings, *, live: bool) -> ProviderAccount:
    return ProviderAccount(id=settings.provider_account.id, live=live)

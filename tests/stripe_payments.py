"""For tests: payments at the fake Stripe, as small as a provider can be that asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import stripe

from tallystick.core.currency import currency
from tallystick.core.intent import (
    Canceled,
    Charge,
    Declined,
    ProviderAccount,
    Refund,
    Succeeded,
    Waiting,
)
from tallystick.core.money import Money
from tallystick.core.provider import Abilities
from tallystick.errors import NotFound, OutcomeUnknown
from tallystick.providers.stripe.settings import StripeSettings

if TYPE_CHECKING:
    from tallystick.core.intent import Outcome
    from tallystick.testing.fake_stripe import FakeStripe

__all__ = ["ACCOUNT", "Payments", "endpoint", "settings_of"]

ACCOUNT: Final = ProviderAccount("acct_1Fake000000001", live=False)


class Payments:
    """A provider `stripe` that collects by payment intents, with a card that a test chooses."""

    abilities = Abilities(name="stripe", refunds=True, key_hours=24)
    account = ACCOUNT

    def __init__(self, client: stripe.StripeClient) -> None:
        self.client, self.card = client, "pm_card_visa"
        self.silent = False
        self.off_session = True

    def collect(self, charge: Charge) -> Outcome:
        params: Any = {
            "amount": charge.amount.minor,
            "currency": charge.amount.currency.code.lower(),
            "confirm": True,
            "payment_method": self.card,
            "metadata": {"tallystick_intent": charge.key.removeprefix("tallystick/")},
        }
        if charge.payer is not None:
            params["customer"] = charge.payer
        try:
            made = self.client.v1.payment_intents.create(params, {"idempotency_key": charge.key})
        except stripe.CardError as refused:
            reference = getattr(getattr(refused.error, "payment_intent", None), "id", None)
            outcome: Outcome = Declined(code=str(refused.code), message="no", reference=reference)
        else:
            outcome = outcome_of(made.to_dict(), self.account)
        return self._told(outcome)

    def refund(self, refund: Refund) -> Outcome:
        params: Any = {
            "payment_intent": refund.payment,
            "amount": refund.amount.minor,
            "metadata": {"tallystick_intent": refund.key.removeprefix("tallystick/")},
        }
        made = self.client.v1.refunds.create(params, {"idempotency_key": refund.key})
        return self._told(outcome_of(made.to_dict() | {"customer": refund.payer}, self.account))

    def look_up(self, asked: Charge | Refund, reference: str) -> Outcome:
        service: Any = self.client.v1.payment_intents
        if isinstance(asked, Refund):
            service = self.client.v1.refunds
        try:
            return outcome_of(service.retrieve(reference).to_dict(), self.account)
        except stripe.InvalidRequestError as error:
            raise NotFound("payment", reference) from error

    def cancel(self, asked: Charge | Refund, reference: str) -> Outcome:
        self.client.v1.payment_intents.cancel(reference)
        return self.look_up(asked, reference)

    def _told(self, outcome: Outcome) -> Outcome:
        if self.silent:
            raise OutcomeUnknown("the answer was lost")
        return outcome


def outcome_of(tree: dict[str, Any], account: ProviderAccount) -> Outcome:
    reference, status = tree["id"], tree["status"]
    if status == "succeeded":
        amount = Money(tree["amount"], currency(tree["currency"].upper()))
        payer = tree.get("customer")
        return Succeeded(reference=reference, amount=amount, account=account, payer=payer)
    if status == "canceled":
        return Canceled(reference=reference)
    if status == "failed":
        return Declined(code="failed", message="it came back", reference=reference)
    return Waiting(reference=reference)


def endpoint(fake: FakeStripe, client: stripe.StripeClient, url: str = "") -> str:
    """Open an endpoint for all events, and give its secret."""
    made = client.v1.webhook_endpoints.create(
        {"url": url or "http://127.0.0.1:9/hooks", "enabled_events": ["*"]}
    )
    assert made.id in fake.account.secrets
    return str(made.secret)


def settings_of(fake: FakeStripe, *secrets: str) -> StripeSettings:
    """Give the settings of the fake's account."""
    return StripeSettings(
        key=fake.account.api_key,
        account=fake.account.id,
        secrets=secrets,
        address=fake.account.site,
    )

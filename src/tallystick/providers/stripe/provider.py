"""Stripe as a provider: who takes the money, and gives it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.errors import NotFound
from tallystick.providers.stripe.abilities import ABILITIES
from tallystick.providers.stripe.checkout import StripePages
from tallystick.providers.stripe.client import open_client
from tallystick.providers.stripe.customer import name_payer
from tallystick.providers.stripe.meter_events import MeterEvents
from tallystick.providers.stripe.page import cancel_page, look_up_page
from tallystick.providers.stripe.payment import cancel_payment, collect_payment, look_up_payment
from tallystick.providers.stripe.refund import cancel_refund, look_up_refund, make_refund
from tallystick.providers.stripe.subscriptions import StripeSubscriptions

if TYPE_CHECKING:
    from decimal import Decimal

    from tallystick.core.customer import Customer
    from tallystick.core.intent import Charge, Outcome, ProviderAccount, Refund
    from tallystick.core.lock import Lock
    from tallystick.core.provider import Abilities
    from tallystick.core.usage_report import UsageReport
    from tallystick.providers.stripe.settings import StripeSettings

__all__ = ["Stripe"]

_LOOKS: Final = {
    "pi": look_up_payment,
    "cs": look_up_page,
    "re": look_up_refund,
    "pyr": look_up_refund,
}
_CANCELS: Final = {
    "pi": cancel_payment,
    "cs": cancel_page,
    "re": cancel_refund,
    "pyr": cancel_refund,
}


class Stripe:
    """One account of Stripe.  Any number of threads may ask it; nothing is asked at the start."""

    def __init__(self, settings: StripeSettings, lock: Lock | None = None) -> None:
        """Open it; `lock` says what Stripe calls our prices, coupons and codes.

        Raises SetupError where the settings do not say which account it is, or the lock is of
        another one.
        """
        self.settings = settings
        self.client = open_client(settings)
        self.pages = StripePages(self.client, settings)
        self.subscriptions = StripeSubscriptions(settings, lock)
        self._account = settings.provider_account
        self._meters = MeterEvents(self.client)

    @property
    def abilities(self) -> Abilities:
        """What Stripe can do, as this project uses it."""
        return ABILITIES

    @property
    def account(self) -> ProviderAccount:
        """Whose account it is, and whether its money is real."""
        return self._account

    def name_payer(self, customer: Customer) -> str:
        """Give what Stripe calls one of our customers, made where it is not there yet.

        Raises OutcomeUnknown; Conflict where Stripe refuses.
        """
        return name_payer(self.client, customer)

    def collect(self, charge: Charge) -> Outcome:
        """Collect from what the payer has left to pay with, or wait for them on a page.

        Raises OutcomeUnknown; NotFound for the payer; Conflict where Stripe does not take it.
        """
        return collect_payment(self.client, self.settings, charge)

    def refund(self, refund: Refund) -> Outcome:
        """Give back of a payment; what Stripe does not give back is Declined.

        Raises OutcomeUnknown; NotFound for the payment.
        """
        return make_refund(self.client, self.settings, refund)

    def look_up(self, asked: Charge | Refund, reference: str) -> Outcome:  # noqa: ARG002 - the port
        """Say how an object stands now.  Raises OutcomeUnknown, NotFound."""
        look = _LOOKS.get(reference.partition("_")[0])
        if look is None:
            raise NotFound("payment or refund of Stripe", reference)
        return look(self.client, self.settings, reference)

    def cancel(self, asked: Charge | Refund, reference: str) -> Outcome:  # noqa: ARG002 - the port
        """Give up what waits.  Raises OutcomeUnknown, NotFound."""
        cancel = _CANCELS.get(reference.partition("_")[0])
        if cancel is None:
            raise NotFound("payment or refund of Stripe", reference)
        return cancel(self.client, self.settings, reference)

    def report_usage(self, report: UsageReport) -> None:
        """Tell a meter what was used; one that knows it already is told.

        Raises OutcomeUnknown; NotFound for the meter or the payer; Conflict where Stripe refuses.
        """
        self._meters.report(report)

    def known_usage(self, report: UsageReport) -> Decimal:
        """Give what a meter has added up in the window of a report, a minute or so ago.

        Raises OutcomeUnknown; NotFound for the meter or the payer; Conflict.
        """
        return self._meters.known(report)

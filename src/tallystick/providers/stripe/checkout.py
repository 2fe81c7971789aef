"""Checkout at Stripe.

Where we bill, exactly the quoted amount is paid on a page, once: the prices stand in the page
itself (`price_data`), so nothing in Stripe's price list can change what was quoted.  What is paid
with is kept, so that later invoices can be collected.  Where Stripe bills, a subscription of its
own prices is bought on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from tallystick.core.checkout_page import OpenedPage, PageState
from tallystick.core.currency import currency
from tallystick.core.intent import ProviderAccount
from tallystick.errors import Conflict, OutcomeUnknown
from tallystick.providers.stripe.answers import id_of
from tallystick.providers.stripe.client import our_errors
from tallystick.providers.stripe.customer import name_payer
from tallystick.providers.stripe.labels import CHECKOUT, CUSTOMER, KEY, has
from tallystick.providers.stripe.once import make_once
from tallystick.providers.stripe.subscription_page import session_params
from tallystick.providers.stripe.wire import api_amount, from_api_amount

if TYPE_CHECKING:
    from collections.abc import Mapping

    import stripe

    from tallystick.core.checkout_page import Page
    from tallystick.core.money import Money
    from tallystick.providers.stripe.settings import StripeSettings

__all__ = ["StripePages"]

_KIND: Final = "checkout session of Stripe"
_EXPAND: Final = ["payment_intent", "subscription"]
_ENDED: Final = frozenset({"canceled", "incomplete_expired"})
_OVER: Final = frozenset({"requires_payment_method", "canceled"})


class StripePages:
    """The checkout pages of one account of Stripe, and its portal."""

    def __init__(self, client: stripe.StripeClient, settings: StripeSettings) -> None:
        """Stand on a client; nothing is asked yet."""
        self._client, self._settings = client, settings

    def open_page(self, page: Page) -> OpenedPage:
        """Put up a page, and the customer at Stripe where there is none yet.

        Raises OutcomeUnknown; Conflict for what Stripe refuses; InvalidInput for an amount that it
        cannot take.
        """
        payer = page.payer or name_payer(self._client, page.customer)
        params = _params(page, payer)
        made = self._found(page, payer) or make_once(
            page.key,
            lambda: self._found(page, payer),
            lambda key: self._client.v1.checkout.sessions.create(params, {"idempotency_key": key}),
            _KIND,
        )
        if made.url is None:
            raise OutcomeUnknown(f"the page {made.id} has no address: it is {made.status}")
        account = self._account(live=made.livemode)
        return OpenedPage(reference=made.id, url=made.url, payer=payer, account=account)

    def look_at_page(self, reference: str) -> PageState:
        """Say how a page stands, as Stripe tells it now.  Raises OutcomeUnknown, NotFound."""
        return self._state(self._retrieved(reference))

    def close_page(self, reference: str) -> PageState:
        """Let nobody pay on a page any more; what was paid on it stays paid.

        Raises OutcomeUnknown, NotFound.
        """
        found = self._retrieved(reference)
        if found.status == "open":
            try:
                with our_errors(_KIND, reference):
                    found = self._client.v1.checkout.sessions.expire(reference, {"expand": _EXPAND})
            except Conflict:  # paid on or over meanwhile: how it stands is the answer
                found = self._retrieved(reference)
        return self._state(found)

    def open_portal(self, payer: str, return_url: str) -> str:
        """Give the address of Stripe's customer portal.  Raises OutcomeUnknown, NotFound."""
        with our_errors("customer of Stripe", payer):
            made = self._client.v1.billing_portal.sessions.create(
                {"customer": payer, "return_url": return_url}
            )
        return made.url

    def _found(self, page: Page, payer: str) -> stripe.checkout.Session | None:
        """Give the page of a key where it stands already; the oldest of several."""
        with our_errors(_KIND):
            every = self._client.v1.checkout.sessions.list({"customer": payer, "limit": 100})
            ours = [
                each for each in every.auto_paging_iter() if has(each.metadata, KEY) == page.key
            ]
        return min(ours, key=lambda each: (each.created, each.id), default=None)

    def _retrieved(self, reference: str) -> stripe.checkout.Session:
        with our_errors(_KIND, reference):
            return self._client.v1.checkout.sessions.retrieve(reference, {"expand": _EXPAND})

    def _account(self, *, live: bool) -> ProviderAccount:
        return ProviderAccount(id=self._settings.provider_account.id, live=live)

    def _state(self, session: stripe.checkout.Session) -> PageState:
        return PageState(
            reference=session.id,
            state=_state_of(session),
            account=self._account(live=session.livemode),
            amount=_amount_of(session),
            payer=id_of(session.customer),
            checkout=session.client_reference_id,
            payment=id_of(session.payment_intent),
            subscription=id_of(session.subscription),
        )


def _params(page: Page, payer: str) -> Any:  # noqa: ANN401 - what the SDK takes
    labels = {KEY: page.key, CHECKOUT: page.checkout, CUSTOMER: page.customer.id}
    sold = _paid_once(page, labels) if page.sells is None else session_params(page.sells, labels)
    return {
        **sold,
        "customer": payer,
        "client_reference_id": page.checkout,
        "success_url": page.success_url,
        "cancel_url": page.cancel_url,
        "expires_at": int(page.expires_at.timestamp()),
        "metadata": labels,
    }


def _paid_once(page: Page, labels: Mapping[str, str]) -> dict[str, Any]:
    code = page.amount.currency.code.lower()
    prices = [
        {
            "currency": code,
            "unit_amount": api_amount(line.amount),
            "product_data": {"name": line.label},
        }
        for line in page.lines
    ]
    return {
        "mode": "payment",
        "line_items": [{"price_data": price, "quantity": 1} for price in prices],
        "payment_intent_data": {"setup_future_usage": "off_session", "metadata": dict(labels)},
    }


def _state_of(
    session: stripe.checkout.Session,
) -> Literal["open", "processing", "paid", "failed", "expired"]:
    if session.status != "complete":
        return "expired" if session.status == "expired" else "open"
    if session.mode == "subscription":
        return _state_of_sold(session)
    payment = session.payment_intent
    if payment is None or isinstance(payment, str):
        return "processing"
    if session.payment_status == "paid" and payment.status == "succeeded":
        return "paid"
    return "failed" if payment.status in _OVER else "processing"


def _state_of_sold(
    session: stripe.checkout.Session,
) -> Literal["processing", "paid", "failed"]:
    if session.subscription is None:
        return "processing"
    if session.payment_status in {"paid", "no_payment_required"}:
        return "paid"
    sold = session.subscription
    return "failed" if not isinstance(sold, str) and sold.status in _ENDED else "processing"


def _amount_of(session: stripe.checkout.Session) -> Money:
    """Give what was paid where it was, else what is asked for."""
    payment = session.payment_intent
    if payment is not None and not isinstance(payment, str) and payment.status == "succeeded":
        return from_api_amount(payment.amount_received, currency(payment.currency.upper()))
    code = (session.currency or "").upper()
    return from_api_amount(session.amount_total or 0, currency(code))

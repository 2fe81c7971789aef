"""The calls for subscriptions that Stripe bills: one of them, or all of an account."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import stripe

from tallystick.core.checkout_page import ENDED_THERE
from tallystick.core.currency import currency
from tallystick.core.intent import Canceled, Declined, Succeeded
from tallystick.core.money import Money
from tallystick.errors import Conflict, NotFound, OutcomeUnknown, SetupError
from tallystick.providers.stripe.abilities import ABILITIES
from tallystick.providers.stripe.client import open_client, our_errors
from tallystick.providers.stripe.refund import make_refund
from tallystick.providers.stripe.subscription import mirrored_of, price_lines
from tallystick.providers.stripe.subscription_act import call_of, start_call
from tallystick.providers.stripe.subscription_page import page_call, preview_params, quoted_of
from tallystick.providers.stripe.wire import from_api_amount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tallystick.core.catalog import Plan
    from tallystick.core.coupon import Code, Coupon
    from tallystick.core.intent import Outcome, ProviderAccount, Refund
    from tallystick.core.lock import Lock
    from tallystick.core.mirror import Mirrored
    from tallystick.core.move import Move, Start
    from tallystick.core.period import Instant
    from tallystick.core.provider_act import ProviderAct, ProviderCall
    from tallystick.core.quote import Quoted
    from tallystick.core.subscription import Subscription
    from tallystick.providers.stripe.settings import StripeSettings

__all__ = ["StripeSubscriptions"]

_PAGE: Final = 100
_OVER: Final = frozenset({"canceled", "incomplete_expired"})
_LONGEST: Final = 500
_SERVER_ERROR: Final = 500


class StripeSubscriptions:
    """The subscriptions of one Stripe account, read as mirrors; never called in a transaction.

    `lines` are our price lines by Stripe's ids of prices, those of the lock.
    """

    name: Final = ABILITIES.name
    key_hours: Final = 24  # an act leaves nothing by which it could be looked for

    def __init__(self, settings: StripeSettings, lock: Lock | None = None) -> None:
        """Open them; without a lock, plans are found by the notes of Stripe's prices.

        Raises SetupError where the settings do not say which account it is, or the lock is of
        another one.
        """
        self.account: ProviderAccount = settings.provider_account
        self.lines = {} if lock is None else price_lines(lock)
        self.client = open_client(settings)
        self._settings, self._lock = settings, lock
        if lock is not None:
            _check_lock(lock, self.account)

    def fetch(self, reference: str, as_of: Instant) -> Mirrored:
        """Fetch one; `as_of` is the time now, before it is asked.

        Raises NotFound, OutcomeUnknown, SetupError, Conflict, InvalidInput.
        """
        return self.read(self.fetch_raw(reference), as_of)

    def fetch_raw(self, reference: str) -> dict[str, Any]:
        """Fetch one as plain JSON values.  Raises NotFound, OutcomeUnknown, SetupError."""
        with our_errors("subscription of Stripe", reference):
            found = self.client.v1.subscriptions.retrieve(reference)
        return found.to_dict(for_json=True)

    def read(self, fetched: Mapping[str, Any], as_of: Instant) -> Mirrored:
        """Read one that was fetched.  Raises Conflict, InvalidInput."""
        return mirrored_of(fetched, account=self.account, lines=self.lines, as_of=as_of)

    def call_of(
        self, move: Move, held: Subscription, offers: Mapping[str, Plan[Any]]
    ) -> ProviderCall:
        """Give the call that makes a move.  Raises Conflict, InvalidInput."""
        return call_of(move, held, offers, self.lines)

    def start_call(self, move: Start, payer: str, offers: Mapping[str, Plan[Any]]) -> ProviderCall:
        """Give the call that begins a subscription there.  Raises Conflict."""
        return start_call(move, payer, offers, self.lines)

    def page_call(
        self, move: Start, coupon: tuple[Coupon, Code | None] | None, plan: Plan[Any]
    ) -> ProviderCall:
        """Give what a page sells, by the lock.  Raises Conflict, naming what Stripe has not."""
        names = {line: price for price, line in self.lines.items()}
        return page_call(move, coupon, plan, names, self._lock)

    def preview(self, call: ProviderCall, payer: str, at: Instant) -> Quoted:
        """Give the first invoice of what a page sells, as Stripe reckons it for that second.

        Raises OutcomeUnknown, SetupError; Conflict for what Stripe refuses.
        """
        params: Any = preview_params(call, payer, at)
        with our_errors("preview of Stripe"):
            made = self.client.v1.invoices.create_preview(params).to_dict(for_json=True)
        return quoted_of(made, self.lines, at)

    def give_up(self, refund: Refund) -> Outcome:
        """Cancel a subscription at once, and give back what was paid for it.

        Each payment is given back under a key of its own that is made of the refund's.  Where none
        was made it is Canceled.  A repeat does the rest: by the comment of the cancellation it is
        known as ours.  One that was ended otherwise is Declined, and its money stays: it stood in
        nobody's way.

        Raises OutcomeUnknown, SetupError, Conflict.
        """
        reference = refund.payment
        try:
            found = self.fetch_raw(reference)
            if found["status"] not in _OVER:
                found = self.cancel_now(reference, refund.key)
        except NotFound as unseen:  # or Stripe knows that it is over, and does not show it yet
            raise OutcomeUnknown(f"Stripe does not show how {reference} stands") from unseen
        if (found.get("cancellation_details") or {}).get("comment") != refund.key:
            return Declined(code=ENDED_THERE, message=f"{reference} was ended at Stripe")
        back: Outcome = Canceled(reference=reference)
        for payment, amount in self._paid(reference):
            one = replace(refund, key=f"{refund.key}/{payment}", payment=payment, amount=amount)
            done = make_refund(self.client, self._settings, one)
            if not isinstance(done, Succeeded):
                return done
            back = done
        return back

    def cancel_now(self, reference: str, comment: str) -> dict[str, Any]:
        """Cancel one at once, with a comment that says why; give it as plain JSON values.

        Raises OutcomeUnknown, SetupError, Conflict; NotFound where it is over already.
        """
        params: Any = {"cancellation_details": {"comment": comment}}
        with our_errors("subscription of Stripe", reference):
            made = self.client.v1.subscriptions.cancel(reference, params)
        return made.to_dict(for_json=True)

    def _paid(self, reference: str) -> list[tuple[str, Money]]:
        """Give what was paid on the invoices of a subscription, by its payments."""
        params: Any = {
            "subscription": reference,
            "status": "paid",
            "limit": _PAGE,
            "expand": ["data.payments"],
        }
        with our_errors("invoice of Stripe", reference):
            found = [
                each.to_dict(for_json=True)
                for each in self.client.v1.invoices.list(params).auto_paging_iter()
            ]
        return [
            (
                str(each["payment"]["payment_intent"]),
                from_api_amount(each["amount_paid"], currency(str(each["currency"]).upper())),
            )
            for invoice in found
            for each in (invoice.get("payments") or {"data": ()})["data"]
            if each["status"] == "paid"
            and each["amount_paid"]
            and each["payment"].get("payment_intent")
        ]

    def ask(self, act: ProviderAct) -> str:
        """Ask for an act; to the same key it is done once.  Gives the subscription's name there.

        Raises OutcomeUnknown; SetupError; NotFound, and Conflict for what is refused, a card too.
        """
        calls: Mapping[str, Any] = {
            "update": self.client.v1.subscriptions.update,
            "cancel": self.client.v1.subscriptions.cancel,
            "resume": self.client.v1.subscriptions.resume,
        }
        options: Any = {"idempotency_key": act.key}
        params: Any = dict(act.call.params)
        try:
            with our_errors("subscription of Stripe", act.reference):
                if act.call.name == "create":
                    return str(self.client.v1.subscriptions.create(params, options).id)
                return str(calls[act.call.name](act.reference, params, options).id)
        except stripe.CardError as declined:
            words = str(declined.user_message or declined)[:_LONGEST]
            raise Conflict(f"Stripe refused it: {words}", provider_code=declined.code) from declined

    def keeps_fault(self, fault: Exception) -> bool:
        """Tell whether Stripe answered with a fault of its own, and says so to this key for ever.

        Source: docs.stripe.com/api/idempotent_requests (500s are kept too).
        """
        said = fault.__cause__
        return isinstance(said, stripe.APIError) and (said.http_status or 0) >= _SERVER_ERROR

    def every(self, now: Callable[[], Instant]) -> Iterator[tuple[Instant, list[dict[str, Any]]]]:
        """Give all of the account, also those that are over, a page at a time.

        With each comes when it was asked for.  Raises OutcomeUnknown, SetupError.
        """
        return self._pages(self.client.v1.subscriptions.list, {"status": "all"}, now)

    def customers(
        self, now: Callable[[], Instant]
    ) -> Iterator[tuple[Instant, list[dict[str, Any]]]]:
        """Give the customers of the account, a page at a time.

        Raises OutcomeUnknown, SetupError.
        """
        return self._pages(self.client.v1.customers.list, {}, now)

    def unpaid(self, now: Callable[[], Instant]) -> dict[str, Money]:
        """Give what is left to be paid of open invoices there, by currency.

        Raises OutcomeUnknown, SetupError.
        """
        left: dict[str, Money] = {}
        for _, page in self._pages(self.client.v1.invoices.list, {"status": "open"}, now):
            for each in page:
                unit = currency(str(each["currency"]).upper())
                amount = from_api_amount(each["amount_remaining"], unit)
                left[unit.code] = left.get(unit.code, Money(0, unit)) + amount
        return dict(sorted(left.items()))

    def _pages(
        self, ask: Callable[[Any], Any], params: Mapping[str, Any], now: Callable[[], Instant]
    ) -> Iterator[tuple[Instant, list[dict[str, Any]]]]:
        """Ask for page after page, newest first, as Stripe lists them."""
        after: dict[str, str] = {}
        more = True
        while more:
            as_of = now()
            with our_errors("page of Stripe"):
                page = ask({**params, **after, "limit": _PAGE})
            found = [each.to_dict(for_json=True) for each in page.data]
            if found:
                yield as_of, found
                after = {"starting_after": str(found[-1]["id"])}
            more = page.has_more and bool(found)


def _check_lock(lock: Lock, account: ProviderAccount) -> None:
    told = (lock.provider, lock.account or account.id, lock.livemode in {None, account.live})
    if told != (ABILITIES.name, account.id, True):
        raise SetupError(
            f"the lock file of {lock.environment} is of {lock.provider} {lock.account}, not of"
            f" account {account.id}: name the lock file of this one in TALLYSTICK_STRIPE_LOCK"
        )

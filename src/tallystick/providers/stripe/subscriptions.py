"""The calls for subscriptions that Stripe bills: one of them, or all of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import stripe

from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.errors import Conflict
from tallystick.providers.stripe.abilities import ABILITIES
from tallystick.providers.stripe.client import open_client, our_errors
from tallystick.providers.stripe.subscription import mirrored_of
from tallystick.providers.stripe.subscription_act import call_of, start_call
from tallystick.providers.stripe.wire import from_api_amount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tallystick.core.catalog import Plan
    from tallystick.core.intent import ProviderAccount
    from tallystick.core.mirror import Mirrored
    from tallystick.core.move import Move, Start
    from tallystick.core.period import Instant
    from tallystick.core.provider_act import ProviderAct, ProviderCall
    from tallystick.core.subscription import Subscription
    from tallystick.providers.stripe.settings import StripeSettings

__all__ = ["StripeSubscriptions"]

_PAGE: Final = 100
_LONGEST: Final = 500
_SERVER_ERROR: Final = 500


class StripeSubscriptions:
    """The subscriptions of one Stripe account, read as mirrors; never called in a transaction.

    `lines` are our price lines by Stripe's ids of prices (`price_lines` gives those of a lock).
    """

    name: Final = ABILITIES.name
    key_hours: Final = ABILITIES.key_hours

    def __init__(self, settings: StripeSettings, lines: Mapping[str, str]) -> None:
        """Open them.  Raises SetupError where the settings do not say which account it is."""
        self.account: ProviderAccount = settings.provider_account
        self.lines = dict(lines)
        self.client = open_client(settings)

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

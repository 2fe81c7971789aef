"""Stripe's events: read where they arrive, and the objects that they tell of, asked for."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.currency import currency
from tallystick.core.provider_event import Fetched
from tallystick.errors import NotFound, OutcomeUnknown, SetupError, TallystickError
from tallystick.providers.stripe.abilities import ABILITIES
from tallystick.providers.stripe.client import API_VERSION, open_client, our_errors
from tallystick.providers.stripe.labels import CHECKOUT, INTENT, has
from tallystick.providers.stripe.marks import moved, seen_of, told_of
from tallystick.providers.stripe.webhook import event_of, verify
from tallystick.providers.stripe.wire import from_api_amount

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallystick.core.inbox import Told
    from tallystick.core.intent import ProviderAccount
    from tallystick.core.money import Money
    from tallystick.core.period import Instant
    from tallystick.core.provider_event import ProviderEvent
    from tallystick.providers.stripe.settings import StripeSettings

__all__ = ["StripeEvents"]

_ID: Final = re.compile(r"[A-Za-z0-9_]{1,200}", re.ASCII)

_CALLS: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "payment_intent": lambda v1, id_: v1.payment_intents.retrieve(id_),
    "charge": lambda v1, id_: v1.charges.retrieve(id_),
    "refund": lambda v1, id_: v1.refunds.retrieve(id_),
    "dispute": lambda v1, id_: v1.disputes.retrieve(id_),
    "checkout.session": lambda v1, id_: v1.checkout.sessions.retrieve(id_),
    "subscription": lambda v1, id_: v1.subscriptions.retrieve(id_),
    "invoice": lambda v1, id_: v1.invoices.retrieve(id_),
}


class StripeEvents:
    """The events of one account: an `EventSource` on the official SDK."""

    name: Final = ABILITIES.name

    def __init__(self, settings: StripeSettings) -> None:
        """Take the settings; nothing is asked yet.

        Raises SetupError where no secret of a webhook endpoint is set, or nobody said which account
        it is: then anybody could send events, or those of another account would count.
        """
        if not settings.secrets:
            raise SetupError(
                "events are only taken with the secret of the endpoint that they are sent to: set"
                " TALLYSTICK_STRIPE_WEBHOOK_SECRETS to it, whsec_… as Stripe shows it"
            )
        self.account: ProviderAccount = settings.provider_account
        self._secrets = settings.secrets
        self._client = open_client(settings)

    def __repr__(self) -> str:
        """Say whose they are, and no secret."""
        return f"StripeEvents({self.account.id!r})"

    def read(self, body: bytes, signature: str | None, at: Instant) -> ProviderEvent:
        """Verify what was sent, on its bytes, and read it.  Raises BadRequest."""
        return event_of(verify(body, signature, self._secrets, at), self.name, self.account.id, at)

    def told(self, event: ProviderEvent) -> Told:
        """Give what an event says of its object; one in another version only that it changed."""
        data = json.loads(event.body)["data"]
        known = event.api_version == API_VERSION
        return told_of(event.created, event.kind or "", event.type, data, known=known)

    def fetch(self, kind: str, id_: str, at: Instant) -> Fetched | None:
        """Give an object as it stands, asked for at that time; None where there is none.

        Raises OutcomeUnknown where no answer came, SetupError for a key that may not ask, NotFound
        for a kind that is not known.
        """
        call = _CALLS.get(kind)
        if call is None or _ID.fullmatch(id_) is None:
            raise NotFound("kind of object at Stripe", kind[:200])
        try:
            with our_errors(kind, id_):
                tree = call(self._client.v1, id_).to_dict(for_json=True)
        except NotFound:
            return None
        if tree.get("id") != id_ or tree.get("livemode", self.account.live) != self.account.live:
            raise OutcomeUnknown(f"Stripe answered with another object than {kind} {id_}")
        return self.fetched(kind, tree, at)

    def fetched(self, kind: str, tree: Mapping[str, Any], at: Instant) -> Fetched:
        """Give an object that Stripe showed, with what is read of it."""
        return Fetched(
            provider=self.name,
            account=self.account,
            kind=kind,
            id=str(tree["id"]),
            tree=tree,
            seen=seen_of(kind, tree),
            asked_at=at,
            moved=moved(kind, tree),
            amount=_amount_of(tree),
            intent=has(tree.get("metadata"), INTENT),
            checkout=has(tree.get("metadata"), CHECKOUT),
        )


def _amount_of(tree: Mapping[str, Any]) -> Money | None:
    """Give the amount of an object that has one; None where it is none of ours, or none at all."""
    minor, code = tree.get("amount"), tree.get("currency")
    if type(minor) is not int or not isinstance(code, str):
        return None
    try:
        return from_api_amount(minor, currency(code.upper()))
    except TallystickError:
        return None

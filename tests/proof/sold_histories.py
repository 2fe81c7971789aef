"""Histories of subscriptions that Stripe bills, played on the fake once and then told in any order.

As in `tests.proof.webhook_histories`, with a shop that sells on pages: a ledger begins with a page
that was opened, and learns of the rest by events alone, which come in any order, while what it
fetches is what was, or is not there, for a while.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import stripe
from sqlalchemy import select

from tallystick.core.inbox import SETTLED
from tallystick.core.provider_event import Fetched
from tallystick.errors import NotFound
from tallystick.providers.stripe.checkout import StripePages
from tallystick.providers.stripe.events import StripeEvents
from tallystick.providers.stripe.labels import CHECKOUT
from tallystick.providers.stripe.marks import seen_of
from tallystick.providers.stripe.provider import Stripe
from tallystick.providers.stripe.subscriptions import StripeSubscriptions
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, running
from tallystick.wiring import Tallystick
from tests.facade.billing import START
from tests.facade.selling_by_stripe import StripeShop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from tallystick.core.lock import Lock
    from tests.proof.places import Place

__all__ = ["HISTORIES", "History", "SoldTelling", "digest", "play"]

STEP: Final = timedelta(seconds=20)
_TOLD: Final = ("customer.subscription.", "checkout.session.", "invoice.pa")


@dataclass(frozen=True)
class History:
    """What happens at Stripe, step by step, and what acme has at the end."""

    plan: str
    script: Callable[[StripeShop], Sequence[Callable[[], object]]]
    ends: list[tuple[str, str, int]]


@dataclass
class Played:
    """Everything that a history left: its events in their order, and each state of each object."""

    events: list[dict[str, Any]]
    versions: dict[str, list[tuple[datetime, dict[str, Any]]]]
    end: datetime
    lock: Lock
    settings: Any = field(repr=False)


def play(history: History, place: Place) -> Played:
    """Play a history; the database is left with a page that nobody has paid, as far as it knows."""
    clock = FrozenClock(START)
    fake = FakeStripe(clock)
    with running(fake):
        shop = StripeShop(place.url, fake, clock)
        with shop.tally:
            opened = shop.open(history.plan)
            clock.advance(timedelta(minutes=5))
            fake.account.of("event").clear()
            shop.pay(opened, "" if history.plan == "trial" else "pm_card_visa")
            clock.advance(STEP)
            for act in history.script(shop):
                act()
                clock.advance(STEP)
        settings = shop.stripe.settings
    every = [copy.deepcopy(each) for each in fake.account.of("event").values()]
    events = [each for each in every if each["type"].startswith(_TOLD)]
    versions: dict[str, list[tuple[datetime, dict[str, Any]]]] = {}
    for each in every:
        thing = each["data"]["object"]
        if "id" in thing:
            at = datetime.fromtimestamp(each["created"], UTC)
            versions.setdefault(thing["id"], []).append((at, thing))
    return Played(events, versions, clock.now(), shop.lock, settings)


class SoldTelling:
    """A ledger at the start of a history that was played, and what it gets to know of it."""

    def __init__(self, played: Played, place: Place, dice: Random | None = None) -> None:
        self.played, self.dice = played, dice
        self.clock = FrozenClock(played.end)
        provider = Stripe(played.settings, played.lock)
        provider.subscriptions = _Subscriptions(self)
        provider.pages = _Pages(self, provider)
        self.tally = Tallystick(
            place.url,
            clock=self.clock,
            providers=[provider],
            event_source=_Events(self),
            signing_keys=[b"k" * 32],
            return_origins=["https://app.example"],
        )

    def shown(self, id_: str) -> dict[str, Any] | None:
        """Show an object as it is; where there are dice, half of the time as it was, or not."""
        versions = self.played.versions[id_]
        settled = versions[-1][0] + SETTLED <= self.clock.now()
        if self.dice is None or settled or self.dice.random() < 0.5:
            return versions[-1][1]
        return self.dice.choice([None, *(tree for _, tree in versions)])

    def send(self, number: int) -> None:
        """Send an event, signed at this time, as Stripe does with each try."""
        body = json.dumps(self.played.events[number], indent=2)
        at = int(self.clock.now().timestamp())
        (secret,) = self.played.settings.secrets
        header = stripe.WebhookSignature.generate_signature_header(body, secret, at)
        self.tally.provider_events.receive(body.encode(), header)

    def read(self) -> int:
        """Let a worker go on once; give for how much there was something to ask."""
        asked = self.tally.provider_events.run().asked
        return asked + self.tally.checkouts.run().asked

    def tell(self, order: Sequence[int]) -> None:
        """Send events in an order, once or more often, and let a worker go on in between."""
        for number in order:
            self.send(number)
            if self.dice is not None:
                self.clock.advance(timedelta(seconds=self.dice.choice([0, 0, 1, 20, 60])))
                if self.dice.random() < 0.5:
                    continue
            self.read()

    def finish(self) -> None:
        """Let the worker go on for an hour, by when nothing may be left to do (I36)."""
        for _ in range(30):
            self.read()
            self.clock.advance(timedelta(minutes=2))
        assert self.read() == 0, "after an hour something is still asked for"


class _Events(StripeEvents):
    """Stripe's answers to the inbox, as they were played."""

    def __init__(self, telling: SoldTelling) -> None:
        super().__init__(telling.played.settings)
        self._telling = telling

    def fetch(self, kind: str, id_: str, at: datetime) -> Fetched | None:
        tree = self._telling.shown(id_)
        if tree is None:
            return None
        return Fetched(
            provider=self.name,
            account=self.account,
            kind=kind,
            id=id_,
            tree=tree,
            seen=seen_of(kind, tree),
            asked_at=at,
            checkout=(tree.get("metadata") or {}).get(CHECKOUT),
        )


class _Subscriptions(StripeSubscriptions):
    """Stripe's subscriptions, as they were played."""

    def __init__(self, telling: SoldTelling) -> None:
        super().__init__(telling.played.settings, telling.played.lock)
        self._telling = telling

    def fetch_raw(self, reference: str) -> dict[str, Any]:
        tree = self._telling.shown(reference)
        if tree is None:
            raise NotFound("subscription of Stripe", reference)
        return tree

    def cancel_now(self, reference: str, comment: str) -> dict[str, Any]:
        """Cancel it as it really stands: in no history is anything given back."""
        assert self._telling.played.versions[reference][-1][1]["status"] == "canceled", comment
        raise NotFound("subscription of Stripe", reference)


class _Pages(StripePages):
    """Stripe's pages, as they were played."""

    def __init__(self, telling: SoldTelling, provider: Stripe) -> None:
        super().__init__(provider.client, provider.settings)
        self._telling = telling

    def _retrieved(self, reference: str) -> stripe.checkout.Session:
        tree = self._telling.shown(reference)
        if tree is None:
            raise NotFound("checkout session of Stripe", reference)
        return stripe.checkout.Session.construct_from(copy.deepcopy(tree), None)


def digest(tally: Tallystick) -> dict[str, Any]:
    """Give what has to be the same in the end, whatever came in which order."""
    had = tally.subscriptions.list(customer="acme").items
    with tally.begin() as unit:
        o = unit.tables.provider_objects.c
        kinds = o.kind.in_(["subscription", "checkout.session"])
        query = select(o.kind, o.id, o.held_mark, o.held_reach, o.due_at, o.set_aside)
        objects = sorted(map(tuple, unit.connection.execute(query.where(kinds))))
    fields = ("id", "state", "plan", "seats", "period", "cancel_at", "ended_at", "trial_end")
    return {
        "had": sorted([getattr(each, name) for name in fields] for each in had),
        "gate": tally.check("acme", "sso").allowed,
        "checkouts": [(e.state, e.subscription, e.set_aside) for e in tally.checkouts.list().items],
        "objects": objects,
        "documents": len(tally.invoices.list().items),
    }


# --- the histories --------------------------------------------------------------------------------


def _there(shop: StripeShop) -> dict[str, Any]:
    return shop.there()[-1]


def _item(shop: StripeShop, line: str) -> str:
    price = shop.lock.prices[line].provider_id
    items = _there(shop)["items"]["data"]
    return next(str(each["id"]) for each in items if each["price"]["id"] == price)


def _seats(*many: int) -> Callable[[StripeShop], Sequence[Callable[[], object]]]:
    def script(shop: StripeShop) -> Sequence[Callable[[], object]]:
        def change(quantity: int) -> None:
            item = {"id": _item(shop, "seat"), "quantity": quantity}
            shop.v1.subscriptions.update(_there(shop)["id"], {"items": [item]})

        return [partial(change, quantity) for quantity in many]

    return script


def _exchange(before: str, after: str) -> Callable[[StripeShop], Sequence[Callable[[], object]]]:
    def script(shop: StripeShop) -> Sequence[Callable[[], object]]:
        def change() -> None:
            lines = {"pro": ["pro", "seat", "calls"]}
            gone = [{"id": _item(shop, e), "deleted": True} for e in lines.get(before, [before])]
            if before == "pro":  # a metered line goes with what was used of it
                gone[-1]["clear_usage"] = True
            new = [{"price": shop.lock.prices[e].provider_id} for e in lines.get(after, [after])]
            params = {"items": [*gone, *new], "metadata": {"billing_plan_id": after}}
            shop.v1.subscriptions.update(_there(shop)["id"], params)

        return [change]

    return script


def _bought(_: StripeShop) -> Sequence[Callable[[], object]]:
    return []


def _returns(shop: StripeShop) -> Sequence[Callable[[], object]]:
    def cancel() -> None:
        shop.v1.subscriptions.cancel(_there(shop)["id"])

    def again() -> None:
        price = shop.lock.prices["basic"].provider_id
        terms = {"customer": _there(shop)["customer"], "items": [{"price": price}]}
        card = _there(shop)["default_payment_method"]
        shop.v1.subscriptions.create({**terms, "default_payment_method": card})

    return [cancel, again]


def _keeps(shop: StripeShop) -> Sequence[Callable[[], object]]:
    def ends(*, at_end: bool) -> None:
        shop.v1.subscriptions.update(_there(shop)["id"], {"cancel_at_period_end": at_end})

    return [lambda: ends(at_end=True), lambda: ends(at_end=False)]


def _trial_to_paid(shop: StripeShop) -> Sequence[Callable[[], object]]:
    def pays() -> None:
        _card(shop, "pm_card_visa")

    return [pays, lambda: shop.passes(days=14, hours=2)]


def _card(shop: StripeShop, name: str) -> str:
    payer = _there(shop)["customer"]
    card = str(shop.v1.payment_methods.attach(name, {"customer": payer}).id)
    shop.v1.subscriptions.update(_there(shop)["id"], {"default_payment_method": card})
    return card


def _recovers(shop: StripeShop) -> Sequence[Callable[[], object]]:
    def fails() -> None:
        _card(shop, "pm_card_chargeCustomerFail")
        shop.passes(days=31, hours=2)

    def recovers() -> None:
        card = _card(shop, "pm_card_visa")
        invoice = list(shop.fake.account.of("invoice"))[-1]
        shop.v1.invoices.pay(invoice, {"payment_method": card})

    return [fails, recovers]


HISTORIES: Final = {
    "bought": History("basic", _bought, [("active", "basic@1", 1)]),
    "seats": History("pro", _seats(4, 2), [("active", "pro@1", 2)]),
    "upgrade": History("basic", _exchange("basic", "pro"), [("active", "pro@1", 1)]),
    "downgrade": History("pro", _exchange("pro", "basic"), [("active", "basic@1", 1)]),
    "keeps": History("basic", _keeps, [("active", "basic@1", 1)]),
    "returns": History("basic", _returns, [("active", "basic@1", 1), ("canceled", "basic@1", 1)]),
    "trial to paid": History("trial", _trial_to_paid, [("active", "trial@1", 1)]),
    "failed, recovered": History("basic", _recovers, [("active", "basic@1", 1)]),
}
"""Every history, by its name."""

"""Histories at Stripe, played on the fake once, and then told to a ledger in any order.

A history is a script on the fake, with a ledger that begins in the state it had before: `play` runs
it and keeps every event and every state that an object ever had.  `Telling` then sends the events
as a ledger may get them, and answers what the ledger asks as Stripe may: with what was, or with
nothing, for a while.

What another room makes of a kind of object is played here too: add a `History` to `HISTORIES`.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import stripe
from sqlalchemy import select

from tallystick.core.inbox import SETTLED
from tallystick.core.intent import Refund
from tallystick.errors import NotFound
from tallystick.providers.stripe.events import StripeEvents
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, talking_to
from tallystick.wiring import Tallystick
from tests.proof.billing_calls import BEGIN, day
from tests.proof.payment_paths import FIRST, owing
from tests.stripe_payments import ACCOUNT, Payments, endpoint, outcome_of, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from tallystick.core.intent import Charge, Outcome
    from tallystick.core.provider_event import Fetched
    from tests.proof.places import Place

__all__ = ["HISTORIES", "History", "Played", "Telling", "digest", "play"]

STEP: Final = timedelta(seconds=20)


@dataclass
class Stage:
    """Where a history is played: the fake, and the ledger that it is about."""

    fake: FakeStripe
    client: stripe.StripeClient
    clock: FrozenClock
    tally: Tallystick
    payments: Payments

    def collect(self, card: str = "pm_card_visa") -> str:
        """Collect the invoice, and lose the answer; give the object at Stripe."""
        self.payments.card, self.payments.silent = card, True
        self.tally.payments.collect(FIRST, provider="stripe", at=day(1))
        self.payments.silent = False
        found: str = list(self.fake.account.of("payment_intent"))[-1]
        return found

    def paid(self) -> str:
        """Collect the invoice, and book it; give the intent."""
        return self.tally.payments.collect(FIRST, provider="stripe", at=day(1)).id


@dataclass(frozen=True)
class History:
    """What happens at Stripe, step by step, and what the books say at the end."""

    script: Callable[[Stage], Sequence[Callable[[], object]]]
    status: str
    payments: dict[str, int]
    alerts: int = 0


@dataclass
class Played:
    """Everything that a history left: its events in their order, and each state of each object."""

    events: list[dict[str, Any]]
    versions: dict[str, list[tuple[datetime, dict[str, Any]]]]
    end: datetime
    secret: str
    settings: Any = field(repr=False)


def play(history: History, place: Place) -> Played:
    """Play a history; the database is left as it was before Stripe told of anything."""
    clock = FrozenClock(BEGIN)
    fake = FakeStripe(clock)
    with talking_to(fake) as client:
        secret = endpoint(fake, client)
        payments = Payments(client)
        with Tallystick(place.url, clock=clock, providers=[payments]) as tally:
            owing(tally)
            payer = client.v1.customers.create({}).id
            tally.customers.update("acme", provider_id=payer)
            clock.advance(timedelta(days=1))
            fake.account.of("event").clear()
            for act in history.script(Stage(fake, client, clock, tally, payments)):
                act()
                clock.advance(STEP)
        settings = settings_of(fake, secret)
    events = [copy.deepcopy(each) for each in fake.account.of("event").values()]
    versions: dict[str, list[tuple[datetime, dict[str, Any]]]] = {}
    for each in events:
        thing = each["data"]["object"]
        if "id" in thing:
            at = datetime.fromtimestamp(each["created"], UTC)
            versions.setdefault(thing["id"], []).append((at, thing))
    return Played(events, versions, clock.now(), secret, settings)


class _Recorded(StripeEvents):
    """Stripe as it was played: it answers with what an object was, for a while."""

    def __init__(self, telling: Telling) -> None:
        super().__init__(telling.played.settings)
        self._telling = telling

    def fetch(self, kind: str, id_: str, at: datetime) -> Fetched | None:
        tree = self._telling.shown(id_)
        return None if tree is None else self.fetched(kind, tree, at)


class _Recalled(Payments):
    """The provider as it was played: it may be asked how things are, and nothing else."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling

    def look_up(self, asked: Charge | Refund, reference: str) -> Outcome:
        tree = self._telling.shown(reference)
        if tree is None:
            raise NotFound("payment", reference)
        more = {"customer": asked.payer} if isinstance(asked, Refund) else {}
        return outcome_of(tree | more, ACCOUNT)


class Telling:
    """A ledger at the start of a history that was played, and what it gets to know of it."""

    def __init__(self, played: Played, place: Place, dice: Random | None = None) -> None:
        self.played, self.dice = played, dice
        self.clock = FrozenClock(played.end)
        self.tally = Tallystick(
            place.url,
            clock=self.clock,
            providers=[_Recalled(self)],
            event_source=_Recorded(self),
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
        secret = self.played.secret
        header = stripe.WebhookSignature.generate_signature_header(body, secret, at)
        self.tally.provider_events.receive(body.encode(), header)

    def read(self) -> int:
        """Ask for what is due; give how much was."""
        return self.tally.provider_events.run().asked

    def tell(self, order: Sequence[int]) -> None:
        """Send events in an order, once or more often, and ask in between."""
        for number in order:
            self.send(number)
            if self.dice is not None:
                self.clock.advance(timedelta(seconds=self.dice.choice([0, 0, 1, 20, 60])))
                if self.dice.random() < 0.5:
                    self.read()
            else:
                self.read()

    def finish(self) -> None:
        """Let the worker go on for an hour, by when nothing may be left to do (I36)."""
        for _ in range(30):
            self.read()
            self.clock.advance(timedelta(minutes=2))
        assert self.read() == 0, "after an hour something is still asked for"


def digest(tally: Tallystick) -> dict[str, Any]:
    """Give what has to be the same in the end, whatever came in which order."""
    invoice = tally.invoices.get(FIRST)
    intents = tally.payments.list(limit=100).items
    with tally.begin() as unit:
        t = unit.tables
        journal = select(t.journal.c.debit, t.journal.c.credit, t.journal.c.minor)
        o = t.provider_objects.c
        objects = select(o.kind, o.id, o.held_mark, o.held_reach, o.due_at, o.set_aside)
        entries = Counter(map(tuple, unit.connection.execute(journal)))
        held = [(*each, _code(aside)) for *each, aside in unit.connection.execute(objects)]
    return {
        "invoice": (invoice.status, invoice.left, invoice.refunded),
        "payments": sorted(
            (p.kind, p.amount.minor, p.reference) for p in tally.invoices.payments(FIRST)
        ),
        "intents": [(i.kind, i.state, i.reference, i.surplus, i.set_aside) for i in intents],
        "journal": entries,
        "objects": sorted(held),
    }


def _code(aside: str | None) -> str:
    """Give why an object is set aside; how it is worded depends on what came first."""
    return "" if aside is None else str(json.loads(aside)["code"])


# --- the histories --------------------------------------------------------------------------------


def _card(stage: Stage) -> Sequence[Callable[[], object]]:
    return [stage.collect]


def _delayed(stage: Stage) -> Sequence[Callable[[], object]]:
    card = "pm_usBankAccount_success"
    return [lambda: stage.collect(card), lambda: stage.fake.settle(_last(stage))]


def _comes_back(stage: Stage) -> Sequence[Callable[[], object]]:
    card = "pm_usBankAccount_success"
    return [
        lambda: stage.collect(card),
        lambda: stage.fake.settle(_last(stage), arrives=False),
        lambda: stage.client.v1.payment_intents.cancel(_last(stage)),
    ]


def _recovered(stage: Stage) -> Sequence[Callable[[], object]]:
    def again() -> None:
        confirm: Any = {"payment_method": "pm_card_visa"}
        stage.client.v1.payment_intents.confirm(_last(stage), confirm)

    return [lambda: stage.collect("pm_card_visa_chargeDeclined"), again]


def _refunded(stage: Stage) -> Sequence[Callable[[], object]]:
    def back() -> None:
        (paid,) = stage.tally.payments.list().items
        stage.payments.silent = True
        stage.tally.payments.refund(paid.id, "4.00", at=day(2))
        stage.payments.silent = False

    return [stage.paid, back]


def _refunded_by_hand(stage: Stage) -> Sequence[Callable[[], object]]:
    def back() -> None:
        stage.client.v1.refunds.create({"payment_intent": _last(stage), "amount": 300})

    return [stage.collect, back, back]


def _refund_failed(stage: Stage) -> Sequence[Callable[[], object]]:
    def back() -> None:
        (paid,) = stage.tally.payments.list().items
        stage.tally.payments.refund(paid.id, "4.00", at=day(2))

    def fail() -> None:
        (refund,) = stage.fake.account.of("refund")
        stage.fake.settle(refund, arrives=False)

    return [stage.paid, back, fail]


def _disputed(stage: Stage) -> Sequence[Callable[[], object]]:
    return [lambda: stage.collect("pm_card_createDispute")]


def _dispute_lost(stage: Stage) -> Sequence[Callable[[], object]]:
    def close() -> None:
        (dispute,) = stage.fake.account.of("dispute")
        stage.client.v1.disputes.close(dispute)

    return [*_disputed(stage), close]


def _dispute_won(stage: Stage) -> Sequence[Callable[[], object]]:
    def win() -> None:
        (dispute,) = stage.fake.account.of("dispute")
        evidence: Any = {"evidence": {"uncategorized_text": "winning_evidence"}}
        stage.client.v1.disputes.update(dispute, evidence)

    return [*_disputed(stage), win]


def _forged(stage: Stage) -> Sequence[Callable[[], object]]:
    def forge() -> None:
        (intent,) = stage.tally.payments.list().items
        forged: Any = {
            "amount": 100,
            "currency": "eur",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "metadata": {"tallystick_intent": intent.id},
        }
        stage.client.v1.payment_intents.create(forged)

    return [stage.collect, forge]


def _long(stage: Stage) -> Sequence[Callable[[], object]]:
    def foreign() -> None:
        others: Any = {"amount": 500, "currency": "usd"}
        made = stage.client.v1.payment_intents.create(others)
        stage.client.v1.payment_intents.cancel(made.id)

    return [*_refunded(stage), foreign, foreign]


def _last(stage: Stage) -> str:
    return str(list(stage.fake.account.of("payment_intent"))[-1])


HISTORIES: Final = {
    "card": History(_card, "paid", {"payment": 1000}),
    "delayed": History(_delayed, "paid", {"payment": 1000}),
    "comes back": History(_comes_back, "open", {}),
    "failed, recovered": History(_recovered, "paid", {"payment": 1000}),
    "refund": History(_refunded, "paid", {"payment": 1000, "refund": 400}),
    "refund by hand": History(_refunded_by_hand, "paid", {"payment": 1000, "refund": 600}),
    "refund fails": History(
        _refund_failed, "paid", {"payment": 1000, "refund": 400, "refund_failed": 400}, alerts=1
    ),
    "dispute": History(_disputed, "paid", {"payment": 1000}, alerts=1),
    "dispute lost": History(_dispute_lost, "uncollectible", {"payment": 1000, "chargeback": 1000}),
    "dispute won": History(_dispute_won, "paid", {"payment": 1000}),
    "forged": History(_forged, "paid", {"payment": 1000}, alerts=1),
    "long": History(_long, "paid", {"payment": 1000, "refund": 400}),
}
"""Every history, by its name."""

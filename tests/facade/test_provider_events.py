"""Events of Stripe: verified, kept once, asked for, and booked only where they match."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tallystick import Tallystick
from tallystick.app.inbox_run import LEASE, MOST_TRIES
from tallystick.core.inbox import SETTLED
from tallystick.errors import BadRequest, Conflict, InvalidInput, NotFound, SetupError
from tallystick.providers.stripe.events import StripeEvents
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, Fault, Seen, talking_to
from tallystick.testing.ids import CountedIds
from tests.facade.billing import catalog, day
from tests.stripe_payments import Payments, endpoint, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database

FIRST = "INV-000001"
START = day("2026-10-01")
LATER = START + timedelta(minutes=20)


class Shop:
    """A ledger that owes an invoice, a fake Stripe, and what is sent between them."""

    def __init__(self, url: str, fake: FakeStripe, client: stripe.StripeClient) -> None:
        self.fake, self.client = fake, client
        self.secret = endpoint(fake, client)
        self.clock = FrozenClock(START)
        self.payments = Payments(client)
        self.tally = Tallystick(
            url,
            catalog=catalog(),
            clock=self.clock,
            ids=CountedIds(),
            providers=[self.payments],
            event_source=StripeEvents(settings_of(fake, self.secret)),
        )
        self.events = self.tally.provider_events

    def owe(self, *, migrated: bool = False) -> None:
        if not migrated:
            self.tally.migrate()
        self.tally.publish(author="anna", at=day("2026-01-01"))
        payer = self.client.v1.customers.create({}).id
        self.tally.customers.create("acme", name="Acme", provider_id=payer)
        self.tally.subscriptions.start("acme", "basic", id="s", at=START)
        self.tally.invoices.run(at=START)
        self.fake.account.pending.clear()

    def collect_silently(self, card: str = "pm_card_visa") -> str:
        """Collect, and lose the answer; give the id of the intent."""
        self.payments.card, self.payments.silent = card, True
        intent = self.tally.payments.collect(FIRST, provider="stripe")
        assert intent.state == "open"
        self.payments.silent = False
        return intent.id

    def deliver(self, *types: str) -> list[str]:
        """Send what waits, or only some of it; give the states of what was sent."""
        sent = [
            self.events.receive(each.body, each.signature).state
            for each in self.fake.deliveries()
            if not types or each.kind in types
        ]
        return list(sent)

    def send(self, tree: dict[str, Any]) -> Any:
        body = json.dumps(tree)
        at = int(self.clock.now().timestamp())
        header = stripe.WebhookSignature.generate_signature_header(body, self.secret, at)
        return self.events.receive(body.encode(), header)

    def status(self) -> str:
        return self.tally.invoices.get(FIRST).status

    def intent(self) -> Any:
        (found,) = self.tally.payments.list().items
        return found


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    fake = FakeStripe(FrozenClock(START))
    with talking_to(fake) as client:
        found = Shop(database.url, fake, client)
        with found.tally:
            found.owe()
            yield found


def test_an_answer_that_was_lost_is_booked_by_the_event(shop: Shop) -> None:
    shop.collect_silently()
    assert set(shop.deliver()) == {"new"}
    assert shop.status() == "open", "an event changes nothing by itself"
    done = shop.events.run()
    assert (done.applied, done.ignored, done.set_aside) == (2, 0, 0)
    assert shop.status() == "paid"
    (payment,) = shop.tally.invoices.payments(FIRST)
    assert payment.reference == shop.intent().reference
    assert {each.state for each in shop.events.list()} == {"applied"}
    assert shop.events.run().asked == 0
    assert shop.tally.verify().ok


def test_a_payment_that_takes_days_is_paid_once_it_arrived(shop: Shop) -> None:
    shop.payments.card = "pm_usBankAccount_success"
    waits = shop.tally.payments.collect(FIRST, provider="stripe")
    assert waits.state == "waiting"
    shop.deliver()
    shop.events.run()
    assert shop.status() == "open"
    shop.fake.settle(waits.reference or "")
    shop.deliver()
    shop.clock.advance(SETTLED)
    assert shop.events.run().applied >= 1
    assert shop.status() == "paid"


def test_a_refund_is_booked_by_its_event(shop: Shop) -> None:
    paid = shop.tally.payments.collect(FIRST, provider="stripe")
    shop.payments.silent = True
    shop.tally.payments.refund(paid.id, "4.00")
    shop.payments.silent = False
    shop.deliver()
    shop.events.run()
    assert shop.tally.invoices.get(FIRST).refunded == 400
    assert shop.tally.verify().ok


def test_what_is_none_of_ours_is_kept_and_changes_nothing(shop: Shop) -> None:
    shop.client.v1.payment_intents.create(
        {"amount": 500, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}
    )
    shop.client.v1.customers.create({})
    before = digest_of(shop)
    assert "ignored" in shop.deliver()
    done = shop.events.run()
    assert (done.applied, done.ignored) == (0, 2)
    reasons = {each.type: each.reason["code"] for each in shop.events.list() if each.reason}
    assert reasons["payment_intent.succeeded"] == "NOT_OURS"
    assert reasons["customer.created"] == "NOT_USED"
    assert digest_of(shop) == before


def digest_of(shop: Shop) -> Any:
    """Give the books: what no event may change unless it matches."""
    tally = shop.tally
    return (
        shop.status(),
        tally.invoices.payments(FIRST),
        [(each.id, each.state, each.reference) for each in tally.payments.list()],
    )


def test_a_dispute_is_shown_to_a_person(shop: Shop) -> None:
    shop.payments.card = "pm_card_createDispute"
    shop.tally.payments.collect(FIRST, provider="stripe")
    shop.deliver()
    assert shop.events.run().set_aside == 1
    (event,) = shop.events.list(state="set_aside").items
    assert event.reason is not None
    assert (event.type, event.reason["code"]) == ("charge.dispute.created", "DISPUTE")
    assert shop.status() == "paid"


# --- S6: again and again --------------------------------------------------------------------------


def test_s6_a_replay_has_one_effect_also_once_the_event_was_removed(shop: Shop) -> None:
    shop.collect_silently()
    sent = shop.fake.deliveries()
    for each in sent * 10:
        shop.events.receive(each.body, each.signature)
    assert len(shop.events.list(limit=100).items) == len(sent)
    shop.events.run()
    before = digest_of(shop)
    for each in sent * 10:
        shop.events.receive(each.body, each.signature)
    assert shop.events.run().asked == 0
    assert shop.events.prune(4, at=START + timedelta(days=5)) == len(sent)
    assert not shop.events.list().items
    for each in sent:
        shop.events.receive(each.body, each.signature)
    shop.events.run()
    assert digest_of(shop) == before
    assert before[0] == "paid"
    assert shop.tally.verify().ok


def test_what_waits_or_has_to_be_looked_into_is_not_removed(shop: Shop) -> None:
    shop.collect_silently()
    shop.deliver()
    much_later = START + timedelta(days=365)
    assert shop.events.prune(90, at=much_later) == 0
    for days in (3, 3_651):
        with pytest.raises(InvalidInput, match="days"):
            shop.events.prune(days)


# --- S8: of whom ----------------------------------------------------------------------------------


def event_of(shop: Shop) -> dict[str, Any]:
    """Give a genuine event of a payment that is ours."""
    shop.collect_silently()
    (tree,) = (
        json.loads(each.body)
        for each in shop.fake.deliveries()
        if each.kind == "payment_intent.succeeded"
    )
    found: dict[str, Any] = tree
    return found


@pytest.mark.parametrize(
    ("change", "code"),
    [({"livemode": True}, "OTHER_MODE"), ({"account": "acct_other"}, "OTHER_ACCOUNT")],
)
def test_s8_other_modes_and_accounts_change_nothing(
    shop: Shop, change: dict[str, Any], code: str
) -> None:
    kept = shop.send(event_of(shop) | change)
    assert (kept.state, kept.reason["code"]) == ("ignored", code)
    assert shop.events.run().asked == 0
    assert shop.status() == "open"
    with pytest.raises(Conflict, match="cannot be replayed"):
        shop.events.replay(kept.id)


def test_s8_the_secret_of_another_endpoint_is_none(shop: Shop) -> None:
    other = endpoint(shop.fake, shop.client)
    shop.collect_silently()
    shop.secret = other
    with pytest.raises(BadRequest, match="not verified"):
        shop.send({"id": "evt_1"})
    assert not shop.events.list().items


# --- S9, S10: money that is not what was asked for ------------------------------------------------


@pytest.mark.parametrize(
    "forged",
    [{"amount": 100}, {"currency": "eur"}, {"customer": "another"}],
    ids=["amount", "currency", "customer"],
)
def test_s9_a_genuine_payment_that_calls_itself_ours_pays_nothing(
    shop: Shop, forged: dict[str, Any]
) -> None:
    id_ = shop.collect_silently()
    shop.fake.deliveries()  # that of the true one is lost
    if forged.get("customer"):
        forged = {"customer": shop.client.v1.customers.create({}).id}
    payer = shop.tally.customers.get("acme").provider_id
    params: Any = {"amount": 1000, "currency": "usd", "customer": payer} | forged
    params |= {"confirm": True, "payment_method": "pm_card_visa"}
    shop.client.v1.payment_intents.create(params | {"metadata": {"tallystick_intent": id_}})
    before = digest_of(shop)
    shop.deliver()
    assert shop.events.run().set_aside == 1
    assert digest_of(shop) == before
    (alert,) = shop.events.list(state="set_aside", type="payment_intent.succeeded").items
    assert alert.reason is not None
    assert alert.reason["code"] == "MISMATCH"
    # The intent is untouched: its own answer pays.
    shop.clock.advance(timedelta(hours=1))
    assert shop.tally.payments.run().succeeded == 1
    assert shop.status() == "paid"


def test_s9_a_second_payment_that_calls_itself_ours_is_an_alert(shop: Shop) -> None:
    paid = shop.tally.payments.collect(FIRST, provider="stripe")
    shop.fake.deliveries()
    shop.client.v1.payment_intents.create(
        {
            "amount": 1000,
            "currency": "usd",
            "customer": paid.payer or "",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "metadata": {"tallystick_intent": paid.id},
        }
    )
    before = digest_of(shop)
    shop.deliver()
    assert shop.events.run().set_aside == 1
    assert digest_of(shop) == before


def test_s9_what_calls_itself_ours_and_is_given_up_ends_nothing(shop: Shop) -> None:
    id_ = shop.collect_silently()
    shop.fake.deliveries()
    forged = shop.client.v1.payment_intents.create(
        {"amount": 1000, "currency": "usd", "metadata": {"tallystick_intent": id_}}
    )
    shop.client.v1.payment_intents.cancel(forged.id)
    before = digest_of(shop)
    shop.deliver()
    assert shop.events.run().asked == 1
    assert digest_of(shop) == before
    assert shop.intent().state == "open"
    shop.clock.advance(timedelta(hours=1))
    assert shop.tally.payments.run().succeeded == 1


def test_what_is_told_of_an_intent_that_is_set_aside_is_an_alert(shop: Shop) -> None:
    shop.collect_silently()
    shop.clock.advance(timedelta(hours=24))
    assert shop.tally.payments.run().set_aside == 1, "its key may be forgotten by then"
    shop.fake.account.clock.advance(timedelta(hours=24))  # type: ignore[attr-defined]  # it stands
    shop.deliver("payment_intent.succeeded")
    assert shop.events.run().set_aside == 1
    (event,) = shop.events.list(state="set_aside").items
    assert event.reason is not None
    assert event.reason["code"] == "SET_ASIDE"
    shop.tally.payments.retry(shop.intent().id)
    shop.events.replay(event.id)
    assert shop.events.run().applied == 1
    assert shop.status() == "paid"
    assert shop.tally.verify().ok


def test_money_that_moved_for_what_is_over_is_an_alert(shop: Shop) -> None:
    shop.payments.card = "pm_usBankAccount_success"
    waits = shop.tally.payments.collect(FIRST, provider="stripe")
    tally = shop.tally
    with tally.begin() as unit:
        table = unit.tables.intents
        closed = {"state": "declined", "closed_at": START}
        unit.connection.execute(table.update().values(closed))
        unit.commit()
    shop.fake.settle(waits.reference or "")
    shop.deliver("payment_intent.succeeded")
    assert shop.events.run().set_aside == 1
    (event,) = shop.events.list(state="set_aside").items
    assert event.reason is not None
    assert event.reason["code"] == "MONEY_MOVED"
    assert shop.status() == "open"


def test_s10_an_intent_of_another_provider_is_not_settled_by_stripe(shop: Shop) -> None:
    asked = shop.tally.payments.collect(FIRST, provider="manual")
    shop.client.v1.payment_intents.create(
        {
            "amount": 1000,
            "currency": "usd",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "metadata": {"tallystick_intent": asked.id},
        }
    )
    shop.deliver("payment_intent.succeeded")
    assert shop.events.run().set_aside == 1
    (event,) = shop.events.list(state="set_aside").items
    assert event.reason is not None
    assert event.reason["code"] == "OTHER_ACCOUNT"
    assert shop.status() == "open"


# --- S11 ------------------------------------------------------------------------------------------


def test_s11_an_unknown_type_is_kept_and_changes_nothing(shop: Shop) -> None:
    tree = event_of(shop) | {"type": "telepathy.received"}
    tree["data"] = {"object": {"object": "telepathy", "id": "tp_1"}}
    kept = shop.send(tree)
    assert (kept.state, kept.reason["code"]) == ("ignored", "NOT_USED")
    nameless = shop.send(tree | {"id": "evt_2", "data": {"object": {"object": "balance"}}})
    assert (nameless.state, nameless.object_id) == ("ignored", None)
    assert shop.events.run().asked == 0


def test_s11_an_event_of_a_newer_version_is_a_hint_all_the_same(shop: Shop) -> None:
    tree = event_of(shop) | {"api_version": "2031-01-01.dahlia"}
    shop.send(tree)
    assert shop.events.run().applied == 1
    assert shop.status() == "paid"
    shop.clock.advance(SETTLED)
    assert shop.events.run().applied == 1, "it is confirmed"
    shop.clock.advance(SETTLED)
    assert shop.events.run().asked == 0


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_silent_stripe_is_asked_again_later(shop: Shop) -> None:
    shop.collect_silently()
    shop.deliver("payment_intent.succeeded")
    shop.fake.account.faults.add(Fault(Seen.LIMITED, "GET /v1/payment_intents/*"))
    assert shop.events.run().silent == 1
    assert shop.events.run().asked == 0
    shop.clock.advance(timedelta(seconds=15))
    assert shop.events.run().applied == 1
    assert shop.status() == "paid"


def test_what_is_not_there_is_set_aside_once_it_should_be_and_replayed(shop: Shop) -> None:
    shop.collect_silently()
    hidden = shop.fake.account.objects["payment_intent"]
    shop.fake.account.objects["payment_intent"] = {}
    shop.deliver("payment_intent.succeeded")
    assert shop.events.run().later == 1
    shop.clock.advance(SETTLED)
    assert shop.events.run().set_aside == 1
    (event,) = shop.events.list(state="set_aside").items
    assert event.reason is not None
    assert event.reason["code"] == "NOT_FOUND"
    assert event.reason["replay"] == f"tallystick stripe events replay {event.id}"
    assert shop.events.run().asked == 0
    shop.fake.account.objects["payment_intent"] = hidden
    assert shop.events.replay(event.id).state == "new"
    assert shop.events.run().applied == 1
    assert shop.status() == "paid"
    assert shop.events.get(event.id).state == "applied"


def test_a_poison_object_blocks_no_other_and_ends_aside(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.collect_silently()
    shop.client.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    shop.deliver("payment_intent.succeeded", "payment_intent.created")
    ours = shop.tally.provider_events.list(type="payment_intent.succeeded").items[0].object_id
    source = shop.tally.event_source
    assert source is not None
    fetch = source.fetch

    def poisoned(kind: str, id_: str, at: Any) -> Any:
        if id_ != ours:
            raise ZeroDivisionError("a fault of ours")
        return fetch(kind, id_, at)

    monkeypatch.setattr(source, "fetch", poisoned)
    done = shop.events.run()
    assert (done.applied, done.failed) == (1, 1)
    assert shop.status() == "paid"
    for _ in range(MOST_TRIES - 1):
        shop.clock.advance(timedelta(hours=1))
        shop.events.run()
    (event,) = shop.events.list(state="set_aside").items
    assert event.object_id != ours
    assert event.reason is not None
    assert "ZeroDivisionError" in event.reason["message"]
    assert shop.events.run().asked == 0


def test_what_outlives_its_lease_changes_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.collect_silently()
    shop.deliver("payment_intent.succeeded")
    source = shop.tally.event_source
    assert source is not None
    fetch, seen = source.fetch, list[str]()

    def slow(kind: str, id_: str, at: Any) -> Any:
        found = fetch(kind, id_, at)
        if not seen:
            seen.append(id_)
            shop.clock.advance(LEASE)
            assert shop.events.run().applied == 1, "another worker takes it up"
        return found

    monkeypatch.setattr(source, "fetch", slow)
    assert shop.events.run().later == 1
    assert shop.status() == "paid"
    assert {each.state for each in shop.events.list()} == {"applied"}


def test_an_event_that_comes_while_its_object_is_asked_for_is_read_too(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.payments.card = "pm_usBankAccount_success"
    waits = shop.tally.payments.collect(FIRST, provider="stripe")
    shop.deliver("payment_intent.processing")
    source = shop.tally.event_source
    assert source is not None
    fetch, seen = source.fetch, list[str]()

    def meanwhile(kind: str, id_: str, at: Any) -> Any:
        found = fetch(kind, id_, at)
        if not seen:
            seen.append(id_)
            shop.fake.settle(waits.reference or "")
            shop.deliver("payment_intent.succeeded")
        return found

    monkeypatch.setattr(source, "fetch", meanwhile)
    assert shop.events.run().applied == 2
    assert shop.status() == "paid"


def test_an_event_that_nobody_will_ask_for_is_found(shop: Shop) -> None:
    shop.collect_silently()
    shop.deliver()
    assert shop.tally.verify().ok
    with shop.tally.begin() as unit:
        unit.connection.execute(unit.tables.provider_objects.update().values(due_at=None))
        unit.commit()
    assert {each.name for each in shop.tally.verify().broken} == {"provider events"}


def test_who_expects_no_events_takes_none(database: Database) -> None:
    with Tallystick(database.url) as tally:
        assert tally.provider_events.run().asked == 0
        with pytest.raises(SetupError, match="TALLYSTICK_STRIPE_WEBHOOK_SECRETS"):
            tally.provider_events.receive(b"{}", None)
        tally.migrate()
        with pytest.raises(NotFound, match="provider event"):
            tally.provider_events.get("evt_none")


# --- many at once -----------------------------------------------------------------------------


def test_the_same_event_by_many_and_many_workers_have_one_effect(shop: Shop) -> None:
    shop.collect_silently()
    sent = shop.fake.deliveries()
    if shop.tally.storage.engine.url.database in {None, "", ":memory:"}:
        pytest.skip("a database in memory has one connection")
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda e: shop.events.receive(e.body, e.signature).id, sent * 8))
        assert len(set(kept)) == len(sent)
        done = list(pool.map(lambda _: shop.events.run(), range(8)))
    shop.events.run()
    assert sum(each.set_aside + each.failed + each.silent for each in done) == 0
    assert len(shop.events.list(limit=100).items) == len(sent)
    assert [each.amount.minor for each in shop.tally.invoices.payments(FIRST)] == [1000]
    assert shop.tally.verify().ok


def test_an_event_that_cannot_be_read_any_more_blocks_no_other(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.collect_silently()
    shop.deliver()
    source = shop.tally.event_source
    assert source is not None
    told = source.told

    def odd(event: Any) -> Any:
        if event.kind == "charge":
            raise KeyError(event.kind)
        return told(event)

    monkeypatch.setattr(source, "told", odd)
    done = shop.events.run()
    assert (done.applied, done.failed) == (1, 1)
    assert shop.status() == "paid"

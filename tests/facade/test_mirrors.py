"""Acts on what Stripe bills: asked for there once, whatever goes wrong, and mirrored."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.errors import Conflict, InvalidInput, NotFound, OutcomeUnknown
from tallystick.testing.fake_stripe.faults import Fault, Seen
from tests.selling import Selling, selling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.core.subscription import Subscription
    from tests.databases import Database

FAULTS = [
    Fault(seen, "POST /v1/subscriptions/*", after=after)
    for seen in (Seen.CUT, Seen.BROKEN, Seen.LIMITED)
    for after in ((False,) if seen is Seen.LIMITED else (False, True))
]


@pytest.fixture
def shop(database: Database) -> Iterator[Selling]:
    with selling(database.url) as found:
        yield found
        report = found.tally.verify()
        assert report.ok, report


@pytest.fixture
def pro(shop: Selling) -> Subscription:
    """Give a subscription with three seats, a minute ago."""
    held = shop.mirror(shop.sold("pro", "seat:3"))
    shop.clock.advance(timedelta(minutes=1))
    return held


def there(shop: Selling, held: Subscription) -> dict[str, Any]:
    assert held.origin is not None
    return shop.fake.account.of("subscription")[held.origin.reference]


def quantities(shop: Selling, held: Subscription) -> dict[str, int]:
    lines = shop.stripe.lines
    return {lines[i["price"]["id"]]: i["quantity"] for i in there(shop, held)["items"]["data"]}


def asked(shop: Selling) -> int:
    """Count what was asked of subscriptions and took effect or may have."""
    calls = [each for each, _ in shop.fake.account.calls]
    return sum(each.startswith("POST /v1/subscriptions/") for each in calls)


# --- the acts -------------------------------------------------------------------------------------


def test_seats_are_changed_there_and_mirrored(shop: Selling, pro: Subscription) -> None:
    made = shop.tally.subscriptions.change(pro.id, seats=5)
    assert (made.subscription.seats, made.subscription.moves, made.documents) == (5, 2, ())
    assert quantities(shop, pro) == {"pro": 1, "seat": 5}
    with pytest.raises(Conflict, match="nothing would change"):
        shop.tally.subscriptions.change(pro.id, seats=5)


def test_another_plan_takes_the_place_of_the_first(shop: Selling, pro: Subscription) -> None:
    assert shop.tally.subscriptions.change(pro.id, plan="basic").subscription.plan == "basic@1"
    assert quantities(shop, pro) == {"basic": 1}
    shop.clock.advance(timedelta(minutes=1))
    with pytest.raises(Conflict, match="not charged by seat"):
        shop.tally.subscriptions.change(pro.id, seats=2)
    back = shop.tally.subscriptions.change(pro.id, plan="pro", seats=7, proration="invoice_now")
    assert (back.subscription.plan, back.subscription.seats) == ("pro@1", 7)
    assert quantities(shop, pro) == {"pro": 1, "seat": 7}


def test_it_is_canceled_at_the_end_and_kept_and_ended(shop: Selling, pro: Subscription) -> None:
    acts = shop.tally.subscriptions
    assert pro.period is not None
    assert acts.cancel(pro.id).subscription.cancel_at == pro.period.end
    assert there(shop, pro)["cancel_at_period_end"]
    shop.clock.advance(timedelta(minutes=1))
    assert acts.keep(pro.id).subscription.cancel_at is None
    with pytest.raises(Conflict, match="not going to be canceled"):
        acts.keep(pro.id)
    date = pro.period.end - timedelta(days=3)
    shop.clock.advance(timedelta(minutes=1))
    assert acts.cancel(pro.id, when=date).subscription.cancel_at == date
    shop.clock.advance(timedelta(minutes=1))
    assert acts.cancel(pro.id, when="now").subscription.state == "canceled"
    assert there(shop, pro)["status"] == "canceled"
    with pytest.raises(Conflict, match="nothing happens to it any more"):
        acts.cancel(pro.id, when="now")


def test_it_is_paused_and_resumed(shop: Selling, pro: Subscription) -> None:
    until = shop.clock.now() + timedelta(days=9)
    paused = shop.tally.subscriptions.pause(pro.id, resumes_at=until).subscription
    assert (paused.state, paused.resumes_at) == ("paused", until)
    assert not shop.tally.check("acme", "sso").allowed
    shop.clock.advance(timedelta(minutes=1))
    assert shop.tally.subscriptions.resume(pro.id).subscription.state == "active"
    assert shop.tally.check("acme", "sso").allowed


def test_what_stripe_cannot_do_is_refused_before_it_is_asked(
    shop: Selling, pro: Subscription
) -> None:
    acts, before = shop.tally.subscriptions, asked(shop)
    refused: list[Callable[[], object]] = [
        lambda: acts.change(pro.id, seats=4, when="period_end"),
        lambda: acts.change(pro.id, seats=4, proration="value_capped"),
        lambda: acts.change(pro.id, add=["sms"]),
        lambda: acts.pause(pro.id, mode="extend"),
        lambda: acts.cancel(pro.id, credit=True),
        lambda: acts.resume(pro.id),
        lambda: acts.lapse(pro.id),
    ]
    for act in refused:
        with pytest.raises(Conflict):
            act()
    with pytest.raises(InvalidInput):
        acts.change(pro.id, seats=0)
    with pytest.raises(NotFound):
        acts.cancel(pro.id, customer="other")
    assert asked(shop) == before


def test_a_hosts_transaction_asks_nobody(shop: Selling, pro: Subscription) -> None:
    with (
        shop.tally.begin() as unit,
        pytest.raises(Conflict, match="without a host's connection"),
    ):
        shop.tally.subscriptions.cancel(pro.id, connection=unit.connection)


def test_a_preview_asks_nobody(shop: Selling, pro: Subscription) -> None:
    before = asked(shop)
    with pytest.raises(Conflict, match="stripe bills"):
        shop.tally.subscriptions.preview.cancel(pro.id)
    assert asked(shop) == before


def test_the_same_key_asks_once(shop: Selling, pro: Subscription) -> None:
    first = shop.tally.subscriptions.change(pro.id, seats=4, idempotency_key="k")
    before = asked(shop)
    assert shop.tally.subscriptions.change(pro.id, seats=4, idempotency_key="k") == first
    assert asked(shop) == before
    with pytest.raises(Conflict, match="was used for another"):
        shop.tally.subscriptions.change(pro.id, seats=9, idempotency_key="k")


def test_what_stripe_refuses_is_a_conflict_in_its_words(shop: Selling, pro: Subscription) -> None:
    there(shop, pro)["status"] = "canceled"
    with pytest.raises(Conflict, match="Stripe refused it"):
        shop.tally.subscriptions.change(pro.id, seats=4)
    assert shop.tally.subscriptions.get(pro.id).state == "canceled"


def test_a_biller_that_nobody_set_up_is_named(shop: Selling, pro: Subscription) -> None:
    providers = shop.tally.providers
    shop.tally.providers = {"manual": providers["manual"]}
    with pytest.raises(NotFound, match="provider"):
        shop.tally.subscriptions.cancel(pro.id)
    with pytest.raises(Conflict, match="bills no subscriptions"):
        shop.tally.mirrors.biller("manual")
    assert shop.tally.mirrors.run().asked == 0
    shop.tally.providers = providers


# --- beginning ------------------------------------------------------------------------------------


def test_a_trial_without_a_card_is_begun_there_once(shop: Selling) -> None:
    customer = str(shop.v1.customers.create({}).id)
    shop.tally.customers.create("beta", provider_id=customer)
    start = shop.tally.mirrors.start
    made = start("beta", "pro", seats=2, trial_days=14, after_trial="paused", idempotency_key="k")
    held = made.subscription
    assert (held.biller, held.state, held.plan, held.seats) == ("provider", "trialing", "pro@1", 2)
    assert held.trial_end == shop.clock.now() + timedelta(days=14)
    assert shop.tally.check("beta", "sso").allowed
    again = start("beta", "pro", seats=2, trial_days=14, after_trial="paused", idempotency_key="k")
    assert again == made
    assert len(shop.fake.account.of("subscription")) == 1
    with pytest.raises(Conflict, match="live subscription"):
        start("beta", "basic")
    shop.passes(days=15)
    assert held.origin is not None
    assert shop.tally.mirrors.fetch(held.origin.reference).state == "paused"
    access = shop.tally.check("beta", "sso")
    assert (access.allowed, access.reason) == (False, "trial_over")


def test_what_is_not_there_begins_nothing(shop: Selling) -> None:
    shop.tally.customers.create("beta")
    with pytest.raises(Conflict, match="does not know customer"):
        shop.tally.mirrors.start("beta", "pro", trial_days=14)
    del shop.stripe.lines[shop.prices["seat"]]
    with pytest.raises(Conflict, match="seat of pro@1 is not at Stripe"):
        shop.tally.mirrors.start("acme", "pro", trial_days=14)
    assert shop.fake.account.of("subscription") == {}


def test_a_beginning_that_was_not_heard_of_is_one(shop: Selling) -> None:
    shop.fake.account.faults.add(Fault(Seen.CUT, "POST /v1/subscriptions", after=True))
    with pytest.raises(OutcomeUnknown):
        shop.tally.mirrors.start("acme", "basic", trial_days=14)
    with pytest.raises(Conflict, match="another act"):
        shop.tally.mirrors.start("acme", "basic", trial_days=14)
    shop.clock.advance(timedelta(minutes=1))
    assert shop.tally.mirrors.run().done == 1
    (held,) = shop.tally.subscriptions.list(customer="acme")
    assert (held.state, len(shop.fake.account.of("subscription"))) == ("trialing", 1)


def test_a_beginning_that_is_refused_is_a_conflict(shop: Selling) -> None:
    customer = str(shop.v1.customers.create({}).id)
    shop.tally.customers.create("beta", provider_id=customer)
    with pytest.raises((Conflict, NotFound)):
        shop.tally.mirrors.start("beta", "pro", trial_days=0)  # nothing to pay with
    assert shop.tally.subscriptions.list(customer="beta").items == ()
    assert shop.tally.mirrors.run().asked == 0


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: f"{each.seen.name} {each.after}")
def test_a_silence_is_asked_again_and_has_one_effect(
    shop: Selling, pro: Subscription, fault: Fault
) -> None:
    fault.met = 0
    shop.fake.account.faults.add(fault)
    with pytest.raises(OutcomeUnknown, match="asked for again"):
        shop.tally.subscriptions.change(pro.id, seats=5, proration="invoice_now")
    with pytest.raises(Conflict, match="another act"):
        shop.tally.subscriptions.change(pro.id, seats=6)
    assert shop.tally.mirrors.run().asked == 0  # not at once
    shop.clock.advance(timedelta(minutes=1))
    assert shop.tally.mirrors.run().done == 1
    assert shop.tally.mirrors.run().asked == 0
    assert quantities(shop, pro) == {"pro": 1, "seat": 5}
    assert shop.tally.subscriptions.get(pro.id).seats == 5
    invoices = shop.fake.account.of("invoice").values()
    assert [each["billing_reason"] for each in invoices].count("subscription_update") == 1


def test_an_end_that_was_not_heard_of_is_no_refusal(shop: Selling, pro: Subscription) -> None:
    shop.fake.account.faults.add(Fault(Seen.BROKEN, "DELETE /v1/subscriptions/*", after=True))
    with pytest.raises(OutcomeUnknown):
        shop.tally.subscriptions.cancel(pro.id, when="now")
    shop.clock.advance(timedelta(minutes=1))
    assert shop.tally.mirrors.run().done == 1
    assert shop.tally.subscriptions.get(pro.id).state == "canceled"


def test_a_fetch_that_fails_afterwards_is_made_again(shop: Selling, pro: Subscription) -> None:
    shop.fake.account.faults.add(Fault(Seen.CUT, "GET /v1/subscriptions/*"))
    with pytest.raises(OutcomeUnknown):
        shop.tally.subscriptions.change(pro.id, seats=5)
    assert shop.tally.subscriptions.get(pro.id).seats == 3
    shop.clock.advance(timedelta(minutes=1))
    assert shop.tally.mirrors.run().done == 1
    assert shop.tally.subscriptions.get(pro.id).seats == 5


def test_silence_beyond_the_life_of_a_key_is_for_a_person(shop: Selling, pro: Subscription) -> None:
    shop.fake.account.faults.add(Fault(Seen.CUT, "POST /v1/subscriptions/*", times=99))
    with pytest.raises(OutcomeUnknown):
        shop.tally.subscriptions.change(pro.id, seats=5)
    shop.clock.advance(timedelta(hours=25))
    assert shop.tally.mirrors.run().set_aside == 1
    assert shop.tally.mirrors.run().asked == 0


# --- fetching -------------------------------------------------------------------------------------


def test_a_live_one_that_is_over_by_now_stands_in_no_way(shop: Selling, pro: Subscription) -> None:
    assert pro.origin is not None
    shop.v1.subscriptions.cancel(pro.origin.reference)
    again = shop.sold("basic")
    with pytest.raises(Conflict, match="already"):
        shop.mirror(again)
    assert shop.tally.mirrors.fetch(again).plan == "basic@1"
    assert shop.tally.subscriptions.get(pro.id).state == "canceled"
    with pytest.raises(NotFound, match="subscription of Stripe"):
        shop.tally.mirrors.fetch("sub_none")

"""What a provider bills, mirrored: from the fake Stripe into a ledger on every database."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from tallystick.app.verify import verify_ledger
from tallystick.core.intent import ProviderAccount
from tallystick.errors import Conflict, CurrencyMismatch, InvalidInput, NotFound
from tallystick.storage.verify_mirrors import MIRROR_CHECKS
from tests.billed import unguarded
from tests.selling import START, Selling, selling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.core.mirror import Mirrored
    from tallystick.core.subscription import Subscription
    from tests.databases import Database


@pytest.fixture
def shop(database: Database) -> Iterator[Selling]:
    with selling(database.url) as found:
        yield found
        report = found.tally.verify()
        assert report.ok, report


def moves(shop: Selling, id_: str) -> int:
    return shop.tally.subscriptions.get(id_).moves


# --- what is sold there ---------------------------------------------------------------------------


def test_what_stripe_bills_is_had_here_and_never_billed(shop: Selling) -> None:
    reference = shop.sold("pro", "seat:3")
    held = shop.mirror(reference)
    assert (held.biller, held.state, held.customer, held.plan) == (
        *("provider", "active", "acme", "pro@1"),
    )
    assert held.seats == 3
    assert held.period is not None
    assert held.period.end == datetime(2026, 2, 28, 9, tzinfo=UTC)
    assert shop.tally.check("acme", "sso").allowed
    assert shop.tally.subscriptions.schedule(held.id) == ()
    shop.clock.advance(timedelta(days=400))
    run = shop.tally.invoices.run()
    assert (run.documents, run.subscriptions) == (0, 0)
    assert shop.tally.invoices.list(customer="acme").items == ()


def test_a_mirror_that_says_nothing_new_is_not_stored(shop: Selling) -> None:
    held = shop.mirror(shop.sold("basic"))
    assert shop.mirror(held.origin.reference if held.origin else "") == held
    shop.clock.advance(timedelta(hours=5))
    again = shop.mirror(held.origin.reference if held.origin else "")
    assert (again, again.moves) == (held, 1)


def test_the_period_and_the_quota_follow_stripe(shop: Selling) -> None:
    reference = shop.sold("basic")
    id_ = shop.mirror(reference).id
    shop.tally.use("acme", "calls", 60)
    assert shop.tally.check("acme", "calls").remaining == 40
    shop.passes(days=29)
    held = shop.mirror(reference)
    assert (held.id, held.moves) == (id_, 2)
    assert held.period is not None
    assert held.period.start == datetime(2026, 2, 28, 9, tzinfo=UTC)
    assert held.anchor == START
    assert shop.tally.check("acme", "calls").remaining == 100


@pytest.mark.parametrize(
    ("does", "state", "allowed"),
    [
        (lambda v1, id_: v1.subscriptions.cancel(id_), "canceled", False),
        (
            lambda v1, id_: v1.subscriptions.update(
                id_, {"pause_collection": {"behavior": "void"}}
            ),
            "paused",
            False,
        ),
        (
            lambda v1, id_: v1.subscriptions.update(
                id_, {"pause_collection": {"behavior": "keep_as_draft"}}
            ),
            "active",
            True,
        ),
        (
            lambda v1, id_: v1.subscriptions.update(id_, {"cancel_at_period_end": True}),
            "active",
            True,
        ),
    ],
)
def test_how_it_stands_there_is_how_it_stands_here(
    shop: Selling, does: Callable[[Any, str], object], state: str, *, allowed: bool
) -> None:
    reference = shop.sold("pro", "seat")
    shop.mirror(reference)
    shop.clock.advance(timedelta(minutes=1))
    does(shop.v1, reference)
    assert shop.mirror(reference).state == state
    assert shop.tally.check("acme", "sso").allowed is allowed


def test_a_cancellation_to_come_is_shown(shop: Selling) -> None:
    reference = shop.sold("basic")
    shop.v1.subscriptions.update(reference, {"cancel_at_period_end": True})
    held = shop.mirror(reference)
    assert held.period is not None
    assert held.cancel_at == held.period.end
    shop.passes(days=30)
    over = shop.mirror(reference)
    assert (over.state, over.ended_at, over.cancel_at) == ("canceled", held.cancel_at, None)


def test_a_first_payment_that_failed_gives_nothing(shop: Selling) -> None:
    customer = shop.known("poor", "pm_card_chargeCustomerFail")
    reference = shop.sold("pro", "seat", customer=customer)
    held = shop.mirror(reference)
    assert held.state == "scheduled"
    assert not shop.tally.check("poor", "sso").allowed
    shop.passes(hours=24)
    assert shop.mirror(reference).state == "canceled"


def test_a_trial_counts_as_given(shop: Selling) -> None:
    held = shop.mirror(shop.sold("basic", trial_period_days=14))
    assert (held.state, held.trial_end) == ("trialing", START + timedelta(days=14))
    shop.v1.subscriptions.cancel(held.origin.reference if held.origin else "")
    shop.clock.advance(timedelta(seconds=1))
    shop.mirror(held.origin.reference if held.origin else "")
    with pytest.raises(Conflict, match="a trial is given once"):
        shop.tally.subscriptions.start("acme", "basic", trial_days=14)


def test_a_plan_is_found_by_the_notes_of_its_price(shop: Selling) -> None:
    product = shop.v1.products.create({"name": "By hand"}).id
    price = shop.price(product, 900, metadata={"billing_plan_id": "pro"})
    assert shop.mirror(shop.sold(price)).plan == "pro@1"


def test_an_add_on_is_had_beside_the_plan(shop: Selling) -> None:
    held = shop.mirror(shop.sold("sms:2", "pro", "seat:4", metadata={"billing_plan_id": "pro"}))
    assert [(each.key, each.offer, each.seats) for each in held.items] == [
        ("plan", "pro@1", 4),
        ("sms", "sms@1", 2),
    ]


def test_a_plan_version_stays_until_the_prices_change(shop: Selling) -> None:
    reference = shop.sold("basic")
    shop.mirror(reference)
    tree = {"name": "Basic 2"}
    publish_again(shop, tree)
    shop.clock.advance(timedelta(hours=1))
    shop.v1.subscriptions.update(reference, {"cancel_at_period_end": True})
    assert shop.mirror(reference).plan == "basic@1"
    item = shop.v1.subscriptions.retrieve(reference)["items"]["data"][0]["id"]
    params = {"items": [{"id": item, "price": shop.prices["pro"]}]}
    shop.v1.subscriptions.update(reference, params)
    shop.clock.advance(timedelta(hours=1))
    assert shop.mirror(reference).plan == "pro@1"
    params = {"items": [{"id": item, "price": shop.prices["basic"]}]}
    shop.v1.subscriptions.update(reference, params)
    shop.clock.advance(timedelta(hours=1))
    assert shop.mirror(reference).plan == "basic@2"


def publish_again(shop: Selling, change: dict[str, Any]) -> None:
    """Publish the catalogue with another Basic."""
    plans = shop.tally.catalog()
    product = plans.products[0]
    changed = tuple(
        replace(each, **change) if each.id == "basic" else each for each in product.plans
    )
    shop.tally.publish(replace(plans, products=(replace(product, plans=changed),)), author="anna")


# --- what is refused ------------------------------------------------------------------------------


def test_a_second_live_one_is_refused_with_what_to_do(shop: Selling) -> None:
    first = shop.mirror(shop.sold("basic"))
    second = shop.sold("pro", "seat")
    with pytest.raises(Conflict, match="cancel sub_") as refused:
        shop.mirror(second)
    assert refused.value.data["live"] == first.id
    assert refused.value.data["reference"] == second
    assert shop.tally.subscriptions.list(customer="acme").items == (first,)
    shop.v1.subscriptions.cancel(second)
    assert shop.mirror(second).state == "canceled"


def test_one_that_we_bill_keeps_the_group(shop: Selling) -> None:
    ours = shop.tally.subscriptions.start("acme", "basic").subscription
    with pytest.raises(Conflict, match="already") as refused:
        shop.mirror(shop.sold("pro", "seat"))
    assert (refused.value.data["live"], refused.value.data["mirrors"]) == (ours.id, None)


def test_an_unknown_price_changes_nothing(shop: Selling) -> None:
    product = shop.v1.products.create({"name": "By hand"}).id
    with pytest.raises(NotFound, match="plan for the price of stripe"):
        shop.mirror(shop.sold(shop.price(product, 900)))
    assert shop.tally.subscriptions.list(customer="acme").items == ()


def test_an_unknown_payer_changes_nothing(shop: Selling) -> None:
    told = shop.fetched(shop.sold("basic"))
    with pytest.raises(NotFound, match="customer whom stripe calls"):
        shop.mirror(replace(told, payer="cus_other"))
    assert shop.tally.subscriptions.list().items == ()


def test_what_is_not_sold_in_a_currency_is_refused(shop: Selling) -> None:
    told = shop.fetched(shop.sold("basic"))
    with pytest.raises(CurrencyMismatch):
        shop.mirror(replace(told, currency="EUR"))
    shop.mirror(told)
    later = replace(told, as_of=told.as_of + timedelta(seconds=1))
    shop.clock.advance(timedelta(seconds=1))
    with pytest.raises((Conflict, CurrencyMismatch)):
        shop.mirror(replace(later, currency="EUR"))


def test_an_answer_from_the_future_is_refused(shop: Selling) -> None:
    told = shop.fetched(shop.sold("basic"))
    with pytest.raises(InvalidInput, match="yet to come"):
        shop.mirror(replace(told, as_of=told.as_of + timedelta(days=9)))


def test_every_move_of_ours_is_refused(shop: Selling) -> None:
    id_ = shop.mirror(shop.sold("pro", "seat")).id
    with shop.tally.begin() as unit:
        acts = shop.tally.subscriptions
        refused: list[Callable[[], object]] = [
            lambda: acts.change(id_, seats=4, connection=unit.connection),
            lambda: acts.cancel(id_, connection=unit.connection),
            lambda: acts.pause(id_, connection=unit.connection),
            lambda: acts.lapse(id_, connection=unit.connection),
        ]
        for act in refused:
            with pytest.raises(Conflict, match="stripe bills subscription"):
                act()
    assert moves(shop, id_) == 1


# --- what the database itself refuses -------------------------------------------------------------


def test_nothing_of_ours_falls_due_for_it(shop: Selling) -> None:
    id_ = shop.mirror(shop.sold("basic")).id
    with shop.tally.begin() as unit:
        table = unit.tables.subscriptions
        for values in ({"due_at": START}, {"reference": "sub_other"}, {"biller": "tallystick"}):
            with pytest.raises(IntegrityError), unit.savepoint():
                unit.connection.execute(update(table).where(table.c.id == id_).values(values))


def test_no_item_of_ours_is_charged_on_it(shop: Selling) -> None:
    id_ = shop.mirror(shop.sold("basic")).id
    with shop.tally.begin() as unit:
        row = {
            "customer_id": "acme",
            "id": "x",
            "subscription_id": id_,
            "description": "Hours",
            "quantity": Decimal(1),
            "amount": 100,
            "currency": "USD",
            "at": START,
        }
        with pytest.raises(IntegrityError, match="its provider bills this subscription"):
            unit.connection.execute(insert(unit.tables.invoice_items).values(row))


def test_what_was_billed_twice_all_the_same_is_found(shop: Selling) -> None:
    id_ = shop.mirror(shop.sold("basic")).id
    with shop.tally.begin() as unit:
        unguarded(unit, "invoice_items")
        row = {
            "customer_id": "acme",
            "id": "x",
            "subscription_id": id_,
            "description": "Hours",
            "quantity": Decimal(1),
            "amount": 100,
            "currency": "USD",
            "at": START,
        }
        unit.connection.execute(insert(unit.tables.invoice_items).values(row))
        act = {
            "customer_id": "acme",
            "id": "act_1",
            "subscription_id": id_,
            "provider": "stripe",
            "account": "a",
            "live": False,
            "reference": "sub_1",
            "move": "{}",
            "call": "[]",
            "key": "tallystick/act_2",
            "created_at": START,
            "state": "open",
            "attempts": 0,
            "next_at": START,
        }
        unit.connection.execute(insert(unit.tables.provider_acts).values(act))
        found = verify_ledger(unit, MIRROR_CHECKS)
        assert [len(each.rows) for each in found.checks] == [1, 1]


# --- several at once ------------------------------------------------------------------------------


def test_several_at_once_make_one_and_the_newest_stays(database: Database) -> None:
    if not database.shared:
        pytest.skip("nobody else can open it")
    with selling(database.url) as shop:
        told = [shop.fetched(shop.sold("pro", "seat:2"))]
        for minute in range(1, 6):
            shop.clock.advance(timedelta(minutes=1))
            later = replace(told[0], as_of=shop.clock.now(), cancel_at=START + timedelta(minute))
            told.append(later)
        with ThreadPoolExecutor(6) as many:
            done = list(many.map(shop.mirror, told))
        assert len({each.id for each in done}) == 1
        (held,) = shop.tally.subscriptions.list()
        assert held.cancel_at == told[-1].cancel_at
        assert shop.tally.verify().ok


def test_of_two_that_come_at_once_one_is_refused_by_name(database: Database) -> None:
    if not database.shared:
        pytest.skip("nobody else can open it")
    with selling(database.url) as shop:
        told = [shop.fetched(shop.sold("basic")) for _ in range(4)]

        def mirror(each: Mirrored) -> Subscription | Conflict:
            try:
                return shop.mirror(each)
            except Conflict as refused:
                return refused

        with ThreadPoolExecutor(4) as many:
            done = list(many.map(mirror, told))
        (held,) = shop.tally.subscriptions.list()
        refused = [each for each in done if isinstance(each, Conflict)]
        assert len(refused) == 3
        assert {each.data["live"] for each in refused} == {held.id}
        assert shop.tally.verify().ok


# --- the order of news ----------------------------------------------------------------------------


def test_an_older_answer_never_overwrites_a_newer_one(shop: Selling) -> None:
    reference = shop.sold("basic")
    first = shop.fetched(reference)
    shop.clock.advance(timedelta(minutes=1))
    same = shop.fetched(reference)
    shop.v1.subscriptions.update(reference, {"cancel_at_period_end": True})
    shop.clock.advance(timedelta(minutes=1))
    last = shop.fetched(reference)
    held = shop.mirror(last)
    assert shop.mirror(first) == held
    assert shop.mirror(same) == held
    assert held.moves == 1


def test_what_said_nothing_new_is_fresh_all_the_same(shop: Selling) -> None:
    reference = shop.sold("basic")
    held = shop.mirror(reference)
    late = replace(shop.fetched(reference), state="past_due", as_of=START + timedelta(minutes=1))
    shop.clock.advance(timedelta(minutes=2))
    assert shop.mirror(reference) == held
    assert shop.mirror(late) == held


def test_any_order_repeats_and_losses_come_to_one_state(shop: Selling) -> None:
    reference = shop.sold("pro", "seat:2")
    item = next(
        each["id"]
        for each in shop.v1.subscriptions.retrieve(reference)["items"]["data"]
        if each["price"]["id"] == shop.prices["seat"]
    )
    told = [shop.fetched(reference)]
    for params in (
        {"items": [{"id": item, "quantity": 5}]},
        {"cancel_at_period_end": True},
        {"cancel_at_period_end": False},
        {"pause_collection": {"behavior": "void"}},
        {"pause_collection": ""},
    ):
        shop.clock.advance(timedelta(minutes=1))
        shop.v1.subscriptions.update(reference, params)
        told += [shop.fetched(reference)] * 2
        told.append(replace(told[0], as_of=shop.clock.now() - timedelta(seconds=1), stamp="x"))
    shop.passes(days=3)
    final = shop.fetched(reference)
    dice = random.Random(7)  # noqa: S311 - the order of news, no secret
    states = set()
    for number in range(12):
        mine = replace(final, reference=f"{reference}{number}")
        news = dice.sample(told, dice.randrange(len(told)))
        news = [replace(each, reference=mine.reference) for each in news * 2]
        dice.shuffle(news)
        held = shop.mirror(mine) if not news else None
        for each in [*news, mine, *news[:3]]:
            held = shop.mirror(each)
        assert held is not None
        states.add(replace(held, id="", moves=0, origin=None))
        over = replace(final, reference=mine.reference, state="canceled", stamp="9")
        shop.mirror(over)
    assert len(states) == 1
    assert next(iter(states)).seats == 5


def test_what_is_over_stays_over(shop: Selling) -> None:
    reference = shop.sold("basic")
    before = shop.fetched(reference)
    shop.v1.subscriptions.cancel(reference)
    shop.clock.advance(timedelta(seconds=1))
    over = shop.mirror(reference)
    shop.clock.advance(timedelta(days=1))
    assert shop.mirror(replace(before, as_of=shop.clock.now())) == over


def test_another_account_of_the_same_name_is_another_subscription(shop: Selling) -> None:
    told = shop.fetched(shop.sold("basic"))
    first = shop.mirror(told)
    other = ProviderAccount(id="acct_other", live=False)
    with pytest.raises(Conflict, match="already"):
        shop.mirror(replace(told, account=other))
    assert shop.tally.subscriptions.list().items == (first,)

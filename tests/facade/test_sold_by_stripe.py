"""Sold on a page of Stripe and billed by Stripe, from the checkout to the last event."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from tallystick.errors import Conflict, InvalidInput
from tests.facade.billing import START, digest, usd
from tests.facade.selling_by_stripe import BACK, StripeShop, stripe_shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.core.checkout_page import Checkout
    from tests.databases import Database


@pytest.fixture
def shop(database: Database) -> Iterator[StripeShop]:
    with stripe_shop(database.url) as found:
        yield found


def test_a_plan_is_bought_on_a_page_and_had(shop: StripeShop) -> None:
    tally = shop.tally
    opened = shop.open("pro", seats=3, codes=["TEN"])
    assert (opened.state, opened.biller, opened.quoted_by) == ("open", "provider", "provider")
    assert opened.amount == usd("40.50")  # 30 + 3 x 5, less 10 %
    assert opened.subscription is None
    (session,) = shop.sessions()
    assert (session["mode"], session["amount_total"]) == ("subscription", 4050)
    prices = {each["price"]["id"]: each["quantity"] for each in session["line_items"]["data"]}
    there = {line: price.provider_id for line, price in shop.lock.prices.items()}
    assert prices == {there["pro"]: 1, there["seat"]: 3, there["calls"]: None}
    assert tally.checkouts.refresh(opened.id).state == "open"  # the success page, and nobody paid
    assert not tally.subscriptions.list()
    assert not tally.check("acme", "sso").allowed
    shop.pay(opened)
    done = tally.checkouts.refresh(opened.id)
    assert done.state == "complete"
    held = tally.subscriptions.get(done.subscription or "")
    assert (held.biller, held.state, held.plan, held.seats) == ("provider", "active", "pro@1", 3)
    assert held.origin is not None
    assert held.origin.reference == shop.there()[0]["id"] == done.payment
    assert tally.check("acme", "sso").allowed
    assert shop.moved() == 4050
    shop.told()
    assert tally.checkouts.get(opened.id) == done
    assert tally.subscriptions.get(held.id) == held
    assert not tally.provider_events.list(state="set_aside").items


def test_a_trial_needs_no_card_and_a_set_up_fee_is_on_the_first_invoice(shop: StripeShop) -> None:
    trial = shop.open("trial")
    assert trial.amount == usd("0.00")
    (session,) = shop.sessions()
    assert session["payment_method_collection"] == "if_required"
    shop.pay(trial, card="")
    done = shop.tally.checkouts.refresh(trial.id)
    assert done.state == "complete"
    held = shop.tally.subscriptions.get(done.subscription or "")
    assert (held.state, held.trial_end) == ("trialing", START + timedelta(days=14))
    shop.tally.subscriptions.cancel(held.id, when="now")
    fee = shop.open("setup")
    assert fee.quote.today is not None
    assert fee.amount == usd("27.00")
    assert [each.price for each in fee.quote.today.lines] == ["setup", "setup:setup_fee"]
    shop.pay(fee)
    assert shop.tally.checkouts.refresh(fee.id).state == "complete"
    assert shop.moved() == 2700


def test_what_the_lock_does_not_know_is_refused_by_name(shop: StripeShop) -> None:
    before = digest(shop.tally)
    bills = shop.stripe.subscriptions
    price = shop.lock.prices["seat"].provider_id
    line = bills.lines.pop(price)
    with pytest.raises(Conflict, match=r"seat of pro@1 is not at Stripe"):
        shop.open("pro")
    bills.lines[price] = line
    fee = shop.lock.prices["setup:setup_fee"].provider_id
    bills.lines.pop(fee)
    with pytest.raises(Conflict, match="setup:setup_fee"):
        shop.open("setup")
    bills._lock = replace(shop.lock, promotion_codes={})
    with pytest.raises(Conflict, match="code ten is not at Stripe"):
        shop.open("pro", codes=["TEN"])
    with pytest.raises(Conflict, match="NONE"):
        shop.open("pro", codes=["NONE"])
    with pytest.raises(InvalidInput, match="our own invoices"):
        shop.open(None, quote="a quote of ours")
    with pytest.raises(InvalidInput, match="biller"):
        shop.tally.checkouts.open("acme", plan="pro", biller="nobody", **BACK)  # type: ignore[arg-type]  # nobody is no biller
    with pytest.raises(Conflict, match="no pages"):
        shop.open("pro", provider="manual")
    assert not shop.tally.checkouts.list().items
    assert not shop.sessions()
    shop.tally.customers.create("globex")
    assert digest(shop.tally) != before  # the digest sees what is stored


def test_one_of_two_codes_acts_and_the_other_is_left_out(shop: StripeShop) -> None:
    opened = shop.open("pro", codes=["FIVE", "TEN"])
    assert opened.amount == usd("31.50")
    code = shop.lock.promotion_codes["ten"]
    assert shop.sessions()[0]["discounts"][0]["promotion_code"] == code


def test_a_repeat_with_its_key_is_the_same_page(shop: StripeShop) -> None:
    first = shop.open("pro", idempotency_key="k")
    assert shop.open("pro", idempotency_key="k") == first
    with pytest.raises(Conflict, match="another checkout"):
        shop.open("basic", idempotency_key="k")
    assert len(shop.sessions()) == 1
    other = shop.open("basic")
    assert shop.sessions()[0]["status"] == "expired"  # its place was taken
    shop.pay(other)
    assert shop.tally.checkouts.refresh(other.id).state == "complete"
    with pytest.raises(Conflict, match="cannot be bought"):
        shop.open("pro")


# --- two that were both bought --------------------------------------------------------------------


def both_paid(shop: StripeShop) -> tuple[Checkout, Checkout]:
    """Pay two pages, of which the first could not be closed in time."""
    first = shop.open("pro")
    session = shop.sessions()[0]
    second = shop.open("basic")
    session |= {"status": "open", "url": "http://still.open"}
    shop.pay(first)
    shop.pay(second)
    return first, second


def test_s16_the_second_is_canceled_and_its_money_goes_back(shop: StripeShop) -> None:
    tally = shop.tally
    first, second = both_paid(shop)
    assert tally.checkouts.refresh(second.id).state == "complete"
    tally.act(lambda unit, _: reopened(unit, first))
    lost = tally.checkouts.refresh(first.id)
    assert lost.state == "refunding"
    assert lost.reason is not None
    assert "live subscription in the group" in lost.reason["message"]
    tally.checkouts.run()
    lost = tally.checkouts.get(first.id)
    assert (lost.state, lost.set_aside) == ("refunded", None)
    assert shop.moved() == 1000
    assert [each["status"] for each in shop.there()] == ["canceled", "active"]
    shop.told()
    shop.passes(minutes=11)
    shop.told()
    assert [state for state, *_ in shop.states()] == ["active", "canceled"]
    assert not tally.provider_events.list(state="set_aside").items


def reopened(unit: Any, checkout: Checkout) -> None:
    """Let a checkout be open again: its page was closed, as far as was known here."""
    c = unit.tables.checkouts
    values = {"state": "open", "closed_at": None}
    unit.connection.execute(update(c).where(c.c.id == checkout.id).values(values))


def test_a_trial_that_cannot_be_sold_ends_without_a_refund(shop: StripeShop) -> None:
    trial = shop.open("trial")
    shop.pay(trial, card="")
    price = shop.lock.prices["basic"].provider_id
    payer = shop.sessions()[0]["customer"]
    card = shop.v1.payment_methods.attach("pm_card_visa", {"customer": payer}).id
    made = shop.v1.subscriptions.create(
        {"customer": payer, "items": [{"price": price}], "default_payment_method": card}
    )
    shop.tally.mirrors.fetch(made.id)
    assert shop.tally.checkouts.refresh(trial.id).state == "refunding"
    shop.tally.checkouts.run()
    done = shop.tally.checkouts.get(trial.id)
    assert (done.state, done.refund) == ("refunded", done.payment)
    assert [each["status"] for each in shop.there()] == ["canceled", "active"]


def test_what_is_over_there_does_not_stand_in_the_way(shop: StripeShop) -> None:
    first = shop.bought("basic")
    shop.v1.subscriptions.cancel(first.payment)  # and no event has come of it
    with pytest.raises(Conflict, match="cannot be bought"):
        shop.open("pro")
    shop.told()
    assert shop.bought("pro").state == "complete"
    assert shop.states() == [("active", "pro@1", 1), ("canceled", "basic@1", 1)]


@pytest.mark.parametrize(
    ("field", "value"),
    [("customer", "cus_another"), ("client_reference_id", "chk_another"), ("currency", "eur")],
)
def test_what_was_not_asked_for_is_set_aside(shop: StripeShop, field: str, value: str) -> None:
    opened = shop.open("pro")
    shop.pay(opened)
    shop.sessions()[0][field] = value
    done = shop.tally.checkouts.refresh(opened.id)
    assert (done.state, "MISMATCH" in (done.set_aside or "")) == ("open", True)
    assert not shop.tally.subscriptions.list()


def test_a_delayed_payment_that_comes_back_is_no_sale(shop: StripeShop) -> None:
    opened = shop.open("basic")
    shop.pay(opened, "pm_usBankAccount_success")
    assert shop.tally.checkouts.refresh(opened.id).state == "processing"
    payment = list(shop.fake.account.of("payment_intent"))[-1]
    shop.fake.settle(payment)
    assert shop.tally.checkouts.refresh(opened.id).state == "complete"


# --- what Stripe tells ----------------------------------------------------------------------------


def test_events_alone_bring_it_home(shop: StripeShop) -> None:
    opened = shop.open("pro", seats=2)
    shop.pay(opened)
    shop.told()
    assert shop.states() == [("active", "pro@1", 2)]
    assert shop.tally.checkouts.get(opened.id).state == "complete"


def test_its_whole_life_is_told_from_here_and_from_there(shop: StripeShop) -> None:
    tally = shop.tally
    held = shop.bought("pro", seats=2).subscription or ""
    acts: list[Callable[[], Any]] = [
        lambda: tally.subscriptions.change(held, seats=5),
        lambda: tally.subscriptions.change(held, plan="basic"),
        lambda: tally.subscriptions.change(held, plan="pro", seats=3),
        lambda: tally.subscriptions.pause(held, mode="keep"),
        lambda: tally.subscriptions.resume(held),
        lambda: tally.subscriptions.cancel(held),
        lambda: tally.subscriptions.keep(held),
    ]
    for act in acts:
        shop.passes(minutes=1)
        act()
        shop.told()
    found = tally.subscriptions.get(held)
    assert (found.state, found.plan, found.seats, found.cancel_at) == ("active", "pro@1", 3, None)
    shop.passes(minutes=11)
    shop.told()
    assert tally.subscriptions.get(held).state == "active"
    assert tally.invoices.run().documents == 0


def test_a_failed_renewal_is_past_due_until_it_is_paid(shop: StripeShop) -> None:
    held = shop.bought("basic").subscription or ""
    shop.told()
    payer = shop.sessions()[0]["customer"]
    bad = shop.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": payer}).id
    there = shop.there()[0]
    shop.v1.subscriptions.update(there["id"], {"default_payment_method": bad})
    shop.passes(days=31, hours=2)
    shop.told()
    assert shop.tally.subscriptions.get(held).state == "past_due"
    good = shop.v1.payment_methods.attach("pm_card_visa", {"customer": payer}).id
    invoice = list(shop.fake.account.of("invoice"))[-1]
    shop.passes(minutes=1)
    shop.v1.invoices.pay(invoice, {"payment_method": good})
    shop.told()
    assert shop.tally.subscriptions.get(held).state == "active"


def test_usage_is_told_to_the_meter_and_on_stripes_invoice(shop: StripeShop) -> None:
    shop.bought("pro")
    shop.passes(days=1)
    shop.tally.usage.record("acme", "calls", id="a", quantity=250)
    assert shop.tally.meter_reports.run().told == 1
    assert not shop.tally.meter_reports.check()
    shop.passes(days=30, hours=2)
    amounts = [each["total"] for each in shop.fake.account.of("invoice").values()]
    assert amounts == [3500, 3500 + 250]
    shop.told()
    assert shop.states() == [("active", "pro@1", 1)]


def test_an_invoice_has_its_subscription_asked_for(shop: StripeShop) -> None:
    """Where every event of the subscription itself was lost, those of its invoices are enough."""
    opened = shop.open("basic")
    shop.pay(opened)
    for each in shop.fake.deliveries():
        if each.kind.startswith("invoice."):
            shop.tally.provider_events.receive(each.body, each.signature)
    shop.tally.provider_events.run()
    assert shop.states() == [("active", "basic@1", 1)]


def test_what_was_ended_there_meanwhile_is_no_second_one(shop: StripeShop) -> None:
    """It looked as if both lived: the answer was from before the first was ended."""
    opened = shop.open("pro")
    shop.pay(opened)
    first = shop.there()[0]
    before = copy.deepcopy(first)
    shop.v1.subscriptions.cancel(first["id"])
    price = shop.lock.prices["basic"].provider_id
    card = first["default_payment_method"]
    terms = {"customer": first["customer"], "items": [{"price": price}]}
    made = shop.v1.subscriptions.create({**terms, "default_payment_method": card})
    shop.tally.mirrors.fetch(made.id)
    now = copy.deepcopy(first)
    first |= before
    assert shop.tally.checkouts.refresh(opened.id).state == "refunding"
    first |= now
    shop.tally.checkouts.run()
    shop.passes(minutes=1)
    shop.tally.checkouts.run()
    assert shop.tally.checkouts.get(opened.id).state == "complete"
    assert shop.states() == [("active", "basic@1", 1), ("canceled", "pro@1", 1)]
    assert shop.moved() == 3500 + 1000

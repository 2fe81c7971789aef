"""`tally.checkouts`: what was quoted is paid on a page, once, and becomes a subscription."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from tallystick import Money, Tallystick, currency
from tallystick.app import checkout_run
from tallystick.app.asking import LEASE
from tallystick.core.checkout_page import PageState
from tallystick.core.intent import ProviderAccount
from tallystick.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    PriceChanged,
    QuoteExpired,
    RateLimited,
    SetupError,
    TallystickError,
)
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import Fault, Seen
from tallystick.testing.fake_stripe.refusal import Refused
from tests.facade.billing import START, catalog, day, digest, usd
from tests.facade.paying import BACK, Shop, shop_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.checkout_page import Checkout
    from tests.databases import Database

LATER = START + timedelta(hours=3)


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    with shop_at(database.url) as found:
        yield found


def test_a_plan_is_paid_on_a_page_and_had(shop: Shop) -> None:
    tally = shop.tally
    opened = shop.open("pro", seats=3)
    assert (opened.state, opened.amount) == ("open", usd("45.00"))
    assert opened.url is not None
    assert opened.url.startswith(shop.fake.account.site)
    (session,) = shop.sessions()
    assert (session["amount_total"], session["client_reference_id"]) == (4500, opened.id)
    assert [line["description"] for line in session["line_items"]["data"]] == ["Pro", "Pro Seats"]
    assert tally.customers.get("acme").provider_id == session["customer"]
    assert tally.checkouts.refresh(opened.id).state == "open"  # the success page, and nobody paid
    assert not tally.subscriptions.list()
    shop.pay(opened)
    done = tally.checkouts.refresh(opened.id, at=LATER)
    assert done.state == "complete"
    had = tally.subscriptions.get(done.subscription or "")
    assert (had.plan, had.seats, had.period.start if had.period else None) == ("pro@1", 3, START)
    (document,) = tally.invoices.list()
    assert (document.status, document.invoice.amount_due) == ("paid", opened.amount)
    (intent,) = tally.payments.list()
    assert (intent.state, intent.reference) == ("succeeded", session["payment_intent"])
    assert tally.checkouts.refresh(opened.id, at=LATER) == done
    assert tally.checkouts.run(at=LATER + timedelta(days=30)).asked == 0
    back = tally.payments.refund(intent.id, at=LATER)
    assert (back.state, shop.moved()) == ("succeeded", 0)
    assert tally.verify().ok


# --- what is asked for ----------------------------------------------------------------------------


def test_a_quote_is_charged_as_it_was_shown(shop: Shop) -> None:
    tally = shop.tally
    quote = tally.quotes.make("acme", "basic")
    tally.publish(catalog(basic="12.00"), author="anna")
    opened = shop.open(plan=None, quote=quote)
    assert opened.amount == usd("10.00")
    tally.publish(catalog(basic="99.00"), author="anna")  # between checkout and payment
    shop.pay(opened)
    done = tally.checkouts.refresh(opened.id, at=LATER)
    assert done.state == "complete"
    assert tally.subscriptions.get(done.subscription or "").plan == "basic@1"
    assert tally.invoices.list().items[0].invoice.total == usd("10.00")
    assert tally.verify().ok


def test_what_cannot_be_sold_is_refused_and_nothing_is_stored(shop: Shop) -> None:
    tally = shop.tally
    quote = tally.quotes.make("acme", "basic", valid_for=timedelta(hours=1))
    with pytest.raises(QuoteExpired):
        shop.open(plan=None, quote=quote, at=LATER)
    tally.invoices.add_item("acme", "Set-up", usd("5.00"))
    before = digest(tally)
    with pytest.raises(PriceChanged):
        shop.open(plan=None, quote=quote)
    tally.customers.create("globex")
    with pytest.raises(InvalidInput, match="no quote of ours"):
        shop.open(customer="globex", plan=None, quote=quote)
    with pytest.raises(InvalidInput, match="no plan that is sold"):
        shop.open("nothing")
    with pytest.raises(Conflict, match="not offered"):
        shop.open("old")
    with pytest.raises(NotFound):
        shop.open(customer="nobody")
    with pytest.raises(NotFound, match="provider"):
        shop.open(provider="nobody")
    with pytest.raises(Conflict, match="no pages"):
        shop.open(provider="manual")
    with pytest.raises(InvalidInput, match="by its id alone"):
        shop.open({"plan": "basic"}, seats=2)
    for more in ({"quote": quote}, {"plan": None}):
        with pytest.raises(InvalidInput, match="one of the two"):
            shop.open(**more)
    tally.customers.forget("globex")
    assert not tally.checkouts.list()
    assert not shop.sessions()
    assert digest(tally) != before  # globex alone


def test_a_quote_that_was_accepted_is_not_paid_again(shop: Shop) -> None:
    quote = shop.tally.quotes.make("acme", "basic")
    shop.tally.quotes.accept(quote)
    with pytest.raises(Conflict, match="accepted already"):
        shop.open(plan=None, quote=quote)


def test_who_may_not_have_a_plan_cannot_buy_it(database: Database) -> None:
    rule = {"eligibility": {"attr": "customer.country", "op": "eq", "value": "DE"}}
    with shop_at(database.url, catalog(business_rules=rule)) as shop:
        with pytest.raises(Conflict, match="cannot be bought") as refused:
            shop.open()
        assert refused.value.data["reasons"] == ["customer.country is not known"]
        shop.tally.customers.update("acme", address={"country": "DE"})
        assert shop.open().state == "open"
        quote = shop.tally.quotes.make("acme", "basic")
        shop.tally.customers.update("acme", address={"country": "AT"})
        with pytest.raises(Conflict, match=r"may not have plan basic@1: customer\.country is"):
            shop.open(plan=None, quote=quote)


def test_a_rule_that_only_the_host_can_answer(database: Database) -> None:
    rule = {"eligibility": {"attr": "context.partner", "op": "eq", "value": "yes"}}
    with shop_at(database.url, catalog(business_rules=rule)) as shop:
        with pytest.raises(Conflict, match="cannot be bought"):
            shop.open()
        context = {"partner": "yes"}
        assert shop.open(context=context).state == "open"
        (found,) = shop.tally.checkouts.resolve("acme", ["basic"], context=context)
        assert shop.open(plan=None, quote=found.quote).state == "open"


def test_a_code_that_does_not_act_is_no_lower_price(shop: Shop) -> None:
    with pytest.raises(Conflict, match="the code 'WELCOME' does not act"):
        shop.open(codes=["WELCOME"])
    for number in range(49):  # what is tried in vain here counts as much as elsewhere
        with pytest.raises(Conflict):
            shop.open(codes=[f"GUESS{number}"])
    with pytest.raises(RateLimited):
        shop.open(codes=["GUESS"])
    assert not shop.tally.checkouts.list()


def test_who_is_paid_for_by_another_has_no_checkout(shop: Shop) -> None:
    shop.tally.customers.create("group")
    shop.tally.customers.set_parent("acme", "group")
    with pytest.raises(Conflict, match="documents of 'group'"):
        shop.open()


def test_where_nothing_is_due_today_there_is_no_page(shop: Shop) -> None:
    quote = shop.tally.quotes.make("acme", "pro", trial_days=14)
    done = shop.open(plan=None, quote=quote)
    assert (done.state, done.url, done.amount) == ("complete", None, usd("0.00"))
    assert shop.tally.subscriptions.get(done.subscription or "").state == "trialing"
    assert shop.tally.checkouts.refresh(done.id) == done
    assert not shop.sessions()
    assert shop.tally.verify().ok


def test_a_repeat_with_its_key_gives_what_the_first_made(shop: Shop) -> None:
    opened = shop.open(idempotency_key="k")
    assert shop.open(idempotency_key="k") == opened
    with pytest.raises(Conflict, match="used for another"):
        shop.open("pro", idempotency_key="k")
    shop.pay(opened)
    done = shop.tally.checkouts.refresh(opened.id)
    assert shop.open(idempotency_key="k") == done  # though the group has a live subscription now
    assert len(shop.sessions()) == 1


@pytest.mark.parametrize(
    "url",
    [
        "//evil.example/done",
        "javascript:alert(1)",
        "https://evil.example/",
        "https://app.example@evil.example/",
        "https://evil.example\\@app.example/",
        "https://app.example.evil.example/",
        "https://app.example:444/",
        "http://app.example/",
        "https://app.example/\r\nSet-Cookie: a=b",
        "https://app.example/\tdone",
        "https:/app.example/",
        "https:app.example",
        "/done",
        "",
        "https://app.exаmple/",
        "https://app.example/" + "a" * 2_000,
        None,
        7,
    ],
)
def test_a_customer_returns_to_us_alone(shop: Shop, url: Any) -> None:
    for name in BACK:
        with pytest.raises(InvalidInput) as refused:
            shop.open(**{name: url})
        assert list(refused.value.fields) == [name]
    assert not shop.tally.checkouts.list()


def test_without_origins_there_is_no_checkout(shop: Shop) -> None:
    shop.tally.return_origins = frozenset()
    with pytest.raises(SetupError, match="TALLYSTICK_RETURN_ORIGINS"):
        shop.open()
    for origins in ("https://app.example", ["app.example"], ["https://app.example/"]):
        with pytest.raises(SetupError):
            Tallystick("sqlite://", return_origins=origins)
    written = ["HTTPS://App.Example", "http://[::1]:80", " "]
    with Tallystick("sqlite://", return_origins=written) as tally:
        assert tally.return_origins == {"https://app.example", "http://[::1]"}


# --- what becomes of it ---------------------------------------------------------------------------


def test_two_pages_that_are_both_paid_make_one_subscription(shop: Shop) -> None:
    tally, expire = shop.tally, "POST /v1/checkout/sessions/*/expire"
    shop.fake.account.faults.add(Fault(Seen.LIMITED, expire, times=99))
    first = shop.open()
    second = shop.open("pro")
    for each in (second, first):
        shop.pay(each)
    shop.fake.account.faults.clear()
    tally.checkouts.run(at=LATER)
    states = {each.id: each.state for each in tally.checkouts.list()}
    assert sorted(states.values()) == ["complete", "refunded"]
    assert len(tally.subscriptions.list()) == len(tally.invoices.list()) == 1
    (lost,) = tally.checkouts.list(state="refunded")
    assert lost.reason is not None
    assert "live subscription" in lost.reason["message"]
    (sold,) = tally.checkouts.list(state="complete")
    assert shop.moved() == sold.amount.minor
    assert [each["id"] for each in shop.fake.account.of("refund").values()] == [lost.refund]
    before = digest(tally)
    tally.checkouts.run(at=LATER + timedelta(days=9))
    assert digest(tally) == before
    assert tally.verify().ok


def test_two_pages_of_one_quote_sell_it_once(shop: Shop) -> None:
    quote = shop.tally.quotes.make("acme", "basic")
    shop.fake.account.faults.add(Fault(Seen.LIMITED, "POST */expire", times=99))
    pages = [shop.open(plan=None, quote=quote) for _ in range(2)]
    for each in pages:
        shop.pay(each)
    shop.tally.checkouts.run(at=LATER)
    states = [shop.tally.checkouts.get(each.id).state for each in pages]
    assert sorted(states) == ["complete", "refunded"]
    assert shop.moved() == 1000
    assert shop.tally.verify().ok


@pytest.mark.parametrize("paid", [False, True])
def test_a_quote_that_was_accepted_by_hand_meanwhile(shop: Shop, paid: bool) -> None:
    """The page pays the invoice that is there; where that was paid too, the money goes back."""
    tally = shop.tally
    quote = tally.quotes.make("acme", "basic")
    opened = shop.open(plan=None, quote=quote)
    tally.quotes.accept(quote)
    tally.invoices.run(at=START)
    if paid:
        tally.invoices.pay("INV-000001", method="cash")
    shop.pay(opened)
    tally.checkouts.refresh(opened.id, at=LATER)
    tally.checkouts.run(at=LATER)
    assert tally.checkouts.get(opened.id).state == ("refunded" if paid else "complete")
    assert tally.invoices.get("INV-000001").status == "paid"
    assert shop.moved() == (0 if paid else 1000)
    assert len(tally.subscriptions.list()) == len(tally.invoices.list()) == 1
    assert tally.verify().ok


def test_another_page_takes_the_place_of_the_first(shop: Shop) -> None:
    first, second = shop.open(), shop.open("pro")
    desk = shop.open("desk")  # of another group
    states = [shop.tally.checkouts.get(each.id).state for each in (first, second, desk)]
    assert states == ["expired", "open", "open"]
    assert [each["status"] for each in shop.sessions()] == ["expired", "open", "open"]
    with pytest.raises(Refused):
        shop.pay(first)


def test_money_that_takes_days_is_waited_for(shop: Shop) -> None:
    tally = shop.tally
    for arrives, state in ((False, "failed"), (True, "complete")):
        opened = shop.open()
        shop.pay(opened, "pm_usBankAccount_success")
        assert tally.checkouts.refresh(opened.id, at=LATER).state == "processing"
        assert not tally.subscriptions.list()
        with pytest.raises(Conflict, match="cannot be closed"):
            tally.checkouts.expire(opened.id, at=LATER)
        intent = list(shop.fake.account.of("payment_intent"))[-1]
        shop.fake.settle(intent, arrives=arrives)
        assert tally.checkouts.run(at=LATER).asked == 0  # polled again in an hour
        assert tally.checkouts.run(at=LATER + timedelta(hours=1)).asked == 1
        assert tally.checkouts.get(opened.id).state == state
    assert len(tally.subscriptions.list()) == 1
    assert shop.moved() == 1000
    assert tally.verify().ok


def test_a_page_that_nobody_paid_is_over(shop: Shop) -> None:
    tally, clock = shop.tally, shop.tally.clock
    opened, closed = shop.open("desk"), shop.open()
    assert tally.checkouts.expire(closed.id).state == "expired"
    assert tally.checkouts.expire(closed.id).state == "expired"
    assert isinstance(clock, FrozenClock)
    clock.advance(timedelta(days=1))
    assert tally.checkouts.run().expired == 1
    assert tally.checkouts.get(opened.id).state == "expired"
    assert not tally.subscriptions.list()
    with pytest.raises(NotFound):
        tally.checkouts.retry(opened.id)


def test_a_declined_card_leaves_the_page_open(shop: Shop) -> None:
    opened = shop.open()
    with pytest.raises(Refused):
        shop.pay(opened, "pm_card_chargeDeclined")
    assert shop.tally.checkouts.refresh(opened.id).state == "open"
    shop.pay(opened)
    assert shop.tally.checkouts.refresh(opened.id).state == "complete"


def test_the_next_invoice_is_collected_with_the_same_card(shop: Shop) -> None:
    tally = shop.tally
    opened = shop.open()
    shop.pay(opened)
    tally.checkouts.refresh(opened.id)
    later = START + timedelta(days=32)
    tally.invoices.run(at=later)
    (due,) = tally.invoices.list(status="open")
    paid = tally.payments.collect(due.invoice.id, provider="stripe", at=later)
    assert paid.state == "succeeded"
    assert shop.moved() == 2000
    assert tally.verify().ok


def test_what_was_due_before_is_numbered_before(shop: Shop) -> None:
    tally = shop.tally
    tally.customers.create("globex")
    tally.subscriptions.start("globex", "sms", at=START)
    opened = shop.open(at=START + timedelta(minutes=1))
    shop.pay(opened)
    tally.checkouts.refresh(opened.id, at=LATER)
    found = sorted(tally.invoices.list(), key=lambda each: each.invoice.number or "")
    assert [each.invoice.customer for each in found] == ["globex", "acme"]
    assert [each.status for each in found] == ["open", "paid"]
    assert tally.verify().ok


def test_what_fell_due_in_between_is_billed_first(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = shop.tally
    tally.customers.create("globex")
    tally.subscriptions.start("globex", "sms", at=day("2026-09-01T01:00"))
    opened = shop.open()
    shop.pay(opened)
    monkeypatch.setattr(checkout_run, "run_billing", lambda *_: None)  # another is just doing it
    waits = tally.checkouts.refresh(opened.id, at=LATER)
    assert (waits.state, waits.set_aside) == ("open", None)
    assert not tally.subscriptions.list(customer="acme")
    monkeypatch.undo()
    assert tally.checkouts.run(at=LATER + timedelta(hours=1)).complete == 1
    found = sorted(tally.invoices.list(), key=lambda each: each.invoice.number or "")
    assert [each.invoice.customer for each in found] == ["globex", "globex", "acme"]
    assert tally.verify().ok


def test_a_balance_spent_meanwhile_gives_the_money_back(shop: Shop) -> None:
    """What was quoted is what is charged, or nothing is: other figures are not sold."""
    tally = shop.tally
    opened = shop.open()
    tally.invoices.add_item("acme", "Set-up", usd("5.00"))
    shop.pay(opened)
    assert tally.checkouts.refresh(opened.id, at=LATER).state == "refunding"
    assert tally.checkouts.run(at=LATER).refunded == 1
    done = tally.checkouts.get(opened.id)
    assert done.reason is not None
    assert done.reason["code"] == "PRICE_CHANGED"
    assert (shop.moved(), len(tally.subscriptions.list())) == (0, 0)
    assert tally.verify().ok


# --- money that is not ours to count --------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"amount": usd("1.00")}, "amount 100 instead of 1000"),
        ({"amount": Money(1000, currency("EUR"))}, "currency 'EUR'"),
        ({"payer": "cus_other"}, "payer 'cus_other'"),
        ({"checkout": "chk_other"}, "checkout 'chk_other'"),
        ({"checkout": None}, "checkout None"),
        ({"account": ProviderAccount("acct_other", live=False)}, "account 'acct_other'"),
        ({"account": ProviderAccount("acct_1Fake000000001", live=True)}, "live True"),
        ({"reference": "cs_other"}, "page 'cs_other'"),
    ],
)
def test_what_was_not_asked_for_sells_nothing(
    shop: Shop, change: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally, pages = shop.tally, shop.stripe.pages
    opened = shop.open()
    shop.pay(opened)
    truth = pages.look_at_page
    monkeypatch.setattr(pages, "look_at_page", lambda name: replace(truth(name), **change))
    aside = tally.checkouts.refresh(opened.id)
    assert aside.set_aside is not None
    assert (json.loads(aside.set_aside)["code"], aside.state) == ("MISMATCH", "open")
    assert words in aside.set_aside
    assert not tally.subscriptions.list()
    assert tally.checkouts.list(set_aside=True).items == (aside,)
    assert tally.checkouts.run(at=LATER).asked == 0
    monkeypatch.undo()
    tally.checkouts.retry(opened.id)
    assert tally.checkouts.refresh(opened.id).state == "complete"
    assert tally.verify().ok


@pytest.mark.parametrize("answer", [None, "paid", PageState])
def test_an_answer_that_is_none_is_silence(
    shop: Shop, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = shop.open()
    shop.pay(opened)
    monkeypatch.setattr(shop.stripe.pages, "look_at_page", lambda _: answer)
    after = shop.tally.checkouts.refresh(opened.id)
    assert (after.state, after.set_aside) == ("open", None)
    monkeypatch.undo()
    assert shop.tally.checkouts.run(at=LATER).complete == 1


def test_a_checkout_of_another_is_not_found(shop: Shop) -> None:
    opened = shop.open()
    shop.tally.customers.create("globex")
    assert shop.tally.checkouts.get(opened.id, customer="acme") == opened
    for call in (shop.tally.checkouts.get, shop.tally.checkouts.refresh):
        with pytest.raises(NotFound):
            call(opened.id, customer="globex")
    assert not shop.tally.checkouts.list(customer="globex")


# --- silence --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", [Seen.LIMITED, Seen.BROKEN, Seen.CUT])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", ["POST /v1/customers", "POST /v1/checkout/sessions"])
def test_a_page_that_was_not_answered_for_is_asked_for_again(
    shop: Shop, call: str, after: bool, seen: Seen
) -> None:
    shop.fake.account.faults.add(Fault(seen, call, after=after and seen is not Seen.LIMITED))
    opened = shop.open(idempotency_key="k")
    assert opened.state == "open"
    assert opened.url is None
    shop.tally.checkouts.run(at=START + timedelta(minutes=1))
    shop.tally.checkouts.run(at=START + timedelta(minutes=5))
    again = shop.open(idempotency_key="k")
    assert again.url is not None
    assert len(shop.sessions()) == len(shop.fake.account.of("customer")) == 1
    shop.pay(again)
    assert shop.tally.checkouts.refresh(again.id).state == "complete"


def test_what_stripe_refuses_is_told_and_closed(shop: Shop) -> None:
    shop.tally.publish(catalog(basic="0.10"), author="anna")
    with pytest.raises(Conflict, match="at least 50"):
        shop.open()
    (failed,) = shop.tally.checkouts.list()
    assert failed.state == "failed"
    assert failed.reason is not None
    assert shop.tally.checkouts.run(at=LATER).asked == 0
    assert not shop.tally.subscriptions.list()


def test_a_crash_before_the_page_is_finished_by_a_worker(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shop.stripe.pages, "open_page", die)
    with pytest.raises(KeyboardInterrupt):
        shop.open(idempotency_key="k")
    monkeypatch.undo()
    assert shop.tally.checkouts.run(at=START).asked == 0  # the lease is not over
    assert shop.tally.checkouts.run(at=START + LEASE).open == 1
    assert len(shop.sessions()) == 1


# --- the portal -----------------------------------------------------------------------------------


def test_a_customer_looks_after_what_they_have(shop: Shop) -> None:
    back = "https://app.example/account"
    with pytest.raises(Conflict, match="nothing was paid yet"):
        shop.tally.checkouts.portal("acme", back)
    shop.open()
    assert "/portal/" in shop.tally.checkouts.portal("acme", back)
    with pytest.raises(InvalidInput):
        shop.tally.checkouts.portal("acme", "//evil.example")
    with pytest.raises(NotFound):
        shop.tally.checkouts.portal("nobody", back)
    with pytest.raises(Conflict, match="no portal"):
        shop.tally.checkouts.portal("acme", back, provider="manual")


# --- proof ----------------------------------------------------------------------------------------


def test_what_is_not_true_is_found(shop: Shop) -> None:
    tally = shop.tally
    opened = shop.open()
    shop.pay(opened)
    tally.checkouts.refresh(opened.id)
    assert tally.verify().ok
    for values in ({"payment": "pi_other"}, {"subscription_id": "sub_other"}):
        with tally.begin() as unit:
            unit.connection.execute(update(unit.tables.checkouts).values(values))
            unit.commit()
    broken = {each.name for each in tally.verify().broken}
    assert broken == {"checkouts", "checkout payments"}


@pytest.mark.parametrize(
    "values",
    [
        {"state": "complete"},
        {"state": "complete", "closed_at": START},
        {"state": "failed", "closed_at": START},
        {"state": "refunded", "closed_at": START, "payment": "pi_1", "reason": "{}"},
        {"state": "lost"},
        {"payment": "pi_1"},
        {"refund": "re_1"},
        {"closed_at": START},
        {"url": None},
        {"payer": None},
        {"biller": "nobody"},
        {"attempts": -1},
        {"amount": -1},
        {"currency": "DOLLARS"},
    ],
)
def test_what_the_database_itself_refuses(shop: Shop, values: dict[str, Any]) -> None:
    opened = shop.open()
    with pytest.raises((IntegrityError, TallystickError)), shop.tally.begin() as unit:
        unit.connection.execute(update(unit.tables.checkouts).values(values))
    assert shop.tally.checkouts.get(opened.id) == opened


def test_a_quote_is_sold_by_one_checkout(shop: Shop) -> None:
    quote = shop.tally.quotes.make("acme", "basic")
    pages = [shop.open(plan=None, quote=quote) for _ in range(2)]
    sold = {"state": "complete", "closed_at": START}

    def sell(unit: Any, payment: str, page: Checkout) -> None:
        c = unit.tables.checkouts.c
        asked = update(unit.tables.checkouts).where(c.id == page.id)
        unit.connection.execute(asked.values(sold | {"payment": payment}))

    with shop.tally.begin() as unit:
        sell(unit, "pi_1", pages[0])
        with pytest.raises(IntegrityError):
            sell(unit, "pi_2", pages[1])

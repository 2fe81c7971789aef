"""`tally.checkouts.resolve`: what is shown is what is quoted, and what is quoted is charged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tallystick import Tallystick
from tallystick.core.canonical import to_tree
from tallystick.core.checkout import PlanWish
from tallystick.core.dialects import read_catalog
from tallystick.core.dialects.tax_rules import read_tax_rules
from tallystick.core.meter import Meter
from tallystick.core.price import Graduated, Percentage, PerUnit, Volume
from tallystick.core.provider import Abilities
from tallystick.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    QuoteExpired,
    RateLimited,
    SetupError,
)
from tests.bank import Bank
from tests.core.builders import catalog as sold_of
from tests.core.builders import flat, metered, plan, tiers
from tests.facade.billing import START, catalog, day, digest, opened, usd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tallystick.core.checkout import ResolvedPlan
    from tests.databases import Database

COUPONS: list[dict[str, Any]] = [
    {"id": "half", "percent_off": "50", "duration": "forever", "codes": ["Half"]},
    {"id": "five", "amount_off": {"USD": "5.00"}, "codes": ["FIVE"]},
    {"id": "few", "percent_off": "20", "max_redemptions": 1, "codes": ["FEW"]},
    {"id": "new", "percent_off": "20", "first_purchase": True, "codes": ["NEW"]},
    {"id": "gift", "amount_off": {"USD": "1.00"}, "duration": "forever"},
    {"id": "own", "percent_off": "10", "plans": ["basic"]},
]
GERMANS = {"eligibility": {"attr": "customer.country", "op": "eq", "value": "DE"}}


def shop(**of_basic: Any) -> Any:
    tree: Any = to_tree(catalog())
    tree["products"][0]["plans"][0] |= of_basic
    return read_catalog({**tree, "coupons": COUPONS})


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    with opened(database.url) as ledger:
        ledger.signing_keys = (b"k" * 32,)
        ledger.publish(shop(coupon_ids=["own"], trial_days=14), author="anna", at=START)
        yield ledger
        assert ledger.verify().ok


def one(
    tally: Tallystick, plan: Any = "pro", customer: str | None = "acme", **said: Any
) -> ResolvedPlan:
    [found] = tally.checkouts.resolve(customer, [plan], **said)
    return found


def test_nothing_is_stored_by_asking(tally: Tallystick) -> None:
    one(tally, codes=["half"])  # from now on there is a count of codes in vain: none
    before = digest(tally)
    wishes: list[Any] = [
        "pro",
        {"plan": "basic", "add_ons": ["sms"]},
        PlanWish(plan="desk", quantity=2),
    ]
    found = tally.checkouts.resolve("acme", wishes, codes=["half", "few"], quantities={"pro": 3})
    assert [(each.plan, each.wish.quantity, each.available) for each in found] == [
        ("pro@1", 3, True),
        ("basic@2", 1, True),
        ("desk@1", 2, True),
    ]
    assert digest(tally) == before


def test_what_is_shown_is_quoted_and_charged(tally: Tallystick) -> None:
    tally.coupons.redeem("acme", coupon="gift")
    tally.credits.grant("acme", usd("2.00"), category="paid")
    tally.seller.set(name="Us", address={"country": "AT"})
    tally.customers.update("acme", address={"country": "AT"})
    rules = {"elsewhere": "untaxed", "rates": [{"country": "AT", "name": "USt", "percent": 20}]}
    tally.taxes.publish(read_tax_rules(rules), author="anna")
    found = one(tally, quantities={"pro": 3}, codes=["half", "FIVE"])
    assert found.today is not None
    assert found.quote is not None
    told = found.today
    assert [(str(each.coupon.id), str(each.today), str(each.renewal)) for each in found.taken] == [
        ("gift", "1.00 USD", "1.00 USD"),
        ("half", "22.00 USD", "22.00 USD"),
        ("five", "5.00 USD", "0.00 USD"),
    ]
    assert (told.subtotal, told.discount, told.tax) == (usd("45.00"), usd("28.00"), usd("3.40"))
    assert (told.total, told.balance, told.amount_due) == (usd("20.40"), usd("2.00"), usd("18.40"))
    made = tally.quotes.accept(found.quote, customer="acme")
    tally.invoices.run(START)
    [document] = tally.invoices.list(customer="acme", subscription=made.subscription.id)
    assert document.invoice.lines
    assert [(each.description, each.amount, each.discount, each.tax) for each in told.lines] == [
        (each.description, each.amount, each.discount, each.tax) for each in document.invoice.lines
    ]
    assert (document.invoice.total, document.invoice.amount_due) == (told.total, told.amount_due)


def test_a_code_is_used_up_by_a_sale_and_not_by_a_look(tally: Tallystick) -> None:
    tally.customers.create("globex")
    first, second = one(tally, codes=["few"]), one(tally, customer="globex", codes=["few"])
    assert len(first.taken) == len(second.taken) == 1
    assert first.quote is not None
    assert second.quote is not None
    tally.quotes.accept(first.quote)
    before = digest(tally)
    with pytest.raises(Conflict):
        tally.quotes.accept(second.quote)
    assert digest(tally) == before
    again = one(tally, customer="globex", codes=["few"])
    assert [each.reasons for each in again.left_out] == [("unknown_code",)]
    assert again.today is not None
    assert again.today.total == usd("35.00")


def test_an_unknown_code_and_a_refused_one_are_told_alike(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "desk", at=START)
    tally.invoices.run(START)
    refused = one(tally, codes=["NEW"]).left_out
    assert refused[0].words == one(tally, codes=["nothing"]).left_out[0].words
    assert refused[0].coupon is None


def test_codes_cannot_be_found_out_by_trying(tally: Tallystick) -> None:
    tally.customers.create("globex")
    for number in range(4):
        one(tally, codes=[f"try-{number}-{each}" for each in range(10)])
    for _ in range(3):
        assert one(tally, codes=["half"]).taken, "a good code costs no place"
    one(tally, codes=[f"try-5-{each}" for each in range(9)])
    one(tally, codes=["try-6-1", "ｔry-6-1"])
    before = digest(tally)
    for codes in (["half"], ["try-7-1"], ["few", "half"]):
        with pytest.raises(RateLimited) as refused:
            one(tally, codes=codes)
        assert refused.value.wait == 24 * 60 * 60
    assert one(tally).available, "who types no code may go on"
    assert one(tally, customer="globex", codes=["half"]).taken
    assert tally.verify().ok
    assert one(tally, codes=["half"], at=START + timedelta(days=1)).taken
    assert digest(tally) != before


def test_of_many_at_once_no_more_are_told_than_may_be(database: Database) -> None:
    if not database.shared:
        pytest.skip("others cannot open a database in memory")
    with opened(database.url) as ledger:
        ledger.publish(shop(), author="anna", at=START)

        def tried(number: int) -> int:
            codes = [f"try-{number}-{each}" for each in range(9)]
            with Tallystick(database.url, clock=ledger.clock) as other:
                try:
                    found = other.checkouts.resolve("acme", ["pro"], codes=codes, biller="provider")
                except RateLimited:
                    return 0
                return len(found[0].left_out)

        with ThreadPoolExecutor(6) as pool:
            told = sum(pool.map(tried, range(12)))
        assert told == 45, "five times nine of fifty"
        assert ledger.verify().ok


def test_a_trial_is_given_once_to_a_customer_and_to_an_identity(tally: Tallystick) -> None:
    found = one(tally, "basic", identities=["card/1"])
    assert (found.trial, found.today) == ("given", None)
    assert found.quote is not None
    tally.quotes.accept(found.quote)  # under the identities that it was quoted for
    tally.customers.create("globex")
    assert one(tally, "basic", "globex", identities=["card/2"]).trial == "given"
    again = one(tally, "basic", "globex", identities=["card/1"])
    assert again.trial == "had"
    assert again.today is not None
    assert again.today.total == usd("9.00"), "ten per cent off, and no trial"
    assert one(tally, "basic", None, identities=["card/1"]).trial == "had"


def test_who_is_not_eligible_gets_reasons_and_no_quote(tally: Tallystick) -> None:
    tally.publish(shop(business_rules=GERMANS), author="anna")
    found = one(tally, "basic")
    assert (found.available, found.quote) == (False, None)
    assert [each.text for each in found.reasons] == ["customer.country is not known"]
    tally.customers.update("acme", address={"country": "DE"})
    assert one(tally, "basic").quote is not None
    subscribed = tally.subscriptions.start("acme", "sms")
    again = one(tally, "basic")
    assert [each.code for each in again.reasons] == ["subscribed"]
    tally.subscriptions.cancel(subscribed.subscription.id, when="now")
    assert one(tally, "basic").available


def test_what_the_sale_itself_refuses_is_not_available(tally: Tallystick) -> None:
    rules = {"elsewhere": "untaxed", "rates": [{"country": "AT", "name": "USt", "percent": 20}]}
    tally.taxes.publish(read_tax_rules(rules), author="anna")
    found = one(tally)
    assert (found.available, found.quote) == (False, None)
    assert [each.code for each in found.reasons] == ["refused"], "nobody knows what tax is owed"
    assert found.today is not None, "what it costs before tax is shown all the same"


def test_a_stranger_is_shown_prices_and_quoted_nothing(tally: Tallystick) -> None:
    tally.signing_keys = ()
    found = one(tally, customer=None, codes=["half", "new"])
    assert (found.available, found.quote) == (True, None)
    assert found.today is not None
    assert found.today.total == usd("17.50")
    assert [each.typed for each in found.left_out] == ["new"]


def test_where_the_provider_bills_it_takes_as_many_coupons_as_it_says(
    tally: Tallystick, tmp_path: Path
) -> None:
    one_at_most = Bank(tmp_path)
    one_at_most.abilities = Abilities(name="stripe", discounts_per_checkout=1)
    tally.providers = {**tally.providers, "stripe": one_at_most}
    tally.publish(shop(provider="stripe"), author="anna")
    found = one(tally, "basic", codes=["FIVE", "half"], biller="provider")
    assert [each.coupon.id for each in found.taken] == ["half"], "alike today, it goes on"
    assert [(each.typed, each.limit) for each in found.left_out] == [("FIVE", 1)]
    assert (found.quote, found.biller) == (None, "provider")
    assert len(one(tally, "basic", codes=["FIVE", "half"]).taken) == 2


def test_a_quote_holds_until_its_end_and_not_if_changed(tally: Tallystick) -> None:
    found = one(tally, valid_for=timedelta(minutes=1))
    assert found.quote is not None
    assert found.expires_at == START + timedelta(minutes=1)
    with pytest.raises(QuoteExpired):
        tally.quotes.accept(found.quote, at=found.expires_at)
    changed = found.quote.replace("A", "B", 1)
    with pytest.raises(InvalidInput):
        tally.quotes.accept(changed)


def test_what_is_refused(tally: Tallystick) -> None:
    with pytest.raises(NotFound):
        one(tally, customer="nobody")
    for plans in ([], "pro", ["pro"] * 21, [7], [{"plan": "pro", "price": 1}], ["basic@1"], None):
        with pytest.raises(InvalidInput, match="plans"):
            tally.checkouts.resolve("acme", plans)  # type: ignore[arg-type]  # that is what is refused
    cases: tuple[dict[str, Any], ...] = (
        {"codes": "half"},
        {"codes": [1]},
        {"codes": ["x"] * 11},
        {"quantities": {"basic": 2}},
        {"quantities": 3},
        {"quantities": {"pro": True}},
        {"currency": "usd"},
        {"context": {"a": 1}},
        {"stated": [("a", "b")]},
        {"identities": "card"},
        {"biller": "me"},
        {"biller": []},
        {"valid_for": timedelta()},
        {"valid_for": timedelta(days=91)},
    )
    for said in cases:
        with pytest.raises(InvalidInput):
            one(tally, **said)
    tally.signing_keys = ()
    with pytest.raises(SetupError, match="TALLYSTICK_SIGNING_KEYS"):
        one(tally)
    tally.customers.create("gone")
    tally.customers.forget("gone")
    tally.signing_keys = (b"k" * 32,)
    with pytest.raises(Conflict, match="forgotten"):
        one(tally, customer="gone")


def test_at_another_time_it_is_asked_as_of_then(tally: Tallystick) -> None:
    found = one(tally, at=day("2026-12-31T12:00:00.5"))
    assert found.today is not None
    assert found.today.at == day("2026-12-31T12:00:00")


def calls(id_: str, shape: Any, **more: Any) -> Any:
    return metered(shape, id=f"{id_}-calls", meter="calls", **more)


def test_what_is_reckoned_from_values_is_what_the_ledger_quotes(tally: Tallystick) -> None:
    """A renewal asks for usage that nobody had: first tiers, minimums and commitments."""
    per_call = tiers(("10", "0.10", "3.00"), (None, "0.05"))
    sold = sold_of(
        plan("tiered", flat("5.00", id="t"), calls("t", Graduated(per_call))),
        plan("volume", calls("v", Volume(per_call))),
        plan("percent", calls("p", Percentage(Decimal(3), Decimal(30)))),
        plan("least", calls("l", PerUnit(Decimal(2)), minimum=Decimal(700))),
        plan("commitment", flat("5.00", id="c"), minimum_commitment=Decimal(2_500)),
        plan("grouped", calls("g", PerUnit(Decimal(2)), group_by=("model",))),
        plan("trial", flat("5.00", id="r"), calls("r", Graduated(per_call)), trial_days=7),
        meters={"calls": Meter(key="calls", group_by=("model",))},
    )
    tally.publish(sold, author="anna")
    names = [each.id for each in sold]
    mine = tally.checkouts.resolve("acme", names)
    theirs = tally.checkouts.resolve("acme", names, biller="provider")
    assert all(each.quote for each in mine)
    assert [(e.plan, e.today, e.renewal) for e in theirs] == [
        (e.plan, e.today, e.renewal) for e in mine
    ]
    due = [None if each.renewal is None else each.renewal.total.minor for each in mine]
    assert due == [800, 300, 0, 700, 2_500, 0, 500]

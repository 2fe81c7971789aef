"""Prices of one plan in several currencies: a subscription keeps the one it began in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from tallystick import Money, Tallystick, currency
from tallystick.core.canonical import to_tree
from tallystick.core.dialects import read_catalog
from tallystick.errors import Conflict, CurrencyMismatch, InvalidInput
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.facade.billing import START, day, digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.invoice import Invoice
    from tests.databases import Database

NOW = day("2026-10-05")
KEYS: Final = (b"k" * 32,)


def line(id_: str, kind: str, costs: dict[str, str], **more: object) -> dict[str, Any]:
    """Write a price that costs the first of these in its own currency, the rest beside it."""
    own, *others = costs.values()
    codes = list(costs)[1:]
    beside = {code: {"cost": cost} for code, cost in zip(codes, others, strict=True)}
    return {"id": id_, "type": kind, "cost": own, "currencies": beside, **more}


def plan(id_: str, *prices: dict[str, Any], **more: object) -> dict[str, Any]:
    base = {"id": id_, "name": id_.title(), "interval": "month", "interval_count": 1}
    return {**base, **more, "prices": list(prices)}


def catalog(yen: str = "1500", euro: str = "9.00", **of_basic: object) -> Any:
    """Give the catalogue; `yen` and `euro` are what basic costs in these."""
    basic = line("basic", "flat", {"USD": "10.00", "EUR": euro, "JPY": yen})
    fee = line("pro", "flat", {"USD": "30.00", "EUR": "27.00", "JPY": "4500"})
    calls = {"meter": "calls", "included": "1000", "unit": "call"}
    api = line("calls", "per_unit", {"USD": "0.01", "EUR": "0.009", "JPY": "1.5"}, **calls)
    mail = line("mail", "flat", {"EUR": "4.00", "USD": "4.50"})
    seat = {"key": "seats", "limit": 1, "unit_price": 5, "meter": "heads"}
    unit_prices = {"EUR": {"unit_price": 4}, "JPY": {"unit_price": 700}}
    return read_catalog(
        {
            "dialect": "tallystick",
            "meters": [{"key": "calls", "aggregation": "sum"}, {"key": "heads"}],
            "coupons": [
                {"id": "five", "amount_off": {"EUR": "5"}, "codes": ["FIVE"]},
                {"id": "tenth", "percent_off": "10", "codes": ["TENTH"]},
            ],
            "products": [
                {
                    "id": "app",
                    "name": "App",
                    "currency": "USD",
                    "plans": [
                        plan("basic", basic, **of_basic),
                        plan("pro", fee, api, limits=[{**seat, "currencies": unit_prices}]),
                        plan("lab", {"id": "lab", "type": "flat", "cost": "90.00"}),
                    ],
                },
                {
                    "id": "mail",
                    "name": "Mail",
                    "currency": "EUR",
                    "group": "mail",
                    "plans": [plan("mail", mail)],
                },
            ],
        }
    )


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    """A ledger with a customer that has no currency of its own."""
    clock = FrozenClock(START)
    with Tallystick(
        database.url, catalog=catalog(), clock=clock, ids=CountedIds(), signing_keys=KEYS
    ) as ledger:
        ledger.migrate()
        ledger.publish(author="anna", at=day("2026-01-01"))
        ledger.customers.create("acme", name="Acme")
        yield ledger


def billed(tally: Tallystick, until: str, customer: str = "acme") -> list[Invoice]:
    """Bill up to a day; give the documents of a customer in their order."""
    tally.invoices.run(day(until))
    found = [each.invoice for each in tally.invoices.list(customer=customer, limit=100)]
    return sorted(found, key=lambda each: (each.at, each.cause))


def totals(documents: list[Invoice]) -> list[str]:
    return [str(each.total) for each in documents]


def all_in_order(tally: Tallystick) -> None:
    assert tally.verify().ok
    for each in tally.invoices.list(limit=100):
        assert tally.invoices.replay(each.invoice.id).equal


# --- starting -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of_customer", "asked", "paid"),
    [
        (None, None, "10.00 USD"),
        (None, "USD", "10.00 USD"),
        (None, "EUR", "9.00 EUR"),
        (None, "JPY", "1500 JPY"),
        ("EUR", None, "9.00 EUR"),
        ("JPY", "JPY", "1500 JPY"),
    ],
)
def test_it_is_in_what_was_asked_for_else_the_customers_else_the_plans(
    tally: Tallystick, of_customer: str | None, asked: str | None, paid: str
) -> None:
    tally.customers.create("bob", currency=of_customer)
    made = tally.subscriptions.start("bob", "basic", currency=asked).subscription
    assert made.currency.code == paid[-3:]
    assert totals(billed(tally, "2026-10-02", "bob")) == [paid]
    all_in_order(tally)


@pytest.mark.parametrize(
    ("of_customer", "asked", "words"),
    [
        (None, "KWD", "plan basic@1 is sold in USD, EUR and JPY, not in KWD"),
        ("KWD", None, "plan basic@1 is sold in USD, EUR and JPY, the customer pays KWD"),
        ("EUR", "JPY", "currency is JPY, the customer pays EUR"),
    ],
)
def test_another_currency_is_refused_and_changes_nothing(
    tally: Tallystick, of_customer: str | None, asked: str | None, words: str
) -> None:
    tally.customers.create("bob", currency=of_customer)
    before = digest(tally)
    with pytest.raises(CurrencyMismatch, match=words):
        tally.subscriptions.start("bob", "basic", currency=asked)
    assert digest(tally) == before


@pytest.mark.parametrize("asked", ["eur", "", "EURO", 978, ["EUR"], True])
def test_what_is_no_currency_is_refused_by_its_name(tally: Tallystick, asked: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        tally.subscriptions.start("acme", "basic", currency=asked)
    assert set(refused.value.fields) == {"currency"}


def test_an_add_on_of_another_home_currency_comes_in_the_subscriptions(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "basic", add_ons=["mail"])
    tally.customers.create("bob")
    with pytest.raises(CurrencyMismatch, match="plan mail is sold in EUR and USD"):
        tally.subscriptions.start("bob", "basic", currency="JPY", add_ons=["mail"])
    [first] = billed(tally, "2026-10-02")
    assert str(first.total) == "14.50 USD"


def test_a_repeat_is_read_as_the_first_call_was(tally: Tallystick) -> None:
    first = tally.subscriptions.start("acme", "basic", currency="EUR", idempotency_key="k", id="s")
    tally.publish(catalog("1600", "9.50"), author="anna", at=day("2026-10-01"))
    again = tally.subscriptions.start("acme", "basic", currency="EUR", idempotency_key="k", id="s")
    assert again == first
    with pytest.raises(Conflict, match="used for another start"):
        tally.subscriptions.start("acme", "basic", currency="JPY", idempotency_key="k", id="s")


def test_a_customer_whose_currency_came_later_repeats_the_first_call(tally: Tallystick) -> None:
    first = tally.subscriptions.start("acme", "basic", idempotency_key="k", id="s")
    tally.customers.update("acme", currency="EUR")
    again = tally.subscriptions.start("acme", "basic", idempotency_key="k", id="s")
    assert again == first


# --- a life in one currency -----------------------------------------------------------------------


def test_changes_usage_features_and_overrides_stay_in_it(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "basic", currency="JPY", id="s")
    tally.subscriptions.change("s", plan="pro", at=day("2026-10-16"))
    tally.clock = FrozenClock(day("2026-10-20"))
    tally.usage.record("acme", "calls", quantity=1_003, id="a")
    tally.usage.record("acme", "heads", quantity=3, id="b")
    tally.clock = FrozenClock(day("2026-11-05"))
    tally.subscriptions.change("s", overrides={"pro": {"cost": "4000"}}, when="period_end")
    found = billed(tally, "2026-12-02")
    assert {each.currency.code for each in found} == {"JPY"}
    assert all(line.amount.currency.code == "JPY" for each in found for line in each.lines)
    by_kind = [(line.price, line.kind, line.amount.minor) for line in found[1].lines]
    # half of October: 1,003 calls beyond 516.129…; 1500 and 4500 by 16/31; heads in another test
    assert ("basic", "credit", -774) in by_kind
    assert ("pro", "fee", 2323) in by_kind
    assert ("pro", "fee", 4500) in by_kind
    assert [line.amount.minor for line in found[2].lines if line.price == "pro"] == [4000]
    all_in_order(tally)


def test_what_a_plan_gives_costs_more_units_in_its_currency(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "pro", currency="EUR", id="s")
    tally.clock = FrozenClock(day("2026-10-20"))
    tally.usage.record("acme", "calls", quantity=1_111, id="a")
    found = billed(tally, "2026-11-02")
    amounts = {(each.price, each.kind): str(each.amount) for each in found[1].lines}
    assert amounts["calls", "usage"] == "1.00 EUR"  # 111 × 0.009 = 0.999
    all_in_order(tally)


def test_a_change_to_a_plan_without_it_is_refused(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "basic", currency="EUR", id="s")
    before = digest(tally)
    with pytest.raises(CurrencyMismatch, match="plan lab is sold in USD, the subscription is in E"):
        tally.subscriptions.change("s", plan="lab")
    assert digest(tally) == before
    tally.subscriptions.change("s", add=["mail"])  # whose own currency it is
    assert totals(billed(tally, "2026-11-02"))[-1] == "17.00 EUR"  # 4.00 for October too


def test_no_other_currency_cuts_a_price_that_stays(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "basic", id="s")
    tally.publish(catalog("1600", "9.50"), author="anna", at=day("2026-10-02"))
    tally.subscriptions.change("s", plan="basic@2", when="now", at=day("2026-10-16"))
    assert totals(billed(tally, "2026-11-02")) == ["10.00 USD", "10.00 USD"]


def test_a_fixed_coupon_is_for_its_own_currency(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "basic", currency="EUR", coupons=["FIVE"])
    tally.customers.create("bob")
    with pytest.raises(Conflict):
        tally.subscriptions.start("bob", "basic", currency="JPY", coupons=["FIVE"])
    tally.subscriptions.start("bob", "basic", currency="JPY", coupons=["TENTH"])
    assert totals(billed(tally, "2026-10-02")) == ["4.00 EUR"]
    assert totals(billed(tally, "2026-10-02", "bob")) == ["1350 JPY"]
    all_in_order(tally)


def test_one_that_ran_elsewhere_goes_on_in_its_currency(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "basic", currency="JPY", paid_until=day("2026-10-15"))
    assert totals(billed(tally, "2026-10-16")) == ["1500 JPY"]


# --- what would be --------------------------------------------------------------------------------


def test_a_quote_is_in_it_and_is_accepted_at_its_figures(tally: Tallystick) -> None:
    signed = tally.quotes.make(
        "acme", "pro", currency="EUR", phases=[{"periods": 2, "percent_off": "50"}]
    )
    seen = tally.quotes.read(signed)
    assert seen.currency.code == "EUR"
    assert seen.today is not None
    assert str(seen.today.total) == "13.50 EUR"
    made = tally.quotes.accept(signed).subscription
    assert made.currency.code == "EUR"
    assert totals(billed(tally, "2026-12-02")) == ["13.50 EUR", "13.50 EUR", "27.00 EUR"]


def test_what_is_to_come_is_foreseen_in_it(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "basic", currency="JPY", id="s")
    tally.invoices.run(day("2026-10-02"))
    tally.clock = FrozenClock(day("2026-10-02"))
    seen = tally.foresee("acme", day("2026-12-02"), changes=[("pro", day("2026-11-16"))])
    assert {each.total.currency.code for each in seen.months} == {"JPY"}
    assert str(seen.months[1].total) == "1500 JPY"
    looked = tally.subscriptions.preview.change("s", plan="pro", at=day("2026-10-16"))
    assert looked.upcoming is not None
    assert looked.upcoming.currency.code == "JPY"


def test_a_price_migration_resolves_prices_in_each_currency(tally: Tallystick) -> None:
    for code in ("USD", "EUR", "JPY"):
        tally.customers.create(code.lower())
        tally.subscriptions.start(code.lower(), "basic", currency=code, id=code)
    tally.publish(catalog("1600", "9.50"), author="anna", at=day("2026-10-02"))
    seen = tally.price_migrations.preview("basic", "basic", at=NOW)
    assert {each.subscription: f"{each.before} {each.after}" for each in seen.moves} == {
        "USD": "10.00 USD 10.00 USD",
        "EUR": "9.00 EUR 9.50 EUR",
        "JPY": "1500 JPY 1600 JPY",
    }
    assert [f"{before} {after}" for before, after in seen.totals] == [
        "10.00 USD 10.00 USD",
        "9.00 EUR 9.50 EUR",
        "1500 JPY 1600 JPY",
    ]
    tally.price_migrations.plan("basic", "basic", id="m", at=NOW)
    kept = {each.subscription: str(each.after) for each in tally.price_migrations.moves("m")}
    assert kept == {"USD": "10.00 USD", "EUR": "9.50 EUR", "JPY": "1600 JPY"}
    tally.price_migrations.run("m", at=NOW)
    found = [str(billed(tally, "2026-11-02", each)[-1].total) for each in ("usd", "eur", "jpy")]
    assert found == ["10.00 USD", "9.50 EUR", "1600 JPY"]
    all_in_order(tally)


def test_who_pays_in_what_the_new_version_lacks_is_not_moved(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "basic", currency="JPY", id="s")
    tree: Any = to_tree(catalog())
    first = tree["products"][0]["plans"][0]
    for part in (first, first["prices"][0]):
        del part["currencies"]["JPY"]
    tally.publish(read_catalog(tree), author="anna", at=day("2026-10-02"))
    [seen] = tally.price_migrations.preview("basic", "basic", at=NOW).moves
    assert seen.status == "skipped"
    assert "sold in USD and EUR, the subscription is in JPY" in (seen.reason or "")
    assert totals(billed(tally, "2026-11-02")) == ["1500 JPY", "1500 JPY"]


def test_a_backtest_compares_each_currency_with_its_own(tally: Tallystick) -> None:
    for code in ("USD", "EUR", "JPY"):
        tally.customers.create(code.lower())
        tally.subscriptions.start(code.lower(), "basic", currency=code, id=code)
    tally.invoices.run(day("2026-11-02"))
    told = tally.backtest(catalog("1600", "9.00"), since=START, until=day("2026-12-01"))
    assert {str(each.currency): each.difference.minor for each in told.customers} == {
        "USD": 0,
        "EUR": 0,
        "JPY": 200,
    }
    tree: Any = to_tree(catalog())
    first = tree["products"][0]["plans"][0]
    for part in (first, first["prices"][0]):
        del part["currencies"]["EUR"]
    told = tally.backtest(read_catalog(tree), since=START, until=day("2026-12-01"))
    assert {each.difference.minor for each in told.customers} == {0}
    assert [(str(each.amount), each.why) for each in told.not_compared] == [
        ("18.00 EUR", "basic is sold in USD")
    ]


def test_thresholds_and_commitments_are_in_it(tally: Tallystick) -> None:
    amounts = {"setup_fee": "7.00", "minimum_commitment": "40.00", "invoice_threshold": "500.00"}
    yen = {"setup_fee": "1000", "minimum_commitment": "6000", "invoice_threshold": "70000"}
    made = catalog(**amounts, currencies={"EUR": amounts, "JPY": yen})
    tally.publish(made, author="anna", at=day("2026-10-01"))
    tally.subscriptions.start("acme", "basic", currency="JPY", id="s")
    found = billed(tally, "2026-11-02")
    assert totals(found) == ["2500 JPY", "6000 JPY"]  # 1500 and 4500 to the commitment
    all_in_order(tally)


def test_time_brings_the_currency_along(tally: Tallystick) -> None:
    """A pause, a coupon for usage and a cancellation with credit, all of it in yen."""
    tally.subscriptions.start("acme", "pro", currency="JPY", id="s", trial_days=3)
    tally.subscriptions.pause("s", mode="extend", at=day("2026-10-10"))
    tally.subscriptions.resume("s", at=day("2026-10-12"))
    tally.subscriptions.cancel("s", when="now", credit=True, at=START + timedelta(days=20))
    found = billed(tally, "2026-11-02")
    assert {each.currency for each in found} == {currency("JPY")}
    assert sum((each.total for each in found), Money(0, currency("JPY"))).minor > 0
    all_in_order(tally)

"""The price list in Stripe: made, changed, taken over, and given up halfway."""

from __future__ import annotations

from typing import Any

import pytest

from tallystick.core.dialects import read_catalog
from tallystick.core.lock import LockedPrice
from tallystick.errors import Conflict, InvalidCatalog, OutcomeUnknown
from tallystick.providers.stripe.book_run import applied
from tallystick.testing.fake_stripe import Fault, Seen
from tests.providers.stripe.bookshop import Shop, catalog_of, client_of, flat, plan_of

BASIC = catalog_of(plan_of("pro", flat("pro", "9.99")))

EVERYTHING = catalog_of(
    plan_of(
        "pro", flat("fee", "49"), {"id": "seat", "type": "per_seat", "cost": "5"}, setup_fee="20"
    ),
    plan_of(
        "metered",
        {"id": "calls", "type": "per_unit", "cost": "0.0004", "included": "1000"},
        {
            "id": "rows",
            "type": "graduated",
            "tiers": [{"up_to": 10, "cost": "1"}, {"cost": "0.5", "flat_cost": "3"}],
        },
        {
            "id": "mails",
            "type": "volume",
            "tiers": [{"up_to": 10, "cost": "1"}, {"cost": "0.5"}],
        },
        {"id": "sms", "type": "package", "cost": "2", "package_size": 100},
    ),
    plan_of("quarter", flat("quarter", "24.99"), interval_count=3),
    plan_of("year", flat("year", "99"), interval="year"),
    coupons=[
        {"id": "welcome", "name": "Welcome", "percent_off": "12.5", "codes": ["WELCOME"]},
        {"id": "ten", "amount_off": {"USD": "10"}, "duration": "forever", "products": ["shop"]},
    ],
)


# --- made ---------------------------------------------------------------------------------------


def seat(id_: str, cost: str) -> dict[str, Any]:
    return {"id": id_, "type": "per_seat", "cost": cost}


def test_every_shape_is_put_up_as_stripe_has_it() -> None:
    shop = Shop()
    shop.apply(EVERYTHING)
    assert shop.price("fee")["unit_amount"] == 4900
    assert shop.price("fee")["metadata"]["billing_plan_id"] == "pro"
    assert shop.price("seat")["recurring"]["usage_type"] == "licensed"
    assert shop.price("pro:setup_fee")["type"] == "one_time"
    assert shop.price("calls")["recurring"]["usage_type"] == "metered"
    assert [(t["up_to"], t["unit_amount_decimal"]) for t in shop.price("calls")["tiers"]] == [
        (1000, "0"),
        (None, "0.04"),
    ]
    assert shop.price("rows")["tiers_mode"] == "graduated"
    assert [t["flat_amount"] for t in shop.price("rows")["tiers"]] == [None, 300]
    assert shop.price("mails")["tiers_mode"] == "volume"
    assert shop.price("sms")["transform_quantity"] == {"divide_by": 100, "round": "up"}
    assert shop.price("quarter")["recurring"]["interval_count"] == 3
    assert shop.price("quarter")["recurring"]["interval"] == "month"
    assert shop.price("year")["recurring"]["interval"] == "year"
    assert {meter["event_name"] for meter in shop.of("billing.meter")} == {
        "calls",
        "rows",
        "mails",
        "sms",
    }
    assert {(c["id"], c["percent_off"], c["amount_off"]) for c in shop.of("coupon")} == {
        ("welcome", 12.5, None),
        ("ten", None, 1000),
    }
    (code,) = shop.of("promotion_code")
    assert (code["code"], code["promotion"]["coupon"]) == ("WELCOME", "welcome")
    (product,) = shop.of("product")
    assert shop.lock is not None
    assert shop.lock.products == {"shop": product["id"]}
    assert shop.fake.account.of("coupon")["ten"]["applies_to"] == {"products": [product["id"]]}


def test_the_second_time_there_is_nothing_to_do() -> None:
    shop = Shop()
    assert shop.apply(EVERYTHING)
    calls = len(shop.fake.account.calls)
    assert shop.apply(EVERYTHING) == ()
    assert {call.split()[0] for call, _ in shop.fake.account.calls[calls:]} == {"GET"}


def test_a_lost_lock_file_is_found_again_and_nothing_is_made_twice() -> None:
    shop = Shop()
    shop.apply(EVERYTHING)
    before, shop.lock = shop.lock, None
    assert {step.split()[0] for step in shop.apply(EVERYTHING)} == {"adopt"}
    assert shop.lock == before


def test_a_plan_sold_in_two_currencies_has_a_price_in_each() -> None:
    line = flat("pro", "9.99", currencies={"JPY": {"cost": "1500"}})
    shop = Shop()
    shop.apply(catalog_of(plan_of("pro", line)))
    assert (shop.price("pro:JPY")["currency"], shop.price("pro:JPY")["unit_amount"]) == (
        "jpy",
        1500,
    )
    assert shop.price("pro")["unit_amount"] == 999


# --- changed ------------------------------------------------------------------------------------


def test_a_changed_amount_is_a_new_price_and_the_old_one_is_archived() -> None:
    shop = Shop()
    shop.apply(BASIC)
    old = shop.price("pro")["id"]
    steps = shop.apply(catalog_of(plan_of("pro", flat("pro", "10.99"))))
    assert steps == ("create price pro", "archive price pro")
    assert shop.price("pro")["unit_amount"] == 1099
    assert shop.price("pro")["lookup_key"] == "pro"
    was = shop.fake.account.of("price")[old]
    assert (was["active"], was["unit_amount"], was["lookup_key"]) == (False, 999, None)


def test_an_amount_that_comes_back_takes_its_first_price_again() -> None:
    shop = Shop()
    shop.apply(BASIC)
    first = shop.price("pro")["id"]
    shop.apply(catalog_of(plan_of("pro", flat("pro", "10.99"))))
    assert shop.apply(BASIC) == ("update price pro", "archive price pro")
    assert shop.price("pro")["id"] == first
    assert shop.price("pro")["active"]
    assert shop.price("pro")["lookup_key"] == "pro"
    assert shop.apply(BASIC) == ()


def subscribe(shop: Shop, price: str) -> str:
    client: Any = client_of(shop.fake)
    customer = client.v1.customers.create({}).id
    card = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    wanted = {"customer": customer, "items": [{"price": price}], "default_payment_method": card}
    return str(client.v1.subscriptions.create(wanted).id)


def test_a_price_that_somebody_pays_stays_until_nobody_does() -> None:
    shop, dearer = Shop(), catalog_of(plan_of("pro", flat("pro", "10.99")))
    shop.apply(BASIC)
    old = shop.price("pro")["id"]
    paid = subscribe(shop, old)
    assert shop.apply(dearer) == ("create price pro",)
    found = shop.compare(dearer)
    assert found.steps == ()
    assert [each.id for each, _ in found.kept] == [old]
    assert shop.fake.account.of("price")[old]["active"]
    client_of(shop.fake).v1.subscriptions.cancel(paid)
    assert shop.apply(dearer) == ("archive price",)
    assert not shop.fake.account.of("price")[old]["active"]
    assert shop.apply(dearer) == ()


def test_the_price_a_product_shows_first_gives_way_to_the_new_one() -> None:
    shop = Shop()
    shop.apply(BASIC)
    (product,) = shop.of("product")
    client: Any = client_of(shop.fake)
    client.v1.products.update(product["id"], {"default_price": shop.price("pro")["id"]})
    shop.apply(catalog_of(plan_of("pro", flat("pro", "10.99"))))
    assert product["default_price"] == shop.price("pro")["id"]
    assert [price["active"] for price in shop.of("price")] == [False, True]


def test_a_product_and_a_line_are_renamed_in_place() -> None:
    shop = Shop()
    shop.apply(BASIC)
    renamed = catalog_of(plan_of("pro", flat("pro", "9.99", name="The fee")))
    assert shop.apply(renamed) == ("update price pro",)
    assert shop.price("pro")["nickname"] == "The fee"


def test_what_the_catalogue_has_no_more_is_archived_and_forgotten() -> None:
    shop = Shop()
    shop.apply(EVERYTHING)
    shop.apply(BASIC)
    assert shop.lock is not None
    assert set(shop.lock.prices) == {"pro"}
    assert [p["lookup_key"] for p in shop.of("price") if p["active"]] == ["pro"]
    assert [code["active"] for code in shop.of("promotion_code")] == [False]
    assert shop.apply(BASIC) == ()


def test_a_plan_that_is_sold_no_more_keeps_its_price_archived() -> None:
    shop, ended = Shop(), catalog_of(plan_of("pro", flat("pro", "9.99"), active=False))
    shop.apply(BASIC)
    assert shop.apply(ended) == ("archive product shop", "archive price pro")
    assert shop.apply(ended) == ()
    assert shop.apply(BASIC) == ("update product shop", "update price pro")
    assert shop.price("pro")["active"]


def test_a_changed_coupon_is_another_one_and_its_code_moves() -> None:
    def with_off(percent: str) -> Any:
        return catalog_of(
            plan_of("pro", flat("pro", "9.99")),
            coupons=[{"id": "hello", "percent_off": percent, "codes": ["HELLO"]}],
        )

    shop = Shop()
    shop.apply(with_off("10"))
    shop.apply(with_off("20"))
    assert shop.lock is not None
    coupon = shop.fake.account.of("coupon")[shop.lock.coupons["hello"]]
    assert coupon["percent_off"] == 20
    codes = [(c["active"], c["promotion"]["coupon"]) for c in shop.of("promotion_code")]
    assert codes == [(False, "hello"), (True, coupon["id"])]
    assert shop.apply(with_off("20")) == ()


def test_a_code_that_is_used_up_is_left_alone() -> None:
    catalog = catalog_of(
        plan_of("pro", flat("pro", "9.99")),
        coupons=[
            {"id": "one", "percent_off": "10", "codes": [{"code": "ONE", "max_redemptions": 1}]}
        ],
    )
    shop = Shop()
    shop.apply(catalog)
    (code,) = shop.of("promotion_code")
    code.update(times_redeemed=1, active=False)
    assert shop.apply(catalog) == ()


# --- what Stripe cannot express -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ({"type": "percentage", "percent": "1.5"}, "products[0].plans[0].prices[0].type"),
        ({"type": "dynamic"}, "products[0].plans[0].prices[0].type"),
        ({"type": "per_unit", "cost": "1", "minimum_spend": "5"}, "prices[0].minimum_spend"),
        ({"type": "per_unit", "cost": "1", "maximum_spend": "5"}, "prices[0].maximum_spend"),
        ({"type": "per_unit", "cost": "1", "discount_percent": "5"}, "prices[0].discount"),
        ({"type": "per_unit", "cost": "1", "minimum_quantity": "5"}, "prices[0].minimum_quantity"),
        ({"type": "per_unit", "cost": "1", "allow_negative": True}, "prices[0].allow_negative"),
        ({"type": "per_unit", "cost": "0.0000000000000001"}, "products[0].plans[0].prices[0]"),
        ({"type": "package", "cost": "1", "package_size": "0.5"}, "prices[0].package_size"),
        ({"type": "package", "cost": "1", "package_size": 5, "included": 5}, "prices[0].included"),
        (
            {"type": "volume", "tiers": [{"up_to": "0.5", "cost": "1"}, {"cost": "2"}]},
            "prices[0].tiers",
        ),
        ({"type": "per_unit", "cost": "1000000000000"}, "products[0].plans[0].prices[0]"),
        (
            {"type": "per_unit", "cost": "1", "convert": {"factor": 60, "operation": "multiply"}},
            "prices[0].convert",
        ),
    ],
)
def test_what_stripe_has_no_words_for_is_refused_by_its_place_before_anything_is_sent(
    line: dict[str, Any], place: str
) -> None:
    shop = Shop()
    catalog = catalog_of(plan_of("pro", flat("pro", "9.99")), plan_of("odd", {"id": "odd", **line}))
    with pytest.raises(InvalidCatalog) as caught:
        shop.apply(catalog)
    (problem,) = caught.value.problems
    assert place.replace("plans[0]", "plans[1]") in problem.path
    assert problem.cure
    assert shop.fake.account.calls == []


@pytest.mark.parametrize(
    ("plan", "place"),
    [
        (plan_of("odd", flat("a", "5"), minimum_commitment="10"), "minimum_commitment"),
        (
            plan_of(
                "odd",
                limits=[
                    {
                        "feature_key": "f",
                        "enabled": True,
                        "limit": 5,
                        "unit_price": 2,
                        "reset": "day",
                    }
                ],
            ),
            "limits[0].reset",
        ),
    ],
)
def test_a_plan_that_stripe_cannot_bill_is_refused_by_its_place(
    plan: dict[str, Any], place: str
) -> None:
    shop = Shop()
    with pytest.raises(InvalidCatalog) as caught:
        shop.apply(catalog_of(plan))
    (problem,) = caught.value.problems
    assert problem.path == f"products[0].plans[0].{place}"
    assert shop.fake.account.calls == []


def test_a_fee_in_a_step_that_stripe_does_not_take_is_refused() -> None:
    product = {
        "id": "s",
        "name": "S",
        "currency": "KWD",
        "plans": [plan_of("p", flat("p", "5.125"))],
    }
    catalog = read_catalog({"dialect": "tallystick", "provider": "stripe", "products": [product]})
    with pytest.raises(InvalidCatalog, match="5120 or 5130"):
        Shop().compare(catalog)


def test_what_is_charged_beyond_a_limit_is_a_metered_price_with_free_units() -> None:
    feature = {
        "feature_key": "calls",
        "enabled": True,
        "limit": 100,
        "unit_price": "0.5",
        "reset": "billing_period",
    }
    shop = Shop()
    shop.apply(catalog_of(plan_of("pro", flat("pro", "9.99"), limits=[feature])))
    overage = shop.price("pro/calls")
    assert overage["recurring"]["usage_type"] == "metered"
    assert [(t["up_to"], t["unit_amount_decimal"]) for t in overage["tiers"]] == [
        (100, "0"),
        (None, "0.5"),
    ]


def test_a_conversion_that_stripe_can_do_is_its_own() -> None:
    convert = {"operation": "divide", "factor": 60, "rounding": "ceiling"}
    line = {"id": "minutes", "type": "per_unit", "cost": "1", "convert": convert}
    shop = Shop()
    shop.apply(catalog_of(plan_of("pro", line)))
    assert shop.price("minutes")["transform_quantity"] == {"divide_by": 60, "round": "up"}


def test_a_plan_of_another_provider_and_one_agreed_by_hand_are_skipped() -> None:
    catalog = catalog_of(
        plan_of("pro", flat("pro", "9.99")),
        plan_of("bank", flat("bank", "9.99"), provider="manual"),
        {"id": "big", "name": "Big", "custom": True},
    )
    shop = Shop()
    found = shop.compare(catalog)
    assert [(each.name, each.reason) for each in found.skipped] == [
        ("plan bank", "it is sold through manual")
    ]
    assert [step.key for step in found.steps] == ["shop", "pro"]


@pytest.mark.parametrize(
    ("coupon", "reason"),
    [
        ({"percent_off": "5", "prices": ["pro"]}, "not to lines"),
        ({"percent_off": "5", "plans": ["pro"]}, "not to some of their plans"),
        ({"percent_off": "5", "currencies": ["USD"]}, "no percentage to a currency"),
        ({"percent_off": "5.125"}, "two decimals"),
        ({"amount_off": {"USD": "5", "EUR": "5"}}, "several currencies"),
        ({"percent_off": "5", "ends_at": "2025-01-01T00:00:00Z"}, "ended"),
        ({"percent_off": "5", "codes": ["Ü"]}, "letters, digits and dashes"),
        (
            {"percent_off": "5", "codes": [{"code": "A", "starts_at": "2027-01-01T00:00:00Z"}]},
            "has not started",
        ),
        ({"percent_off": "5", "codes": ["A"], "max_redemptions_per_customer": 1}, "one customer"),
    ],
)
def test_a_coupon_that_stripe_cannot_hold_is_skipped_and_never_made_wider(
    coupon: dict[str, Any], reason: str
) -> None:
    plans = [plan_of("pro", flat("pro", "9.99")), plan_of("max", flat("max", "19.99"))]
    found = Shop().compare(catalog_of(*plans, coupons=[{"id": "odd", **coupon}]))
    (skipped,) = found.skipped
    assert reason in skipped.reason
    assert "promotion_code" not in {step.kind for step in found.steps}


# --- made by hand -------------------------------------------------------------------------------


def by_hand(shop: Shop, amount: int, plan: str, **more: Any) -> str:
    client: Any = client_of(shop.fake)
    product = more.pop("product", None) or client.v1.products.create({"name": "By hand"}).id
    params = {
        "product": product,
        "currency": "usd",
        "unit_amount": amount,
        "recurring": {"interval": "month"},
        "metadata": {"billing_plan_id": plan},
        **more,
    }
    return str(client.v1.prices.create(params).id)


UNSAID = catalog_of(
    {"id": "m", "name": "M", "interval": "month", "prices": [flat("line_m", "9.99")]},
    {"id": "q", "name": "Q", "interval": "month", "prices": [flat("line_q", "24.99")]},
)


def test_prices_made_by_hand_are_found_by_the_plan_that_they_name() -> None:
    shop = Shop()
    month = by_hand(shop, 999, "m")
    product = str(shop.fake.account.of("price")[month]["product"])
    every = {"interval": "month", "interval_count": 3}
    quarter = by_hand(shop, 2499, "q", product=product, recurring=every)
    got = shop.pull(UNSAID)
    assert (got.problems, got.missing) == ((), ())
    assert got.lock.prices["line_q"] == LockedPrice(
        provider_id=quarter,
        interval="month",
        interval_count=3,
        amount=2499,
        currency="USD",
        plan_id="q",
    )
    assert got.lock.products == {"shop": product}
    assert shop.apply(UNSAID) == ()


def test_two_prices_that_could_be_it_are_named_and_none_is_taken() -> None:
    shop = Shop()
    ids = {by_hand(shop, 999, "m"), by_hand(shop, 999, "m")}
    got = shop.pull(UNSAID)
    assert "line_m" not in got.lock.prices
    assert all(id_ in str(got.problems[0]) for id_ in ids)
    with pytest.raises(InvalidCatalog, match="could each be it"):
        shop.apply(catalog_of(plan_of("m", flat("line_m", "9.99"))))
    assert len(shop.of("price")) == 2


def test_one_price_that_could_be_two_lines_is_neither() -> None:
    shop = Shop()
    by_hand(shop, 700, "m")
    two = catalog_of(plan_of("m", flat("a", "5"), seat("b", "9")))
    got = shop.pull(two)
    assert got.lock.prices == {}
    assert len(got.problems) == 2


def test_lines_of_one_plan_are_told_apart_by_their_amounts() -> None:
    shop = Shop()
    nine, five = by_hand(shop, 900, "m"), by_hand(shop, 500, "m")
    two = catalog_of(plan_of("m", flat("a", "5"), seat("b", "9")))
    assert {k: p.provider_id for k, p in shop.pull(two).lock.prices.items()} == {
        "a": five,
        "b": nine,
    }


def test_a_line_that_has_the_id_of_a_price_is_that_price() -> None:
    shop = Shop()
    price = by_hand(shop, 999, "other")
    catalog = catalog_of(plan_of("m", flat(price, "9.99")))
    assert shop.pull(catalog).lock.prices[price].provider_id == price
    assert shop.apply(catalog) == (f"update price {price}",)
    assert shop.fake.account.of("price")[price]["metadata"] == {"billing_plan_id": "m"}


def test_a_price_made_by_hand_is_replaced_where_the_amount_differs() -> None:
    shop = Shop()
    old = by_hand(shop, 899, "m")
    catalog = catalog_of(plan_of("m", flat("line_m", "9.99")))
    assert shop.apply(catalog) == (
        "adopt product shop",
        "create price line_m",
        "archive price line_m",
    )
    assert shop.price("line_m")["unit_amount"] == 999
    assert not shop.fake.account.of("price")[old]["active"]
    assert shop.apply(catalog) == ()


def test_the_words_of_what_was_made_by_hand_are_left() -> None:
    shop = Shop()
    by_hand(shop, 999, "m", nickname="Old name")
    shop.apply(catalog_of(plan_of("m", flat("line_m", "9.99", name="New name"))))
    assert shop.price("line_m")["nickname"] == "Old name"
    assert [product["name"] for product in shop.of("product")] == ["By hand"]


def test_a_year_made_by_hand_as_twelve_months_is_a_year() -> None:
    shop = Shop()
    by_hand(shop, 9900, "y", recurring={"interval": "month", "interval_count": 12})
    catalog = catalog_of(plan_of("y", flat("line_y", "99"), interval="year"))
    shop.pull(catalog)
    assert shop.apply(catalog) == ()


# --- another account, another environment -------------------------------------------------------


def test_the_lock_file_of_another_account_is_refused() -> None:
    one, two = Shop(), Shop()
    one.apply(BASIC)
    two.fake.account.id, two.lock = "acct_1Other", one.lock
    with pytest.raises(Conflict, match="acct_1Other"):
        two.apply(BASIC)
    assert two.of("price") == []


def test_what_another_environment_made_in_the_account_is_not_taken() -> None:
    shop = Shop()
    shop.apply(BASIC)
    other = Shop(fake=shop.fake, environment="staging")
    with pytest.raises(InvalidCatalog, match="another environment"):
        other.apply(catalog_of(plan_of("pro", flat("pro", "10.99"))))
    assert shop.price("pro")["active"]
    assert shop.price("pro")["lookup_key"] == "pro"


def test_two_runs_at_once_make_each_thing_once() -> None:
    shop = Shop()
    two = [shop.compare(EVERYTHING), shop.compare(EVERYTHING)]
    locks = [
        applied(shop.book, found, keep=lambda _: None, tell=lambda _step, _lock: None)
        for found in two
    ]
    assert locks[0] == locks[1]
    assert len(shop.of("price")) == len(locks[0].prices)


# --- given up halfway ---------------------------------------------------------------------------


def state(shop: Shop) -> dict[str, list[Any]]:
    """Give what an account holds, without what Stripe makes up (ids, times)."""
    names = {
        "product": ("name", "active"),
        "billing.meter": ("event_name", "status"),
        "price": ("lookup_key", "active", "unit_amount_decimal", "nickname"),
        "coupon": ("name", "percent_off", "amount_off"),
        "promotion_code": ("code", "active"),
    }
    return {
        kind: sorted(str([thing[field] for field in fields]) for thing in shop.of(kind))
        for kind, fields in names.items()
    }


DEARER = catalog_of(
    plan_of("pro", flat("pro", "10.99"), {"id": "calls", "type": "per_unit", "cost": "0.5"}),
    coupons=[{"id": "hello", "percent_off": "20", "codes": ["HELLO"]}],
)
CHEAPER = catalog_of(
    plan_of("pro", flat("pro", "9.99"), {"id": "calls", "type": "per_unit", "cost": "0.4"}),
    coupons=[{"id": "hello", "percent_off": "10", "codes": ["HELLO"]}],
)


def begun() -> Shop:
    shop = Shop()
    shop.apply(CHEAPER)
    return shop


def whole() -> tuple[dict[str, list[Any]], int, int]:
    """Give the state after a run that nothing stops, and its numbers of calls and of steps."""
    shop = begun()
    before = len(shop.fake.account.calls)
    steps = shop.apply(DEARER)
    return state(shop), len(shop.fake.account.calls) - before, len(steps)


WHOLE, CALLS, STEPS = whole()
WAYS = [(seen, after) for seen in Seen for after in (False, True)]


@pytest.mark.parametrize("start", [Shop, begun], ids=["first", "changed"])
@pytest.mark.parametrize(("seen", "after"), WAYS)
def test_a_run_that_a_call_ends_is_gone_on_with(seen: Seen, after: bool, start: Any) -> None:
    expected = WHOLE
    if start is Shop:
        first = Shop()
        first.apply(DEARER)
        expected = state(first)
    number = 0
    while True:
        number += 1
        shop: Shop = start()
        shop.fake.account.faults.add(Fault(seen, "*", after=after, first=number))
        try:
            shop.apply(DEARER)
        except OutcomeUnknown:
            shop.apply(DEARER)
        else:
            break
        assert state(shop) == expected
        assert shop.apply(DEARER) == ()
    assert number > 10


@pytest.mark.parametrize("number", range(1, STEPS + 1))
def test_a_run_that_ends_before_the_lock_file_is_written_is_gone_on_with(number: int) -> None:
    class Killed(BaseException):
        """The process ends here."""

    shop = begun()
    written = 0

    def keep(lock: Any) -> None:
        nonlocal written
        written += 1
        if written == number:
            raise Killed
        shop.keep(lock)

    with pytest.raises(Killed):
        shop.apply(DEARER, keep)
    shop.apply(DEARER)
    assert state(shop) == WHOLE
    assert shop.apply(DEARER) == ()

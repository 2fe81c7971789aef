"""Coupons of a catalogue: read from every dialect, every problem with its place."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from tallystick.core.canonical import digest, to_tree
from tallystick.core.coupon import Code, Coupon
from tallystick.core.coupon_tree import coupon_to_tree
from tallystick.core.dialects import read_catalog
from tallystick.core.dialects.coupons import read_coupon
from tallystick.core.price import PercentOff
from tallystick.core.published import catalog_of_text, catalog_text
from tallystick.errors import InvalidCatalog
from tests.core.builders import EUR, USD, coupons, money

LINE = {"id": "base", "type": "flat", "cost": "9.00"}
CALLS = {"id": "calls", "type": "per_unit", "cost": "0.1", "unit": "call"}
PLAN = {"id": "pro", "name": "Pro", "interval": "month", "prices": [LINE, CALLS]}
PRODUCT = {"id": "suite", "name": "Suite", "currency": "USD", "plans": [PLAN]}


def tree(*coupons: Any) -> dict[str, Any]:
    return {"coupons": list(coupons), "products": [PRODUCT]}


def read(**fields: Any) -> Coupon:
    (coupon,) = read_catalog(tree({"id": "a"} | fields)).coupons
    return coupon


def problems(*coupons: Any) -> list[str]:
    with pytest.raises(InvalidCatalog) as refused:
        read_catalog(tree(*coupons))
    return [str(each) for each in refused.value.problems]


def test_a_coupon_is_short_where_little_is_said() -> None:
    assert read(percent_off=10) == Coupon(id="a", off=PercentOff(Decimal(10)))


WHOLE = {
    "id": "spring",
    "name": "Spring sale",
    "amountOff": {"USD": "10.00", "EUR": 9},
    "duration": "repeating",
    "months": 3,
    "plans": ["pro"],
    "products": ["suite"],
    "prices": ["base"],
    "meters": ["calls"],
    "startsAt": "2027-03-01T00:00:00+01:00",
    "endsAt": "2027-04-01T00:00:00Z",
    "firstPurchase": True,
    "minimumAmount": {"USD": 20, "EUR": 20},
    "maxRedemptions": 100,
    "maxRedemptionsPerCustomer": 1,
    "codes": [
        "SPRING",
        {"code": "Spring Friends", "max_redemptions": 5, "endsAt": "2027-03-15T00:00:00Z"},
    ],
    "automatic": False,
    "active": True,
    "metadata": {"team": "growth"},
}


def test_every_field_is_read_in_both_spellings() -> None:
    coupon = read_catalog(tree(WHOLE)).coupons[0]
    assert coupon == Coupon(
        id="spring",
        name="Spring sale",
        off=(money("9.00 EUR"), money("10.00 USD")),
        duration="repeating",
        months=3,
        plans=frozenset({"pro"}),
        products=frozenset({"suite"}),
        prices=frozenset({"base"}),
        meters=frozenset({"calls"}),
        starts_at=datetime(2027, 2, 28, 23, tzinfo=UTC),
        ends_at=datetime(2027, 4, 1, tzinfo=UTC),
        first_purchase=True,
        minimum=(money("20.00 EUR"), money("20.00 USD")),
        max_redemptions=100,
        max_redemptions_per_customer=1,
        codes=(
            Code(code="SPRING"),
            Code(
                code="Spring Friends",
                max_redemptions=5,
                ends_at=datetime(2027, 3, 15, tzinfo=UTC),
            ),
        ),
        metadata={"team": "growth"},
    )


def test_what_is_written_back_is_read_as_the_same_and_kept_when_published() -> None:
    sold = read_catalog(tree(WHOLE, {"id": "b", "percent_off": "12.50", "currencies": ["USD"]}))
    again = read_catalog(to_tree(sold))
    assert again == sold
    assert digest(again) == digest(sold)
    assert catalog_of_text(catalog_text(sold)) == sold


def test_a_coupon_is_read_by_itself_whatever_is_sold_now() -> None:
    coupon = read_catalog(tree(WHOLE)).coupons[0]
    assert read_coupon(coupon_to_tree(coupon)) == coupon
    gone = replace(coupon, plans=frozenset({"gone"}), meters=frozenset({"gone"}))
    assert read_coupon(coupon_to_tree(gone)) == gone


@pytest.mark.parametrize(
    "wrong", [None, [], "WELCOME", {}, {"id": "a"}, {"id": "a", "off": 1}, {"codes": [5] * 2_000}]
)
def test_what_is_no_coupon_by_itself_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidCatalog, match="coupon: "):
        read_coupon(wrong)


@given(coupons("a", ["pro", "max"]))
def test_every_coupon_is_read_back_as_itself(coupon: Coupon) -> None:
    assert read_coupon(json.loads(json.dumps(coupon_to_tree(coupon)))) == coupon


def test_a_coupon_shows_in_the_digest_and_none_does_not() -> None:
    without = read_catalog({"products": [PRODUCT]})
    empty = read_catalog(tree())
    one, other = (read_catalog(tree({"id": "a", "percent_off": n})) for n in (10, 11))
    assert digest(without) == digest(empty)
    assert len({digest(each) for each in (without, one, other)}) == 3


def test_the_way_a_coupon_is_written_does_not_show_in_the_digest() -> None:
    ways: list[dict[str, Any]] = [
        {"plans": ["pro"], "amount_off": {"USD": 10, "EUR": "9.0"}, "codes": ["X"]},
        {
            "codes": [{"code": "X"}],
            "amountOff": {"EUR": 9.0, "USD": "10.00"},
            "plans": ["pro", "pro"],
        },
    ]
    found = {digest(read_catalog(tree({"id": "a"} | way))) for way in ways}
    assert len(found) == 1


def test_every_dialect_has_coupons() -> None:
    coupon = {"id": "a", "percentOff": 10, "plans": ["pro"]}
    listed = {"id": "pro", "name": "Pro", "price": 900, "currency": "USD", "interval": "month"}
    flat_list = read_catalog({"plans": [listed | {"features": []}], "coupons": [coupon]})
    plan = {"id": "pro", "name": "Pro", "paymentType": "recurring", "interval": "month"}
    lines = [{"id": "base", "name": "Base", "type": "flat", "cost": 9}]
    product = {"id": "s", "name": "S", "currency": "USD", "description": "d", "features": []}
    products = [product | {"plans": [plan | {"lineItems": lines, "couponIds": ["a"]}]}]
    schema = read_catalog({"products": products, "coupons": [coupon]})
    assert flat_list.dialect == "plans"
    assert schema.dialect == "products"
    assert flat_list.coupons == schema.coupons
    assert schema["pro"].coupon_ids == ("a",)


def test_in_code_a_time_may_be_a_datetime() -> None:
    when = datetime(2027, 1, 1, tzinfo=UTC)
    assert read(percent_off=10, ends_at=when).ends_at == when
    naive = {"id": "a", "percent_off": 10, "ends_at": when.replace(tzinfo=None)}
    assert "coupons[0].ends_at" in problems(naive)[0]


def test_a_percentage_may_name_its_currencies() -> None:
    assert read(percent_off=10, currencies=["EUR", "USD"]).currencies == {EUR, USD}


OFF = {"id": "a", "percent_off": 10}


@pytest.mark.parametrize(
    ("coupon", "place", "said"),
    [
        ({"percent_off": 10}, "coupons[0].id", "is missing"),
        ({"id": "a"}, "coupons[0].percent_off", "is missing: say what is taken off"),
        (OFF | {"amount_off": {"USD": 1}}, "coupons[0].amount_off", "goes without percent_off"),
        (OFF | {"percent_off": 0}, "coupons[0].percent_off", "must be above zero"),
        (OFF | {"percent_off": 101}, "coupons[0].percent_off", "must be at most 100"),
        ({"id": "a", "amount_off": 10}, "coupons[0].amount_off", "must be an object of amounts"),
        ({"id": "a", "amount_off": {}}, "coupons[0].amount_off", "must not be empty"),
        ({"id": "a", "amount_off": {"USD": 0}}, "coupons[0].amount_off.USD", "above zero"),
        ({"id": "a", "amount_off": {"usd": 1}}, "coupons[0].amount_off.usd", "write 'USD'"),
        ({"id": "a", "amount_off": {"JPY": "1.5"}}, "coupons[0].amount_off.JPY", "more decimals"),
        ({"id": "a", "amount_off": {"USD": "9" * 18}}, "coupons[0].amount_off.USD", "2^63"),
        ({"id": "a", "amount_off": {5: 1}}, "coupons[0].amount_off", "a currency is a text"),
        (
            {"id": "a", "amount_off": {"USD": 1}, "currencies": ["USD"]},
            "coupons[0].currencies",
            "says them already",
        ),
        (OFF | {"currencies": ["USX"]}, "coupons[0].currencies", "is not an ISO 4217 currency"),
        (OFF | {"duration": "always"}, "coupons[0].duration", "must be one of once, repeating"),
        (OFF | {"duration": "repeating"}, "coupons[0].months", "is missing"),
        (OFF | {"months": 3}, "coupons[0].months", "means nothing"),
        (OFF | {"duration": "repeating", "months": 1201}, "coupons[0].months", "more than 1,200"),
        (
            OFF | {"plans": ["prp"]},
            "coupons[0].plans",
            "there is no plan 'prp' (did you mean 'pro'",
        ),
        (OFF | {"products": ["x"]}, "coupons[0].products", "there is no product 'x'"),
        (OFF | {"prices": ["x"]}, "coupons[0].prices", "there is no price 'x'"),
        (OFF | {"meters": ["base"]}, "coupons[0].meters", "there is no meter 'base'"),
        (OFF | {"starts_at": "2027-01-01"}, "coupons[0].starts_at", "2027-11-30T00:00:00Z"),
        (OFF | {"ends_at": 5}, "coupons[0].ends_at", "must be a time as text"),
        (
            OFF | {"starts_at": "2027-01-01T00:00:00Z", "ends_at": "2027-01-01T00:00:00Z"},
            "coupons[0].ends_at",
            "must be after starts_at",
        ),
        (OFF | {"max_redemptions": 0}, "coupons[0].max_redemptions", "must be at least 1"),
        (OFF | {"codes": ["  "]}, "coupons[0].codes[0].code", "a code is a text"),
        (OFF | {"codes": [5]}, "coupons[0].codes[0]", "must be an object"),
        (OFF | {"codes": [{}]}, "coupons[0].codes[0].code", "is missing"),
        (
            OFF | {"codes": ["a", {"code": " A "}]},
            "coupons[0].codes[1].code",
            "is taken by coupons",
        ),
        (OFF | {"codes": ["a" * 101]}, "coupons[0].codes[0].code", "100 characters"),
        (OFF | {"minimum_amount": {"USD": -1}}, "coupons[0].minimum_amount.USD", "above zero"),
        (OFF | {"maxRedemption": 1}, "coupons[0].maxRedemption", "did you mean 'maxRedemptions'"),
    ],
)
def test_a_coupon_is_checked(coupon: dict[str, Any], place: str, said: str) -> None:
    (problem,) = problems(coupon)
    assert problem.startswith(f"{place}: ")
    assert said in problem


def test_every_problem_is_told_at_once() -> None:
    found = problems({"id": "a", "duration": "repeating", "plans": ["x"]}, OFF, {"id": "b"})
    assert [each.partition(":")[0] for each in found] == [
        "coupons[0].percent_off",
        "coupons[0].months",
        "coupons[0].plans",
        "coupons[1].id",
        "coupons[2].percent_off",
    ]


def test_codes_are_unique_over_all_coupons() -> None:
    (problem,) = problems(
        OFF | {"codes": ["Welcome"]}, {"id": "b", "percent_off": 5, "codes": ["WELCOME"]}
    )
    assert "'WELCOME' is taken by coupons[0].codes[0].code" in problem


def test_coupons_are_a_list_of_objects() -> None:
    assert "must be a list" in problems_of({"coupons": {"a": 1}, "products": [PRODUCT]})
    assert "coupons[0]: must be an object" in problems_of(tree("WELCOME"))


def problems_of(whole: dict[str, Any]) -> str:
    with pytest.raises(InvalidCatalog) as refused:
        read_catalog(whole)
    return str(refused.value)

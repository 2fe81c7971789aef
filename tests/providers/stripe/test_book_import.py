"""A catalogue made of an account: imported, pulled, and then nothing differs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tallystick.core.dialects import read_catalog
from tallystick.providers.stripe.book_import import Imported, imported
from tests.providers.stripe.bookshop import Shop, catalog_of, client_of, flat, plan_of

MONTH: dict[str, Any] = {"interval": "month"}


@pytest.fixture
def shop() -> Shop:
    return Shop()


def taken_over(shop: Shop) -> Imported:
    """Import, pull, and compare: nothing may differ."""
    got = imported(shop.book.held())
    catalog = read_catalog(got.tree)
    pulled = shop.pull(catalog)
    assert (pulled.problems, pulled.missing) == ((), ())
    assert shop.compare(catalog).steps == ()
    return got


def sold(shop: Shop, **params: Any) -> str:
    client: Any = client_of(shop.fake)
    product = params.pop("product", None) or client.v1.products.create({"name": "Zovi Daily"}).id
    return str(client.v1.prices.create({"product": product, "currency": "usd", **params}).id)


def metered(shop: Shop, formula: str = "sum") -> dict[str, Any]:
    meter = client_of(shop.fake).v1.billing.meters.create(
        {
            "display_name": "Calls",
            "event_name": "calls",
            "default_aggregation": {"formula": formula},
        }
    )
    return {**MONTH, "usage_type": "metered", "meter": meter.id}


TIERS: dict[str, Any] = {
    "billing_scheme": "tiered",
    "tiers_mode": "graduated",
    "tiers": [
        {"up_to": 10, "unit_amount": 100},
        {"up_to": "inf", "unit_amount_decimal": Decimal("0.5"), "flat_amount": 300},
    ],
}


@pytest.mark.parametrize(
    ("params", "line"),
    [
        ({"unit_amount": 999, "recurring": MONTH}, {"type": "flat", "cost": "9.99"}),
        ({"unit_amount": 500}, {"type": "flat", "cost": "5"}),
        ({"unit_amount": 1500, "currency": "jpy"}, {"type": "flat", "cost": "1500"}),
        ({"unit_amount_decimal": Decimal("0.04"), "usage": True}, {"cost": "0.0004"}),
        (
            {
                "unit_amount": 200,
                "usage": True,
                "transform_quantity": {"divide_by": 100, "round": "down"},
            },
            {"type": "package", "package_size": 100, "round_packages": "down"},
        ),
        ({**TIERS, "usage": True}, {"type": "graduated"}),
        ({**TIERS, "tiers_mode": "volume", "usage": True}, {"type": "volume"}),
        ({**TIERS, "recurring": MONTH}, {"type": "per_seat"}),
        ({**TIERS, "tiers_mode": "volume", "recurring": MONTH}, {"tiers_mode": "volume"}),
    ],
)
def test_each_shape_comes_over_and_stays_what_it_is(
    shop: Shop, params: dict[str, Any], line: dict[str, Any]
) -> None:
    params = dict(params)
    if params.pop("usage", False):
        params["recurring"] = metered(shop)
    price = sold(shop, **params)
    got = taken_over(shop)
    assert got.refused == ()
    (written,) = got.tree["products"][0]["plans"][0]["prices"]
    assert written["id"] == price
    assert line.items() <= written.items()


def test_prices_that_name_a_plan_are_its_lines(shop: Shop) -> None:
    product = client_of(shop.fake).v1.products.create({"name": "Zovi"}).id
    named: dict[str, Any] = {"product": product, "metadata": {"billing_plan_id": "pro"}}
    fee = sold(shop, unit_amount=999, recurring=MONTH, **named)
    calls = sold(shop, unit_amount=1, recurring=metered(shop), **named)
    every = {"interval": "month", "interval_count": 3}
    sold(shop, unit_amount=2499, recurring=every, product=product)
    got = taken_over(shop)
    (found,) = got.tree["products"]
    assert found["id"] == "zovi"
    pro, quarter = found["plans"]
    assert (pro["id"], [line["id"] for line in pro["prices"]]) == ("pro", [fee, calls])
    assert (quarter["id"], quarter["interval"], quarter["interval_count"]) == (
        "zovi-quarterly",
        "month",
        3,
    )


def test_a_price_list_of_our_own_comes_back(shop: Shop) -> None:
    shop.apply(
        catalog_of(
            plan_of(
                "pro",
                flat("pro", "49"),
                {"id": "seat", "type": "per_seat", "cost": "5"},
                setup_fee="20",
            ),
            plan_of("calls", {"id": "calls", "type": "per_unit", "cost": "1", "included": "10"}),
            coupons=[
                {"id": "hello", "percent_off": "12.5", "codes": ["HELLO"], "products": ["shop"]},
                {
                    "id": "ten",
                    "amount_off": {"USD": "10"},
                    "duration": "repeating",
                    "months": 3,
                    "max_redemptions": 5,
                    "ends_at": "2027-01-01T00:00:00Z",
                },
            ],
        )
    )
    shop.lock = None
    got = taken_over(shop)
    assert got.refused == ()
    assert got.tree["products"][0]["plans"][0]["setup_fee"] == "20"
    assert {coupon["id"] for coupon in got.tree["coupons"]} == {"hello", "ten"}


def test_what_cannot_be_expressed_is_named_and_the_rest_comes_over(shop: Shop) -> None:
    product = client_of(shop.fake).v1.products.create({"name": "Zovi"}).id
    named: dict[str, Any] = {"product": product, "metadata": {"billing_plan_id": "pro"}}
    fee = sold(shop, unit_amount=999, recurring=MONTH, **named)
    euro = sold(shop, unit_amount=899, recurring=MONTH, currency="eur", **named)
    once = sold(shop, unit_amount=500, **named)
    counted = sold(shop, unit_amount=5, recurring=metered(shop, "count"), **named)
    packed = {"divide_by": 5, "round": "up"}
    seats = sold(shop, unit_amount=200, recurring=MONTH, transform_quantity=packed, **named)
    got = taken_over(shop)
    assert {id_ for id_, _ in got.refused} == {euro, once, counted, seats}
    (plan,) = got.tree["products"][0]["plans"]
    assert [line["id"] for line in plan["prices"]] == [fee]


def test_a_plan_that_no_catalogue_may_hold_is_taken_out_by_itself(shop: Shop) -> None:
    product = client_of(shop.fake).v1.products.create({"name": "Zovi"}).id
    fee = sold(shop, unit_amount=999, recurring=MONTH, product=product)
    tiers = sold(shop, **TIERS, product=product)
    named = {"metadata": {"billing_plan_id": "two\nlines"}}
    odd = sold(shop, unit_amount=5, recurring=MONTH, product=product, **named)
    got = taken_over(shop)
    assert {id_ for id_, _ in got.refused} == {tiers, odd}
    (plan,) = got.tree["products"][0]["plans"]
    assert [line["id"] for line in plan["prices"]] == [fee]


def test_two_products_of_one_name_are_two(shop: Shop) -> None:
    sold(shop, unit_amount=999, recurring=MONTH)
    sold(shop, unit_amount=1999, recurring=MONTH)
    got = taken_over(shop)
    ids = [product["id"] for product in got.tree["products"]]
    assert len(set(ids)) == 2
    assert "zovi-daily" in ids


def test_an_account_that_sells_nothing_gives_no_catalogue(shop: Shop) -> None:
    assert imported(shop.book.held()).tree["products"] == []

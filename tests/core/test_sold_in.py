"""A plan in one of its currencies: every amount as it was written, and nothing else of it moved."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tallystick import currency
from tallystick.core.canonical import digest, to_tree
from tallystick.core.catalog import Catalog, PlanIn, Product
from tallystick.core.dialects import define_plans, read_catalog
from tallystick.core.dialects.schema import json_schema
from tallystick.core.diff import diff
from tallystick.core.price import Graduated, Percentage
from tallystick.errors import CurrencyMismatch, InvalidCatalog, InvalidInput

USD, EUR, JPY, KWD, CLF = map(currency, ("USD", "EUR", "JPY", "KWD", "CLF"))

SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "flat": ({"type": "flat", "cost": "9.99"}, {"cost": "1200"}),
    "seats": ({"type": "per_seat", "cost": "5"}, {"cost": "0.5"}),
    "graduated": (
        {"type": "graduated", "tiers": [{"up_to": 5, "cost": 1}, {"up_to": None, "cost": "0.5"}]},
        {"tiers": [{"up_to": 7, "cost": 150, "flat_cost": 3}, {"up_to": None, "cost": 75}]},
    ),
    "volume": (
        {"type": "volume", "tiers": [{"up_to": None, "cost": 0, "flat_cost": 2}]},
        {"tiers": [{"up_to": None, "cost": 0, "flat_cost": 300}]},
    ),
    "package": ({"type": "package", "cost": 4, "package_size": 10}, {"cost": 600}),
    "percentage": (
        {"type": "percentage", "percent": 2, "fixed": "0.1", "free_volume": 5},
        {"fixed": 15, "free_volume": 750},
    ),
    "bounds": (
        {"type": "per_unit", "cost": 1, "minimum_spend": 2, "maximum_spend": 9},
        {"cost": 150, "minimum_spend": 300, "maximum_spend": 1350},
    ),
    "discount": (
        {"type": "per_unit", "cost": 1, "discount_amount": 2},
        {"cost": 150, "discount_amount": 300},
    ),
    "no fixed fee there": (
        {"type": "percentage", "percent": 2, "fixed": "0.1"},
        {"fixed": 0},
    ),
}


def tree(*prices: dict[str, Any], **more: object) -> dict[str, Any]:
    """Write a catalogue of one plan in dollars."""
    plan = {"id": "p", "name": "P", "interval": "month", "prices": list(prices), **more}
    product = {"id": "x", "name": "X", "currency": "USD", "plans": [plan]}
    return {"dialect": "tallystick", "products": [product]}


def price(shape: dict[str, Any], **there: dict[str, Any]) -> dict[str, Any]:
    usage = {} if shape["type"] in {"flat", "per_seat"} else {"unit": "u"}
    return {"id": "a", **usage, **shape, **({"currencies": there} if there else {})}


def problems(written: object) -> list[str]:
    with pytest.raises(InvalidCatalog) as refused:
        read_catalog(written)
    return [f"{each.path}: {each.text}" for each in refused.value.problems]


@pytest.mark.parametrize("name", SHAPES)
def test_a_price_in_another_currency_is_the_one_written_in_it(name: str) -> None:
    own, there = SHAPES[name]
    alone = {**own, **there}
    catalog = read_catalog(tree(price(own, JPY=there)))
    expected: Any = tree(price(alone))
    expected["products"][0]["currency"] = "JPY"
    assert catalog["p"].in_currency("JPY") == read_catalog(expected)["p"]
    assert catalog["p"].in_currency(USD) == read_catalog(tree(price(own)))["p"]
    assert catalog["p"].in_currency("JPY") is catalog["p"].in_currency(JPY)


@pytest.mark.parametrize("name", SHAPES)
def test_it_is_read_back_equal_with_the_same_digest(name: str) -> None:
    own, there = SHAPES[name]
    catalog = read_catalog(tree(price(own, JPY=there), currencies={"JPY": {}}))
    again = read_catalog(to_tree(catalog))
    assert again == catalog
    assert digest(again) == digest(catalog)
    assert digest(catalog) != digest(read_catalog(tree(price(own))))


def test_the_order_and_the_spelling_of_currencies_say_nothing() -> None:
    one = tree(price({"type": "flat", "cost": 1}, EUR={"cost": "2.0"}, JPY={"cost": 3}))
    two = tree(price({"type": "flat", "cost": 1}, JPY={"cost": "3"}, EUR={"cost": 2}))
    assert read_catalog(one) == read_catalog(two)
    assert digest(read_catalog(one)) == digest(read_catalog(two))


@pytest.mark.parametrize(
    ("unit", "rate"), [(USD, "1.5"), (JPY, "0.015"), (KWD, "15"), (CLF, "150")]
)
def test_a_share_of_money_is_the_same_share_everywhere(unit: Any, rate: str) -> None:
    tiers = [{"up_to": None, "percent": "1.5"}]
    plan = read_catalog(
        tree(
            price({"type": "graduated", "tiers": tiers}),
            {"id": "b", "type": "percentage", "percent": 2, "unit": "u"},
            {"id": "c", "type": "dynamic", "unit": "u"},
            currencies={"JPY": {}, "KWD": {}, "CLF": {}},
        )
    )["p"].in_currency(unit)
    shares, percentage, _ = plan.prices
    assert isinstance(shares.shape, Graduated)
    assert shares.shape.tiers[0].unit == Decimal(rate)
    assert isinstance(percentage.shape, Percentage)
    assert percentage.shape.percent == 2


def test_all_of_a_plan_that_is_money_is_resolved() -> None:
    written = tree(
        price({"type": "flat", "cost": 10, "setup_fee": 3}, EUR={"cost": 9, "setup_fee": "2.5"}),
        setup_fee=1,
        minimum_commitment=20,
        invoice_threshold=50,
        currencies={"EUR": {"setup_fee": 1, "minimum_commitment": 18, "invoice_threshold": 45}},
        limits=[
            {"key": "k", "limit": 1, "unit_price": "2.5", "currencies": {"EUR": {"unitPrice": 2}}}
        ],
    )
    catalog = read_catalog(written)
    plan = catalog["p"].in_currency("EUR")
    assert (plan.setup_fee, plan.minimum_commitment, plan.invoice_threshold) == (350, 1800, 4500)
    assert plan.features["k"].unit_price == 2
    assert plan.sold_in == (EUR,)
    assert plan.catalog is catalog["p"].catalog
    assert read_catalog(to_tree(catalog)) == catalog


@pytest.mark.parametrize("asked", ["JPY", JPY])
def test_a_currency_it_is_not_sold_in_is_refused_by_both_names(asked: Any) -> None:
    plan = read_catalog(tree(price({"type": "flat", "cost": 1}, EUR={"cost": 1})))["p"]
    with pytest.raises(CurrencyMismatch, match="plan p@1 is sold in USD and EUR, not in JPY"):
        plan.in_currency(asked)


def test_what_is_no_currency_is_refused() -> None:
    plan = read_catalog(tree(price({"type": "flat", "cost": 1})))["p"]
    with pytest.raises(InvalidInput, match="did you mean"):
        plan.in_currency("EURO")


def test_the_published_schema_knows_them() -> None:
    schema = Draft202012Validator(json_schema())
    for spelled in ("unit_price", "unitPrice"):
        limit = {"key": "k", "limit": 1, "unit_price": 1, "currencies": {"EUR": {spelled: 2}}}
        line = price({"type": "flat", "cost": 1}, EUR={"cost": 2})
        written = tree(line, currencies={"EUR": {"setup_fee": 1}}, limits=[limit])
        assert schema.is_valid(written)
    assert not schema.is_valid(tree(price({"type": "flat", "cost": 1}, EUR={"included": 2})))
    assert not schema.is_valid(tree(price({"type": "flat", "cost": 1}, euro={"cost": 2})))


# --- what a reader refuses ------------------------------------------------------------------------

MISSING = "is missing: the plan is sold in EUR, and this has an amount in USD only"
P = "products[0].plans[0]"


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"prices": [{"id": "b", "type": "flat", "cost": 1}]}, f"{P}.prices[0].currencies.EUR"),
        ({"setup_fee": 1}, f"{P}.currencies.EUR"),
        ({"minimum_commitment": 1}, f"{P}.currencies.EUR"),
        ({"limits": [{"key": "k", "limit": 1, "unit_price": 1}]}, f"{P}.limits[0].currencies.EUR"),
    ],
)
def test_what_lacks_an_amount_is_named(part: dict[str, Any], path: str) -> None:
    seat = price({"type": "per_seat", "cost": 1}, EUR={"cost": 1})
    prices = [*part.pop("prices", []), seat]
    assert problems(tree(*prices, **part)) == [f"{path}: {MISSING}"]


@pytest.mark.parametrize(
    ("own", "there", "found"),
    [
        ({"type": "flat", "cost": 1}, {}, "EUR.cost: is missing: there is one in USD"),
        ({"type": "flat", "cost": 1}, {"cost": "1.234"}, "EUR.cost: 1.234 has more decimals"),
        ({"type": "flat", "cost": 1}, {"cost": -1}, "EUR.cost: must be zero or more"),
        ({"type": "flat", "cost": 1}, {"cost": 10**17}, "EUR.cost: 100000000000000000 is more"),
        ({"type": "flat", "cost": 1}, {"cost": 1, "setup_fee": 1}, "EUR.setup_fee: has no counte"),
        ({"type": "flat", "cost": 1}, {"cost": 1, "included": 1}, "EUR.included: is not a field"),
        ({"type": "flat", "cost": 1}, {"kost": 1}, "EUR.kost: is not a field of a catalogue here"),
        ({"type": "flat", "cost": 1}, 5, "EUR: must be an object, not 5"),
        (
            {"type": "per_unit", "cost": 1, "minimum_spend": 2},
            {"cost": 1},
            "EUR.minimum_spend: is missing: there is one in USD",
        ),
        (
            {"type": "graduated", "tiers": [{"up_to": None, "cost": 1}]},
            {"tiers": [{"up_to": None, "percent": 1}]},
            "EUR.tiers: must be as its own tiers are",
        ),
        (
            {"type": "graduated", "tiers": [{"up_to": None, "cost": 1}]},
            {"tiers": [{"up_to": 5, "cost": 1}]},
            "EUR.tiers[0].up_to: the last tier ends at 5",
        ),
    ],
)
def test_a_bad_amount_is_told_at_its_place(own: Any, there: Any, found: str) -> None:
    [told] = problems(tree(price(own, EUR=there)))
    assert told.startswith(f"{P}.prices[0].currencies.{found}")


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ({"USD": {"cost": 1}}, "currencies.USD: USD is its own currency"),
        ({"eur": {"cost": 1}}, "currencies.eur: 'eur' is not a currency"),
        ({"XAU": {"cost": 1}}, "currencies.XAU: 'XAU' is not an ISO 4217 currency"),
        ([], "currencies: must be an object by currency, not a list"),
        ({7: {"cost": 1}}, "currencies: a currency is a text"),
    ],
)
def test_a_bad_currency_is_told_at_its_place(written: Any, found: str) -> None:
    line = {"id": "a", "type": "flat", "cost": 1, "currencies": written}
    [told] = problems(tree(line))
    assert told.startswith(f"{P}.prices[0].{found}")


def test_a_flat_list_has_one_price() -> None:
    feature = {"featureKey": "k", "enabled": True, "limit": 1, "unitPrice": 2}
    plan = {"id": "p", "name": "P", "price": 5, "currency": "USD", "interval": "month"}
    feature["currencies"] = {"EUR": {"unitPrice": 1}}
    with pytest.raises(InvalidCatalog, match="means nothing in a flat list"):
        define_plans([{**plan, "features": [feature]}])


def test_a_shared_price_is_defined_the_same_in_every_currency() -> None:
    meter = {"type": "per_unit", "cost": 1}
    written: Any = tree(price(meter, EUR={"cost": 1}))
    plans = written["products"][0]["plans"]
    plans.append({**plans[0], "id": "q", "prices": [price(meter, EUR={"cost": 2})]})
    assert "is taken by" in problems(written)[0]
    plans[1]["prices"] = [price(meter, EUR={"cost": 1})]
    assert len(read_catalog(written)) == 2


def test_a_plan_built_by_hand_says_what_it_lacks() -> None:
    plan = read_catalog(tree(price({"type": "flat", "cost": 1})))["p"]
    made = replace(plan, currencies=(PlanIn(currency=EUR),))
    with pytest.raises(CurrencyMismatch, match="price a has no amounts in EUR"):
        made.in_currency("EUR")
    product = Product(id="x", name="X", currency=USD, plans=(made,))
    assert problems(to_tree(Catalog(products=(product,)))) == [
        f"{P}.prices[0].currencies.EUR: {MISSING}"
    ]


# --- what changed ---------------------------------------------------------------------------------


def test_a_diff_tells_currencies_that_come_go_and_change() -> None:
    one = read_catalog(tree(price({"type": "flat", "cost": 1}, EUR={"cost": 2}, JPY={"cost": 3})))
    two = read_catalog(
        tree(
            price({"type": "flat", "cost": 1}, EUR={"cost": 4}, KWD={"cost": 5}),
            currencies={"KWD": {}},
        )
    )
    assert [each.text for each in diff(one, two)] == [
        "P is no longer sold in JPY",
        "P is now sold in KWD too",
        "P: price 2.00 → 4.00 EUR a month (+100 %)",
        "P: price: JPY removed: 3 JPY",
        "P: price: KWD added: 5.000 KWD",
    ]


def test_a_diff_tells_a_plans_own_amounts_and_a_features() -> None:
    def written(fee: int, unit: int) -> Any:
        limit = {
            "key": "k",
            "limit": 1,
            "unit_price": 1,
            "currencies": {"EUR": {"unit_price": unit}},
        }
        return read_catalog(
            tree(setup_fee=1, currencies={"EUR": {"setup_fee": fee}}, limits=[limit])
        )

    assert [each.text for each in diff(written(2, 3), written(4, 6))] == [
        "P: set-up fee 2.00 → 4.00 EUR (+100 %)",
        "P: k beyond the limit 0.03 → 0.06 EUR each (+100 %)",
    ]
    assert diff(written(2, 3), written(2, 3)) == ()

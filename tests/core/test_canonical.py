"""One catalogue has one digest, and nothing that is sold or shown escapes it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick import create_billing_schema, define_plans
from tallystick.core.canonical import (
    canonical_json,
    digest,
    plan_to_tree,
    price_to_tree,
    to_tree,
)
from tallystick.core.catalog import Catalog
from tallystick.core.dialects import read_catalog
from tallystick.core.meter import Meter
from tallystick.core.price import (
    Conversion,
    Dynamic,
    FixedOff,
    Flat,
    Graduated,
    Package,
    Percentage,
    PercentOff,
    PerUnit,
    Volume,
)
from tallystick.errors import InvalidInput, InvalidNumber
from tests.core.builders import (
    EUR,
    USD,
    catalog,
    catalogs,
    feature,
    flat,
    json_values,
    metered,
    metered_prices,
    plan,
    product,
    seats,
    tiers,
    usd,
)

if TYPE_CHECKING:
    from tallystick.core.catalog import Plan
    from tallystick.core.price import Price

PRO = plan("pro", flat("29.00"), feature("projects", 50), feature("support"))


def test_a_catalogue_is_written_in_the_native_format_without_what_is_default() -> None:
    assert to_tree(catalog(PRO)) == {
        "dialect": "tallystick",
        "products": [
            {
                "id": "pro",
                "name": "Pro",
                "currency": "USD",
                "plans": [
                    {
                        "id": "pro",
                        "name": "Pro",
                        "interval": "month",
                        "interval_count": 1,
                        "prices": [{"id": "base", "type": "flat", "cost": "29"}],
                        "limits": [
                            {"feature_key": "projects", "enabled": True, "limit": 50},
                            {"feature_key": "support", "enabled": True},
                        ],
                    }
                ],
            }
        ],
    }


def test_a_plan_by_itself_says_its_currency() -> None:
    tree = plan_to_tree(plan("p", flat("5", currency=EUR), currency=EUR, provider="stripe"))
    assert tree["currency"] == "EUR"
    assert tree["provider"] == "stripe"


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (seats("10.50"), {"type": "per_seat", "cost": "10.5"}),
        (metered(PerUnit(usd("0.0002"))), {"type": "per_unit", "cost": "0.0002"}),
        (
            metered(Graduated(tiers(("100", "0.10", "5"), (None, "0.08")))),
            {
                "type": "graduated",
                "tiers": [
                    {"up_to": "100", "cost": "0.1", "flat_cost": "5"},
                    {"up_to": None, "cost": "0.08"},
                ],
            },
        ),
        (
            metered(Graduated(tiers(("100", "0.01", "5"), (None, "0.025")), of_money=True)),
            {
                "type": "graduated",
                "tiers": [
                    {"up_to": "100", "percent": "1", "flat_cost": "5"},
                    {"up_to": None, "percent": "2.5"},
                ],
            },
        ),
        (
            metered(Volume(tiers((None, "1"))), basis="seats"),
            {"type": "per_seat", "tiers_mode": "volume", "tiers": [{"up_to": None, "cost": "1"}]},
        ),
        (
            metered(Package(Decimal(1000), usd("5"), "down")),
            {"type": "package", "cost": "5", "package_size": "1000", "round_packages": "down"},
        ),
        (
            metered(Percentage(Decimal("1.30"), usd("0.30"), 3, None, None, usd("7"))),
            {
                "type": "percentage",
                "percent": "1.3",
                "fixed": "0.3",
                "free_transactions": 3,
                "maximum_per_transaction": "7",
            },
        ),
        (metered(Dynamic(Decimal("1.5"))), {"type": "dynamic", "multiplier": "1.5"}),
    ],
)
def test_each_shape_is_written_with_its_own_fields(price: Price, expected: dict[str, Any]) -> None:
    tree = price_to_tree(price, USD)
    assert {name: tree[name] for name in tree if name not in {"id", "unit"}} == expected


def test_modifiers_are_written_in_major_units_and_only_where_they_are_set() -> None:
    price = metered(
        PerUnit(usd("1")),
        included=Decimal(10),
        minimum_quantity=Decimal("2.50"),
        discount=FixedOff(usd("3")),
        minimum=usd("5"),
        maximum=usd("50"),
        convert=Conversion("divide", Decimal(1000), "ceiling", Decimal(5)),
        allow_negative=True,
        meter="other",
    )
    tree = price_to_tree(price, USD)
    assert list(tree) == [
        "id",
        "type",
        "cost",
        "unit",
        "meter",
        "included",
        "minimum_quantity",
        "discount_amount",
        "minimum_spend",
        "maximum_spend",
        "convert",
        "allow_negative",
    ]
    assert tree["minimum_quantity"] == "2.5"
    assert (tree["discount_amount"], tree["minimum_spend"]) == ("3", "5")
    assert tree["convert"] == {
        "operation": "divide",
        "factor": "1000",
        "rounding": "ceiling",
        "to": "5",
    }


def test_a_shape_on_a_basis_it_does_not_go_with_is_written_so_and_not_hidden() -> None:
    odd = metered(Flat(usd("1")))
    assert price_to_tree(odd)["basis"] == "usage"
    assert digest(catalog(plan("p", odd))) != digest(catalog(plan("p", replace(odd, basis="flat"))))


def test_the_three_dialects_of_one_offer_have_one_digest() -> None:
    listed = define_plans(
        [
            {
                "id": "pro",
                "name": "Pro",
                "price": 2900,
                "currency": "USD",
                "interval": "month",
                "active": True,
                "features": [],
            }
        ]
    )
    line = {"id": "pro", "name": "", "type": "flat", "cost": 29.0}
    schema = create_billing_schema(
        {
            "products": [
                {
                    "id": "pro",
                    "name": "Pro",
                    "currency": "USD",
                    "description": "",
                    "features": [],
                    "plans": [
                        {
                            "id": "pro",
                            "name": "Pro",
                            "paymentType": "recurring",
                            "interval": "month",
                            "lineItems": [line],
                        }
                    ],
                }
            ]
        }
    )
    (sold,) = schema.products
    assert digest(replace(schema, products=(replace(sold, description=None),))) == digest(listed)
    assert digest(read_catalog(to_tree(listed))) == digest(listed)


@pytest.mark.parametrize("cost", ["9.99", "9.990", Decimal("9.99000"), 9.99])
def test_the_way_a_number_is_written_does_not_show_in_the_digest(cost: object) -> None:
    def sold(amount: object) -> Catalog[str, str]:
        line = {"id": "l", "type": "flat", "cost": amount}
        offer = {"id": "p", "name": "P", "interval": "month", "prices": [line]}
        return read_catalog({"products": [_sold("P", offer)]})

    assert digest(sold(cost)) == digest(sold("9.99"))


def _sold(name: str, *offers: dict[str, Any]) -> dict[str, Any]:
    return {"id": "x", "name": name, "currency": "USD", "plans": list(offers)}


@settings(max_examples=50)
@given(catalogs())
def test_what_is_written_reads_back_as_an_equal_catalogue(sold: Catalog) -> None:
    tree = to_tree(sold)
    again = read_catalog(json.loads(canonical_json(tree), parse_float=Decimal))
    assert again == sold
    assert digest(again) == digest(sold)


@given(metered_prices())
def test_every_metered_price_reads_back_as_itself(price: Price) -> None:
    sold = catalog(plan("p", price))
    assert read_catalog(to_tree(sold)) == sold


@settings(max_examples=50)
@given(catalogs(), st.randoms(use_true_random=False))
def test_the_digest_does_not_see_the_order_of_keys(sold: Catalog, order: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict | MappingProxyType):
            keys = list(value)
            order.shuffle(keys)
            return {key: shuffled(value[key]) for key in keys}
        return [shuffled(entry) for entry in value] if isinstance(value, list) else value

    def moved(offer: Plan) -> Plan:
        return replace(
            offer,
            features=shuffled(offer.features),
            metadata=shuffled(offer.metadata),
            business_rules=shuffled(offer.business_rules),
        )

    products = tuple(
        replace(entry, plans=tuple(map(moved, entry.plans))) for entry in sold.products
    )
    meters = shuffled(sold.meters)
    given = tuple(replace(each, metadata=shuffled(each.metadata)) for each in sold.coupons)
    other = Catalog(products=products, provider=sold.provider, meters=meters, coupons=given)
    assert digest(other) == digest(sold)
    assert re.fullmatch("sha256:[0-9a-f]{64}", digest(sold))


RULED = plan("pro", flat("29"), business_rules={"tier": 1, "share": Decimal("0.5")})


@pytest.mark.parametrize(
    "rules",
    [
        {"tier": 2, "share": Decimal("0.5")},
        {"tier": "1", "share": Decimal("0.5")},
        {"tier": True, "share": Decimal("0.5")},
        {"tier": 1, "share": "0.5"},
        {"tier": 1},
        {},
        None,
    ],
)
def test_other_business_rules_are_another_digest(rules: object) -> None:
    assert digest(catalog(replace(RULED, business_rules=rules))) != digest(catalog(RULED))


@pytest.mark.parametrize("share", [Decimal("0.50"), Decimal("5E-1")])
def test_equal_numbers_in_business_rules_are_one_digest(share: Decimal) -> None:
    same = replace(RULED, business_rules={"share": share, "tier": Decimal("1.0")})
    assert digest(catalog(same)) == digest(catalog(RULED))


def test_the_order_of_products_plans_and_lines_shows_in_the_digest() -> None:
    a, b = plan("a", flat("1")), plan("b", flat("2", id="other"))
    assert digest(catalog(a, b)) != digest(catalog(b, a))
    assert digest(catalog(product("x", a, b))) != digest(catalog(product("x", b, a)))
    lines = (flat("1"), seats("2"))
    assert digest(catalog(plan("p", *lines))) != digest(catalog(plan("p", *reversed(lines))))


def test_the_version_of_an_offer_is_no_part_of_its_digest() -> None:
    assert digest(catalog(replace(PRO, version=3))) == digest(catalog(PRO))


def test_a_meter_and_the_provider_show_in_the_digest() -> None:
    found = {
        digest(catalog(PRO)),
        digest(catalog(PRO, provider="stripe")),
        digest(catalog(PRO, meters={"calls": Meter(key="calls")})),
        digest(catalog(PRO, meters={"calls": Meter(key="calls", aggregation="max")})),
    }
    assert len(found) == 4


def test_a_catalogue_without_the_fields_of_later_versions_keeps_its_digest() -> None:
    assert digest(catalog(PRO)) == (
        "sha256:1d95f756b945f1ce4fe6e0454255c00223345cf164ec723f41a88c1c58d54388"
    )


def test_periods_groups_and_commitments_are_written_and_show_in_the_digest() -> None:
    traffic = metered(PerUnit(usd("1")), id="traffic")
    own = replace(traffic, interval="month", interval_count=3, group_by=("region", "size"))
    tree = price_to_tree(own, USD)
    assert list(tree)[-3:] == ["interval", "interval_count", "group_by"]
    assert (tree["interval"], tree["interval_count"]) == ("month", 3)
    assert tree["group_by"] == ["region", "size"]
    yearly = plan("p", traffic, interval="year")
    others = [
        plan("p", replace(traffic, interval="month"), interval="year"),
        plan("p", replace(traffic, interval="month", interval_count=3), interval="year"),
        plan("p", replace(traffic, group_by=("region",)), interval="year"),
        replace(yearly, minimum_commitment=usd("500")),
        replace(yearly, invoice_threshold=usd("500")),
    ]
    assert len({digest(catalog(offer)) for offer in [yearly, *others]}) == 6
    assert plan_to_tree(others[3])["minimum_commitment"] == "500"
    meters = {"traffic": Meter(key="traffic", group_by=("region",))}
    for offer in others:
        assert read_catalog(to_tree(catalog(offer, meters=meters))) == catalog(offer, meters=meters)


def test_one_interval_is_one_interval_written_or_not() -> None:
    line = metered(PerUnit(usd("1")), interval="month")
    assert price_to_tree(replace(line, interval_count=1)) == price_to_tree(line)


def test_a_percentage_off_and_an_amount_off_are_two_things() -> None:
    ten = [
        replace(flat("20"), discount=off) for off in (PercentOff(Decimal(10)), FixedOff(usd("10")))
    ]
    assert len({digest(catalog(plan("p", price))) for price in ten}) == 2


@given(json_values)
def test_canonical_json_is_json_of_the_same_value(value: object) -> None:
    assert json.loads(canonical_json(value), parse_float=Decimal) == value


def test_canonical_json_sorts_keys_and_spells_each_number_once() -> None:
    tree = {"b": Decimal("1.50"), "a": [Decimal("1E+2"), Decimal("-0.0"), None, True], "é": "ü"}
    assert canonical_json(tree).decode() == '{"a":[100,0,null,true],"b":1.5,"é":"ü"}'


def _deep() -> object:
    value: object = 1
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    "rules",
    [
        {"x": 0.5},
        {"x": {1, 2}},
        {"x": b"bytes"},
        {1: "a key that is no text"},
        {"x": Decimal("NaN")},
        {"x": Decimal("Infinity")},
        {"x": Decimal("1e999999")},
        {"x": 10**5000},
        {"x": "\ud800"},
        {"x": _deep()},
    ],
)
def test_rules_that_no_file_could_hold_are_refused_by_name(rules: object) -> None:
    with pytest.raises(InvalidInput):
        digest(catalog(replace(PRO, business_rules=rules)))


def test_rules_that_hold_themselves_are_refused() -> None:
    loop: dict[str, object] = {}
    loop["self"] = loop
    with pytest.raises(InvalidInput, match="nested"):
        digest(catalog(replace(PRO, business_rules=loop)))


@pytest.mark.parametrize(
    "amount", [Decimal("NaN"), Decimal("1e999999"), Decimal("-Infinity"), 5, 1.5]
)
def test_a_figure_that_is_none_is_refused(amount: Any) -> None:
    with pytest.raises(InvalidNumber):
        digest(catalog(plan("p", replace(flat("1"), shape=Flat(amount)))))

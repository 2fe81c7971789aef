from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.catalog import Catalog, Feature, Plan, Product
from tallystick.core.currency import currency
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
    Price,
    Shape,
    Tier,
    Volume,
)
from tallystick.core.price_list import price_list, price_list_body
from tallystick.errors import InvalidInput

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "plans_s2.json"
USD, EUR, JPY = currency("USD"), currency("EUR"), currency("JPY")


def fee(minor: str, id: str = "fee", money: Any = USD, **more: Any) -> Price:  # noqa: A002 - the field's word
    return Price(id=id, currency=money, basis="flat", shape=Flat(Decimal(minor)), **more)


def line(shape: Shape, **more: Any) -> Price:
    return Price(**{"id": "line", "currency": USD, "shape": shape, **more})


def plan(*prices: Price, id: str = "p", money: Any = USD, **more: Any) -> Plan:  # noqa: A002 - the field's word
    return Plan(
        **{"id": id, "name": "P", "currency": money, "product_id": "x", "prices": prices, **more}
    )


def product(*plans: Plan, id: str = "x", money: Any = USD, **more: Any) -> Product:  # noqa: A002 - the field's word
    return Product(**{"id": id, "name": "X", "currency": money, "plans": plans, **more})


def shown(*products: Product, view: Any = "compact", **more: Any) -> list[dict[str, Any]]:
    answer = price_list(Catalog(products=products), view, **more)
    found: list[dict[str, Any]] = answer["data"]["products"]
    return found


def only(offer: Plan, view: Any = "compact") -> dict[str, Any]:
    entry: dict[str, Any] = shown(product(offer), view=view)[0]["plans"][0]
    return entry


def mission() -> Catalog:
    """The S2 example with the quarterly plan's count written."""
    monthly, quarterly = (
        plan(
            fee(minor, f"price_stripe_{word}", name="Starter"),
            id=f"starter-{word}",
            name=f"Starter {word.title()}",
            product_id="starter",
            provider="stripe",
            interval_count=count,
        )
        for minor, word, count in (("999", "monthly", None), ("2499", "quarterly", 3))
    )
    starter = product(
        monthly,
        quarterly,
        id="starter",
        name="Zovi Daily",
        description="Essential protocol support",
        features=("Feature 1", "Feature 2"),
    )
    return Catalog(products=(starter,), provider="stripe")


def test_the_mission_catalogue_gives_the_pinned_bytes() -> None:
    assert price_list_body(mission()) == GOLDEN.read_bytes()


def test_the_mission_contract_is_met_as_a_value_with_its_key_order() -> None:
    listed = json.loads(price_list_body(mission()))["data"]["products"][0]
    assert list(listed) == ["id", "name", "currency", "features", "plans"]
    assert listed["plans"][0] == {
        "id": "starter-monthly",
        "name": "Monthly",
        "interval": "month",
        "intervalCount": 1,
        "price": 9.99,
        "priceVariantId": "price_stripe_monthly",
        "provider": "stripe",
    }
    assert list(listed["plans"][0]) == [
        "id",
        "name",
        "interval",
        "intervalCount",
        "price",
        "priceVariantId",
        "provider",
    ]
    assert listed["plans"][1]["name"] == "Quarterly"
    assert listed["plans"][1]["intervalCount"] == 3


@pytest.mark.parametrize(
    ("interval", "count", "name"),
    [
        ("day", 1, "Daily"),
        ("week", 1, "Weekly"),
        ("month", 1, "Monthly"),
        ("month", None, "Monthly"),
        ("month", 3, "Quarterly"),
        ("month", 12, "Yearly"),
        ("year", 1, "Yearly"),
        ("day", 10, "Every 10 days"),
        ("week", 2, "Every 2 weeks"),
        ("month", 6, "Every 6 months"),
        ("year", 2, "Every 2 years"),
        (None, None, "One-time"),
    ],
)
def test_a_plan_is_named_by_its_cadence(interval: Any, count: Any, name: str) -> None:
    assert only(plan(fee("100"), interval=interval, interval_count=count))["name"] == name


def test_a_display_name_wins_over_the_cadence() -> None:
    assert only(plan(fee("100"), display_name="Basic"))["name"] == "Basic"


def test_what_was_written_is_what_is_shown() -> None:
    entry = only(plan(fee("100"), interval="month", interval_count=12))
    assert (entry["interval"], entry["intervalCount"]) == ("month", 12)


@pytest.mark.parametrize(
    ("minor", "money", "text"),
    [
        ("999", USD, "9.99"),
        ("2499", USD, "24.99"),
        ("1000", USD, "10"),
        ("1010", USD, "10.1"),
        ("0", USD, "0"),
        ("500", JPY, "500"),
        ("1234", currency("KWD"), "1.234"),
        ("99999999999999999999", USD, "999999999999999999.99"),
        ("999.00", USD, "9.99"),
    ],
)
def test_a_price_is_written_from_its_decimal(minor: str, money: Any, text: str) -> None:
    catalog = Catalog(products=(product(plan(fee(minor, money=money), money=money), money=money),))
    assert f'"price":{text},'.encode() in price_list_body(catalog)


@given(st.integers(0, 2**63 - 1), st.sampled_from([USD, JPY, currency("KWD"), currency("CLF")]))
def test_no_price_changes_on_its_way_to_the_text(minor: int, money: Any) -> None:
    catalog = Catalog(
        products=(product(plan(fee(str(minor), money=money), money=money), money=money),)
    )
    read = json.loads(price_list_body(catalog), parse_float=Decimal, parse_int=Decimal)
    price = read["data"]["products"][0]["plans"][0]["price"]
    assert price.scaleb(money.decimals) == minor


def test_the_primary_line_is_the_first_flat_one_else_the_first() -> None:
    seats = line(PerUnit(Decimal(500)), basis="seats", id="seats")
    calls = line(PerUnit(Decimal(3)), meter="calls", id="calls")
    assert only(plan(calls, seats, fee("900")))["price"] == Decimal(9)
    assert only(plan(seats, calls))["price"] == Decimal(5)
    assert only(plan(seats, calls))["priceVariantId"] == "seats"
    assert only(plan(calls))["price"] == 0
    assert only(plan(calls))["priceVariantId"] == "calls"


@pytest.mark.parametrize(
    ("shape", "price"),
    [
        (Volume((Tier(Decimal(5), Decimal(800)), Tier(None, Decimal(600)))), "8"),
        (Graduated((Tier(None, Decimal(0), Decimal(2500)),)), "25"),
        (Package(Decimal(5), Decimal(4000)), "40"),
        (Dynamic(), "0"),
    ],
)
def test_seats_show_what_the_first_one_costs(shape: Shape, price: str) -> None:
    assert only(plan(line(shape, basis="seats")))["price"] == Decimal(price)


def test_the_providers_id_wins_over_the_lines_own() -> None:
    assert only(plan(fee("1", provider_id="price_9")))["priceVariantId"] == "price_9"
    assert only(plan(fee("1", "mine")))["priceVariantId"] == "mine"
    assert only(plan(fee("1", "")))["priceVariantId"] is None


def test_a_free_plan_costs_nothing_and_has_no_variant() -> None:
    entry = only(plan())
    assert (entry["price"], entry["priceVariantId"], entry["provider"]) == (0, None, None)


def test_a_one_time_plan_has_no_interval() -> None:
    entry = only(plan(fee("100"), interval=None))
    assert (entry["interval"], entry["intervalCount"]) == (None, None)


def test_a_custom_plan_says_so_after_the_required_keys() -> None:
    entry = only(plan(custom=True, label="Let's talk", button_label="Write", href="/contact"))
    assert (entry["price"], entry["priceVariantId"]) == (None, None)
    assert list(entry)[7:] == ["custom", "label", "buttonLabel", "href"]
    assert list(only(plan(custom=True)))[7:] == ["custom"]


def test_hidden_products_and_inactive_plans_are_left_out() -> None:
    listed = shown(
        product(plan(fee("1"), id="a"), plan(fee("2"), id="b", active=False)),
        product(plan(fee("3"), id="c"), id="hidden", hidden=True),
        product(plan(fee("4"), id="d", active=False), id="emptied"),
    )
    assert [entry["id"] for entry in listed] == ["x"]
    assert [entry["id"] for entry in listed[0]["plans"]] == ["a"]


def test_optional_keys_stand_only_where_set_and_an_empty_object_is_set() -> None:
    bare = shown(product(plan(fee("1"))))[0]
    assert "businessRules" not in bare
    assert not {"businessRules", "coupons", "couponIds", "custom"} & set(bare["plans"][0])
    offer = plan(fee("1"), business_rules={}, coupons=("10 % off",), coupon_ids=())
    entry = shown(product(offer, business_rules={}))[0]
    assert entry["businessRules"] == {}
    assert list(entry["plans"][0].items())[7:] == [
        ("businessRules", {}),
        ("coupons", ["10 % off"]),
        ("couponIds", []),
    ]


def test_business_rules_pass_through_untouched() -> None:
    rules = {"z": [1, Decimal("1.50"), None, True, "ä"], "a": MappingProxyType({"deep": (1,)})}
    catalog = Catalog(products=(product(plan(fee("1"), business_rules=rules)),))
    expected = '"businessRules":{"z":[1,1.50,null,true,"ä"],"a":{"deep":[1]}}'
    assert expected.encode() in price_list_body(catalog)


def nested(depth: int) -> Any:
    value: Any = "leaf"
    for _ in range(depth):
        value = [value]
    return value


def shared(times: int) -> Any:
    value: Any = "leaf"
    for _ in range(times):
        value = [value] * 10
    return value


class Endless(dict[str, object]):
    """A tree that holds itself."""

    def __init__(self) -> None:
        super().__init__()
        self["again"] = self


@pytest.mark.parametrize(
    "rules",
    [
        nested(100_000),
        shared(30),
        Endless(),
        Decimal("NaN"),
        Decimal("1e1000000"),
        10**5000,
        0.5,
        {1: "a"},
        {"a", "b"},
        object(),
    ],
    ids=["deep", "unfolding", "endless", "nan", "huge", "long", "float", "key", "set", "object"],
)
def test_business_rules_that_no_json_can_hold_are_refused_by_place(rules: object) -> None:
    catalog = Catalog(products=(product(plan(fee("1"), business_rules=rules)),))
    with pytest.raises(InvalidInput) as caught:
        price_list_body(catalog)
    assert list(caught.value.fields) == ["p.businessRules"]


def test_text_stays_text_whatever_it_holds() -> None:
    name = 'Zoë "</script>\u2028 \ud83d\x00 \N{ROCKET}'
    catalog = Catalog(products=(product(plan(fee("1")), name=name),))
    body = price_list_body(catalog)
    assert json.loads(body)["data"]["products"][0]["name"] == name
    assert "Zoë".encode() in body
    assert "\N{ROCKET}".encode() in body


def test_the_bytes_are_compact_and_end_without_a_newline() -> None:
    body = price_list_body(mission())
    compact = json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False)
    assert body == compact.encode()


def test_a_currency_leaves_other_products_out() -> None:
    euro = product(plan(fee("100", money=EUR), id="e", money=EUR), id="euro", money=EUR)
    dollar = product(plan(fee("100")))
    assert [entry["id"] for entry in shown(euro, dollar, currency=EUR)] == ["euro"]
    assert [entry["id"] for entry in shown(euro, dollar)] == ["euro", "x"]
    assert shown(euro, dollar, currency=JPY) == []


@pytest.mark.parametrize("view", ["", "FULL", "compact ", None, 3])
def test_an_unknown_view_is_refused(view: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        price_list(mission(), view)
    assert list(caught.value.fields) == ["view"]


def test_a_currency_that_is_a_text_is_refused_not_taken_for_one_nobody_sells_in() -> None:
    with pytest.raises(InvalidInput, match="currency"):
        price_list(mission(), currency="USD")  # type: ignore[arg-type]  # the mistake is the point


def test_an_empty_catalogue_is_an_empty_list() -> None:
    assert price_list_body(Catalog(products=())) == b'{"ok":true,"data":{"products":[]}}'


FULL_LINES = [
    (
        line(Graduated((Tier(Decimal(10)), Tier(None, Decimal("0.5"), Decimal(100))))),
        {
            "id": "line",
            "type": "graduated",
            "tiers": [
                {"upTo": Decimal(10), "cost": Decimal(0)},
                {"upTo": None, "cost": Decimal("0.005"), "flatCost": Decimal(1)},
            ],
        },
    ),
    (
        line(Volume((Tier(None, Decimal(100)),)), basis="seats", included=Decimal(3)),
        {
            "id": "line",
            "type": "per_seat",
            "tiers": [{"upTo": None, "cost": Decimal(1)}],
            "tiersMode": "volume",
            "included": Decimal(3),
        },
    ),
    (
        line(Package(Decimal(1000), Decimal(150), "down"), discount=PercentOff(Decimal("2.5"))),
        {
            "id": "line",
            "type": "package",
            "cost": Decimal("1.5"),
            "packageSize": Decimal(1000),
            "roundPackages": "down",
            "discountPercent": Decimal("2.5"),
        },
    ),
    (
        line(Percentage(Decimal("1.3"), Decimal(30), minimum=Decimal(50))),
        {
            "id": "line",
            "type": "percentage",
            "percent": Decimal("1.3"),
            "fixed": Decimal("0.3"),
            "minimumPerTransaction": Decimal("0.5"),
        },
    ),
    (
        line(
            PerUnit(Decimal(2)),
            name="Traffic",
            unit="GB",
            meter="bytes",
            convert=Conversion("divide", Decimal(10**9), "ceiling"),
            discount=FixedOff(Decimal(100)),
            minimum=Decimal(500),
            provider_id="price_secret",
        ),
        {
            "id": "line",
            "name": "Traffic",
            "type": "per_unit",
            "cost": Decimal("0.02"),
            "unit": "GB",
            "meter": "bytes",
            "discountAmount": Decimal(1),
            "minimumSpend": Decimal(5),
            "convert": {"operation": "divide", "factor": Decimal(10**9), "rounding": "ceiling"},
        },
    ),
    (
        line(Dynamic(Decimal("1.2"))),
        {"id": "line", "type": "dynamic", "multiplier": Decimal("1.2")},
    ),
]


@pytest.mark.parametrize(("price", "expected"), FULL_LINES)
def test_the_full_view_writes_lines_in_major_units(price: Price, expected: Any) -> None:
    assert only(plan(price), "full")["prices"] == [expected]


def test_the_full_view_adds_after_the_compact_keys_and_changes_none() -> None:
    offer = plan(
        fee("900"),
        trial_days=14,
        description="All of it",
        setup_fee=Decimal(5000),
        badge="New",
        highlighted=True,
        button_label="Go",
        href="/buy",
        coupons=("10 % off",),
        features={
            "seats": Feature(key="seats", enabled=True, limit=-1),
            "calls": Feature(
                key="calls", enabled=True, limit=0, unit_price=Decimal("0.02"), reset="month"
            ),
            "sso": Feature(key="sso", enabled=False, description="Single sign-on"),
        },
    )
    sold = product(offer, description="Sold", badge="Top", highlighted=True)
    compact, full = shown(sold)[0], shown(sold, view="full")[0]
    assert list(full)[5:] == ["description", "badge", "highlighted"]
    short, long = compact["plans"][0], full["plans"][0]
    assert list(long.items())[: len(short)] == list(short.items())
    assert dict(list(long.items())[len(short) :]) == {
        "prices": [{"id": "fee", "type": "flat", "cost": Decimal(9)}],
        "trialDays": 14,
        "limits": [
            {"featureKey": "seats", "enabled": True, "limit": -1},
            {
                "featureKey": "calls",
                "enabled": True,
                "limit": 0,
                "overagePrice": Decimal("0.0002"),
                "reset": "month",
            },
            {"featureKey": "sso", "enabled": False, "description": "Single sign-on"},
        ],
        "description": "All of it",
        "setupFee": Decimal(50),
        "badge": "New",
        "highlighted": True,
        "buttonLabel": "Go",
        "href": "/buy",
    }


def test_the_full_view_writes_periods_groups_and_the_commitment() -> None:
    line = Price(
        id="traffic",
        currency=USD,
        shape=PerUnit(Decimal(8)),
        unit="GB",
        meter="traffic",
        interval="month",
        interval_count=3,
        group_by=("region",),
    )
    entry = only(
        plan(line, minimum_commitment=Decimal(50000), invoice_threshold=Decimal(1)), "full"
    )
    assert entry["minimumCommitment"] == Decimal(500)
    assert entry["prices"] == [
        {
            "id": "traffic",
            "type": "per_unit",
            "cost": Decimal("0.08"),
            "unit": "GB",
            "interval": "month",
            "intervalCount": 3,
            "groupBy": ["region"],
        }
    ]
    assert "invoiceThreshold" not in entry


def test_the_full_view_of_a_bare_plan_adds_only_its_lines() -> None:
    assert list(only(plan(), "full").items())[7:] == [("prices", [])]

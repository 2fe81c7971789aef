"""Three ways to write a catalogue give the same one, and a wrong one is told all that is wrong."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from tallystick import Catalog, InvalidCatalog, UnknownPlan, define_plans
from tallystick.core.bad_number import BadNumber
from tallystick.core.canonical import to_tree
from tallystick.core.dialects import in_dialect, read_catalog
from tallystick.core.price import Flat, Graduated, Tier, Volume
from tallystick.core.provider import Abilities
from tallystick.errors import Problem


def create_billing_schema(tree: dict[str, Any]) -> Catalog[str, str]:
    """Read the products dialect without any provider's abilities."""
    return read_catalog(tree, dialect="products")


def line(price_id: str = "price_1", cost: Any = 9.99, **more: Any) -> dict[str, Any]:
    """Write one flat line item."""
    return {"id": price_id, "name": "Line", "cost": cost, "type": "flat", **more}


def plan(plan_id: str = "a", *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Write one plan with its lines."""
    return {
        "id": plan_id,
        "name": "A",
        "paymentType": "recurring",
        "interval": "month",
        "lineItems": list(lines) or [line(f"price_{plan_id}")],
        **more,
    }


def schema(*plans: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Write a billing schema of one product."""
    product = {
        "id": "x",
        "name": "X",
        "description": "d",
        "currency": "USD",
        "features": ["f"],
        "plans": list(plans) or [plan()],
        **more,
    }
    return {"provider": "stripe", "products": [product]}


def listed(plan_id: str = "free", **more: Any) -> dict[str, Any]:
    """Write one plan of the flat list."""
    return {
        "id": plan_id,
        "name": plan_id.title(),
        "price": 2900,
        "currency": "USD",
        "interval": "month",
        "active": True,
        "features": [{"featureKey": "projects", "enabled": True, "limit": 3}],
        **more,
    }


def problems(tree: object, **options: Any) -> dict[str, str]:
    """Read a catalogue that must be refused; give its problems by path."""
    with pytest.raises(InvalidCatalog) as refused:
        read_catalog(tree, **options)
    return {problem.path: problem.text for problem in refused.value.problems}


def test_a_plan_of_the_list_becomes_a_product_with_one_flat_price_in_minor_units() -> None:
    catalog = define_plans([listed("pro")])
    (product,) = catalog.products
    assert (product.id, product.name, product.features) == ("pro", "Pro", ("projects",))
    (price,) = catalog["pro"].prices
    assert (price.id, price.shape) == ("pro", Flat(Decimal(2900)))
    assert catalog["pro"].provider is None


def test_major_units_become_minor_units_exactly_even_from_a_float() -> None:
    for cost in (9.99, "9.99", Decimal("9.990")):
        catalog = create_billing_schema(schema(plan("a", line(cost=cost))))
        assert catalog["a"].prices[0].shape == Flat(Decimal(999))


def test_a_catalogue_iterates_its_plans_and_finds_them() -> None:
    catalog = create_billing_schema(schema(plan("a"), plan("b")))
    assert [found.id for found in catalog] == ["a", "b"]
    assert len(catalog) == 2
    assert "a" in catalog
    assert catalog.find("c") is None
    with pytest.raises(UnknownPlan, match="no plan 'c'"):
        catalog["c"]
    assert catalog["a"].catalog is catalog


def test_camel_and_snake_case_are_the_same_field() -> None:
    camel = schema(plan("a", intervalCount=3, trialDays=7))
    snake = {
        "dialect": "products",
        "provider": "stripe",
        "products": [
            {
                **camel["products"][0],
                "plans": [
                    {
                        "id": "a",
                        "name": "A",
                        "payment_type": "recurring",
                        "interval": "month",
                        "line_items": [line("price_a")],
                        "interval_count": 3,
                        "trial_days": 7,
                    }
                ],
            }
        ],
    }
    assert create_billing_schema(camel) == read_catalog(snake)


def test_the_dialect_is_told_from_the_shape() -> None:
    assert read_catalog([listed()]).dialect == "plans"
    assert read_catalog({"plans": [listed()]}).dialect == "plans"
    assert read_catalog(schema()).dialect == "products"
    native = {"products": [{"id": "x", "name": "X", "currency": "USD", "plans": [NATIVE_PLAN]}]}
    assert read_catalog(native).dialect == "tallystick"


NATIVE_PLAN: dict[str, Any] = {
    "id": "a",
    "name": "A",
    "interval": "month",
    "prices": [{"id": "p", "type": "per_unit", "unit": "call", "cost": "0.0001"}],
}


def native(*prices: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Write a native catalogue of one plan."""
    entry = {"id": "a", "name": "A", "interval": "month", "prices": list(prices), **more}
    return {
        "dialect": "tallystick",
        "products": [{"id": "x", "name": "X", "currency": "USD", "plans": [entry]}],
    }


def test_the_input_is_not_held_on_to() -> None:
    tree = schema(plan("a", businessRules={"x": [1]}))
    catalog = create_billing_schema(tree)
    before = copy.deepcopy(catalog["a"].business_rules)
    tree["products"][0]["plans"][0]["businessRules"]["x"].append(2)
    assert catalog["a"].business_rules == before


def test_every_problem_is_told_at_once_with_its_place_and_cure() -> None:
    tree = schema(
        plan("a", line("p", cost=9.999), line("p", cost=-1)),
        plan("a", line("q"), interval="months"),
    )
    tree["products"][0]["curency"] = "x"
    found = problems(tree)
    assert set(found) == {
        "products[0].curency",
        "products[0].plans[0].lineItems[0].cost",
        "products[0].plans[0].lineItems[1].cost",
        "products[0].plans[0].lineItems[1].id",
        "products[0].plans[0].lineItems",
        "products[0].plans[1].id",
        "products[0].plans[1].interval",
    }
    with pytest.raises(InvalidCatalog, match="did you mean 'currency'"):
        create_billing_schema(tree)


@pytest.mark.parametrize("currency", ["usd", "XYZ", "XAU", "", "US", 3, None])
def test_a_currency_is_a_real_one(currency: Any) -> None:
    assert "products[0].currency" in problems(schema(currency=currency))


@pytest.mark.parametrize(
    "cost",
    [
        -1,
        "-0.01",
        float("nan"),
        float("inf"),
        Decimal("NaN"),
        Decimal("1e999999"),
        "1e3",
        "abc",
        "1_000",
        "١٢",
        True,
        None,
        [],
        {},
        pytest.param(10**5000, id="a huge int"),
        pytest.param("9" * 5000, id="a huge text"),
        10**18,
        9.999,
        BadNumber("1e999999", "no exponents"),
        "99999999999999999.00",
    ],
)
def test_a_cost_is_a_plain_amount_of_its_currency(cost: Any) -> None:
    assert list(problems(schema(plan("a", line(cost=cost))))) == [
        "products[0].plans[0].lineItems[0].cost"
    ]


def test_a_currency_without_decimals_takes_none() -> None:
    found = problems(schema(plan("a", line(cost="9.5")), currency="JPY"))
    assert "no decimals" in found["products[0].plans[0].lineItems[0].cost"]
    fine = create_billing_schema(schema(plan("a", line(cost="9.123")), currency="KWD"))
    assert fine["a"].prices[0].shape == Flat(Decimal(9123))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"price": 29.5}, "plans[0].price"),
        ({"price": "2900"}, "plans[0].price"),
        ({"price": -1}, "plans[0].price"),
        ({"price": None}, "plans[0].price"),
        ({"price": True}, "plans[0].price"),
        ({"price": 2**63}, "plans[0].price"),
        ({"id": ""}, "plans[0].id"),
        ({"id": " a"}, "plans[0].id"),
        ({"id": "a\n"}, "plans[0].id"),
        ({"id": 3}, "plans[0].id"),
        ({"name": None}, "plans[0].name"),
        ({"active": "yes"}, "plans[0].active"),
        ({"active": 1}, "plans[0].active"),
        ({"interval": "quarter"}, "plans[0].interval"),
        ({"interval": None}, "plans[0].interval"),
        ({"features": {}}, "plans[0].features"),
        ({"features": [3]}, "plans[0].features[0]"),
        ({"intervalCount": 0}, "plans[0].intervalCount"),
        ({"intervalCount": 37}, "plans[0].intervalCount"),
        ({"trialDays": 0}, "plans[0].trialDays"),
        ({"trialDays": 1.5}, "plans[0].trialDays"),
        ({"setupFee": -1}, "plans[0].setupFee"),
        ({"custom": True}, "plans[0].price"),
        ({"unknown": 1}, "plans[0].unknown"),
        ({"businessRules": float("nan")}, "plans[0].businessRules"),
        ({"metadata": {"a": 1}}, "plans[0].metadata"),
    ],
)
def test_a_listed_plan_is_checked(change: dict[str, Any], path: str) -> None:
    assert path in problems([listed(**change)])


@pytest.mark.parametrize("missing", ["id", "name", "price", "currency", "interval", "features"])
def test_what_a_listed_plan_needs(missing: str) -> None:
    tree = listed()
    del tree[missing]
    assert problems([tree]) == {f"plans[0].{missing}": "is missing"}


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"enabled": True}, "featureKey"),
        ({"featureKey": "a"}, "enabled"),
        ({"featureKey": "a", "enabled": True, "limit": -2}, "limit"),
        ({"featureKey": "a", "enabled": True, "limit": 1.5}, "limit"),
        ({"featureKey": "a", "enabled": True, "limit": "3"}, "limit"),
        ({"featureKey": "a", "enabled": True, "limit": float("nan")}, "limit"),
        ({"featureKey": "a", "enabled": True, "unitPrice": -1}, "unitPrice"),
        ({"featureKey": "a", "enabled": "true"}, "enabled"),
        ({"featureKey": "a", "enabled": True, "reset": "fortnight"}, "reset"),
        ({"featureKey": "a", "enabled": True, "limits": 3}, "limits"),
    ],
)
def test_a_feature_is_checked(entry: dict[str, Any], path: str) -> None:
    assert list(problems([listed(features=[entry])])) == [f"plans[0].features[0].{path}"]


def test_feature_keys_are_unique_in_a_plan_and_plan_ids_over_the_catalogue() -> None:
    entry = {"featureKey": "a", "enabled": True}
    found = problems([listed("p", features=[entry, entry]), listed("p")])
    assert set(found) == {"plans[0].features[1].featureKey", "plans[1].id"}


def test_free_of_limits_at_no_price_is_taken_as_custom_and_said() -> None:
    unlimited = [{"featureKey": "a", "enabled": True, "limit": -1}]
    reading = read_catalog([listed(price=0, features=unlimited)])
    assert reading["free"].custom
    assert [hint.path for hint in reading.hints] == ["plans[0]"]
    given = read_catalog([listed(price=0, features=unlimited, custom=False)])
    assert not given["free"].custom
    assert given.hints == ()
    switches = [{"featureKey": "a", "enabled": True}]
    assert not read_catalog([listed(price=0, features=switches)])["free"].custom


def test_products_insist_on_texts_and_lines_and_native_does_not() -> None:
    found = problems(
        {"products": [{"id": "x", "name": "X", "currency": "USD", "plans": [plan(lineItems=[])]}]}
    )
    assert set(found) == {
        "products[0].description",
        "products[0].features",
        "products[0].plans[0].lineItems",
    }
    free = read_catalog(native())
    assert free["a"].prices == ()


def test_a_custom_plan_has_no_lines_and_needs_no_interval() -> None:
    found = problems(schema(plan("a", custom=True)))
    assert list(found) == ["products[0].plans[0].lineItems"]
    tree = schema(
        {"id": "a", "name": "A", "paymentType": "recurring", "custom": True, "lineItems": []}
    )
    assert create_billing_schema(tree)["a"].custom


def test_recurring_needs_an_interval_and_one_time_has_none() -> None:
    lone = plan("a")
    del lone["interval"]
    assert list(problems(schema(lone))) == ["products[0].plans[0].interval"]
    assert list(problems(schema(plan("a", paymentType="one-time")))) == [
        "products[0].plans[0].interval"
    ]
    lone["paymentType"] = "one-time"
    assert create_billing_schema(schema(lone))["a"].one_time


def test_a_plan_has_at_most_one_flat_and_one_per_seat_line() -> None:
    seat = {"id": "s", "name": "S", "type": "per_seat", "cost": 5}
    assert "products[0].plans[0].lineItems" in problems(schema(plan("a", line("1"), line("2"))))
    two = plan("a", line("1"), seat, {**seat, "id": "s2"})
    assert "products[0].plans[0].lineItems" in problems(schema(two))
    assert create_billing_schema(schema(plan("a", line("1"), seat)))["a"].prices[1].basis == "seats"


METERED: dict[str, Any] = {
    "id": "m",
    "name": "M",
    "type": "metered",
    "cost": 0,
    "unit": "GB",
    "tiers": [{"upTo": 10, "cost": 0.1}, {"upTo": "unlimited", "cost": 0.05}],
}


def test_metered_tiers_are_graduated_unless_they_say_volume() -> None:
    catalog = create_billing_schema(schema(plan("a", METERED)))
    assert isinstance(catalog["a"].prices[0].shape, Graduated)
    assert catalog["a"].prices[0].meter == "m"
    volume = {**METERED, "tiersMode": "volume"}
    assert isinstance(create_billing_schema(schema(plan("a", volume)))["a"].prices[0].shape, Volume)


def test_tiers_with_percentages_are_tiers_of_money() -> None:
    percentages = [{"upTo": 10, "percent": 1, "flatCost": 2}, {"percent": 2}]
    catalog = create_billing_schema(schema(plan("a", {**METERED, "tiers": percentages})))
    (price,) = catalog["a"].prices
    assert price.shape == Graduated(
        (Tier(Decimal(10), Decimal(1), Decimal(200)), Tier(None, Decimal(2))), of_money=True
    )
    assert read_catalog(to_tree(catalog))["a"].prices[0].shape == price.shape


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"cost": 1}, "cost"),
        ({"tiers": []}, "tiers"),
        ({"tiers": [{"upTo": 10, "cost": 1}]}, "tiers[0].upTo"),
        ({"tiers": [{"cost": 1}, {"upTo": 5, "cost": 1}, {"cost": 1}]}, "tiers[0].upTo"),
        ({"tiers": [{"upTo": 5}, {"upTo": 5}, {}]}, "tiers[1].upTo"),
        ({"tiers": [{"upTo": 5}, {"upTo": 4}, {}]}, "tiers[1].upTo"),
        ({"tiers": [{"upTo": 0}, {}]}, "tiers[0].upTo"),
        ({"tiers": [{"upTo": "infinite"}, {}]}, "tiers[0].upTo"),
        ({"tiers": [{"cost": 1, "percent": 1}]}, "tiers[0].percent"),
        ({"tiers": [{"cost": -1}]}, "tiers[0].cost"),
        ({"tiers": [{"from": 1, "cost": 1}]}, "tiers[0].from"),
        ({"packageSize": 3}, "packageSize"),
        ({"percent": 3}, "percent"),
    ],
)
def test_a_metered_line_is_checked(change: dict[str, Any], where: str) -> None:
    found = problems(schema(plan("a", {**METERED, **change})))
    assert list(found) == [f"products[0].plans[0].lineItems[0].{where}"]


def test_a_metered_line_names_its_unit() -> None:
    nameless = {k: v for k, v in METERED.items() if k != "unit"}
    assert list(problems(schema(plan("a", nameless)))) == ["products[0].plans[0].lineItems[0].unit"]


def test_a_metered_price_may_be_shared_by_plans_that_define_it_the_same() -> None:
    same = schema(plan("a", METERED), plan("b", dict(METERED)))
    assert len(create_billing_schema(same)) == 2
    other = {**METERED, "unit": "TB"}
    assert list(problems(schema(plan("a", METERED), plan("b", other)))) == [
        "products[0].plans[1].lineItems[0].id"
    ]


def test_an_unknown_meter_is_told_where_meters_are_declared() -> None:
    tree = native({**NATIVE_PLAN["prices"][0], "meter": "callz"})
    assert read_catalog(tree)["a"].prices[0].meter == "callz"
    tree["meters"] = [{"key": "calls"}]
    assert "products[0].plans[0].prices[0].meter" in problems(tree)


def test_a_limit_with_a_price_and_a_metered_line_would_charge_twice() -> None:
    tree = native(
        {**NATIVE_PLAN["prices"][0], "meter": "calls"},
        limits=[{"key": "calls", "limit": 3, "unit_price": 5}],
    )
    assert "charged twice" in problems(tree)["products[0].plans[0].limits"]


GROUPED: dict[str, Any] = {**NATIVE_PLAN["prices"][0], "meter": "calls", "group_by": ["region"]}


def test_a_price_has_its_own_cadence_and_groups_in_both_spellings() -> None:
    snake = native({**GROUPED, "interval": "month", "interval_count": 3}, interval="year")
    bare = {name: GROUPED[name] for name in GROUPED if name != "group_by"}
    camel = native(
        {**bare, "interval": "month", "intervalCount": 3, "groupBy": ["region"]}, interval="year"
    )
    for tree in (snake, camel):
        tree["meters"] = [{"key": "calls", "group_by": ["region"]}]
    price = read_catalog(snake)["a"].prices[0]
    assert (price.interval, price.interval_count, price.group_by) == ("month", 3, ("region",))
    assert read_catalog(camel) == read_catalog(snake)


def test_an_interval_count_of_one_says_nothing_that_was_not_said() -> None:
    tree = native({**NATIVE_PLAN["prices"][0], "interval": "month", "interval_count": 1})
    assert read_catalog(tree)["a"].prices[0].interval_count is None


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"interval_count": 3}, "interval_count"),
        ({"interval": "fortnight"}, "interval"),
        ({"interval": "year", "interval_count": 4}, "interval_count"),
        ({"interval": "day", "interval_count": 10**17}, "interval_count"),
        ({"interval": "month", "interval_count": 0}, "interval_count"),
        ({"group_by": ["region", "region"]}, "group_by"),
        ({"group_by": list("abcdef")}, "group_by"),
        ({"group_by": "region"}, "group_by"),
        ({"group_by": [5]}, "group_by[0]"),
    ],
)
def test_a_cadence_or_groups_that_mean_nothing_are_told(fields: dict[str, Any], place: str) -> None:
    tree = native({**NATIVE_PLAN["prices"][0], **fields})
    assert f"products[0].plans[0].prices[0].{place}" in problems(tree)


@pytest.mark.parametrize(
    ("meters", "said"),
    [
        ([{"key": "calls", "group_by": ["regions"]}], "'region' is no group of meter 'calls'"),
        ([{"key": "calls"}], "'region' is no group of meter 'calls'"),
        ([], "'region' is no group of meter 'calls'"),
    ],
)
def test_a_price_is_grouped_by_what_its_meter_tells_apart(meters: list[Any], said: str) -> None:
    tree = native(GROUPED) | {"meters": meters}
    assert problems(tree) == {"products[0].plans[0].prices[0].group_by": said}


def test_only_usage_is_told_apart_in_groups() -> None:
    for line_type in ("flat", "per_seat"):
        tree = native({"id": "x", "type": line_type, "cost": 5, "group_by": ["region"]})
        (text,) = problems(tree).values()
        assert text == f"means nothing on a {line_type} price"


def test_a_plan_has_a_minimum_commitment_and_an_invoice_threshold() -> None:
    tree = native(NATIVE_PLAN["prices"][0], minimum_commitment="500", invoiceThreshold=100)
    found = read_catalog(tree)["a"]
    assert (found.minimum_commitment, found.invoice_threshold) == (Decimal(50000), Decimal(10000))
    assert define_plans([listed(minimumCommitment=5)])["free"].minimum_commitment == 500
    for wrong in (0, -1, "0.001", 10**17, "x", None, True):
        place = "products[0].plans[0].minimum_commitment"
        assert place in problems(native(NATIVE_PLAN["prices"][0], minimum_commitment=wrong))


def test_what_counts_by_period_means_nothing_on_a_one_time_plan() -> None:
    once = {"id": "x", "type": "flat", "cost": 5, "interval": "month"}
    tree = native(once, payment_type="one-time", minimum_commitment=5, invoice_threshold=5)
    del tree["products"][0]["plans"][0]["interval"]
    assert problems(tree) == {
        f"products[0].plans[0].{place}": "means nothing on a one-time plan"
        for place in ("minimum_commitment", "invoice_threshold", "prices[0].interval")
    }


def test_a_set_up_fee_is_charged_where_tallystick_itself_takes_the_money() -> None:
    abilities = {
        "manual": Abilities(name="manual", setup_fee=True),
        "small": Abilities(name="small", setup_fee=False),
    }
    for provider in (None, "manual"):
        tree = native(NATIVE_PLAN["prices"][0], setup_fee=5, provider=provider)
        tree["provider"] = "small"
        assert read_catalog(tree, abilities=abilities)["a"].setup_fee == 500


def test_what_a_provider_cannot_do_is_told() -> None:
    abilities = {"small": Abilities(name="small", setup_fee=False, lines_per_plan=1)}
    seat = {"id": "s", "name": "S", "type": "per_seat", "cost": 5}
    tree = schema(plan("a", line("1"), seat, setupFee=5))
    tree["provider"] = "small"
    found = problems(tree, abilities=abilities)
    assert found == {
        "products[0].plans[0].setupFee": "small cannot charge a set-up fee",
        "products[0].plans[0].lineItems": "small takes 1 lines for a plan",
    }
    assert read_catalog(tree, abilities={})["a"].setup_fee == 500


def test_business_rules_pass_through_and_their_eligibility_is_checked() -> None:
    tree = schema(plan("a", businessRules={}))
    assert create_billing_schema(tree)["a"].business_rules == {}
    assert create_billing_schema(schema())["a"].business_rules is None
    wrong = {"eligibility": {"attr": "customer.contry", "op": "eq", "value": "DE"}}
    found = problems(schema(plan("a", businessRules=wrong)))
    assert all(path.startswith("products[0].plans[0].businessRules.eligibility") for path in found)
    assert found


def test_a_field_is_not_written_twice() -> None:
    assert "plans[0].interval_count" in problems([listed(intervalCount=1, interval_count=2)])


def deep(levels: int) -> list[Any]:
    """Nest lists."""
    tree: list[Any] = []
    for _ in range(levels):
        tree = [tree]
    return tree


@pytest.mark.parametrize(
    "tree",
    [
        None,
        3,
        "x",
        True,
        [],
        {},
        [None],
        [[]],
        {"plans": {}},
        {"products": []},
        {"products": [3]},
        {3: 4},
    ],
)
def test_what_is_no_catalogue_is_refused(tree: object) -> None:
    assert problems(tree)


def test_free_json_nested_too_deep_is_refused_without_a_crash() -> None:
    assert problems([listed(businessRules=deep(400))])


def test_findings_about_values_are_spelt_as_the_dialect_spells_them() -> None:
    found = Problem("products[2].plans[0].limits[1]", "text")
    assert in_dialect(found, "plans").path == "plans[2].features[1]"
    found = Problem("products[2].plans[1].prices[0].tiers[1]", "text")
    assert in_dialect(found, "products").path == "products[2].plans[1].lineItems[0].tiers[1]"
    assert in_dialect(found, "tallystick").path == found.path


def test_a_catalogue_is_frozen() -> None:
    catalog = define_plans([listed()])
    with pytest.raises(AttributeError):
        catalog["free"].name = "x"  # type: ignore[misc]  # the point of the test
    with pytest.raises(TypeError):
        catalog["free"].features["projects"] = None  # type: ignore[index]  # the point of the test
    assert isinstance(catalog, Catalog)

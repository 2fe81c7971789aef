"""Every example runs, and gives the figures the documents that asked for it give."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tallystick import (
    get_feature_limit,
    has_feature,
    load_catalog,
    load_tax_rules,
    map_usage_to_line_items,
)
from tallystick.app.catalog import open_catalog
from tallystick.core.canonical import digest
from tallystick.core.line_item import bill
from tallystick.core.meter import measure
from tallystick.core.price import Shape
from tallystick.core.price_list import price_list_body
from tallystick.files import read_usage

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
TAXES = "taxes.yaml"
CATALOGS = sorted(
    path
    for path in EXAMPLES.iterdir()
    if path.suffix in {".py", ".toml", ".json", ".yaml"}
    and path.name != TAXES
    and not path.stem.endswith("_app")  # a program: tests/integrations runs it
)
UNLIMITED, SWITCH = -1, None


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.name)
def test_an_example_has_no_problem_but_the_one_it_is_there_to_show(path: Path) -> None:
    found = open_catalog(path)
    if path.stem == "products-as-posted":
        (problem,) = found.problems
        assert problem.path == "products[0].plans[1].intervalCount"
    else:
        assert found.problems == ()


def test_one_catalogue_in_two_formats_is_one_catalogue() -> None:
    assert load_catalog(EXAMPLES / "plans.py") == load_catalog(EXAMPLES / "plans.toml")
    yaml, jsons = load_catalog(EXAMPLES / "products.yaml"), load_catalog(EXAMPLES / "products.json")
    assert yaml == jsons
    assert digest(yaml) == digest(jsons)


def test_the_price_list_of_the_products_is_pinned_to_the_byte() -> None:
    golden = (ROOT / "tests" / "golden" / "plans_s2.json").read_bytes()
    assert price_list_body(load_catalog(EXAMPLES / "products.yaml"), "compact") == golden
    assert price_list_body(load_catalog(EXAMPLES / "products.json"), "compact") == golden


def test_the_price_list_is_the_contract_with_its_key_order() -> None:
    """The payload that mobile apps expect, with the quarterly plan beside it."""
    plan = {
        "id": "starter-monthly",
        "name": "Monthly",
        "interval": "month",
        "intervalCount": 1,
        "price": 9.99,
        "priceVariantId": "price_stripe_monthly",
        "provider": "stripe",
    }
    quarterly = plan | {
        "id": "starter-quarterly",
        "name": "Quarterly",
        "intervalCount": 3,
        "price": 24.99,
        "priceVariantId": "price_stripe_quarterly",
    }
    product = {
        "id": "starter",
        "name": "Zovi Daily",
        "currency": "USD",
        "features": ["Feature 1", "Feature 2"],
        "plans": [plan, quarterly],
    }
    expected = {"ok": True, "data": {"products": [product]}}
    body = json.loads(price_list_body(load_catalog(EXAMPLES / "products.yaml"), "compact"))
    assert json.dumps(body) == json.dumps(expected)


@pytest.mark.parametrize(
    ("plan_id", "limits"),
    [
        ("free", [3, 1_000_000_000, 10_000, False, False]),
        ("pro", [50, 100_000_000_000, 1_000_000, SWITCH, SWITCH]),
        ("enterprise", [UNLIMITED, UNLIMITED, UNLIMITED, SWITCH, SWITCH]),
    ],
)
def test_the_three_plans_give_what_they_say(plan_id: str, limits: list[Any]) -> None:
    plan = load_catalog(EXAMPLES / "plans.toml")[plan_id]
    keys = ["projects", "storage", "apiRequests", "customDomains", "support"]
    for key, limit in zip(keys, limits, strict=True):
        assert has_feature(plan, key) is (limit is not False)
        assert get_feature_limit(plan, key) == (limit if limit is not False else None)


def test_usage_of_the_three_plans_becomes_the_lines_that_are_due() -> None:
    plans = load_catalog(EXAMPLES / "plans.py")
    usage = {"apiRequests": 8_500, "storage": 12_000_000_000}
    storage, calls = map_usage_to_line_items(plans["free"], usage)
    assert (storage.feature_key, storage.unpriced_overage) == ("storage", True)
    assert (storage.included, storage.overage) == (1_000_000_000, 11_000_000_000)
    assert (calls.included, calls.overage, calls.amount.minor) == (10_000, 0, 0)
    for plan_id in ("pro", "enterprise"):
        lines = map_usage_to_line_items(plans[plan_id], usage)
        assert [(line.amount.minor, line.unpriced_overage) for line in lines] == [(0, False)] * 2


def test_the_catalogue_of_every_shape_has_every_shape_and_bills_a_month() -> None:
    catalog = load_catalog(EXAMPLES / "shapes.yaml")
    plan = catalog["cloud-monthly"]
    assert {type(price.shape) for price in plan.prices} == set(Shape.__args__)
    lines = bill(plan, measure(plan, read_usage(EXAMPLES / "usage-2026-10.jsonl"), catalog.meters))
    assert {line.feature_key: str(line.amount) for line in lines} == {
        "projects": "0.00 EUR",
        "exports": "4.00 EUR",  # 28 - 20 at 0.50
        "seats": "153.00 EUR",  # 3 free, 7 at 15, 4 at 12
        "requests": "185.58 EUR",  # 927,908 at 0.0002
        "compute": "129.99 EUR",  # 16,165 minutes over three tiers
        "storage": "15.27 EUR",  # 153 GB at 0.09 and 1.50
        "emails": "5.60 EUR",  # 7 packages at 0.80
        "payments": "75.41 EUR",
        "payouts": "85.81 EUR",  # 50.00 and 14,325.14 at 0.25 %
        "sms": "11.05 EUR",  # 9.6105 at 1.15
        "regions": "18.00 EUR",  # 20.00 less 10 %
    }


def test_the_tax_rules_of_make_run_have_no_problem() -> None:
    (rule,) = load_tax_rules(EXAMPLES / TAXES).rates
    assert (rule.country, rule.name, rule.percent) == ("IE", "VAT", Decimal(23))

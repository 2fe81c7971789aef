"""What is kept of a catalogue reads back as it was, and offers change when a bill would."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tallystick import Catalog, define_plans, load_catalog
from tallystick.core.canonical import canonical_bytes
from tallystick.core.dialects import read_catalog
from tallystick.core.published import catalog_of_text, catalog_text, offers, versioned
from tallystick.errors import InvalidInput

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FILES = ["plans.toml", "products.yaml", "products.json", "shapes.yaml"]


@pytest.mark.parametrize("name", FILES)
def test_a_kept_catalogue_reads_back_equal_byte_for_byte(name: str) -> None:
    catalog = load_catalog(EXAMPLES / name)
    again = catalog_of_text(catalog_text(catalog))
    assert again == catalog
    assert canonical_bytes(again) == canonical_bytes(catalog)
    assert [list(p.features) for p in again] == [list(p.features) for p in catalog]
    assert catalog_text(again) == catalog_text(catalog)


def with_rules(rules: object) -> Catalog[str, str]:
    return read_catalog(
        {
            "products": [
                {"id": "a", "name": "A", "currency": "EUR", "business_rules": rules,
                 "plans": [{"id": "a1", "name": "A1", "interval": "month"}]}
            ]
        },
        dialect="tallystick",
    )  # fmt: skip


def test_free_json_keeps_its_order_and_its_exact_numbers() -> None:
    rules = {"z": Decimal("0.10"), "a": [1, True, None, {"ü": "é\u0000\n"}], "n": 10**17 + 1}
    kept = catalog_of_text(catalog_text(with_rules(rules))).products[0].business_rules
    assert list(kept) == ["z", "a", "n"]
    assert kept == rules
    assert json.loads(catalog_text(with_rules({})))["products"][0]["business_rules"] == {}


def test_a_catalogue_that_no_file_could_hold_is_refused() -> None:
    catalog = with_rules({})
    odd = replace(catalog, products=(replace(catalog.products[0], business_rules={"a": object()}),))
    with pytest.raises(InvalidInput):
        catalog_text(odd)
    with pytest.raises(InvalidInput):
        catalog_text(Catalog(products=()))


def plans(limit: int = 3, reset: str | None = None) -> Catalog[str, str]:
    feature = {"featureKey": "calls", "enabled": True, "limit": limit}
    if reset:
        feature["reset"] = reset
    both = [
        ("free", 0, {"featureKey": "calls", "enabled": True, "limit": 1}),
        ("pro", 900, feature),
    ]
    return define_plans(
        [
            {"id": id_, "name": id_, "price": price, "currency": "USD", "interval": "month",
             "features": [each]}
            for id_, price, each in both
        ]
    )  # fmt: skip


def test_the_offer_of_a_plan_changes_with_it_and_alone() -> None:
    before, after = offers(plans()), offers(plans(limit=4))
    assert before["free"] == after["free"]
    assert before["pro"] != after["pro"]
    assert offers(plans()) == before


def test_an_offer_changes_with_the_meter_its_figures_come_from() -> None:
    """With a reset in one plan the feature's meter becomes a sum, for the other plan too."""
    before, after = offers(plans()), offers(plans(reset="month"))
    assert before["free"] != after["free"]


def test_the_order_of_features_makes_no_new_offer() -> None:
    catalog = load_catalog(EXAMPLES / "plans.toml")
    (first, *rest) = catalog.products
    turned = replace(
        first,
        plans=tuple(
            replace(p, features=dict(reversed(list(p.features.items())))) for p in first.plans
        ),
    )
    assert offers(replace(catalog, products=(turned, *rest))) == offers(catalog)


def test_a_versioned_catalogue_knows_its_plans_versions() -> None:
    catalog = versioned(plans(), {"pro": 3})
    assert [plan.ref for plan in catalog] == ["free@1", "pro@3"]
    assert catalog["pro"].catalog is catalog
    assert canonical_bytes(catalog) == canonical_bytes(plans())

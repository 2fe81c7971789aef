"""A catalogue is shared by threads and sent to processes; nobody can change it for the others."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tallystick import (
    check_limit,
    create_billing_schema,
    define_plans,
    has_feature,
    load_catalog,
    map_usage_to_line_items,
)
from tallystick.core.canonical import digest
from tallystick.core.lint import lint
from tallystick.core.price_list import price_list_body
from tallystick.files import read_tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick import Catalog

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = ("plans.toml", "plans.py", "products.yaml", "shapes.yaml")
AGAIN: tuple[Callable[[Any], Any], ...] = (
    copy.copy,
    copy.deepcopy,
    lambda value: pickle.loads(pickle.dumps(value)),  # noqa: S301 - our own bytes
)


def figures(catalog: Catalog[Any, Any]) -> list[object]:
    """Ask a catalogue for everything."""
    pro = next(iter(catalog))
    return [
        digest(catalog),
        price_list_body(catalog, "full"),
        lint(catalog),
        [check_limit(plan, key, 3) for plan in catalog for key in pro.features],
        [has_feature(plan, key) for plan in catalog for key in pro.features],
        [str(line.amount) for line in lines(catalog)],
    ]


def lines(catalog: Catalog[Any, Any]) -> list[Any]:
    """Bill 10,000.5 of everything that is counted."""
    return [
        line
        for plan in catalog
        for line in map_usage_to_line_items(
            plan, {key: Decimal("10000.5") for key in plan.features if has_feature(plan, key)}
        )
    ]


@pytest.mark.parametrize("again", AGAIN, ids=["copy", "deepcopy", "pickle"])
@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_equal_and_works(name: str, again: Callable[[Any], Any]) -> None:
    catalog = load_catalog(EXAMPLES / name)
    parts = [
        catalog,
        *catalog.products,
        *catalog,
        *(feature for plan in catalog for feature in plan.features.values()),
        *(price for plan in catalog for price in plan.prices),
        *(check_limit(plan, "projects", 1) for plan in catalog),
        *lines(catalog),
    ]
    for part in parts:
        assert again(part) == part
    assert figures(again(catalog)) == figures(catalog)
    plan = again(next(iter(catalog)))
    assert plan.catalog == catalog
    assert plan.catalog[plan.id] == plan


def test_a_copied_catalogue_is_as_frozen_as_the_first() -> None:
    for again in AGAIN:
        plan = again(load_catalog(EXAMPLES / "plans.toml")["pro"])
        with pytest.raises(FrozenInstanceError):
            plan.name = "mine"
        with pytest.raises(TypeError, match="cannot be changed"):
            plan.features["x"] = None
        with pytest.raises(TypeError, match="cannot be changed"):
            plan.metadata["x"] = "y"
        with pytest.raises(TypeError, match="cannot be changed"):
            plan.catalog.meters["x"] = None


@pytest.mark.parametrize("name", NAMES)
def test_eight_threads_see_one_catalogue(name: str) -> None:
    catalog = load_catalog(EXAMPLES / name)
    expected = figures(catalog)
    with ThreadPoolExecutor(8) as pool:
        assert all(found == expected for found in pool.map(figures, [catalog] * 32))


def test_eight_threads_read_one_tree() -> None:
    tree = read_tree(EXAMPLES / "plans.toml").tree
    expected = define_plans(tree["plans"])  # type: ignore[index]  # a mapping, as the file is one
    with ThreadPoolExecutor(8) as pool:
        trees = [tree["plans"]] * 32  # type: ignore[index]  # the same
        assert all(found == expected for found in pool.map(define_plans, trees))


@pytest.mark.parametrize("name", ["plans.toml", "products.yaml"])
def test_what_happens_to_the_tree_afterwards_changes_nothing(name: str) -> None:
    tree: Any = read_tree(EXAMPLES / name).tree
    catalog = define_plans(tree["plans"]) if name == "plans.toml" else create_billing_schema(tree)
    before = figures(catalog)
    spoil(tree)
    assert figures(catalog) == before


def test_labels_and_rules_are_copies_of_what_was_given() -> None:
    rules: dict[str, Any] = {"a": [1, {"b": 2}]}
    labels = {"team": "one"}
    plan = {"id": "a", "name": "A", "price": 1, "currency": "USD", "interval": "month"}
    more = {"features": [], "businessRules": rules, "metadata": labels}
    catalog = define_plans([plan | more])
    before = digest(catalog)
    rules["a"][1]["b"] = 3
    rules["c"] = 4
    labels["team"] = "two"
    assert digest(catalog) == before
    assert catalog["a"].metadata == {"team": "one"}
    assert catalog["a"].business_rules == {"a": [1, {"b": 2}]}


def spoil(tree: Any) -> None:
    """Empty every object and list of a tree."""
    if isinstance(tree, (dict, list)):
        for value in tree.values() if isinstance(tree, dict) else tree:
            spoil(value)
        tree.clear()

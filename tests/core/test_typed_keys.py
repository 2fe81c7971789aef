"""The module of typed keys: its text, that it runs, and that it notices drift."""

from __future__ import annotations

import ast
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.catalog import Catalog, Feature, Plan, Product
from tallystick.core.currency import currency
from tallystick.core.typed_keys import check_keys, module_text
from tallystick.errors import SetupError

USD = currency("USD")


def sells(plans: dict[str, list[str]]) -> Catalog:
    """Build a catalogue of one product directly, so that ids may hold anything."""
    sold = tuple(
        Plan(
            id=plan_id,
            name="Any",
            currency=USD,
            product_id="any",
            features={key: Feature(key=key, enabled=False) for key in keys},
        )
        for plan_id, keys in plans.items()
    )
    return Catalog(products=(Product(id="any", name="Any", currency=USD, plans=sold),))


def run(text: str) -> dict[str, Any]:
    """Execute a generated module and give its names."""
    names: dict[str, Any] = {}
    exec(compile(text, "generated", "exec"), names)  # noqa: S102 - the module is what is tested
    return names


S1 = sells({"free": ["projects"], "pro": ["projects", "domains"], "enterprise": ["sso"]})


def test_the_module_names_plans_and_features_in_catalogue_order() -> None:
    text = module_text(S1, source="billing.toml")
    assert 'PlanId: TypeAlias = Literal[\n    "free",\n    "pro",\n    "enterprise",\n]\n' in text
    wanted = 'FeatureKey: TypeAlias = Literal[\n    "projects",\n    "domains",\n    "sso",\n]\n'
    assert wanted in text
    assert 'source="billing.toml"' in text


def test_the_same_catalog_gives_the_same_text() -> None:
    assert module_text(S1, source="a") == module_text(S1, source="a")


def test_the_module_gives_the_same_catalog_back() -> None:
    names = run(module_text(S1, source="billing.toml"))
    assert names["typed"](S1) is S1
    assert get_args(names["PlanId"]) == ("free", "pro", "enterprise")


def test_a_catalog_that_sells_nothing_takes_no_key() -> None:
    empty = Catalog(products=())
    text = module_text(empty, source="billing.toml")
    assert "PlanId: TypeAlias = Never" in text
    assert "FeatureKey: TypeAlias = Never" in text
    assert "Literal" not in text
    assert run(text)["typed"](empty) is empty


def test_plans_without_features_have_ids_and_no_keys() -> None:
    bare = sells({"free": []})
    text = module_text(bare, source="billing.toml")
    assert "import TYPE_CHECKING, Literal, Never, TypeAlias" in text
    assert run(text)["typed"](bare) is bare


def test_drift_is_told_with_what_is_new_and_what_is_gone() -> None:
    typed = run(module_text(S1, source="billing.toml"))["typed"]
    with pytest.raises(SetupError) as caught:
        typed(sells({"free": ["projects"], "team": ["projects", "seats"]}))
    assert str(caught.value) == (
        "the catalogue and the types written from 'billing.toml' differ: new plan 'team';"
        " gone plan 'pro', 'enterprise'; new feature 'seats'; gone feature 'domains', 'sso'"
        " (write them again: tallystick types)"
    )


def test_the_order_of_a_catalog_is_no_drift() -> None:
    check_keys(
        S1, plan_ids=["pro", "enterprise", "free"], feature_keys=["sso", "domains", "projects"],
        source="billing.toml",
    )  # fmt: skip


def test_a_long_drift_is_cut() -> None:
    catalog = sells({f"p{i}": [] for i in range(9)})
    with pytest.raises(SetupError, match=r"new plan 'p0', 'p1', 'p2', 'p3', 'p4' and 4 more"):
        check_keys(catalog, plan_ids=[], feature_keys=[], source="billing.toml")


@pytest.mark.parametrize(
    "hostile",
    [
        '"]; import os #',
        "']; import os #",
        '"""',
        'it\'s "both"',
        "a\nb",
        "\\",
        '\\"',
        "{plan_ids}",
        "\u2028",
        "\x00",
        "\ud800",
        "größe",
        "# -*- coding: utf-7 -*-",
    ],
)
def test_a_hostile_id_stays_a_text(hostile: str) -> None:
    catalog = sells({hostile: [hostile]})
    text = module_text(catalog, source=hostile)
    assert text.isascii()
    assert shape(text) == shape(module_text(sells({"a": ["a"]}), source="a"))
    names = run(text)
    assert get_args(names["PlanId"]) == (hostile,)
    assert names["typed"](catalog) is catalog


def shape(text: str) -> str:
    """Give the module's syntax with every text in it left out."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=4, unique=True), st.text())
def test_whatever_the_ids_the_module_has_the_same_syntax_and_gives_them_back(
    ids: list[str], source: str
) -> None:
    catalog = sells(dict.fromkeys(ids, ids))
    others = [str(number) for number in range(len(ids))]
    plain = sells(dict.fromkeys(others, others))
    text = module_text(catalog, source=source)
    assert shape(text) == shape(module_text(plain, source=""))
    names = run(text)
    assert get_args(names["FeatureKey"]) == tuple(ids)
    assert names["typed"](catalog) is catalog

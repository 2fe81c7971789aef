"""Whatever a tree holds, it is a catalogue that works everywhere, or problems with their places."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from tallystick.core.canonical import digest, to_tree
from tallystick.core.dialects import define_plans, in_dialect, read_catalog
from tallystick.core.dialects.report import camel
from tallystick.core.dialects.scalars import printable
from tallystick.core.dialects.schema import json_schema
from tallystick.core.diff import diff
from tallystick.core.entitlement import check_limit, get_feature_limit, has_feature
from tallystick.core.lint import lint
from tallystick.core.price_list import VIEWS, price_list_body
from tallystick.core.typed_keys import module_text
from tallystick.errors import InvalidCatalog
from tallystick.providers.known import ABILITIES
from tests.core.builders import catalogs
from tests.properties.trees import EXAMPLES, broken, json_like, nodes, nudged, plain_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.catalog import Catalog
    from tallystick.errors import Problem

STEP = re.compile(r"\[[0-9]+\]|\.?[^.\[]+")
SCHEMA = Draft202012Validator(json_schema())


def written(steps: tuple[str | int, ...]) -> str:
    """Write the steps to a value as a problem's path does."""
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{printable(step, 80)}" if path else printable(step, 80)
    return path


def stands_in(tree: Any, path: str) -> bool:
    """Whether a path leads to a value of the tree, or one step beside one."""
    whole = {"plans": tree} if isinstance(tree, (list, tuple)) else tree
    places = {written(steps) for steps in nodes(whole)}
    if path in places:
        return True
    steps = STEP.findall(path)
    return any(
        "".join(steps[:cut]) in places and len(steps) - cut <= 1 for cut in range(len(steps))
    )


def read(tree: Any) -> Catalog[str, str] | None:
    """Read a tree; any error but InvalidCatalog with places in the tree is a failure."""
    try:
        return read_catalog(tree, abilities=ABILITIES)
    except InvalidCatalog as refused:
        check(refused.problems, tree)
    return None


def check(problems: Sequence[Problem], tree: Any) -> None:
    """Hold each problem to what a report needs: a place in the tree, few words, one line."""
    assert problems
    for problem in problems:
        assert problem.severity == "problem"
        assert problem.text
        assert str(problem).isprintable()
        assert len(str(problem)) < 2000
        assert stands_in(tree, problem.path), problem


def use(catalog: Catalog[str, str]) -> None:
    """Ask a catalogue for everything that needs no usage."""
    for found in lint(catalog):
        assert str(in_dialect(found, catalog.dialect))
    again = read_catalog(to_tree(catalog), abilities=ABILITIES)
    assert again == catalog
    assert digest(again) == digest(catalog)
    assert diff(catalog, again) == ()
    for view in VIEWS:
        body = json.loads(price_list_body(catalog, view))
        assert body["ok"] is True
    ast.parse(module_text(catalog, source="billing.yaml"))
    for plan in catalog:
        for key in [*plan.features, "nothing of the sort"]:
            access = check_limit(plan, key, 0, 0)
            assert access.text
            assert has_feature(plan, key) or not access.allowed
            assert get_feature_limit(plan, key) == access.limit


@given(tree=json_like())
def test_any_tree_is_a_catalog_or_located_problems(tree: Any) -> None:
    catalog = read(tree)
    if catalog is not None:
        use(catalog)


@given(tree=json_like())
def test_any_argument_of_define_plans_is_plans_or_located_problems(tree: Any) -> None:
    try:
        catalog = define_plans(tree)
    except InvalidCatalog as refused:
        check(refused.problems, tree)
    else:
        use(catalog)


@given(tree=nudged())
def test_an_example_with_other_figures_is_a_catalog_that_works_or_located_problems(
    tree: Any,
) -> None:
    catalog = read(tree)
    if catalog is not None:
        use(catalog)


@given(tree=broken())
def test_a_broken_example_is_a_catalog_that_works_or_located_problems(tree: Any) -> None:
    catalog = read(tree)
    if catalog is not None:
        use(catalog)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_works_and_fits_the_schema(number: int) -> None:
    catalog = read(EXAMPLES[number])
    assert catalog is not None
    use(catalog)
    assert [error.message for error in SCHEMA.iter_errors(plain_json(EXAMPLES[number]))] == []


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("fee", ["-0", "-0.00", "000001", "0" * 17 + "1.5", "9" * 18, "0.5", 0])
def test_the_schema_takes_a_number_however_the_reader_takes_it(fee: str | int) -> None:
    plan = {"id": "a", "name": "A", "price": 1, "currency": "USD", "interval": "month"}
    tree = {"$schema": 5, "plans": [plan | {"features": [], "setup_fee": fee}]}
    if fee != "9" * 18:  # more than a ledger holds, which no schema can say
        assert read_catalog(tree)["a"].setup_fee >= 0
    assert [error.message for error in SCHEMA.iter_errors(tree)] == []


@given(catalog=catalogs())
def test_what_is_written_from_values_fits_the_schema(catalog: Catalog[Any, Any]) -> None:
    assert [error.message for error in SCHEMA.iter_errors(plain_json(to_tree(catalog)))] == []


@given(tree=nudged() | broken())
def test_what_the_reader_accepts_the_schema_accepts(tree: Any) -> None:
    try:
        read_catalog(tree)
    except InvalidCatalog:
        return
    assert [error.message for error in SCHEMA.iter_errors(plain_json(tree))] == []


@pytest.mark.parametrize("name", ["display_name", "interval_count", "id"])
def test_a_field_has_one_place_in_both_spellings(name: str) -> None:
    assert stands_in({"plans": [{camel(name): 1}]}, f"plans[0].{camel(name)}")
    assert not stands_in({"plans": []}, f"plans[0].{name}")

"""Predicate trees that are too deep, too many or too long, and reports that stay short."""

from __future__ import annotations

import pytest

from tallystick.core.rules import DEFAULT_SCHEMA, check

SCHEMA = DEFAULT_SCHEMA.declaring(
    {"customer.score": "number", "customer.tags": "text_list", "beta": "boolean"}
)
NEW = {"attr": "is_new_customer", "op": "eq", "value": True}


def leaf(attr: str, op: str, *value: object) -> dict[str, object]:
    return {"attr": attr, "op": op, **({"value": value[0]} if value else {})}


def only(tree: object) -> tuple[str, str, str]:
    """Give the one problem of a tree: place, text, cure."""
    (problem,) = check(tree, schema=SCHEMA)
    return problem.path, problem.text, problem.cure


def nested(depth: int, form: str) -> object:
    tree: object = NEW
    for _ in range(depth - 1):
        tree = {form: tree if form == "not" else [tree]}
    return tree


@pytest.mark.parametrize("form", ["all", "any", "not"])
def test_a_tree_is_at_most_twenty_deep(form: str) -> None:
    assert check(nested(20, form)) == ()
    for depth in (21, 100_000):
        (problem,) = check(nested(depth, form))
        assert problem.text == "rules are nested more than 20 deep"


def test_a_tree_has_at_most_a_thousand_rules() -> None:
    assert check({"all": [NEW] * 999}) == ()
    assert only({"all": [NEW] * 1000}) == ("eligibility", "a tree has at most 1000 rules", "")


def test_a_tree_that_holds_itself_or_doubles_at_every_step_is_refused() -> None:
    loop: list[object] = []
    loop.append({"all": loop})
    assert only({"any": loop})[1] == "rules are nested more than 20 deep"
    doubling: object = NEW
    for _ in range(19):
        doubling = {"all": [doubling, doubling]}
    assert only(doubling)[1] == "a tree has at most 1000 rules"


def test_values_and_texts_are_bounded() -> None:
    assert check(leaf("customer.id", "in", ["a"] * 1000)) == ()
    assert only(leaf("customer.id", "in", ["a"] * 1001))[1].startswith("has 1001 values")
    assert check(leaf("customer.id", "eq", "a" * 1000)) == ()
    assert only(leaf("customer.id", "eq", "a" * 1001))[1].startswith("has 1001 characters")


def test_a_report_on_hostile_input_stays_short() -> None:
    assert len(check(leaf("customer.id", "in", [5] * 1000))) == 10
    assert len(check({str(number): 1 for number in range(100_000)})) == 10
    long = "x" * 1_000_000
    for tree in (
        {long: 1},
        leaf(long, "eq", 1),
        leaf("customer.id", long),
        leaf("now", "ge", long),
    ):
        for problem in check(tree):
            assert len(str(problem)) < 600

"""What holds for every rule and all facts."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.rules import (
    DEFAULT_SCHEMA,
    All,
    Any,
    Not,
    check,
    evaluate,
    parse,
    to_tree,
)
from tallystick.errors import InvalidRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.rules import Kind, Rule

NOW = datetime(2027, 1, 15, 12, tzinfo=UTC)
KINDS: Mapping[str, Kind] = {
    "customer.country": "text",
    "customer.score": "number",
    "is_new_customer": "boolean",
    "customer.created_at": "instant",
    "customer.tags": "text_list",
}
SCHEMA = DEFAULT_SCHEMA.declaring(
    {name: kind for name, kind in KINDS.items() if DEFAULT_SCHEMA.find(name) is None}
)

texts = st.sampled_from(["", "a", "ab", "b", "DE", "\n"])
numbers = st.one_of(
    st.integers(-3, 3), st.decimals(-2, 2, places=1, allow_nan=False, allow_infinity=False)
)
instants = st.sampled_from(["2026-12-31T23:59:59Z", "2027-01-01T01:00:00+01:00", NOW])
facts_of: Mapping[Kind, st.SearchStrategy[object]] = {
    "text": texts,
    "number": numbers,
    "boolean": st.booleans(),
    "instant": instants,
    "text_list": st.lists(texts, max_size=3),
}
ORDER = ["lt", "le", "gt", "ge"]
operators: Mapping[Kind, list[str]] = {
    "text": ["eq", "ne", "in", "not_in", "exists", "starts_with"],
    "number": ["eq", "ne", "in", "not_in", "exists", *ORDER],
    "boolean": ["eq", "ne", "exists"],
    "instant": ["eq", "ne", "exists", *ORDER],
    "text_list": ["in", "not_in", "exists"],
}


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, object]:
    """Draw a comparison that is read without a problem."""
    attr = draw(st.sampled_from(sorted(KINDS)))
    kind = KINDS[attr]
    op = draw(st.sampled_from(operators[kind]))
    tree: dict[str, object] = {"attr": attr, "op": op}
    one = texts if kind == "text_list" else facts_of[kind]
    if op in {"in", "not_in"}:
        tree["value"] = draw(st.lists(one, min_size=1, max_size=3))
    elif op != "exists":
        tree["value"] = draw(one.filter(bool) if op == "starts_with" else one)
    return tree


windows = st.sampled_from(["from", "until"]).flatmap(
    lambda side: instants.map(lambda at: {"window": {side: at}})
)
rules: st.SearchStrategy[Rule] = st.recursive(
    st.one_of(leaves(), windows),
    lambda inner: st.one_of(
        inner.map(lambda tree: {"not": tree}),
        st.sampled_from(["all", "any"]).flatmap(
            lambda form: st.lists(inner, min_size=1, max_size=3).map(lambda trees: {form: trees})
        ),
    ),
    max_leaves=8,
).map(lambda tree: parse(tree, schema=SCHEMA))
known_facts = st.fixed_dictionaries({name: facts_of[kind] for name, kind in KINDS.items()})
plain = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.decimals(), st.text(max_size=5), instants
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
any_facts = st.dictionaries(st.one_of(st.sampled_from(sorted(KINDS)), st.text(max_size=5)), plain)
keys = st.sampled_from(["all", "any", "not", "attr", "op", "value", "window", "from", "until", "x"])
words = st.one_of(
    keys,
    st.sampled_from(["eq", "in", "lt", "exists", "customer.country", "customer.score", "now"]),
    instants,
)
json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), words),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(keys, st.text()), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(json)
def test_any_tree_is_read_or_refused_with_places(tree: object) -> None:
    problems = check(tree, schema=SCHEMA)
    if not problems:
        rule = parse(tree, schema=SCHEMA)
        assert parse(to_tree(rule), schema=SCHEMA) == rule
        return
    with pytest.raises(InvalidRule) as refused:
        parse(tree, schema=SCHEMA)
    assert set(refused.value.fields) == {problem.path for problem in problems}
    assert all(problem.path.startswith("eligibility") for problem in problems)


@settings(max_examples=100, deadline=None)
@given(rules)
def test_a_rule_survives_its_tree(rule: Rule) -> None:
    assert parse(to_tree(rule), schema=SCHEMA) == rule


@settings(max_examples=100, deadline=None)
@given(rules, any_facts)
def test_a_verdict_never_raises_and_is_either_a_yes_or_has_reasons(
    rule: Rule, facts: dict[str, object]
) -> None:
    verdict = evaluate(rule, facts, NOW)
    assert verdict.allowed is not bool(verdict.reasons)
    assert not (verdict and evaluate(Not(rule), facts, NOW))
    assert evaluate(Not(Not(rule)), facts, NOW) == verdict


@settings(max_examples=100, deadline=None)
@given(rules, known_facts)
def test_on_known_facts_a_rule_or_its_opposite_holds(rule: Rule, facts: dict[str, object]) -> None:
    assert evaluate(rule, facts, NOW).allowed is not evaluate(Not(rule), facts, NOW).allowed


@settings(max_examples=100, deadline=None)
@given(st.lists(rules, min_size=1, max_size=4), st.one_of(known_facts, any_facts))
def test_de_morgan_holds_in_answer_and_in_words(
    several: list[Rule], facts: dict[str, object]
) -> None:
    opposites = tuple(map(Not, several))
    both: list[tuple[Rule, Rule]] = [
        (Not(All(tuple(several))), Any(opposites)),
        (Not(Any(tuple(several))), All(opposites)),
    ]
    for one, other in both:
        assert evaluate(one, facts, NOW) == evaluate(other, facts, NOW)


@settings(max_examples=100, deadline=None)
@given(rules, known_facts, st.data())
def test_forgetting_a_fact_never_makes_a_rule_without_exists_hold(
    rule: Rule, facts: dict[str, object], data: st.DataObject
) -> None:
    if "exists" in str(to_tree(rule)):
        return
    kept = data.draw(st.sets(st.sampled_from(sorted(facts))))
    fewer = {name: fact for name, fact in facts.items() if name in kept}
    if evaluate(rule, fewer, NOW):
        assert evaluate(rule, facts, NOW)


@settings(max_examples=60, deadline=None)
@given(numbers, numbers)
def test_numbers_order_as_decimals_do(score: int | Decimal, bound: int | Decimal) -> None:
    tree = {"attr": "customer.score", "op": "lt", "value": bound}
    verdict = evaluate(parse(tree, schema=SCHEMA), {"customer.score": score}, NOW)
    assert verdict.allowed is (Decimal(score) < Decimal(bound))

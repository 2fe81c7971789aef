"""Predicate trees: what is read, and what is refused, at which place and in which words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest

from tallystick.core.rules import (
    DEFAULT_SCHEMA,
    All,
    Any,
    Comparison,
    Not,
    Window,
    check,
    parse,
    to_tree,
)
from tallystick.errors import InvalidRule

NOW = datetime(2027, 1, 15, 12, tzinfo=UTC)
SCHEMA = DEFAULT_SCHEMA.declaring(
    {"customer.score": "number", "customer.tags": "text_list", "beta": "boolean"}
)
GERMAN = {"attr": "customer.country", "op": "in", "value": ["DE", "AT"]}
NEW = {"attr": "is_new_customer", "op": "eq", "value": True}


def leaf(attr: str, op: str, *value: object) -> dict[str, object]:
    return {"attr": attr, "op": op, **({"value": value[0]} if value else {})}


def only(tree: object) -> tuple[str, str, str]:
    """Give the one problem of a tree: place, text, cure."""
    (problem,) = check(tree, schema=SCHEMA)
    return problem.path, problem.text, problem.cure


def test_a_tree_becomes_frozen_values() -> None:
    rule = parse({"all": [GERMAN, {"not": NEW}, {"any": [{"window": {"from": NOW}}]}]})
    assert rule == All(
        (
            Comparison("customer.country", "in", ("DE", "AT"), "text"),
            Not(Comparison("is_new_customer", "eq", value=True, kind="boolean")),
            Any((Window(NOW, None),)),
        )
    )
    assert hash(rule) == hash(parse(to_tree(rule)))


def test_a_rule_goes_back_to_its_tree() -> None:
    tree = {
        "any": [
            GERMAN,
            leaf("customer.created_at", "lt", "2027-01-01T00:00:00.500000Z"),
            leaf("customer.score", "ge", 5),
            leaf("customer.score", "lt", Decimal("0.5")),
            leaf("customer.metadata.Some-Key", "exists"),
            {"window": {"from": "2027-01-01T00:00:00Z", "until": "2027-02-01T00:00:00Z"}},
        ]
    }
    assert to_tree(parse(tree, schema=SCHEMA)) == tree


def test_operators_and_attributes_are_taken_in_camel_case_too() -> None:
    rule = parse(
        {"all": [leaf("isNewCustomer", "eq", True), leaf("customer.id", "startsWith", "a")]}
    )
    assert to_tree(rule) == {
        "all": [leaf("is_new_customer", "eq", True), leaf("customer.id", "starts_with", "a")]
    }
    assert only(leaf("customer.createdAt", "exists", 1))[0] == "eligibility.value"


def test_every_problem_is_told_with_its_place() -> None:
    tree = {
        "all": [
            leaf("customer.contry", "eqq", "DE"),
            {"any": [leaf("customer.country", "lt", "DE"), {"nott": {}}]},
            leaf("is_new_customer", "eq", 1),
            {"not": {}},
        ]
    }
    assert [(problem.path, problem.cure) for problem in check(tree)] == [
        ("eligibility.all[0].attr", "did you mean 'customer.country'?"),
        ("eligibility.all[0].op", "did you mean 'eq'?"),
        (
            "eligibility.all[1].any[0].op",
            "it takes eq, ne, in, not_in, exists, starts_with",
        ),
        ("eligibility.all[1].any[1].nott", "did you mean 'not'?"),
        ("eligibility.all[2].value", ""),
        ("eligibility.all[3].not", "leave eligibility out where everyone is eligible"),
    ]


def test_parse_raises_once_with_all_problems() -> None:
    with pytest.raises(InvalidRule) as caught:
        parse({"all": [leaf("customer.contry", "eq", "DE"), leaf("now", "ge", "2027")]}, path="x")
    assert set(caught.value.fields) == {"x.all[0].attr", "x.all[1].value"}
    assert "did you mean 'customer.country'?" in str(caught.value)


@pytest.mark.parametrize(
    ("tree", "path", "text"),
    [
        (None, "", "a rule is an object, not null"),
        ([GERMAN], "", "a rule is an object, not a list"),
        ("all", "", "a rule is an object, not a text"),
        (True, "", "a rule is an object, not true"),
        ({}, "", "an empty rule says nothing"),
        ({"all": [NEW], "any": [NEW]}, "", "a rule has one form, not all and any at once"),
        ({"all": [NEW], **NEW}, "", "a rule has one form, not all and attr at once"),
        ({"all": []}, ".all", "needs a list of rules, not an empty one"),
        ({"any": NEW}, ".any", "needs a list of rules, not an object"),
        ({"not": [NEW]}, ".not", "a rule is an object, not a list"),
        ({"all": [NEW], "why": 1}, ".why", "unknown key 'why'"),
        ({5: 1}, ".a number", "unknown key a number"),
        ({"op": "eq", "value": 1}, ".attr", "is missing"),
        ({"attr": 5, "op": "eq"}, ".attr", "the name of an attribute is a text, not a number"),
        ({"attr": "customer.id", "value": "x"}, ".op", "is missing"),
        ({"attr": "customer.id", "op": 3, "value": "x"}, ".op", "unknown operator a number"),
        (leaf("customer.id", "eq"), ".value", "is missing"),
        (leaf("customer.id", "eq", None), ".value", "needs a text, not null"),
        (leaf("customer.id", "eq", 5), ".value", "needs a text, not a number"),
        (leaf("customer.id", "in", "DE"), ".value", "needs a list of values, not a text"),
        (leaf("customer.id", "in", []), ".value", "needs a list of values, not an empty one"),
        (leaf("customer.id", "in", ["a", 5]), ".value[1]", "needs a text, not a number"),
        (leaf("customer.id", "starts_with", ""), ".value", "every text starts with the empty text"),
        (leaf("customer.id", "exists", True), ".value", "exists takes no value"),
        (leaf("beta", "in", [True]), ".op", "in does not apply to beta, a boolean"),
        (leaf("beta", "eq", "true"), ".value", "needs true or false, not 'true'"),
        (leaf("now", "in", []), ".op", "in does not apply to now, an instant"),
        (leaf("beta", "starts_with", "a"), ".op", "starts_with does not apply to beta, a boolean"),
        (leaf("customer.metadata.", "exists"), ".attr", "unknown attribute 'customer.metadata.'"),
        (leaf("customer.metadata.*", "exists"), ".attr", "unknown attribute 'customer.metadata.*'"),
        (leaf("", "exists"), ".attr", "unknown attribute ''"),
        ({"window": {}}, ".window", "needs an object with from, until or both"),
        ({"window": "2027"}, ".window", "needs an object with from, until or both"),
        ({"window": {"from": NOW, "to": NOW}}, ".window.to", "unknown key 'to'"),
        ({"window": {"from": NOW, "until": NOW}}, ".window", "is empty: until is not after from"),
    ],
)  # fmt: skip
def test_a_tree_that_is_wrong_is_refused_at_its_place(tree: object, path: str, text: str) -> None:
    assert only(tree)[:2] == (f"eligibility{path}", text)
    with pytest.raises(InvalidRule):
        parse(tree, schema=SCHEMA)


@pytest.mark.parametrize(
    "value",
    [
        "5",
        True,
        None,
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        Decimal("1e18"),
        Decimal("1e999999"),
        Decimal("1e-19"),
        2**63,
        -(2**63),
        pytest.param(10**5000, id="5001 digits"),
        1e300,
        float("nan"),
        float("inf"),
        Fraction(1, 3),
        1j,
        [1],
    ],
)
def test_what_is_no_bounded_exact_number_is_refused(value: object) -> None:
    place, text, _ = only(leaf("customer.score", "lt", value))
    assert place == "eligibility.value"
    assert text.startswith("needs a number of at most 18 digits before the point")


@pytest.mark.parametrize(
    ("value", "number"), [(9.99, "9.99"), (1e-7, "0.0000001"), (5, "5"), (Decimal("0.50"), "0.5")]
)
def test_numbers_of_a_tree_are_exact(value: object, number: str) -> None:
    rule = parse(leaf("customer.score", "lt", value), schema=SCHEMA)
    assert rule == Comparison("customer.score", "lt", Decimal(number), "number")


@pytest.mark.parametrize(
    "value",
    [
        "2027-01-01T00:00:00",
        "2027-01-01",
        "2027-01-01 00:00:00Z",
        "2027-02-30T00:00:00Z",
        "2027-01-01T24:00:00Z",
        "2027-01-01T00:00:60Z",
        "1899-12-31T23:59:59Z",
        "2027-01-01T00:00:00+25:00",
        "0001-01-01T00:00:00+14:00",
        "\uff12\uff10\uff12\uff17-01-01T00:00:00Z",
        "2027-01-01T00:00:00Z\n",
        "now",
        datetime(2027, 1, 1),  # noqa: DTZ001 - a naive time is the case
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        1798761600,
    ],
)
def test_what_is_no_instant_is_refused(value: object) -> None:
    place, text, _ = only(leaf("now", "ge", value))
    assert place == "eligibility.value"
    assert text.startswith("needs an instant with its offset from UTC")


@pytest.mark.parametrize(
    "value",
    [
        "2027-01-15T12:00:00Z",
        "2027-01-15t12:00:00.000z",
        "2027-01-15T13:00:00+01:00",
        datetime(2027, 1, 15, 13, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_an_instant_is_read_in_utc(value: object) -> None:
    assert parse(leaf("now", "ge", value)) == Comparison("now", "ge", NOW, "instant")

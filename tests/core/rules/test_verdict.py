"""What is judged of which facts, in which words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from tallystick.core.rules import DEFAULT_SCHEMA, Not, Verdict, evaluate, parse
from tallystick.errors import InvalidInput, InvalidRule

NOW = datetime(2027, 1, 15, 12, tzinfo=UTC)
SCHEMA = DEFAULT_SCHEMA.declaring(
    {"customer.score": "number", "customer.tags": "text_list", "beta": "boolean"}
)
GERMAN = {"attr": "customer.country", "op": "in", "value": ["DE", "AT"]}
NEW = {"attr": "is_new_customer", "op": "eq", "value": True}


def leaf(attr: str, op: str, *value: object) -> dict[str, object]:
    return {"attr": attr, "op": op, **({"value": value[0]} if value else {})}


def judged(tree: object, **facts: object) -> Verdict:
    """Judge a tree; `customer__country` stands for `customer.country`."""
    named = {name.replace("__", "."): fact for name, fact in facts.items()}
    return evaluate(parse(tree, schema=SCHEMA), named, NOW)


@pytest.mark.parametrize(
    ("tree", "fact", "reason"),
    [
        (leaf("customer.country", "eq", "DE"), "FR", "customer.country is FR, not DE"),
        (leaf("customer.country", "ne", "DE"), "DE", "customer.country is DE, which is excluded"),
        (GERMAN, "FR", "customer.country is FR, not one of DE, AT"),
        (
            leaf("customer.country", "not_in", ["DE", "AT"]),
            "DE",
            "customer.country is DE, which is excluded",
        ),
        (
            leaf("customer.country", "starts_with", "D"),
            "FR",
            "customer.country is FR, which does not start with D",
        ),
        (leaf("customer.score", "lt", 5), 5, "customer.score is 5, not below 5"),
        (leaf("customer.score", "le", 5), Decimal("5.50"), "customer.score is 5.5, not at most 5"),
        (leaf("customer.score", "gt", 5), 5, "customer.score is 5, not above 5"),
        (leaf("customer.score", "ge", 5), -1, "customer.score is -1, not at least 5"),
        (leaf("customer.score", "in", [1, 2]), 3, "customer.score is 3, not one of 1, 2"),
        (leaf("beta", "eq", True), False, "beta is false, not true"),
        (leaf("customer.tags", "in", ["a"]), ["b", "c"], "customer.tags is b, c, not one of a"),
        (leaf("customer.tags", "in", ["a"]), [], "customer.tags is nothing, not one of a"),
        (
            leaf("customer.tags", "not_in", ["b"]),
            ["b", "c"],
            "customer.tags is b, c, which is excluded",
        ),
        (
            leaf("customer.created_at", "lt", "2027-01-01T00:00:00Z"),
            NOW,
            "customer.created_at is 2027-01-15T12:00:00Z, not before 2027-01-01T00:00:00Z",
        ),
    ],
)
def test_a_failed_comparison_says_why_and_its_opposite_holds(
    tree: dict[str, object], fact: object, reason: str
) -> None:
    facts = {str(tree["attr"]).replace(".", "__"): fact}
    assert judged(tree, **facts) == Verdict(allowed=False, reasons=(reason,))
    assert judged({"not": tree}, **facts) == Verdict(allowed=True)
    assert judged({"not": {"not": tree}}, **facts) == Verdict(allowed=False, reasons=(reason,))


@pytest.mark.parametrize(
    ("tree", "fact", "reason"),
    [
        (leaf("customer.id", "eq", "a"), "a", "customer.id is a, which is excluded"),
        (leaf("customer.id", "ne", "a"), "b", "customer.id is b, not a"),
        (leaf("customer.id", "in", ["a"]), "a", "customer.id is a, which is excluded"),
        (leaf("customer.id", "not_in", ["a"]), "b", "customer.id is b, not one of a"),
        (leaf("customer.id", "starts_with", "a"), "ab", "customer.id is ab, which starts with a"),
        (leaf("customer.id", "exists"), "a", "customer.id is known, and must not be"),
        (leaf("customer.score", "lt", 5), 4, "customer.score is 4, not at least 5"),
        (leaf("customer.score", "ge", 5), 5, "customer.score is 5, not below 5"),
    ],
)
def test_a_comparison_under_not_says_why_in_the_opposite_words(
    tree: dict[str, object], fact: object, reason: str
) -> None:
    facts = {str(tree["attr"]).replace(".", "__"): fact}
    assert judged(tree, **facts) == Verdict(allowed=True)
    assert judged({"not": tree}, **facts) == Verdict(allowed=False, reasons=(reason,))


@pytest.mark.parametrize("op", ["eq", "ne", "in", "not_in", "starts_with"])
def test_what_is_not_known_allows_nothing_and_neither_does_its_opposite(op: str) -> None:
    tree = leaf("customer.country", op, ["DE"] if op in {"in", "not_in"} else "DE")
    unknown = Verdict(allowed=False, reasons=("customer.country is not known",))
    for facts in ({}, {"customer__country": None}):
        assert judged(tree, **facts) == unknown
        assert judged({"not": tree}, **facts) == unknown
        assert judged({"any": [tree, {"not": tree}]}, **facts) == unknown


def test_exists_is_always_certain() -> None:
    tree = leaf("customer.email", "exists")
    assert judged(tree, customer__email="a@b.c").allowed
    assert judged({"not": tree}).allowed
    assert judged(tree).reasons == ("customer.email is not known",)


def test_an_unknown_branch_decides_nothing_that_the_others_decide() -> None:
    assert judged({"any": [GERMAN, NEW]}, is_new_customer=True).allowed
    assert judged({"not": {"all": [GERMAN, NEW]}}, is_new_customer=False).allowed
    assert judged({"all": [GERMAN, NEW]}, is_new_customer=False).reasons == (
        "customer.country is not known",
        "is_new_customer is false, not true",
    )


@pytest.mark.parametrize(
    ("attr", "fact", "noun"),
    [
        ("customer.country", 5, "a text"),
        ("customer.country", True, "a text"),
        ("customer.country", {"code": "DE"}, "a text"),
        ("customer.score", True, "a number"),
        ("customer.score", "5", "a number"),
        pytest.param("customer.score", 10**5000, "a number", id="5001 digits"),
        ("customer.score", Decimal("sNaN"), "a number"),
        ("beta", 1, "a boolean"),
        ("customer.created_at", "2027-01-01", "an instant"),
        ("customer.created_at", NOW.replace(tzinfo=None), "an instant"),
        ("customer.tags", "a", "a list of texts"),
        ("customer.tags", ["a", 1], "a list of texts"),
    ],
)
def test_a_fact_of_another_kind_is_not_known(attr: str, fact: object, noun: str) -> None:
    rule = parse(leaf(attr, "exists"), schema=SCHEMA)
    reasons = (f"{attr} cannot be read as {noun}",)
    for each in (rule, Not(rule)):
        assert evaluate(each, {attr: fact}, NOW) == Verdict(allowed=False, reasons=reasons)


def test_a_boolean_never_equals_a_number() -> None:
    assert not judged(leaf("customer.score", "eq", 1), customer__score=True)
    assert not judged(leaf("beta", "eq", True), beta=1)


def test_numbers_are_compared_exactly() -> None:
    tree = leaf("customer.score", "eq", Decimal("0.1"))
    assert judged(tree, customer__score=Decimal("0.10"))
    assert not judged(tree, customer__score=Decimal("0.100000000000000001"))


def test_instants_are_compared_whatever_their_offset() -> None:
    tree = leaf("customer.created_at", "eq", "2027-01-15T12:00:00Z")
    assert judged(tree, customer__created_at="2027-01-15T14:00:00+02:00")


def test_a_window_takes_its_start_and_leaves_its_end() -> None:
    tree = {"window": {"from": "2027-01-01T00:00:00Z", "until": "2027-02-01T00:00:00Z"}}
    rule = parse(tree)
    start, end = datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)
    moment = timedelta(microseconds=1)
    assert evaluate(rule, {}, start)
    assert evaluate(rule, {}, end - moment)
    assert evaluate(rule, {}, start - moment).reasons == (
        "now is 2026-12-31T23:59:59.999999Z, before the start at 2027-01-01T00:00:00Z",
    )
    assert evaluate(rule, {}, end).reasons == (
        "now is 2027-02-01T00:00:00Z, at or after the end at 2027-02-01T00:00:00Z",
    )
    assert evaluate(Not(rule), {}, end)
    assert evaluate(Not(rule), {}, start).reasons == (
        "now is 2027-01-01T00:00:00Z, which lies in the excluded time",
    )


def test_now_is_the_argument_whatever_the_facts_say() -> None:
    rule = parse(leaf("now", "ge", "2027-01-15T12:00:00Z"))
    assert evaluate(rule, {"now": "1999-01-01T00:00:00Z"}, NOW)
    assert not evaluate(rule, {"now": NOW}, NOW - timedelta(microseconds=1))


def test_reasons_come_once_each_in_the_order_of_the_tree() -> None:
    assert judged({"all": [NEW, GERMAN, NEW]}, customer__country="FR").reasons == (
        "is_new_customer is not known",
        "customer.country is FR, not one of DE, AT",
    )


def test_what_passes_gives_no_reasons() -> None:
    assert judged({"any": [NEW, GERMAN]}, customer__country="DE").reasons == ()


def test_a_reason_is_short_and_printable() -> None:
    tree = leaf("customer.id", "in", [f"{number:04}" for number in range(1000)])
    (reason,) = judged(tree, customer__id="\x1b[31m" + "x" * 10_000).reasons
    assert reason.isprintable()
    assert len(reason) < 200
    assert reason.endswith("0009 and 990 more")


def test_a_verdict_is_true_only_if_allowed() -> None:
    assert Verdict(allowed=True)
    assert not Verdict(allowed=False)


@pytest.mark.parametrize("fact", [0.5, 1j, b"DE", {"DE"}, object(), Fraction(1, 2)])
def test_a_fact_that_is_no_plain_exact_value_is_refused(fact: object) -> None:
    with pytest.raises(InvalidInput, match=f"not a {type(fact).__name__}") as caught:
        judged(NEW, customer__score=fact)
    assert set(caught.value.fields) == {"customer.score"}


def test_a_tree_is_read_before_it_is_judged() -> None:
    tree: Any = GERMAN
    with pytest.raises(InvalidRule, match="read by parse before it is judged, not an object"):
        evaluate(tree, {}, NOW)


def test_facts_and_now_must_be_what_they_are_called() -> None:
    rule = parse(NEW)
    wrong: Any = [("is_new_customer", True)]
    with pytest.raises(InvalidInput, match="facts are an object"):
        evaluate(rule, wrong, NOW)
    times: list[Any] = [NOW.replace(tzinfo=None), "2027-01-01T00:00:00Z", None]
    for now in times:
        with pytest.raises(InvalidInput, match="now needs an aware datetime"):
            evaluate(rule, {}, now)

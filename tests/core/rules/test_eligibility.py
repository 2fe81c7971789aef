"""Where business rules hold an eligibility, and where not."""

from __future__ import annotations

import pytest

from tallystick.core.rules import DEFAULT_SCHEMA, eligibility_of, hints_of, parse, problems_of
from tallystick.errors import InvalidRule

SCHEMA = DEFAULT_SCHEMA.declaring({"customer.score": "number"})
GERMAN = {"attr": "customer.country", "op": "in", "value": ["DE", "AT"]}


@pytest.mark.parametrize(
    "free", [None, {}, [], "x", 5, {"other": {"all": 1}}, [{"eligibility": 1}]]
)
def test_business_rules_without_eligibility_are_not_ours_to_read(free: object) -> None:
    assert eligibility_of(free) is None
    assert problems_of(free, "p") == ()
    assert hints_of(free, "p") == ()


def test_eligibility_is_read_from_the_business_rules() -> None:
    rules = {"note": "free", "eligibility": GERMAN}
    assert eligibility_of(rules) == parse(GERMAN)
    assert problems_of(rules, "products[0].businessRules") == ()
    own = {"eligibility": {"attr": "customer.score", "op": "ge", "value": 5}}
    assert problems_of(own, schema=SCHEMA) == ()
    assert eligibility_of(own, schema=SCHEMA) == parse(own["eligibility"], schema=SCHEMA)


@pytest.mark.parametrize("wrong", [None, {}, [], True, "DE"])
def test_an_eligibility_that_says_nothing_is_an_error(wrong: object) -> None:
    (problem,) = problems_of({"eligibility": wrong}, "products[0].businessRules")
    assert problem.path == "products[0].businessRules.eligibility"
    with pytest.raises(InvalidRule):
        eligibility_of({"eligibility": wrong})


def test_a_misspelt_eligibility_is_pointed_at() -> None:
    (hint,) = hints_of({"eligibilty": GERMAN, "note": 1}, "plans[0].businessRules")
    assert hint.path == "plans[0].businessRules.eligibilty"
    assert hint.severity == "hint"
    assert hints_of({"eligibility": GERMAN, "eligibilty": 1}) == ()

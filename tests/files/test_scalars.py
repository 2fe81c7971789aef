"""Number tokens, and the paths of a tree."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from tallystick.core.bad_number import BadNumber
from tallystick.files.refusal import Refused
from tallystick.files.scalars import MOST_VALUES, check_tree, join, number


@pytest.mark.parametrize(
    ("token", "value"),
    [
        ("0", 0),
        ("-0", 0),
        ("29", 29),
        ("-1", -1),
        ("9.99", Decimal("9.99")),
        ("10.00", Decimal("10.00")),
        ("0.000000000000000001", Decimal("0.000000000000000001")),
        ("999999999999999999", 999999999999999999),
    ],
)
def test_a_plain_decimal_is_read_exactly(token: str, value: Decimal | int) -> None:
    found = number(token)
    assert found == value
    assert type(found) is type(value)
    assert str(found) == str(value)


@pytest.mark.parametrize(
    ("token", "word"),
    [
        ("1e3", "exponent"),
        ("1E999999", "exponent"),
        ("NaN", "finite"),
        ("-Infinity", "finite"),
        (".inf", "finite"),
        ("1_000", "underscores"),
        ("0x1F", "not decimal"),
        ("0o17", "not decimal"),
        ("-0b1", "not decimal"),
        ("+5", "plus"),
        ("007", "zero"),
        ("-01.5", "zero"),
        (".5", "both sides"),
        ("5.", "both sides"),
        ("", "such as"),
        (" 5", "such as"),
        ("five", "such as"),
        ("1,5", "such as"),
        ("--5", "such as"),
        ("1" * 19, "18 digits"),
        ("0." + "1" * 19, "18 after"),
        ("9" * 5000, "5000 characters"),
        ("1e" + "9" * 5000, "5002 characters"),
        ("١٢", "digits 0 to 9"),
    ],
)
def test_any_other_number_is_kept_with_its_reason(token: str, word: str) -> None:
    found = number(token)
    assert isinstance(found, BadNumber)
    assert word in found.reason
    assert len(found.token) <= 25
    assert token.startswith(found.token.rstrip("…"))


def test_paths_are_written_as_in_problems() -> None:
    assert join(join(join("", "products"), 0), "id") == "products[0].id"
    assert len(join("", "x" * 10_000)) < 100


def test_dates_and_half_texts_and_odd_keys_are_told_all_at_once() -> None:
    tree = {"a": dt.date(2027, 1, 1), "b": ["\ud800", dt.time()], "c": {5: 1}, "d": {"\0": 1}}
    with pytest.raises(Refused) as caught:
        check_tree(tree, {"a": 7})
    found = [(problem.path, problem.line) for problem in caught.value.problems]
    assert found == [("a", 7), ("b[0]", None), ("b[1]", None), ("c", None), ("d", None)]


def test_a_tree_within_itself_is_refused() -> None:
    tree: list[object] = []
    tree.append(tree)
    with pytest.raises(Refused, match="100 deep"):
        check_tree(tree)


def test_a_tree_that_repeats_itself_without_end_is_refused() -> None:
    tree: list[object] = []
    for _ in range(60):
        tree = [tree, tree]
    with pytest.raises(Refused, match="values"):
        check_tree(tree)
    with pytest.raises(Refused, match="values"):
        check_tree([0] * (MOST_VALUES + 1))

"""JSON catalogues."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tallystick.core.bad_number import BadNumber
from tallystick.errors import InvalidCatalog
from tallystick.files import Source, read_tree
from tallystick.files.from_json import json_lines

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """{
  "products": [
    {"id": "a, [b] {c}", "plans": [
      {"cost": 9.99,
       "limit": -1, "on": true, "none": null},
      {}
    ]}
  ],
  "x\\"y": []
}
"""


def load(folder: Path, text: str) -> Source:
    """Read a text as a catalogue file."""
    path = folder / "a.json"
    path.write_text(text, encoding="utf-8")
    return read_tree(path)


def refusal(folder: Path, text: str) -> InvalidCatalog:
    """Give the refusal of a text."""
    with pytest.raises(InvalidCatalog) as caught:
        load(folder, text)
    return caught.value


def test_values_are_plain_and_numbers_exact(tmp_path: Path) -> None:
    source = load(tmp_path, TEXT)
    plan = {"cost": Decimal("9.99"), "limit": -1, "on": True, "none": None}
    assert source.tree == {"products": [{"id": "a, [b] {c}", "plans": [plan, {}]}], 'x"y': []}
    assert source.name == str(tmp_path / "a.json")


def test_every_value_has_its_line(tmp_path: Path) -> None:
    lines = load(tmp_path, TEXT).lines
    assert dict(lines) == {
        "": 1,
        "products": 2,
        "products[0]": 3,
        "products[0].id": 3,
        "products[0].plans": 3,
        "products[0].plans[0]": 4,
        "products[0].plans[0].cost": 4,
        "products[0].plans[0].limit": 5,
        "products[0].plans[0].on": 5,
        "products[0].plans[0].none": 5,
        "products[0].plans[1]": 6,
        'x"y': 9,
    }
    assert lines.get("nowhere") is None
    assert len(lines) == 12


def test_the_lines_of_a_lone_value_and_of_lists_in_lists() -> None:
    assert json_lines("5") == {"": 1}
    assert json_lines("[[1,\n2], [],\n[[3]]]") == {
        "": 1,
        "[0]": 1,
        "[0][0]": 1,
        "[0][1]": 2,
        "[1]": 2,
        "[2]": 3,
        "[2][0]": 3,
        "[2][0][0]": 3,
    }


def test_numbers_that_are_none_are_kept_in_their_place(tmp_path: Path) -> None:
    text = f"[1e999999, NaN, -Infinity, {'9' * 5000}, 1E5, {'1' * 19}]"
    tree = load(tmp_path, text).tree
    assert isinstance(tree, list)
    assert all(isinstance(value, BadNumber) for value in tree)


def test_keys_that_stand_twice_are_told_with_their_places(tmp_path: Path) -> None:
    found = refusal(tmp_path, '{"a": {"b": 1, "b": 1}, "c": [{"d": 1, "d": 2, "d": 3}], "a": 0}')
    assert list(found.fields) == ["a", "c[0].d"]
    found = refusal(tmp_path, '{"a": {"b": 1, "b": 1}, "c": [{"d": 1, "d": 2, "d": 3}]}')
    assert found.fields == {
        "a.b": ["stands twice in one object"],
        "c[0].d": ["stands twice in one object"],
    }


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000, "[" * 101 + "]" * 101],
)
def test_deep_nesting_is_refused_before_it_is_parsed(tmp_path: Path, text: str) -> None:
    assert "nested more than 100 deep" in str(refusal(tmp_path, text))


def test_nesting_of_a_hundred_is_read_and_brackets_in_texts_are_none(tmp_path: Path) -> None:
    assert load(tmp_path, "[" * 100 + "]" * 100).tree
    assert load(tmp_path, '["' + "[" * 500 + '", "\\"' + "{" * 500 + '"]').tree


@pytest.mark.parametrize(
    ("text", "place", "cure"),
    [
        ('{"a": 1} x', "line 1, column 10", "correct"),
        ('{\n  // a\n  "a": 1}', "line 2, column 3", "JSON has no comments"),
        ("# a\n{}", "line 1, column 1", "JSON has no comments"),
        ("{\n'a': 1}", "line 2, column 1", '"double quotes"'),
        ("['a']", "line 1, column 2", '"double quotes"'),
        ('{"a": 1\n', "line 2, column 1", "correct"),
        ('{"a": 01}', "line 1", "correct"),
        ('{"a": .5}', "line 1", "correct"),
        ('{"a": +5}', "line 1", "correct"),
        ('"a\nb"', "line 1", "correct"),
        ("{" + "}" * 200, "line 1, column 3", "remove"),
    ],
)
def test_broken_json_is_told_with_its_place(
    tmp_path: Path, text: str, place: str, cure: str
) -> None:
    found = refusal(tmp_path, text)
    assert place in str(found)
    assert cure in str(found)
    assert found.problems[0].line is not None


@pytest.mark.parametrize("text", ["", " \n\t", "\ufeff"])
def test_an_empty_file_names_the_cure(tmp_path: Path, text: str) -> None:
    assert "is empty (write a catalogue" in str(refusal(tmp_path, text))


@pytest.mark.parametrize("text", ["null", "5", '"a"', "true", "1e5", "NaN"])
def test_a_catalog_is_a_mapping_or_a_list(tmp_path: Path, text: str) -> None:
    assert "neither a mapping nor a list" in str(refusal(tmp_path, text))


def test_half_a_surrogate_pair_is_no_text(tmp_path: Path) -> None:
    assert list(refusal(tmp_path, '{"a": ["\\ud800"], "\\udfff": 1}').fields) == ["", "a[0]"]
    assert load(tmp_path, '["\\ud83d\\ude00"]').tree == ["😀"]


@pytest.mark.parametrize("text", ['"' + '\\"' * 500_000, '"[\\"' * 300_000, '"\\' * 300_000])
def test_quotes_that_never_close_cost_one_reading(tmp_path: Path, text: str) -> None:
    nested = "[" * 50 + "]" * 50 + "{" * 50 + "}" * 50 + "[" * 50
    refusal(tmp_path, nested + text)
    refusal(tmp_path, "[" + text)


def test_too_many_values_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tallystick.files.scalars.MOST_VALUES", 1000)
    assert "1000 values" in str(refusal(tmp_path, "[" + "[]," * 1000 + "[]]"))

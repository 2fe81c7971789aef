"""YAML catalogues: the safe part of the 1.2 core schema, with lines."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.bad_number import BadNumber
from tallystick.errors import InvalidCatalog
from tallystick.files import Source, read_tree

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """# the shop
products:
  - id: starter
    plans:
    - {id: monthly, cost: 9.99}
    -
      id: "5"
      text: >
        two
        lines
"""


def words(text: str) -> list[str]:
    """Give the words of a text."""
    return text.split()


def load(folder: Path, text: str) -> Source:
    """Read a text as a catalogue file."""
    path = folder / "a.yaml"
    path.write_text(text, encoding="utf-8")
    return read_tree(path)


def refusal(folder: Path, text: str) -> InvalidCatalog:
    """Give the refusal of a text."""
    with pytest.raises(InvalidCatalog) as caught:
        load(folder, text)
    return caught.value


def only(folder: Path, scalar: str) -> Any:
    """Give what a plain scalar is read as."""
    tree = load(folder, f"a: {scalar}\n").tree
    assert isinstance(tree, dict)
    return tree["a"]


def test_a_document_is_read_with_the_line_of_every_value(tmp_path: Path) -> None:
    source = load(tmp_path, TEXT)
    plans = [{"id": "monthly", "cost": Decimal("9.99")}, {"id": "5", "text": "two lines\n"}]
    assert source.tree == {"products": [{"id": "starter", "plans": plans}]}
    assert source.lines == {
        "": 2,
        "products": 2,
        "products[0]": 3,
        "products[0].id": 3,
        "products[0].plans": 4,
        "products[0].plans[0]": 5,
        "products[0].plans[0].id": 5,
        "products[0].plans[0].cost": 5,
        "products[0].plans[1]": 7,
        "products[0].plans[1].id": 7,
        "products[0].plans[1].text": 8,
    }


@pytest.mark.parametrize(
    "text",
    [
        *words("NO no yes on off y 12:30:00 2027-01-01 2027-01-01T00:00:00Z 1.2.3 NaN nan inf"),
        *("TrUe", "nULL", "_1", "1-2", "price_1", "1 000", "1,5", "=", "0z1"),
    ],
)
def test_what_looks_like_more_is_a_text(tmp_path: Path, text: str) -> None:
    assert only(tmp_path, text) == text


@pytest.mark.parametrize("text", ["null", "Null", "NULL", "~", ""])
def test_null_is_none(tmp_path: Path, text: str) -> None:
    assert only(tmp_path, text) is None


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "false", "False", "FALSE"])
def test_switches_are_true_and_false(tmp_path: Path, text: str) -> None:
    assert only(tmp_path, text) is (text.lower() == "true")


@pytest.mark.parametrize("text", ["0", "29", "-1", "9.99", "10.00", "0.00001"])
def test_plain_decimals_are_exact(tmp_path: Path, text: str) -> None:
    assert str(only(tmp_path, text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *words("1_000 0o17 007 017 0x1F 0b11 1e3 1.5E-3 1e999999 .5 5. +5 .inf -.INF .nan"),
        *("1_0.5", "-0x_1", "9" * 5000, "0." + "1" * 5000),
    ],
)
def test_numbers_that_readers_disagree_about_are_kept_with_a_reason(
    tmp_path: Path, text: str
) -> None:
    assert isinstance(only(tmp_path, text), BadNumber)


@pytest.mark.parametrize("text", ["'5'", '"1e3"', "|-\n  5", ">-\n  5"])
def test_quoted_and_block_scalars_are_texts(tmp_path: Path, text: str) -> None:
    assert isinstance(only(tmp_path, text), str)


def test_json_is_yaml(tmp_path: Path) -> None:
    text = '{"a": [1, 2.5, "x", null, true], "b":{"c":[]}}'
    assert load(tmp_path, text).tree == {
        "a": [1, Decimal("2.5"), "x", None, True],
        "b": {"c": []},
    }


def test_aliases_anchors_tags_and_merge_keys_are_told_all_at_once(tmp_path: Path) -> None:
    text = "a: &x {b: 1}\nc: *x\nd:\n  <<: *x\ne: !!python/object:os.system f\ng: !h [1]\n"
    found = refusal(tmp_path, text)
    assert [(problem.path, problem.line) for problem in found.problems] == [
        ("a", 1),
        ("c", 2),
        ("d.<<", 4),
        ("d.<<", 4),
        ("e", 5),
        ("g", 6),
    ]
    assert all(problem.cure for problem in found.problems)


def test_a_bomb_of_aliases_is_never_expanded(tmp_path: Path) -> None:
    rows = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    rows += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    assert "is an alias" in str(refusal(tmp_path, "\n".join(rows)))


def test_keys_that_stand_twice_are_told_with_both_lines(tmp_path: Path) -> None:
    found = refusal(tmp_path, "a: 1\nb:\n- c: 1\n  'c': 2\na: 3\n")
    assert [str(problem) for problem in found.problems] == [
        "b[0].c (line 4): stands twice, first on line 3 (keep one of them)",
        "a (line 5): stands twice, first on line 1 (keep one of them)",
    ]


@pytest.mark.parametrize("key", ["1", "9.99", "true", "~", "0x1"])
def test_a_key_is_a_text(tmp_path: Path, key: str) -> None:
    assert "is no text" in str(refusal(tmp_path, f"a:\n  {key}: 1\n"))
    assert load(tmp_path, f"a:\n  '{key}': 1\n").tree == {"a": {key: 1}}


@pytest.mark.parametrize("text", ["? [a]\n: 1\n", "? {a: b}\n: 1\n", "{[a]: 1}", "*a : 1"])
def test_a_key_is_no_collection_and_no_alias(tmp_path: Path, text: str) -> None:
    assert "a key that is no text" in str(refusal(tmp_path, text))


@pytest.mark.parametrize("text", ["a: 1\n---\nb: 1\n", "--- {}\n--- {}\n", "a: 1\n...\n---\nb: 2"])
def test_several_documents_are_refused(tmp_path: Path, text: str) -> None:
    assert "several documents" in str(refusal(tmp_path, text))


@pytest.mark.parametrize("text", ["", "# only\n# this\n", "---\n", "--- \n...\n", "~\n", "\n \n"])
def test_an_empty_document_names_the_cure(tmp_path: Path, text: str) -> None:
    assert "is empty (write a catalogue" in str(refusal(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "\n".join(" " * i + "a:" for i in range(1000)),
        "[" * 101 + "]" * 101,
    ],
    ids=["flow lists", "flow maps", "dashes", "keys", "block", "just too deep"],
)
def test_deep_nesting_is_refused(tmp_path: Path, text: str) -> None:
    found = str(refusal(tmp_path, text))
    assert "nested more than 100 deep" in found or "key that is no text" in found


def test_nesting_of_a_hundred_is_read(tmp_path: Path) -> None:
    assert load(tmp_path, "[" * 100 + "]" * 100).tree


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1\nb: 2", 2),
        ("a: 1\n\tb: 2", 2),
        ("a: b: c", 1),
        ("a: 'x", 1),
        ("a: @x", 1),
        ("%YAML 1.1\n%YAML 3.0\n---\na: 1", 2),
        ("%YAML " + "1" * 5000 + ".2\n---\na: 1", 1),
        ("%TAG !e! tag:e,2000:\n---\na: 1", 1),
        ('a: "\\ud800"', 1),
        ('a: "\\UFFFFFFFF"', 1),
        ("a: \x01", None),
        ("- a\nb: 1", 2),
    ],
)
def test_broken_yaml_is_told_with_its_line(tmp_path: Path, text: str, line: int | None) -> None:
    assert refusal(tmp_path, text).problems[0].line == line


def test_a_thousand_problems_are_cut_to_what_a_person_reads(tmp_path: Path) -> None:
    found = refusal(tmp_path, "a: 1\n" * 1000)
    assert len(found.problems) <= 102


def test_too_many_values_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tallystick.files.from_yaml.MOST_VALUES", 1000)
    assert "1000 values" in str(refusal(tmp_path, "- a\n" * 1001))

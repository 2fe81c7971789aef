"""TOML catalogues: the grammar of the standard library, numbers from their tokens."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tallystick.core.bad_number import BadNumber
from tallystick.errors import InvalidCatalog
from tallystick.files import Source, read_tree

if TYPE_CHECKING:
    from pathlib import Path

TEXT = '''# 1_000 in a comment, "and" a quote
title = "5_000 = [1.5]"
1_000 = 9
3.14 = "pi"
"a.b = 7" = 7

[[products]]
id = """
  x = 1_000
  "quoted\\""" [[1.5]]
  """
text = \'\'\'7 = 8 ''\'\'\'
cost = 1.10  # 3.5
sizes = [ 1, # 2.5 ]
  2.50, [ "3_3", 4 ], { a = 5, b.c = -6, "d.e" = 7.0 } ]

[[products.plans]]
cost = 2
on = true
'''


def words(text: str) -> list[str]:
    """Give the words of a text."""
    return text.split()


def load(folder: Path, text: str) -> Source:
    """Read a text as a catalogue file."""
    path = folder / "a.toml"
    path.write_text(text, encoding="utf-8", newline="")
    return read_tree(path)


def refusal(folder: Path, text: str) -> InvalidCatalog:
    """Give the refusal of a text."""
    with pytest.raises(InvalidCatalog) as caught:
        load(folder, text)
    return caught.value


@pytest.mark.parametrize("text", [TEXT, TEXT.replace("\n", "\r\n")], ids=["lf", "crlf"])
def test_the_tree_is_that_of_the_standard_library(tmp_path: Path, text: str) -> None:
    source = load(tmp_path, text)
    assert source.tree == tomllib.loads(text, parse_float=Decimal)
    assert source.lines == {
        "1_000": 3,
        "a.b = 7": 5,
        "products[0].cost": 13,
        "products[0].sizes[0]": 14,
        "products[0].sizes[1]": 15,
        "products[0].sizes[2][1]": 15,
        "products[0].sizes[3].a": 15,
        "products[0].sizes[3].b.c": 15,
        "products[0].sizes[3].d.e": 15,
        "products[0].plans[0].cost": 18,
    }


@pytest.mark.parametrize(
    "number",
    [
        *words("1_000 0x1F 0o17 0b11 1e3 1.5E-3 1e999999 +5 007 inf -inf nan +nan 01.5 1__0"),
        *("5.", ".5", "1.2.3", "9" * 5000, "0x" + "f" * 100_000),
    ],
)
def test_numbers_that_are_no_plain_decimals_are_kept_with_a_reason(
    tmp_path: Path, number: str
) -> None:
    source = load(tmp_path, f"[a]\nb = {number}\nc = [ 1, {number} ]\n")
    assert isinstance(source.tree, dict)
    assert isinstance(source.tree["a"]["b"], BadNumber)
    assert isinstance(source.tree["a"]["c"][1], BadNumber)
    assert source.lines["a.b"] == 2


@pytest.mark.parametrize("text", ["0.0", "17.0", "0", "-0.0"])
def test_the_marks_of_the_reader_are_no_numbers_of_the_file(tmp_path: Path, text: str) -> None:
    tree = load(tmp_path, f'a = {text}\nb = "{text}"\nc = 5\n').tree
    assert isinstance(tree, dict)
    assert (str(tree["a"]), tree["b"], tree["c"]) == (text, text, 5)


def test_dates_and_times_are_told_with_their_places(tmp_path: Path) -> None:
    text = "a = 2027-01-01\nb = [ 07:32:00, 2027-01-01T07:32:00Z ]\n[c]\nd = 2027-01-01 07:32:00"
    assert list(refusal(tmp_path, text).fields) == ["a", "b[0]", "b[1]", "c.d"]
    assert "invalid date" in str(refusal(tmp_path, "a = 2027-02-30")).lower()


@pytest.mark.parametrize(
    "text",
    [
        "a=" + "[" * 100_000,
        "a=" + "{a=" * 100_000,
        "a=" + "[" * 101 + "]" * 101,
        ".".join("a" * 50_000) + "=1",
        "[" + ".".join("a" * 50_000) + "]",
        ' . "b" '.join("a" * 500) + "=1",
        "a=" + ("{" + ".".join("b" * 90) + "=") * 90 + "1" + "}" * 90,
    ],
    ids=["lists", "tables", "just too deep", "key", "header", "spaced key", "keys in tables"],
)
def test_deep_nesting_is_refused(tmp_path: Path, text: str) -> None:
    assert "nested more than 100 deep" in str(refusal(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\na = 2\n", 2),
        ("a = 1 2", 1),
        ("a = 1\nb", None),
        ("a = 1\nb =\nc = 2", 2),
        ("a = 1\n[a]\nb = 1\n", 2),
        ("a = 'x", None),
        ('a = "x\ny"', 1),
        ('a = "\\ud800"', 1),
        ("a = True\n", 1),
        ("a = 1\rb = 2", 1),
        ("a = 1, 2\n", 1),
        ("a = [1 2]", 1),
        ("a = {b = 1,\n c = 2\n", 1),
    ],
)
def test_broken_toml_is_told_with_its_line(tmp_path: Path, text: str, line: int | None) -> None:
    found = refusal(tmp_path, text)
    assert "is not TOML" in str(found)
    assert found.problems[0].line == line


@pytest.mark.parametrize("text", ["", "# only", "\n\n"])
def test_an_empty_document_names_the_cure(tmp_path: Path, text: str) -> None:
    assert "is empty (write a catalogue" in str(refusal(tmp_path, text))


@pytest.mark.parametrize(
    "quotes", ['"""' + '\\"""' * 200_000, "'''" + "''\\" * 200_000, '"' + '\\"' * 200_000]
)
def test_quotes_that_never_close_cost_one_reading(tmp_path: Path, quotes: str) -> None:
    assert "is not TOML" in str(refusal(tmp_path, f"a = {quotes}"))


@pytest.mark.parametrize("text", ["a=[" + "1," * 2000 + "]", "a=''\n" * 2000, "{" * 5000])
def test_too_many_values_are_refused_before_they_are_parsed(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick.files.from_toml._MOST_TOKENS", 4000)
    monkeypatch.setattr("tallystick.files.from_toml.MOST_VALUES", 1000)
    monkeypatch.setattr(tomllib, "loads", lambda *_, **__: pytest.fail("it was parsed"))
    assert "1000 values" in str(refusal(tmp_path, text))


def test_an_unexpected_failure_of_the_grammar_is_a_problem_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_text: str, **_: object) -> object:
        raise RecursionError("too much")

    monkeypatch.setattr(tomllib, "loads", fail)
    assert "too much" in str(refusal(tmp_path, "a = 1"))


def test_a_number_that_was_not_read_from_its_token_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tomllib, "loads", lambda *_, **__: {"a": [5]})
    assert list(refusal(tmp_path, "a = 1").fields) == ["a[0]"]

"""Catalogues written as Python."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tallystick.core.catalog import Catalog
from tallystick.errors import InvalidCatalog
from tallystick.files import read_tree

if TYPE_CHECKING:
    from pathlib import Path

READY = "from tallystick.core.catalog import Catalog\n"


def load(folder: Path, text: str) -> object:
    """Execute a text as a catalogue file and give its tree."""
    path = folder / "billing.py"
    path.write_text(text, encoding="utf-8")
    return read_tree(path).tree


def refusal(folder: Path, text: str) -> InvalidCatalog:
    """Give the refusal of a text."""
    with pytest.raises(InvalidCatalog) as caught:
        load(folder, text)
    return caught.value


@pytest.mark.parametrize("name", ["catalog", "plans", "billing", "default", "anything"])
def test_a_ready_catalog_is_found_under_any_name(tmp_path: Path, name: str) -> None:
    assert isinstance(load(tmp_path, f"{READY}{name} = Catalog(products=())\n"), Catalog)


def test_the_name_catalog_wins(tmp_path: Path) -> None:
    text = f"{READY}plans = Catalog(products=())\nother = Catalog(products=())\ncatalog = [1]\n"
    assert load(tmp_path, text) == [1]


def test_one_catalog_under_two_names_is_one(tmp_path: Path) -> None:
    assert isinstance(load(tmp_path, f"{READY}plans = default = Catalog(products=())"), Catalog)


def test_a_ready_catalog_wins_over_the_plain_values_it_was_made_of(tmp_path: Path) -> None:
    text = f"{READY}plans = [1]\nbilling = Catalog(products=())\n"
    assert isinstance(load(tmp_path, text), Catalog)


@pytest.mark.parametrize(
    "text",
    [
        f"{READY}a = Catalog(products=())\nb = Catalog(products=())\n",
        f"{READY}plans = Catalog(products=())\nbilling = Catalog(products=())\n",
        "plans = []\nbilling = {}\n",
    ],
)
def test_two_catalogs_are_no_choice_of_ours(tmp_path: Path, text: str) -> None:
    found = str(refusal(tmp_path, text))
    assert "several catalogues" in found
    assert "name the one that counts `catalog`" in found


@pytest.mark.parametrize(
    "text", ["x = 1", "catalog = 5", "catalog = None", "def plans(): ...", "import json"]
)
def test_no_catalog_names_the_cure(tmp_path: Path, text: str) -> None:
    assert "define_plans" in str(refusal(tmp_path, text))


def test_plain_trees_come_through_as_written(tmp_path: Path) -> None:
    text = "from decimal import Decimal\nplans = ({'id': 'a', 'price': Decimal('9.99')},)"
    assert load(tmp_path, text) == [{"id": "a", "price": Decimal("9.99")}]


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("x = 1\nraise ValueError('too dear')", 2, "ValueError: too dear"),
        ("def f():\n    return 1 / 0\n\nf()\n", 2, "ZeroDivisionError"),
        ("import sys\nsys.exit(3)", 2, "SystemExit"),
        ("import json\njson.loads('{')", 2, "JSONDecodeError"),
        ("import nowhere_to_be_found", 1, "ModuleNotFoundError"),
        ("x = (\n", 1, "was never closed"),
        ("x = 1\n  y = 2", 2, "unexpected indent"),
        ("(" * 100_000, 1, "parentheses"),
        ("def f(): f()\nf()", 1, "RecursionError"),
        ("class E(Exception):\n  def __str__(self): return 1 / 0\nraise E", 3, "E"),
    ],
)
def test_an_error_of_the_file_is_told_with_its_line(
    tmp_path: Path, text: str, line: int, word: str
) -> None:
    found = refusal(tmp_path, text)
    assert found.problems[0].line == line
    assert word in found.problems[0].text


def test_the_problems_of_its_own_definitions_pass_unchanged(tmp_path: Path) -> None:
    text = (
        "from tallystick.errors import InvalidCatalog, Problem\n"
        "raise InvalidCatalog([Problem('plans[0].price', 'is negative')], 'mine')\n"
    )
    found = refusal(tmp_path, text)
    assert found.source == "mine"
    assert found.fields == {"plans[0].price": ["is negative"]}


def test_the_file_may_import_its_neighbours_and_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_the_catalog.py").write_text("PRICE = 5", encoding="utf-8")
    text = (
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from neighbour_of_the_catalog import PRICE\n"
        "@dataclass\n"
        "class Row:\n"
        "    price: int\n"
        "catalog = [Row(PRICE).price]\n"
    )
    paths, modules = list(sys.path), {name for name in sys.modules if "_catalog_" in name}
    assert load(tmp_path, text) == [5]
    sys.modules.pop("neighbour_of_the_catalog")
    assert sys.path == paths
    assert {name for name in sys.modules if "_catalog_" in name} == modules


def test_each_reading_is_fresh(tmp_path: Path) -> None:
    assert load(tmp_path, "catalog = [1]") == [1]
    assert load(tmp_path, "plans = [2]") == [2]


def test_a_list_within_itself_is_refused(tmp_path: Path) -> None:
    assert "100 deep" in str(refusal(tmp_path, "plans = []\nplans.append(plans)"))


def test_an_empty_file_names_the_cure(tmp_path: Path) -> None:
    assert "is empty" in str(refusal(tmp_path, "\n"))

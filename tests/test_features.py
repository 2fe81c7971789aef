"""The table of features names code and tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "features.md"
CELL = re.compile(r"`([\w/.]+\.py)(?:::([\w.]+))?`")
PLACES = (ROOT / "src" / "tallystick", ROOT / "tests")


def rows(text: str) -> list[list[str]]:
    """Give the cells of every row of a feature."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [cells for cells in found if cells[0] != "what it does"]


def names_in(body: list[ast.stmt], prefix: str = "") -> set[str]:
    """Give what a file defines at its top, and the methods of its classes as `Class.method`."""
    found: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(prefix + node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {prefix + node.name, *names_in(node.body, f"{node.name}.")}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(prefix + node.target.id)
        elif isinstance(node, ast.Assign):
            found |= {prefix + each.id for each in node.targets if isinstance(each, ast.Name)}
    return found


def missing(cell: str, place: Path, *, test: bool) -> str | None:
    """Say what a cell names that is not there; a test has to be a test."""
    named = CELL.fullmatch(cell)
    if named is None:
        return f"{cell} names no place"
    file, name = place / named[1], named[2]
    if not file.is_file():
        return f"{named[1]} is not there"
    if name is None:
        return None
    if test and not name.startswith("test_"):
        return f"{name} is no test"
    if name not in names_in(ast.parse(file.read_text("utf-8")).body):
        return f"{named[1]} has no {name}"
    return None


def test_every_name_of_the_table_is_there() -> None:
    features = rows(PAGE.read_text("utf-8"))
    assert len(features) > 60
    lost = [
        text
        for cells in features
        for cell, place in zip(cells[1:], PLACES, strict=True)
        if (text := missing(cell, place, test=place is PLACES[1]))
    ]
    assert lost == []


def test_no_feature_stands_twice() -> None:
    told = [cells[0] for cells in rows(PAGE.read_text("utf-8"))]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("`test_features.py::test_nothing`", "has no test_nothing"),
        ("`test_features.py::rows`", "is no test"),
        ("`gone.py::test_a`", "is not there"),
        ("somewhere", "names no place"),
    ],
)
def test_a_name_that_is_not_there_is_caught(cell: str, told: str) -> None:
    assert told in str(missing(cell, PLACES[1], test=True))


def test_a_method_is_named_by_its_class() -> None:
    assert missing("`facade/gate.py::Gate.use`", PLACES[0], test=False) is None
    assert missing("`facade/gate.py::Gate.burn`", PLACES[0], test=False) is not None

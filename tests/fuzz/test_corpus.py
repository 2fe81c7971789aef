"""The corpus: small files that once were, or might be, the end of a loader."""

from __future__ import annotations

from pathlib import Path

import pytest

from tallystick.errors import InvalidCatalog
from tallystick.files import read_tree

CORPUS = Path(__file__).parent / "corpus"
READ = sorted((CORPUS / "read").iterdir())
REFUSED = sorted((CORPUS / "refused").iterdir())
DEEP = 100_000
LARGE = {
    "brackets.json": "[" * DEEP,
    "closed_brackets.json": "[" * DEEP + "]" * DEEP,
    "objects.json": '{"a":' * DEEP,
    "escapes.json": '["' + '\\"' * DEEP,
    "flow.yaml": "[" * DEEP,
    "flow_maps.yaml": "{a: " * DEEP,
    "dashes.yaml": "- " * DEEP,
    "block.yaml": "\n".join(" " * i + "a:" for i in range(2000)),
    "anchors.yaml": "".join(f"a{i}: &a{i} [*a{i}]\n" for i in range(2000)),
    "flow.toml": "a = " + "[" * DEEP,
    "tables.toml": "a = " + "{a = " * DEEP,
    "dots.toml": ".".join("a" * DEEP) + " = 1",
    "header.toml": "[" + ".".join("a" * DEEP) + "]",
    "escapes.toml": 'a = """' + '\\"""' * DEEP,
    "zeros.json": "\0" * DEEP,
    "digits_alone.json": "9" * DEEP,
    "digits_alone.yaml": "9" * DEEP,
}


@pytest.mark.parametrize("path", READ, ids=lambda path: path.name)
def test_a_file_that_should_be_read_is_read(path: Path) -> None:
    assert isinstance(read_tree(path).tree, dict | list)


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.name)
def test_a_file_that_should_be_refused_says_why_and_what_to_do(path: Path) -> None:
    with pytest.raises(InvalidCatalog) as caught:
        read_tree(path)
    assert caught.value.source == str(path)
    assert all(problem.text and problem.cure for problem in caught.value.problems)


@pytest.mark.parametrize("name", LARGE)
def test_a_large_file_is_refused_in_few_words(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(LARGE[name], encoding="utf-8")
    with pytest.raises(InvalidCatalog) as caught:
        read_tree(path)
    assert all(len(str(problem)) < 1000 for problem in caught.value.problems)


@pytest.mark.parametrize(
    "text",
    ["[{}]", "a: {}", "a = {}"],
    ids=["json", "yaml", "toml"],
)
@pytest.mark.parametrize("digits", [19, 39, 41, 4299, 4301, 100_000])
def test_a_number_of_any_length_costs_nothing_and_keeps_its_place(
    tmp_path: Path, text: str, digits: int, request: pytest.FixtureRequest
) -> None:
    path = tmp_path / f"a.{request.node.callspec.id.split('-')[-1]}"
    path.write_text(text.format("9" * digits), encoding="utf-8")
    assert "BadNumber(token='999" in repr(read_tree(path).tree)
    assert len(repr(read_tree(path).tree)) < 200

"""Whatever a file holds, the loaders give exact values or one of our own errors."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tallystick.core.bad_number import BadNumber
from tallystick.core.lock import Lock, LockedPrice
from tallystick.errors import InvalidCatalog, InvalidUsage
from tallystick.files import read_lock, read_tree, read_usage, write_lock
from tallystick.files.scalars import join, number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CATALOGS = ("json", "yaml", "toml")
USAGES = ("json", "jsonl", "csv")
NINES = "9" * 50


def words(text: str) -> list[str]:
    """Give the words of a text."""
    return text.split()


PIECES = {
    "json": [
        *words(r"""{ } [ ] , : "a" " \ \u d800 1 - 1e9 NaN true null // ' é "a":1"""),
        *("\n", " ", "\0", "\ufeff", NINES),
    ],
    "yaml": [
        *words(r"""a [ ] { } , *a !! << | > ' " \ # --- ... %TAG ~ 1_000 1e9 0x1 .inf @ ` é"""),
        *(": ", "- ", "? ", "&a ", "!t ", " #", "\n", "  ", "\t", "%YAML 1.2"),
        *("\x85", "\u2028", "\ufeff", "\0", NINES),
    ],
    "toml": [
        *words(r"""a . = [ ] [[ ]] { } , " ''' ' \ \u d800 1 1_0 0x1 1e9 nan - + true # é"""),
        *('"""', "2027-01-01", "07:32:00", "a = 1\n", "[a]\n", "a.b = [1]\n"),
        *(" ", "\n", "\r", "\r\n", "\0", "\ufeff", NINES),
    ],
    "jsonl": [
        *words(r"""{"key":"a","quantity":1} {"type":"a","id":"e"} "id":"e" "properties":{"""),
        *words(r"""{ } " type , : 1e9 [ null é"""),
        *("\n", "\0", "\ufeff", "\r"),
    ],
    "csv": [
        *words(r"""key quantity amount , ; " 1 -1 1e9 a é"""),
        *("\n", "\r\n", "\r", " ", "key,quantity\n", "a,1\n", "\0", "\ufeff"),
    ],
}
PLAIN = st.characters(min_codepoint=0x20, max_codepoint=0xFFEF, exclude_categories=["Cs", "Cc"])
TEXTS = st.text(PLAIN, max_size=8)
NUMBERS = st.one_of(
    st.integers(-(10**18) + 1, 10**18 - 1),
    st.builds(
        lambda units, scale: Decimal(units).scaleb(-scale),
        st.integers(-(10**18) + 1, 10**18 - 1),
        st.integers(1, 18),
    ),
)
PLAIN_NUMBER = re.compile(r"-?[0-9]{1,37}(\.[0-9]{1,18})?", re.ASCII)


def trees(*leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Give trees of plain values."""
    return st.recursive(
        st.one_of(TEXTS, NUMBERS, st.booleans(), *leaves),
        lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXTS, below, max_size=4),
        max_leaves=12,
    )


def written(tree: Any, *, toml: bool = False) -> str:
    """Write a tree on one line, its numbers as plain decimals: JSON, and so YAML; or TOML."""
    if isinstance(tree, dict):
        between = " = " if toml else ": "
        rows = [json.dumps(key) + between + written(v, toml=toml) for key, v in tree.items()]
        return "{" + ", ".join(rows) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(written(value, toml=toml) for value in tree) + "]"
    if isinstance(tree, Decimal):
        return format(tree, "f")
    return json.dumps(tree)


def paths(tree: Any, path: str = "") -> Iterator[str]:
    """Give the path of every value of a tree."""
    yield path
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from paths(value, join(path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from paths(value, join(path, index))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder for the files of one module."""
    return tmp_path_factory.mktemp("loaders")


def try_catalog(folder: Path, suffix: str, content: bytes) -> None:
    """Read bytes as a catalogue; any error but InvalidCatalog is a failure."""
    path = folder / f"a.{suffix}"
    path.write_bytes(content)
    try:
        source = read_tree(path)
    except InvalidCatalog:
        return
    assert isinstance(source.tree, dict | list)
    assert set(source.lines) <= set(paths(source.tree))


def try_usage(folder: Path, suffix: str, content: bytes) -> None:
    """Read bytes as usage; any error but InvalidUsage is a failure."""
    path = folder / f"u.{suffix}"
    path.write_bytes(content)
    try:
        rows = read_usage(path)
    except InvalidUsage:
        return
    assert all(row.quantity.is_finite() and row.quantity >= 0 for row in rows)


@pytest.mark.parametrize("suffix", CATALOGS)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_a_catalog_or_a_problem(folder: Path, suffix: str, content: bytes) -> None:
    try_catalog(folder, suffix, content)


@pytest.mark.parametrize("suffix", CATALOGS)
@given(data=st.data())
def test_any_pieces_of_a_format_are_a_catalog_or_a_problem(
    folder: Path, suffix: str, data: st.DataObject
) -> None:
    pieces = data.draw(st.lists(st.sampled_from(PIECES[suffix]), max_size=30))
    try_catalog(folder, suffix, "".join(pieces).encode())


@pytest.mark.parametrize("suffix", CATALOGS)
@given(tree=st.dictionaries(TEXTS, trees(), min_size=1, max_size=4), data=st.data())
def test_a_document_with_a_hole_or_a_graft_is_a_catalog_or_a_problem(
    folder: Path, suffix: str, tree: dict[str, Any], data: st.DataObject
) -> None:
    toml = suffix == "toml"
    rows = [f"{json.dumps(k)} = {written(v, toml=True)}\n" for k, v in tree.items()]
    text = "".join(rows) if toml else written(tree)
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    graft = "".join(data.draw(st.lists(st.sampled_from(PIECES[suffix]), max_size=3)))
    try_catalog(folder, suffix, (text[:start] + graft + text[end:]).encode())


@pytest.mark.parametrize("suffix", USAGES)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_usage_or_a_problem(folder: Path, suffix: str, content: bytes) -> None:
    try_usage(folder, suffix, content)


@pytest.mark.parametrize("suffix", USAGES)
@given(data=st.data())
def test_any_pieces_of_a_format_are_usage_or_a_problem(
    folder: Path, suffix: str, data: st.DataObject
) -> None:
    pieces = data.draw(st.lists(st.sampled_from(PIECES[suffix]), max_size=30))
    try_usage(folder, suffix, "".join(pieces).encode())


@pytest.mark.parametrize("suffix", ["json", "yaml"])
@given(tree=st.lists(trees(st.none()), max_size=4))
def test_a_tree_comes_back_exactly(folder: Path, suffix: str, tree: Any) -> None:
    path = folder / f"tree.{suffix}"
    path.write_text(written(tree), encoding="utf-8")
    source = read_tree(path)
    assert source.tree == tree
    assert written(source.tree) == written(tree)
    assert dict(source.lines) == dict.fromkeys(paths(tree), 1)


@given(tree=st.dictionaries(TEXTS, trees(), min_size=1, max_size=4))
def test_a_tree_comes_back_exactly_from_toml(folder: Path, tree: dict[str, Any]) -> None:
    path = folder / "tree.toml"
    rows = [f"{json.dumps(key)} = {written(value, toml=True)}\n" for key, value in tree.items()]
    path.write_text("".join(rows), encoding="utf-8")
    source = read_tree(path)
    assert source.tree == tree
    assert written(source.tree) == written(tree)


@given(token=st.one_of(st.text(max_size=50), st.from_regex(r"\A[-+.0-9eExob_]{1,45}\Z")))
def test_a_token_is_exactly_its_number_or_none(token: str) -> None:
    found = number(token)
    if isinstance(found, BadNumber):
        assert found.reason
        assert len(found.token) <= 25
    else:
        assert PLAIN_NUMBER.fullmatch(token)
        assert Decimal(token) == found
        assert isinstance(found, Decimal) == ("." in token)


@given(
    rows=st.lists(
        st.tuples(
            st.text(PLAIN, min_size=1, max_size=8).filter(lambda key: key.isprintable()),
            st.integers(0, 10**12),
            st.integers(0, 12),
        ),
        max_size=6,
    )
)
@settings(max_examples=50)
def test_no_quantity_is_lost_in_any_format(folder: Path, rows: list[tuple[str, int, int]]) -> None:
    assume(all(key.strip() == key for key, _, _ in rows))
    used = [(key, Decimal(units).scaleb(-scale)) for key, units, scale in rows]
    by_key: dict[str, list[Decimal]] = {}
    for key, quantity in used:
        by_key.setdefault(key, []).append(quantity)
    lines = [json.dumps({"key": key, "quantity": format(q, "f")}) for key, q in used]
    cells = [f'"{key.replace(chr(34), chr(34) * 2)}",{q:f}' for key, q in used]
    texts = {
        "json": written(by_key),
        "jsonl": "\n".join(lines),
        "csv": "\n".join(["key,quantity", *cells]),
    }
    for suffix, text in texts.items():
        path = folder / f"rows.{suffix}"
        path.write_text(text, encoding="utf-8")
        found = [(row.key, row.quantity) for row in read_usage(path)]
        assert sorted(found) == sorted(used)


@given(
    prices=st.dictionaries(
        TEXTS,
        st.builds(
            LockedPrice,
            provider_id=st.text(PLAIN, min_size=1, max_size=8),
            interval=st.sampled_from(["day", "week", "month", "year"]),
            interval_count=st.none() | st.integers(1, 10**18 - 1),
            amount=st.none() | st.integers(0, 10**18 - 1),
            currency=st.just("USD"),
            plan_id=st.none() | st.text(PLAIN, min_size=1, max_size=8),
        ),
        max_size=4,
    )
)
@settings(max_examples=50)
def test_a_lock_that_was_written_is_read(folder: Path, prices: dict[str, LockedPrice]) -> None:
    path = folder / "billing.test.lock.json"
    lock = Lock(provider="stripe", environment="test", prices=prices)
    write_lock(path, lock)
    before = path.read_bytes()
    assert read_lock(path) == lock
    write_lock(path, lock)
    assert path.read_bytes() == before

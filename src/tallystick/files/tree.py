"""A catalogue file as a source: its tree, the lines of its values, and its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tallystick.errors import CatalogNotFound, InvalidCatalog
from tallystick.files.refusal import Absent, Refused, refuse
from tallystick.files.regular import read_text
from tallystick.files.scalars import check_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["SUFFIXES", "Source", "parse_text", "read_tree"]

SUFFIXES: Final = (".py", ".toml", ".yaml", ".yml", ".json")
"""The formats of a catalogue file, in the order in which they are looked for."""

_INIT: Final = "start one with `tallystick init`, or name another file"
_Read = tuple[object, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Source:
    """What a catalogue file says, as plain values, and where it says so.

    `tree` holds dict, list, str, bool, None, int, Decimal and BadNumber, never a float; a Python
    file gives its own values, or a ready Catalog.  `lines` maps a problem's path
    (`products[0].plans[1].lineItems[0].cost`) to its line, where the format can tell.
    """

    tree: object
    lines: Mapping[str, int] = field(default_factory=dict)
    name: str = "catalogue"


class _LazyLines(Mapping[str, int]):
    """Lines that are looked for when somebody asks, which is when there is a problem to tell."""

    def __init__(self, find: Callable[[], Mapping[str, int]]) -> None:
        self._find = find

    @cached_property
    def _found(self) -> Mapping[str, int]:
        return self._find()

    def __getitem__(self, path: str) -> int:
        return self._found[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def read_tree(path: Path | str) -> Source:
    """Read a catalogue file: .json, .yaml, .yml, .toml or .py (which is executed).

    At most 8 MB, UTF-8, nested at most 100 deep; numbers are read from their tokens.

    Raises CatalogNotFound, InvalidCatalog with every problem of the file.
    """
    path = Path(path)
    name = str(path)
    try:
        tree, lines = _read(path)
    except Absent as error:
        raise CatalogNotFound(
            f"no catalogue at {name!r}: {error.problems[0].text}; {_INIT}"
        ) from error
    except Refused as error:
        raise InvalidCatalog(error.problems, name) from error
    return Source(tree, lines, name)


def _read(path: Path) -> _Read:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        text = f"has the suffix {suffix!r}" if suffix else "has no suffix to tell its format by"
        raise refuse(text, f"use one of {', '.join(SUFFIXES)}")
    text = read_text(path)
    if suffix == ".py":
        return _checked_python(text, path)
    tree, lines = parse_text(text, suffix)
    if not isinstance(tree, dict | list):
        raise refuse("is neither a mapping nor a list", "write products or plans", line=1)
    return tree, lines


def parse_text(text: str, suffix: str) -> tuple[object, Mapping[str, int]]:
    """Read a text of a format, by its suffix, as plain values and their lines.  Raises Refused."""
    if suffix == ".toml":
        from tallystick.files.from_toml import toml_tree  # noqa: PLC0415 - each format is imported where it is read

        return toml_tree(text)
    if suffix in {".yaml", ".yml"}:
        from tallystick.files.from_yaml import yaml_tree  # noqa: PLC0415 - each format is imported where it is read

        return yaml_tree(text)
    from tallystick.files.from_json import json_lines, json_tree  # noqa: PLC0415 - each format is imported where it is read

    return json_tree(text), _LazyLines(lambda: json_lines(text))


def _checked_python(text: str, path: Path) -> _Read:
    from tallystick.files.from_python import python_tree  # noqa: PLC0415 - each format is imported where it is read

    tree = python_tree(text, path)
    if isinstance(tree, dict | list):
        check_tree(tree)
    return tree, {}

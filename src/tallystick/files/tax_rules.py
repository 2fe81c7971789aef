"""Files of tax rules: YAML, TOML or JSON, as plain values with their lines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from tallystick.errors import InvalidTaxRules, SetupError
from tallystick.files.refusal import Absent, Refused, refuse
from tallystick.files.regular import read_text
from tallystick.files.tree import Source, parse_text

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_tax_tree"]

_SUFFIXES: Final = (".toml", ".yaml", ".yml", ".json")


def read_tax_tree(path: Path | str) -> Source:
    """Read a file of tax rules: .yaml, .yml, .toml or .json, within the bounds of a catalogue.

    Numbers are read from their tokens.  Raises InvalidTaxRules with every problem of the file,
    SetupError where there is none.
    """
    path = Path(path)
    try:
        tree, lines = _read(path)
    except Absent as error:
        raise SetupError(f"no tax rules at {str(path)!r}: {error.problems[0].text}") from error
    except Refused as error:
        raise InvalidTaxRules(error.problems, path.name) from error
    return Source(tree, lines, path.name)


def _read(path: Path) -> tuple[object, Mapping[str, int]]:
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise refuse(
            f"has the suffix {suffix!r}" if suffix else "has no suffix to tell its format by",
            f"use one of {', '.join(_SUFFIXES)}",
            path="tax rules",
        )
    return parse_text(read_text(path), suffix)

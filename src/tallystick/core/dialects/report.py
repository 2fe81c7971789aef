"""What a reader of catalogues finds on its way: problems, hints, and records with their places."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tallystick.errors import Problem

if TYPE_CHECKING:
    from tallystick.core.catalog import Dialect

__all__ = ["BAD", "MOST_PROBLEMS", "Record", "Report", "TooMany", "camel", "line_of", "position"]

BAD: Final = object()
"""Stands for a value that could not be read; its problem is in the report already."""

MOST_PROBLEMS: Final = 1_000
"""So many problems of one document are told; a person cures those first."""


_SEGMENT: Final = re.compile(r"[^.\[\]]+")


class TooMany(Exception):
    """The document has so many problems that reading on helps nobody."""


def camel(name: str) -> str:
    """Write a snake_case name in camelCase."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def line_of(path: str, lines: Mapping[str, int]) -> int | None:
    """Give the line of a path, or of the nearest thing around it that has one."""
    while path and path not in lines:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return lines.get(path)


def position(path: str, tree: object) -> tuple[int, ...]:
    """Tell where in a tree a path leads, so that problems can be told in the document's order.

    What is missing stands where the object around it begins.
    """
    steps: list[int] = []
    node = tree
    for name in _SEGMENT.findall(path):
        if isinstance(node, Mapping) and name in node:
            steps.append(list(node).index(name))
            node = node[name]
        elif isinstance(node, (list, tuple)) and name.isdigit() and int(name) < len(node):
            steps.append(int(name))
            node = node[int(name)]
        else:
            break
    return tuple(steps)


@dataclass(slots=True)
class Report:
    """Gathers every problem and hint of one document, in the order in which they are met."""

    dialect: Dialect
    lines: Mapping[str, int] = field(default_factory=dict)
    _problems: list[Problem] = field(default_factory=list)
    _hints: list[Problem] = field(default_factory=list)

    def problem(self, path: str, text: str, cure: str = "") -> None:
        """Note something that must be cured before the catalogue can be used.

        Raises TooMany.
        """
        self._problems.append(Problem(path, text, cure, line_of(path, self.lines)))
        if len(self._problems) == MOST_PROBLEMS:
            self._problems.append(Problem("", "has more problems", "cure these, then look again"))
            raise TooMany

    def hint(self, path: str, text: str, cure: str = "") -> None:
        """Note something worth a look."""
        self._hints.append(Problem(path, text, cure, line_of(path, self.lines), "hint"))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems, without the hints."""
        return tuple(self._problems)

    @property
    def hints(self) -> tuple[Problem, ...]:
        """The hints, without the problems."""
        return tuple(self._hints)

    def named(self, name: str) -> str:
        """Spell a field as this dialect does."""
        return name if self.dialect == "tallystick" else camel(name)


class Record(dict[str, Any]):
    """The fields of one object under their canonical names, and where each was written.

    A field that was absent or could not be read is not in it; `bad` names the latter, so that a
    check does not call missing what was misspelt.
    """

    __slots__ = ("bad", "path", "report", "written")

    def __init__(self, path: str, report: Report) -> None:
        """Start without fields."""
        super().__init__()
        self.path = path
        self.report = report
        self.written: dict[str, str] = {}
        self.bad: set[str] = set()

    def at(self, name: str) -> str:
        """Give the path of a field, spelt as it was written."""
        spelling = self.written.get(name) or self.report.named(name)
        return f"{self.path}.{spelling}" if self.path else spelling

    def has(self, name: str) -> bool:
        """Whether the field was written at all, well or badly."""
        return name in self.written

    def shared(self, *names: str) -> dict[str, Any]:
        """Give the fields whose name and meaning are the same in the value; absent ones default."""
        return {name: self[name] for name in names if name in self}

    def problem(self, name: str, text: str, cure: str = "") -> None:
        """Note a problem at one of the fields."""
        self.bad.add(name)
        self.report.problem(self.at(name), text, cure)

"""Why a file was not read; turned into a public error at the package's border."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MOST_PROBLEMS", "Absent", "Refused", "refuse"]

MOST_PROBLEMS = 100
"""So many problems of one file are told; a person cures those first."""


class Refused(Exception):
    """The file cannot be read as a document, for these reasons."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep the problems, not more than a person can read."""
        super().__init__("; ".join(map(str, problems[:MOST_PROBLEMS])))
        self.problems = tuple(problems[:MOST_PROBLEMS])
        if len(problems) > MOST_PROBLEMS:
            self.problems += (Problem("", f"and {len(problems) - MOST_PROBLEMS} more"),)


class Absent(Refused):
    """There is no such file."""


def refuse(text: str, cure: str = "", *, path: str = "", line: int | None = None) -> Refused:
    """Make the refusal of one problem."""
    return Refused([Problem(path, text, cure, line)])

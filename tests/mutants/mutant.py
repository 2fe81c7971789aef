"""A fault as values: where it is, what takes the place of what, and who has to notice."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Mutant"]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: `old`, which stands once in `file` (below src/tallystick), becomes `new`.

    `tests` are what has to fail; with `quick` it is tried in every `make test`.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    quick: bool = False

"""The rows of a document: lines with what goes off them, and what is shared out to them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.oracle.lines import Line

__all__ = ["Back", "Row", "shared"]


@dataclass(frozen=True, order=True)
class Row:
    """A line, what went off it, and its taxes by name: minor units."""

    line: Line
    discount: int = 0
    credit: int = 0
    taxes: tuple[tuple[str, int], ...] = ()
    added: int = 0
    """Those of its taxes that are not inside the line."""

    @property
    def sold(self) -> int:
        """What it was sold for."""
        return self.line.minor - self.discount - self.credit


@dataclass(frozen=True)
class Back:
    """A `part` of a fee that is given back: what that was `sold` for; of none that has no bill."""

    fee: Row | None
    part: int
    sold: int


def shared(whole: int, exact: Sequence[Fraction]) -> list[int]:
    """Share out a sum by largest remainder, ties to the first; all below zero is the mirror."""
    first = next((part for part in (sum(exact, Fraction(0)), *exact) if part), Fraction(1))
    if first < 0:
        return [-part for part in shared(-whole, [-part for part in exact])]
    parts = [floor(part) for part in exact]
    by_rest = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in by_rest[: whole - sum(parts)]:
        parts[i] += 1
    return parts

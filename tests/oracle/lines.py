"""The lines of a document, and the stretches that they are for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING

from tests.oracle.having import Name, Tree, exact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.oracle.calendar import Frame

__all__ = ["NEVER", "Fee", "Line", "Piece", "half_away", "missing"]

NEVER = datetime.min.replace(tzinfo=UTC)
"""The time of a line that is for no time."""


Fee = tuple[str, str, datetime]
"""A fee that was charged: of which item and price, since when."""


@dataclass(frozen=True, order=True)
class Line:
    """A line: what for, for which time, how much of it, what it costs in minor units."""

    kind: str
    item: str
    price: str
    start: datetime
    end: datetime
    quantity: Decimal
    minor: int
    of: datetime = field(default=NEVER, compare=False)
    """Since when the fee ran that a credit gives back of."""
    plan: str = field(default="", compare=False)
    """The plan whose price it is; none of what was bought once."""
    share: Fraction | None = field(default=None, compare=False)
    """The part of its period that a fee is for, where that is not the whole."""
    gives: tuple[tuple[Fee, int], ...] = field(default=(), compare=False)
    """The fees that a credit gives back of, and how much of each at most."""


@dataclass
class Piece:
    """A stretch on one price, as long as nothing about it changes."""

    name: Name
    plan: str
    price: Tree
    quantity: int
    since: datetime
    frame: Frame
    invoiced: int = 0
    free: bool = False
    cut: bool = False
    paid: tuple[Piece, ...] = ()
    """Of what was not charged: those that were, for the time that it took over."""

    def share(self, since: datetime) -> Fraction:
        """Give the part of the period from an instant to the end."""
        return Fraction(
            self.frame.seconds(since, self.frame.end), self.frame.seconds(*self.frame.whole)
        )

    def fee(self, since: datetime) -> int:
        """Give what the time from an instant to the end costs."""
        return int(half_away(exact(self.price, self.quantity) * self.share(since)))

    def charged(self) -> tuple[Piece, ...]:
        """Give what was charged for its time: itself, or what it took over from."""
        return self.paid if self.free else (self,)

    def gives(self, since: datetime) -> tuple[tuple[Fee, int], ...]:
        """Give what can come back of each fee: its time from an instant on, within its amount."""
        return tuple(
            ((*each.name, each.since), min(each.fee(since), each.invoiced))
            for each in self.charged()
        )

    def left(self, since: datetime) -> int:
        """Give what comes back of it."""
        return min(self.fee(since), sum(most for _, most in self.gives(since)))

    def line(self, kind: str, start: datetime, end: datetime, minor: int) -> Line:
        """Write a line of it."""
        share = self.share(start) if kind == "fee" else Fraction(1)
        return Line(
            *(kind, *self.name, start, end, Decimal(self.quantity), minor, self.since, self.plan),
            share=None if share == 1 else share,
        )


def half_away(number: Fraction, decimals: int = 0) -> Fraction:
    """Round half away from zero."""
    scaled = abs(number) * 10**decimals
    rounded = Fraction(floor(scaled + Fraction(1, 2)), 10**decimals)
    return -rounded if number < 0 else rounded


def missing(piece: Piece, asked: Iterable[tuple[Line, int]]) -> Line | None:
    """Give what is missing to a minimum: of all that was asked for time that begins within it.

    What was `asked` for is told line by line, after coupons.
    """
    start, end = piece.since, piece.frame.end
    found = sum(
        minor
        for line, minor in asked
        if line.item == piece.name[0] and line.kind in {"fee", "usage", "credit"}
        if start <= (line.of if line.kind == "credit" else line.start) < end
    )
    share = Fraction(piece.frame.seconds(start, end), piece.frame.full())
    gap = int(half_away(piece.price["minor"] * share)) - found
    return piece.line("minimum", start, end, gap) if gap > 0 else None

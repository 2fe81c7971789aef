"""The bill of a subscription, worked out a second time: prices laid over the moments of a life.

A catalogue is a dict of plans in their order: `{"pro": {"every": ("month", 1), "prices": [...]}}`,
a price `{"id", "kind": "flat" | "seat", "minor"}` or `{"id", "kind": "usage", "included"}` with a
`rate` or `tiers` (pairs of a bound and a rate, minor units), and an `every` of its own.  Moves are
dicts with `at` and `do`; usage is a list of instants and quantities.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any

from tests.oracle.life import live

if TYPE_CHECKING:
    from tests.oracle.calendar import Frame
    from tests.oracle.passing import Moment

__all__ = ["Document", "Line", "bill", "half_away"]

Tree = dict[str, Any]
Usage = list[tuple[datetime, Decimal]]


@dataclass(frozen=True, order=True)
class Line:
    """A line: what for, for which time, how much of it, what it costs in minor units."""

    kind: str
    price: str
    start: datetime
    end: datetime
    quantity: Decimal
    minor: int


@dataclass(frozen=True)
class Document:
    """A document: when, its lines in no order that matters, their sum."""

    at: datetime
    lines: tuple[Line, ...]

    @property
    def total(self) -> int:
        """Add the lines."""
        return sum(line.minor for line in self.lines)


@dataclass
class _Piece:
    """A stretch on one price, as long as nothing about it changes."""

    since: datetime
    quantity: int
    frame: Frame
    invoiced: int = 0
    cut: bool = False
    holes: tuple[tuple[datetime, datetime], ...] = field(default=())


def half_away(exact: Fraction, decimals: int = 0) -> Fraction:
    """Round half away from zero."""
    scaled = abs(exact) * 10**decimals
    rounded = Fraction(floor(scaled + Fraction(1, 2)), 10**decimals)
    return -rounded if exact < 0 else rounded


def bill(
    catalog: Tree, start: Tree, moves: list[Tree], usage: Usage, until: datetime
) -> tuple[list[Document], list[tuple[str, str, bool]]]:
    """Give the documents up to an instant, and what became of each move."""
    life, told = live(catalog, start, moves, until)
    lines: list[list[Line]] = [[] for _ in life.moments]
    prices = {p["id"]: p for plan in catalog.values() for p in plan["prices"]}
    for price in prices.values():
        having = [_had(catalog, moment, price) for moment in life.moments]
        lay = _usage if price["kind"] == "usage" else _fees
        for place, line in lay(price, life.moments, having, usage):
            lines[place].append(line)
    return _documents(life.moments, lines), told


def _had(catalog: Tree, moment: Moment, price: Tree) -> int | None:
    """Give how many of a price are had after a moment; None for none."""
    if moment.have is None or price not in catalog[moment.have[0]]["prices"]:
        return None
    if (moment.usage if price["kind"] == "usage" else moment.fees) is None:
        return None
    return moment.have[1] if price["kind"] == "seat" else 1


def _documents(moments: list[Moment], lines: list[list[Line]]) -> list[Document]:
    """Let each line wait for the first document after it."""
    documents: list[Document] = []
    waiting: list[Line] = []
    for moment, own in zip(moments, lines, strict=True):
        waiting += own
        if moment.flush and waiting:
            documents.append(Document(moment.at, tuple(sorted(waiting))))
            waiting = []
    return documents


def _fees(
    price: Tree, moments: list[Moment], having: list[int | None], _usage: Usage
) -> list[tuple[int, Line]]:
    """Lay a flat or per-seat price: charged for what is ahead, given back for what is not had."""
    lines: list[tuple[int, Line]] = []
    piece: _Piece | None = None
    for place, (moment, wanted) in enumerate(zip(moments, having, strict=True)):
        at = moment.at
        if piece and place and moments[place - 1].still:
            piece.frame = piece.frame.moved(moments[place - 1].at, at)
        if piece and piece.frame.end == at:
            piece = None
        if piece and (wanted != piece.quantity or moment.anew):
            if moment.gives_back:
                rest = min(_fee(price, piece.quantity, piece.frame, at), piece.invoiced)
                line = Line(
                    "credit", price["id"], at, piece.frame.end, Decimal(piece.quantity), -rest
                )
                lines.append((place, line))
            piece = None
        if wanted and piece is None and moment.fees is not None:
            minor = _fee(price, wanted, moment.fees, at)
            piece = _Piece(at, wanted, moment.fees, minor)
            line = Line("fee", price["id"], at, moment.fees.end, Decimal(wanted), minor)
            lines.append((place, line))
    return lines


def _fee(price: Tree, quantity: int, frame: Frame, since: datetime) -> int:
    """Give what the time from an instant to the end of a stretch costs."""
    share = Fraction(frame.seconds(since, frame.end), frame.seconds(*frame.whole))
    return int(half_away(price["minor"] * quantity * share))


def _usage(
    price: Tree, moments: list[Moment], having: list[int | None], usage: Usage
) -> list[tuple[int, Line]]:
    """Lay a price for usage: counted when its stretch ends, without the pauses."""
    lines: list[tuple[int, Line]] = []
    piece: _Piece | None = None
    quiet_since: datetime | None = None
    for place, (moment, wanted) in enumerate(zip(moments, having, strict=True)):
        at, before = moment.at, moments[place - 1] if place else None
        if piece and before and before.still:
            piece.frame = piece.frame.moved(before.at, at)
        if piece and (piece.frame.end == at or wanted is None or moment.anew):
            if quiet_since is not None:
                holes = (*piece.frame.holes, (quiet_since, at))
                piece.frame = replace(piece.frame, holes=holes)
            piece.cut = piece.cut or (moment.ends_cut and piece.frame.end != at)
            line = _counted(price, piece, at, usage)
            lines += [] if line is None else [(place, line)]
            piece = None
        if wanted and moment.usage is not None:
            if piece is None:
                cut = moment.cut and moment.usage.whole[0] < at
                piece = _Piece(at, wanted, moment.usage, cut=cut)
            piece.frame = moment.usage
        if not moment.quiet:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = at
    return lines


def _counted(price: Tree, piece: _Piece, end: datetime, usage: Usage) -> Line | None:
    """Price what was used from the beginning of a stretch to an instant."""
    frame = piece.frame
    if not frame.seconds(piece.since, end):
        return None
    quantity = sum(
        (
            number
            for when, number in usage
            if piece.since <= when < end
            and not any(since <= when < until for since, until in frame.holes)
        ),
        Decimal(0),
    )
    included = Fraction(price.get("included", "0"))
    if piece.cut:
        whole = frame.seconds(*frame.whole) or int(
            (frame.whole[1] - frame.whole[0]) / timedelta(seconds=1)
        )
        included = half_away(included * Fraction(frame.seconds(piece.since, end), whole), 12)
    minor = int(half_away(_priced(price, max(Fraction(0), Fraction(quantity) - included))))
    if not quantity and not minor:
        return None
    return Line("usage", price["id"], piece.since, end, quantity, minor)


def _priced(price: Tree, units: Fraction) -> Fraction:
    """Price units: each its rate, or each tier the part of them that falls into it."""
    exact, below = Fraction(0), Fraction(0)
    for bound, rate in price.get("tiers", [(None, price.get("rate", "0"))]):
        top = units if bound is None else min(units, Fraction(bound))
        exact += max(Fraction(0), top - below) * Fraction(rate)
        below = max(below, top)
    return exact

"""The bill of a subscription, worked out a second time: prices laid over the moments of a life.

A catalogue is a dict of plans in their order: `{"pro": {"every": ("month", 1), "prices": [...]}}`,
perhaps with a `minimum` and a `set_up` fee.  A price is `{"id", "kind": "flat" | "seat", "minor"}`
or `{"id", "kind": "usage", "included"}` with a `rate` or `tiers` (pairs of a bound and a rate,
minor units), and an `every` of its own.  Moves are dicts with `at` and `do`; usage is a list of
instants and quantities.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, TypeVar

from tests.oracle.having import Name, Tree, exact, prices
from tests.oracle.life import live
from tests.oracle.lines import NEVER, Line, Piece, half_away, missing
from tests.oracle.passing import ARREARS, slot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.oracle.passing import Moment

__all__ = [
    "Bill",
    "Document",
    "Usage",
    "bill",
    "numbered",
    "with_items",
]

Usage = list[tuple[datetime, Decimal]]
GRACE = timedelta(hours=1)


@dataclass(frozen=True)
class Document:
    """A document: when and why, its lines in no order that matters, their sum."""

    at: datetime
    cause: str
    lines: tuple[Line, ...]
    metered: bool = field(default=False, compare=False)
    """Whether something that is measured stands on it, even if that came to nothing."""
    known: datetime = field(default=NEVER, compare=False)
    """When the start was told, or the document before it could be issued."""
    closed: tuple[Piece, ...] = field(default=(), compare=False)
    """The minimums that it settles."""

    @property
    def issued(self) -> datetime:
        """When it can be issued: what is measured gets its grace, and none comes before another."""
        return max(self.known, self.at + (GRACE if self.metered else timedelta()))

    @property
    def asks(self) -> bool:
        """Whether it is issued: some line has an amount."""
        return any(line.minor for line in self.lines)

    @property
    def total(self) -> int:
        """Add the lines."""
        return sum(line.minor for line in self.lines)


@dataclass(frozen=True)
class Bill:
    """The documents of a life, what became of each move, and of all.

    Those that are `unsettled` lack what is missing to their minimums.
    """

    documents: list[Document]
    unsettled: list[Document]
    told: list[tuple[str, str, bool]]
    state: str


class _Issuable(Protocol):
    """What can be issued, if it `asks` for something."""

    @property
    def issued(self) -> datetime: ...
    @property
    def cause(self) -> str: ...
    @property
    def asks(self) -> bool: ...
    @property
    def total(self) -> int: ...


_Asks = TypeVar("_Asks", bound=_Issuable)
_Laid = dict[int, list[Line | Piece]]
"""Lines by the moment that makes them; a piece is a minimum that a moment closes."""


def bill(catalog: Tree, start: Tree, moves: list[Tree], usage: Usage, until: datetime) -> Bill:
    """Give the documents up to an instant, and what became of each move."""
    life, told = live(catalog, start, moves, until)
    fees = _Fees(catalog, usage)
    laid: _Laid = defaultdict(list)
    metered: set[int] = set()
    for place, moment in enumerate(life.moments):
        before = life.moments[place - 1] if place else None
        laid[place] += fees.pass_to(moment, before)
        if moment.set_up:
            fee = Line("setup", "plan", "", NEVER, NEVER, Decimal(1), moment.set_up)
            laid[place].append(replace(fee, plan=moment.items["plan"].plan))
        if fees.by_value:
            metered.add(place)
    names = dict.fromkeys(name for moment in life.moments for name in moment.have)
    for name in names:
        for place, found in _arrears(name, life.moments, usage):
            metered.add(place)
            laid[place] += found
    unsettled = _documents(life.moments, laid, metered, start["at"])
    return Bill(_settled(unsettled), unsettled, told, life.state)


def with_items(documents: list[Document], items: Iterable[Tree]) -> list[Document]:
    """Put what was bought once on the next document that is issued: dicts of `at` and `minor`."""
    waiting = sorted(items, key=lambda item: item["at"])
    made = []
    for each in documents:
        taken = [item for item in waiting if item["at"] <= each.at]
        waiting = [item for item in waiting if item not in taken]
        lines = [Line("item", "", "", NEVER, NEVER, Decimal(1), item["minor"]) for item in taken]
        made.append(replace(each, lines=tuple(sorted([*each.lines, *lines]))))
    return made


def numbered(bills: Iterable[tuple[str, list[_Asks]]]) -> list[tuple[str, str, _Asks]]:
    """Number the documents of many customers that ask for something: number, customer, document."""
    found = [
        (each.issued, who, place, each) for who, some in bills for place, each in enumerate(some)
    ]
    counts = {"INV": 0, "CN": 0}
    told = []
    for _, who, _, each in sorted(found, key=lambda row: row[:3]):
        if each.asks:
            series = "INV" if each.total >= 0 else "CN"
            counts[series] += 1
            told.append((f"{series}-{counts[series]:06}", who, each))
    return told


# --- documents ------------------------------------------------------------------------------------


def _documents(
    moments: list[Moment], laid: _Laid, metered: set[int], known: datetime
) -> list[Document]:
    """Let each line wait for the first document after it."""
    documents: list[Document] = []
    waiting: list[Line | Piece] = []
    measured = False
    for place, moment in enumerate(moments):
        waiting += laid.get(place, [])
        measured = measured or place in metered
        if moment.flush and (waiting or measured):
            row = tuple(sorted(each for each in waiting if isinstance(each, Line)))
            closed = tuple(each for each in waiting if isinstance(each, Piece))
            documents.append(Document(moment.at, moment.cause, row, measured, known, closed))
            known = documents[-1].issued
            waiting, measured = [], False
    return documents


def _settled(documents: list[Document]) -> list[Document]:
    """Put what is missing to minimums on the documents that settle them."""
    counted: list[tuple[Line, int]] = []
    made = []
    for each in documents:
        counted += [(line, line.minor) for line in each.lines]
        found = [line for piece in each.closed if (line := missing(piece, counted)) is not None]
        made.append(replace(each, lines=tuple(sorted([*each.lines, *found]))))
    return made


# --- fees -----------------------------------------------------------------------------------------


class _Fees:
    """Flat and per-seat prices: charged for what is ahead, given back for what is not had."""

    def __init__(self, catalog: Tree, usage: Usage) -> None:
        self.catalog, self.usage = catalog, usage
        self.pieces: dict[Name, Piece] = {}
        self.by_value = False

    def pass_to(self, moment: Moment, before: Moment | None) -> list[Line]:
        """Give the lines of a moment."""
        at, lines, left = moment.at, list[Line](), list[Piece]()
        self.by_value = False
        if before is not None and before.still:
            self._stand(before.at, at)
        self.pieces = {name: piece for name, piece in self.pieces.items() if piece.frame.end != at}
        for name, piece in list(self.pieces.items()):
            if moment.have.get(name) == (piece.price, piece.quantity) and not moment.anew:
                continue
            del self.pieces[name]
            if moment.mode == "none":
                left += piece.charged()
            else:
                lines.append(self._credit(piece, at, moment, before))
        free = moment.mode == "none" and not moment.anew
        begun: list[Piece] = []
        for name, (price, many) in moment.have.items():
            if price["kind"] in ARREARS or name in self.pieces:
                continue
            plan = moment.items[name[0]].plan
            piece = Piece(name, plan, price, many, at, moment.frames[slot(price)], free=free)
            self.pieces[name] = piece
            begun.append(piece)
            if not free:
                piece.invoiced = piece.fee(at)
                lines.append(piece.line("fee", at, piece.frame.end, piece.invoiced))
        if free and begun:  # the dearest takes the place of all that went
            max(begun, key=lambda piece: piece.fee(at)).paid = tuple(left)
        return lines

    def _stand(self, since: datetime, until: datetime) -> None:
        """Move on what runs, and what that took over from."""
        for piece in self.pieces.values():
            for each in (piece, *piece.paid):
                each.frame = each.frame.moved(since, until)

    def _credit(self, piece: Piece, at: datetime, moment: Moment, before: Moment | None) -> Line:
        """Give back the rest of a fee: of what was invoiced, and of what its time is worth."""
        rest = piece.left(at)
        if moment.mode == "value" and before is not None:
            self.by_value = True
            unused = self._unused(piece, at, before)
            rest = min(rest, int(half_away(exact(piece.price, piece.quantity) * unused)))
        return replace(piece.line("credit", at, piece.frame.end, -rest), gives=piece.gives(at))

    def _unused(self, piece: Piece, at: datetime, before: Moment) -> Fraction:
        """Give the share of the allowances that is left: of several, the least."""
        key = piece.name[0]
        found = prices(self.catalog, key, before.items[key]).values()
        allowed = [Fraction(tree.get("included", 0)) for tree, _ in found]
        used = Fraction(sum(number for when, number in self.usage if piece.since <= when < at))
        left = [max(Fraction(0), 1 - used / each) for each in allowed if each]
        return min(left, default=Fraction(1))


# --- what is charged when it is over --------------------------------------------------------------


def _arrears(
    name: Name, moments: list[Moment], usage: Usage
) -> list[tuple[int, list[Line | Piece]]]:
    """Lay a price for usage, or a minimum: counted when its stretch ends, without the pauses."""
    found: list[tuple[int, list[Line | Piece]]] = []
    piece: Piece | None = None
    quiet_since: datetime | None = None
    for place, (moment, before) in enumerate(zip(moments, [None, *moments], strict=False)):
        at, had = moment.at, moment.have.get(name)
        if piece and before and before.still:
            piece.frame = piece.frame.moved(before.at, at)
        gone = had is None or (piece is not None and had[0] != piece.price)
        if piece and (piece.frame.end == at or gone or moment.anew):
            if quiet_since is not None:
                pauses = (*piece.frame.pauses, (quiet_since, at))
                piece.frame = replace(piece.frame, pauses=pauses)
            piece.cut = piece.cut or (moment.ends_cut and piece.frame.end != at)
            if piece.frame.seconds(piece.since, at):
                found.append((place, _counted(piece, at, usage)))
            piece = None
        if had and had[0]["kind"] in ARREARS:
            frame = moment.frames[slot(had[0])]
            if piece is None:
                cut = moment.cut and frame.whole[0] < at
                piece = Piece(name, moment.items[name[0]].plan, had[0], 1, at, frame, cut=cut)
            piece.frame = frame
        if not moment.quiet:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = at
    return found


def _counted(piece: Piece, end: datetime, usage: Usage) -> list[Line | Piece]:
    """Price what was used from the beginning of a stretch to an instant."""
    frame, price = piece.frame, piece.price
    if price["kind"] == "minimum":
        return [replace(piece, frame=replace(frame, end=end))]
    pauses = (*frame.holes, *frame.pauses)
    quantity = sum(
        (
            number
            for when, number in usage
            if piece.since <= when < end
            and not any(since <= when < until for since, until in pauses)
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
        return []
    return [replace(piece.line("usage", piece.since, end, minor), quantity=quantity)]


def _priced(price: Tree, units: Fraction) -> Fraction:
    """Price units: each its rate, or each tier the part of them that falls into it."""
    total, below = Fraction(0), Fraction(0)
    for bound, rate in price.get("tiers", [(None, price.get("rate", "0"))]):
        top = units if bound is None else min(units, Fraction(bound))
        total += max(Fraction(0), top - below) * Fraction(rate)
        below = max(below, top)
    return total

"""What a document asks for in the end: coupons, credits and taxes laid over its lines.

What a customer has besides the plan is a dict, a purse.  `coupons` are those that were redeemed, in
their order: `{"at", "id", "percent" | "minor", "lasts"}` with `lasts` "once", a number of months or
None for ever, perhaps for some `plans` or `prices` only.  `grants` are credits: `{"id", "at",
"since", "until", "minor", "category", "priority", "prices"}`, and `voids` take back of them:
`{"at", "id", "minor"}`.  `taxes` are rates: `{"name", "percent", "inclusive", "since", "until",
"prices"}`, where `prices` has the only ones it is for, or `but` those it is not for.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from tests.oracle.calendar import boundary
from tests.oracle.lines import Fee, Line, half_away, missing
from tests.oracle.rows import Back, Row, shared
from tests.oracle.taxing import taxed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from tests.oracle.billing import Document
    from tests.oracle.having import Tree

__all__ = ["Asked", "asked"]


@dataclass(frozen=True)
class Asked:
    """A document: its rows in no order that matters, what coupons and grants gave, and its sum."""

    at: datetime
    cause: str
    issued: datetime
    lines: tuple[Row, ...]
    coupons: tuple[tuple[str, int], ...]
    burns: tuple[tuple[str, int], ...]

    @property
    def asks(self) -> bool:
        """Whether it is issued: some line has an amount."""
        return any(row.line.minor for row in self.lines)

    @property
    def total(self) -> int:
        """Add it up."""
        return sum(row.sold + row.added for row in self.lines)


def asked(
    documents: Iterable[Document], purse: Tree, shown: Callable[[Document], Sequence[Line]]
) -> list[Asked]:
    """Give what documents that are not settled ask for in the end, in the order of their issue.

    `shown` says in which order a document has its lines: a rest of a minor unit goes to the first,
    and credits pay them in turn.
    """
    customer = _Customer(purse)
    ordered = sorted(documents, key=lambda each: (each.issued, each.cause))
    return [customer.ask(each, shown(each)) for each in ordered]


class _Customer:
    """What a customer had, and what is left of it, document by document."""

    def __init__(self, purse: Tree) -> None:
        self.coupons: list[Tree] = purse.get("coupons", [])
        self.grants = sorted(purse.get("grants", []), key=_turn)
        self.taxes: list[Tree] = purse.get("taxes", [])
        self.zone: str | None = purse.get("zone")
        self.voids = sorted(purse.get("voids", []), key=lambda void: void["at"])
        self.left = {grant["id"]: grant["minor"] for grant in self.grants}
        self.used: set[str] = set()
        self.asked_before: list[tuple[Line, int]] = []
        self.fees: dict[Fee, Row] = {}

    def ask(self, document: Document, order: Sequence[Line]) -> Asked:
        """Lay what the customer has over a document, and use it up."""
        self._void(document.issued)
        rows = [Row(line) for line in _in_order(document.lines, order)]
        backs = self._backs(rows)
        rows, coupons = self._discounted(document, rows, set(backs))
        rows = self._with_minimums(document, rows, order)
        rows, promoted = self._promoted(document.at, rows)
        rows = taxed(self.taxes, document.issued, rows, backs)
        paid = self._paid(document.at, rows, "paid", [row.sold + row.added for row in rows])
        burns: defaultdict[str, int] = defaultdict(int)
        for grant, minor in (*promoted, *((g, m) for some in paid for g, m in some)):
            burns[grant] += minor
        for row in rows:
            if row.line.kind == "fee":
                self.fees[_fee_of(row.line)] = row
        return Asked(
            at=document.at,
            cause=document.cause,
            issued=document.issued,
            lines=tuple(sorted(rows)),
            coupons=tuple(sorted((name, minor) for name, minor in coupons.items() if minor)),
            burns=tuple(sorted(burns.items())),
        )

    # --- what is given back -----------------------------------------------------------------------

    def _backs(self, rows: list[Row]) -> dict[int, list[Back]]:
        """Give the fees that credits are of; with each goes its share of what went off the fee.

        Where none of them was billed yet, they are of the same document: that asks for less.
        """
        found: dict[int, list[Back]] = {}
        for place, row in enumerate(rows):
            fees = [(self.fees.get(key), most) for key, most in row.line.gives]
            if row.line.kind != "credit" or not any(fee for fee, _ in fees):
                continue
            backs, rest = list[Back](), -row.line.minor
            for fee, most in fees:
                if fee is None or fee.sold > 0:  # what nobody paid does not come back
                    part = min(most, rest)
                    rest -= part
                    share = Fraction(1) if fee is None else Fraction(fee.sold, fee.line.minor)
                    backs.append(Back(fee, part, int(half_away(part * share))))
            whole = sum(back.part for back in backs)
            line = replace(row.line, minor=-whole)
            off = sum(back.sold for back in backs) - whole
            rows[place] = replace(row, line=line, discount=off)
            found[place] = backs
        return found

    # --- coupons ----------------------------------------------------------------------------------

    def _discounted(
        self, document: Document, rows: list[Row], backs: set[int]
    ) -> tuple[list[Row], dict[str, int]]:
        """Let coupons act in turn, each on what is left of what it is for."""
        left = self._open(rows, backs)
        taken: dict[str, int] = {}
        off = [0] * len(rows)
        for coupon in self.coupons:
            if not self._acts(coupon, document.at):
                continue
            parts = _off(coupon, rows, left)
            for place, minor in parts.items():
                left[place] -= minor
                off[place] += minor
            taken[coupon["id"]] = sum(parts.values())
            if taken[coupon["id"]]:
                self.used.add(coupon["id"])
        done = [replace(row, discount=row.discount + off[i]) for i, row in enumerate(rows)]
        return done, taken

    def _open(self, rows: list[Row], backs: set[int]) -> dict[int, int]:
        """Give what a first coupon finds of lines; a fee that goes at once is less."""
        left = {i: row.line.minor for i, row in enumerate(rows) if row.line.kind != "credit"}
        for i, row in enumerate(rows):
            rest = -row.line.minor if row.line.kind == "credit" and i not in backs else 0
            for fee, most in row.line.gives:
                mine = [
                    j for j in left if rows[j].line.kind == "fee" and _fee_of(rows[j].line) == fee
                ]
                for j in mine[-1:]:
                    left[j] -= min(most, rest)
                rest -= min(most, rest)
        return left

    def _acts(self, coupon: Tree, at: datetime) -> bool:
        lasts = coupon["lasts"]
        if coupon["at"] > at or (lasts == "once" and coupon["id"] in self.used):
            return False
        return not isinstance(lasts, int) or at < boundary(
            coupon["at"], ("month", lasts), 1, self.zone
        )

    # --- minimums ---------------------------------------------------------------------------------

    def _with_minimums(
        self, document: Document, rows: list[Row], order: Sequence[Line]
    ) -> list[Row]:
        """Put what is missing to minimums, of what is left after coupons."""
        self.asked_before += [(row.line, row.line.minor - row.discount) for row in rows]
        found = [missing(piece, self.asked_before) for piece in document.closed]
        lines = {id(row.line): row for row in rows}
        all_ = [*(row.line for row in rows), *(line for line in found if line is not None)]
        return [lines.get(id(line), Row(line)) for line in _in_order(all_, order)]

    # --- credits ----------------------------------------------------------------------------------

    def _void(self, until: datetime) -> None:
        """Take back what was taken back before an instant; nobody takes more than there is."""
        while self.voids and self.voids[0]["at"] < until:
            void = self.voids.pop(0)
            wanted = void["minor"] or self.left[void["id"]]
            if wanted <= self.left[void["id"]]:
                self.left[void["id"]] -= wanted

    def _promoted(self, at: datetime, rows: list[Row]) -> tuple[list[Row], list[tuple[str, int]]]:
        paid = self._paid(at, rows, "promotional", [row.sold for row in rows])
        done = [
            replace(row, credit=sum(minor for _, minor in some))
            for row, some in zip(rows, paid, strict=True)
        ]
        return done, [each for some in paid for each in some]

    def _paid(
        self, at: datetime, rows: list[Row], category: str, sums: list[int]
    ) -> list[list[tuple[str, int]]]:
        """Let grants pay lines in turn, all together no more than the lines come to."""
        room = sum(sums)
        found: list[list[tuple[str, int]]] = []
        for row, sum_ in zip(rows, sums, strict=True):
            paid = []
            need = min(sum_, room)
            for grant in self.grants:
                able = (
                    grant["category"] == category
                    and grant["since"] <= at
                    and (grant["until"] is None or at < grant["until"])
                    and (not grant["prices"] or row.line.price in grant["prices"])
                )
                part = min(need, self.left[grant["id"]]) if able else 0
                if part > 0:
                    self.left[grant["id"]] -= part
                    need -= part
                    room -= part
                    paid.append((grant["id"], part))
            found.append(paid)
        return found


def _in_order(lines: Iterable[Line], order: Sequence[Line]) -> list[Line]:
    """Put lines in the order in which they are shown; what a minimum comes to is no matter."""
    places = {_seen(line): place for place, line in reversed(list(enumerate(order)))}
    last = len(places)
    return sorted(lines, key=lambda line: (places.get(_seen(line), last), line))


def _seen(line: Line) -> tuple[Any, ...]:
    own = None if line.kind in {"minimum", "credit"} else line.minor
    return line.kind, line.item, line.price, line.start, line.end, line.quantity, own


def _fee_of(line: Line) -> Fee:
    return line.item, line.price, line.start


def _off(coupon: Tree, rows: list[Row], left: dict[int, int]) -> dict[int, int]:
    """Give what a coupon takes of lines: of all together, or apart for each part of a period."""
    mine = [i for i in left if _coupon_is_for(coupon, rows[i].line)]
    apart = "minor" in coupon and coupon["lasts"] != "once"
    stretches: defaultdict[Any, list[int]] = defaultdict(list)
    for i in mine:
        line = rows[i].line
        stretches[(line.start, line.end, line.share) if apart and line.share else None].append(i)
    parts: dict[int, int] = {}
    for stretch, places in stretches.items():
        base = [max(0, left[i]) for i in places]
        share = Fraction(1) if stretch is None else stretch[2]
        wanted = (
            coupon["minor"] * share
            if "minor" in coupon
            else sum(base) * Fraction(coupon["percent"]) / 100
        )
        off = min(int(half_away(Fraction(wanted))), sum(base))
        weights = [Fraction(off * each, sum(base) or 1) for each in base]
        parts.update(zip(places, shared(off, weights), strict=True))
    return parts


def _coupon_is_for(coupon: Tree, line: Line) -> bool:
    plans, prices = coupon.get("plans", ()), coupon.get("prices", ())
    return (not plans or line.plan in plans) and (not prices or line.price in prices)


_FIRST: Final = {"promotional": 0, "paid": 1}


def _turn(grant: Tree) -> tuple[Any, ...]:
    """Say when it is a grant's turn."""
    never = grant["until"] is None
    return (
        grant["priority"],
        never,
        grant["since"] if never else grant["until"],
        _FIRST[grant["category"]],
        grant["since"],
        grant["number"],
    )

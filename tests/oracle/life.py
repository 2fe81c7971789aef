"""The life of a subscription: what can be asked of it in which state, and what that makes of it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from tests.oracle.passing import Passing, same

if TYPE_CHECKING:
    from datetime import datetime

    from tests.oracle.passing import Tree

__all__ = ["CAN", "Life", "Refused", "live"]

CAN: dict[str, set[str]] = {
    "scheduled": {"change", "cancel", "keep", "unplan"},
    "trialing": {"change", "cancel", "keep", "unplan"},
    "active": {"change", "pause", "cancel", "keep", "unplan", "lapse"},
    "past_due": {"change", "pause", "cancel", "keep", "unplan", "recover"},
    "paused": {"change", "resume", "cancel", "keep", "unplan", "lapse", "recover"},
    "canceled": set(),
    "ended": set(),
}
"""What can be done in which state."""


class Refused(Exception):
    """What is asked for cannot be done now."""


class Life(Passing):
    """One subscription, and what is asked of it."""

    def do(self, move: Tree) -> None:
        """Do what is asked, or refuse."""
        at = move["at"]
        if at < self.clock:
            raise Refused
        self.pass_to(at)
        if move["do"] not in CAN[self.state]:
            raise Refused
        getattr(self, f"do_{move['do']}")(move, at)
        self.number += 1
        self.clock = at
        self.pass_to(at)

    def do_change(self, move: Tree, at: datetime) -> None:
        """Change plan or seats: more is now, less at the end of the period, an interval now."""
        plan, seats = move.get("plan") or self.plan, move.get("seats") or self.seats
        if (plan, seats) == (self.plan, self.seats):
            raise Refused
        when = move.get("when")
        if when not in {None, "now", "period_end"}:
            if when <= at:
                raise Refused
            self.planned.append((self.number + 1, move, when))
            return
        timing = when or ("now" if self.is_more(plan, seats) else "period_end")
        if timing == "now" or (self.period is None and (when is None or self.begins is None)):
            self.exchange(move, at)
        else:
            self.planned.append((self.number + 1, move, self.begins))

    def is_more(self, plan: str, seats: int) -> bool:
        """Whether a change is one that takes effect now."""
        if not same(self.every(), self.every(plan)):
            return True
        if plan == self.plan:
            return seats >= self.seats
        old, new = self.per_year(self.plan), self.per_year(plan)
        names = list(self.catalog)
        later = names.index(plan) > names.index(self.plan)
        return later if new == old else new > old

    def per_year(self, plan: str) -> Fraction:
        """Give what a plan costs in a year at the present seats."""
        unit, size = self.every(plan)
        cost = sum(
            p["minor"] * (self.seats if p["kind"] == "seat" else 1)
            for p in self.priced("fees", plan)
        )
        return Fraction(cost) * 12 / (size * (12 if unit == "year" else 1))

    def do_pause(self, move: Tree, at: datetime) -> None:
        """Stand still, or leave the boundaries and be given back the rest."""
        if move.get("resumes") and move["resumes"] <= at:
            raise Refused
        self.state, self.pause, self.seen = "paused", (at, move["mode"]), at
        self.resumes = move.get("resumes")
        if move["mode"] == "keep":
            self.fees = None
        self.note(at)

    def do_resume(self, _move: Tree, at: datetime) -> None:
        """Go on."""
        self.go_on(at)

    def do_cancel(self, move: Tree, at: datetime) -> None:
        """End it: now, at the end of the period, at a date."""
        when, credit = move["when"], move.get("credit", False)
        if when not in {"now", "period_end"}:
            if when <= at:
                raise Refused
            self.cancel = (when, credit)
        elif when == "now" or self.state == "scheduled":
            self.stop(at, "canceled", credit)
        elif self.end is None:
            raise Refused
        else:
            self.cancel = (self.end, credit)

    def do_keep(self, _move: Tree, _at: datetime) -> None:
        """Take a cancellation back."""
        if self.cancel is None:
            raise Refused
        self.cancel = None

    def do_unplan(self, move: Tree, _at: datetime) -> None:
        """Take back what was planned."""
        left = [each for each in self.planned if each[0] != move["number"]]
        if len(left) == len(self.planned):
            raise Refused
        self.planned = left

    def do_lapse(self, _move: Tree, _at: datetime) -> None:
        """Be late with a payment."""
        self.owe(owes=True)

    def do_recover(self, _move: Tree, _at: datetime) -> None:
        """Have paid after all."""
        self.owe(owes=False)

    def owe(self, *, owes: bool) -> None:
        """Owe or not; who is paused goes on so later."""
        if self.state != "paused":
            self.state = "past_due" if owes else "active"
        self.owes = owes


def live(
    catalog: Tree, start: Tree, moves: list[Tree], until: datetime
) -> tuple[Life, list[tuple[str, str, bool]]]:
    """Live a life; tell for each move which state it found, and whether it was done."""
    life = Life(catalog, start)
    life.pass_to(start["at"])
    told = []
    for move in moves:
        if move["at"] >= life.clock:
            life.pass_to(move["at"])
        state = life.state
        try:
            life.do(move)
        except Refused:
            told.append((state, move["do"], False))
        else:
            told.append((state, move["do"], True))
    life.pass_to(until)
    return life, told

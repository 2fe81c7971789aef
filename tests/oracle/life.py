"""The life of a subscription: what can be asked of it in which state, and what that makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.oracle.having import Refused, Tree, changed, is_now
from tests.oracle.passing import ARREARS, Passing, Planned

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["CAN", "Life", "live"]

CAN: Final[dict[str, set[str]]] = {
    "scheduled": {"change", "cancel", "keep", "unplan"},
    "trialing": {"change", "cancel", "keep", "unplan"},
    "active": {"change", "pause", "cancel", "keep", "unplan", "lapse"},
    "past_due": {"change", "pause", "cancel", "keep", "unplan", "recover"},
    "paused": {"change", "resume", "cancel", "keep", "unplan", "lapse", "recover"},
    "canceled": set(),
    "ended": set(),
}
"""What can be done in which state."""

_WORDS: Final = frozenset({None, "now", "period_end"})


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
        """Have something else: more is now, less at the end of the period, an interval now."""
        items = changed(self.catalog, self.items, move)
        if items == self.items:
            raise Refused
        number = self.number + 1
        when: Any = move.get("when")
        if when not in _WORDS:
            if when <= at:
                raise Refused
            self.planned.append(Planned(number, move, at=when))
            return
        timing = when or ("now" if is_now(self.catalog, self.items, items) else "period_end")
        waits = when is not None or self.state not in {"scheduled", "trialing"}
        if timing == "period_end" and self.period is not None:
            self.planned.append(Planned(number, move, periods=1))
        elif timing == "period_end" and self.begins is not None and waits:
            self.planned.append(Planned(number, move, at=self.begins))
        else:
            self.exchange(items, at, number, move.get("proration"))

    def do_pause(self, move: Tree, at: datetime) -> None:
        """Stand still, or leave the boundaries and be given back the rest."""
        resumes: datetime | None = move.get("resumes")
        if resumes is not None and resumes <= at:
            raise Refused
        self.state, self.pause, self.seen = "paused", (at, move["mode"]), at
        self.resumes = resumes
        if move["mode"] == "keep":
            self.running = {
                name: found for name, found in self.running.items() if found[0]["kind"] in ARREARS
            }
            self.prune()
        self.note(at)

    def do_resume(self, _move: Tree, at: datetime) -> None:
        """Go on."""
        self.go_on(at, f"change/{self.number + 1}")

    def do_cancel(self, move: Tree, at: datetime) -> None:
        """End it: now, at the end of the period, at a date."""
        when, credit = move["when"], move.get("credit", False)
        if when not in _WORDS:
            if when <= at:
                raise Refused
            self.cancel = (when, credit)
        elif when == "now" or self.state == "scheduled":
            self.stop(at, "canceled", f"change/{self.number + 1}", credit=credit)
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
        left = [each for each in self.planned if each.number != move["number"]]
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

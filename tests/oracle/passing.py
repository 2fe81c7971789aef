"""Time in the life of a subscription: what was had when, and which periods ran.

No money here.  Each moment says how things stand after it; `tests.oracle.billing` lays the prices
over them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tests.oracle.calendar import (
    Every,
    Frame,
    calendar_start,
    frame_within,
    next_period,
    wall_days,
)

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Moment", "Passing", "Tree", "same"]

Tree = dict[str, Any]


@dataclass(frozen=True)
class Moment:
    """How things stand after something happened."""

    at: datetime
    have: tuple[str, int] | None
    fees: Frame | None
    usage: Frame | None
    quiet: bool = False
    """In a pause that leaves the boundaries."""
    still: bool = False
    """In a pause that moves them on."""
    flush: bool = False
    """A document is made of what waits."""
    anew: bool = False
    """All begins again."""
    cut: bool = False
    """What usage begins here counts its allowance by time."""
    ends_cut: bool = False
    gives_back: bool = True


class Passing:
    """One subscription on its way."""

    def __init__(self, catalog: Tree, start: Tree) -> None:
        """Stand before the start."""
        self.catalog = catalog
        self.zone = start.get("zone")
        self.aligned = start.get("aligned", False)
        self.state = "scheduled"
        self.plan: str = start["plan"]
        self.seats: int = start.get("seats", 1)
        self.begins: datetime | None = start.get("starts") or start["at"]
        self.trial, self.after = start.get("trial"), start.get("after", "active")
        self.ends: datetime | None = start.get("ends")
        self.anchor: datetime | None = None
        self.period: tuple[datetime, datetime] | None = None
        self.fees: Frame | None = None
        self.usage: Frame | None = None
        self.pause: tuple[datetime, str] | None = None
        self.seen: datetime | None = None  # up to where a standstill has been counted
        self.resumes: datetime | None = None
        self.cancel: tuple[datetime, bool] | None = None
        self.planned: list[tuple[int, Tree, datetime | None]] = []
        self.number = 1
        self.owes = False
        self.moments: list[Moment] = []
        self.clock = min(start["at"], self.begins or start["at"])

    # --- words ------------------------------------------------------------------------------------

    def every(self, plan: str | None = None) -> Every:
        """Give a plan's interval."""
        found: Every = self.catalog[plan or self.plan]["every"]
        return found

    def priced(self, basis: str, plan: str | None = None) -> list[Tree]:
        """Give a plan's fees, or its usage prices."""
        return [
            p
            for p in self.catalog[plan or self.plan]["prices"]
            if (p["kind"] == "usage") == (basis == "usage")
        ]

    def meter(self, plan: str | None = None) -> tuple[Tree, Every] | None:
        """Give the price for usage of a plan, and how often it is charged."""
        prices = self.priced("usage", plan)
        return (prices[0], prices[0].get("every", self.every(plan))) if prices else None

    @property
    def still(self) -> bool:
        """Whether the period stands still."""
        return self.pause is not None and self.pause[1] == "extend"

    @property
    def quiet(self) -> bool:
        """Whether nothing is charged in advance."""
        return self.pause is not None and self.pause[1] == "keep"

    @property
    def end(self) -> datetime | None:
        """The end of the period, or of what comes before the first."""
        return self.begins or (self.period[1] if self.period else None)

    def note(self, at: datetime, *, flush: bool = False, **more: bool) -> None:
        """Write down how things stand."""
        over = self.state in {"canceled", "ended", "scheduled", "trialing"}
        have = None if over or self.period is None else (self.plan, self.seats)
        self.moments.append(
            Moment(at, have, self.fees, self.usage, self.quiet, self.still, flush, **more)
        )

    # --- time -------------------------------------------------------------------------------------

    def pass_to(self, until: datetime) -> None:
        """Let time pass."""
        while (at := self.next()) is not None and at <= until:
            self.clock = at
            self.tick(at)

    def next(self) -> datetime | None:
        """Give when something happens by itself."""
        if self.state in {"canceled", "ended"}:
            return None
        times = [self.ends, self.resumes, *(when for *_, when in self.planned)]
        if not self.still:
            times.append(self.end)
            times += [frame.end for frame in (self.fees, self.usage) if frame is not None]
        if self.cancel and not (self.still and self.cancel[0] == self.end):
            times.append(self.cancel[0])
        return min((time for time in times if time is not None), default=None)

    def tick(self, at: datetime) -> None:
        """Do what an instant brings."""
        over = at == self.ends or (
            self.cancel is not None and at == self.cancel[0] and not (self.still and at == self.end)
        )
        if self.begins == at:
            self.begin(at, over=over)
        elif not self.still and at in {
            self.period and self.period[1],
            self.fees and self.fees.end,
            self.usage and self.usage.end,
        }:
            self.turn(at, over=over)
        elif found := [each for each in self.planned if each[2] == at]:
            self.planned.remove(found[0])
            self.exchange(found[0][1], at)
        elif over:
            self.finish(at)
        else:
            self.go_on(at)

    def begin(self, at: datetime, *, over: bool) -> None:
        """Begin the trial, or the first period."""
        self.begins = None
        if over:
            self.finish(at)
        elif self.state == "scheduled" and self.trial:
            self.state, self.begins = "trialing", wall_days(at, self.trial, self.zone)
        elif self.state == "trialing" and self.after == "canceled":
            self.state = "canceled"
        elif self.state == "trialing" and self.after == "paused":
            self.state, self.pause = "paused", (at, "keep")
        else:
            self.state = "active"
            for each in [each for each in self.planned if each[2] == at]:
                self.planned.remove(each)
                self.take(each[1])
            self.first(at)
            self.note(at, flush=True)

    def first(self, at: datetime) -> None:
        """Begin the first period."""
        self.anchor = calendar_start(at, self.every(), self.zone) if self.aligned else at
        self.period = (at, next_period(self.anchor, self.every(), at, self.zone).end)
        self.open(at)

    def open(self, at: datetime) -> None:
        """Let run what does not run yet."""
        assert self.anchor is not None
        assert self.period is not None
        if self.quiet:
            return
        if self.priced("fees") and self.fees is None:
            frame = frame_within(self.anchor, self.every(), self.period, at, self.zone)
            stops = [self.cancel and self.cancel[0], self.ends]
            end = min([frame.end, *(stop for stop in stops if stop and stop > at)])
            self.fees = replace(frame, end=end)
        found = self.meter()
        if found is not None and self.usage is None:
            own = same(found[1], self.every())
            self.usage = (
                frame_within(self.anchor, self.every(), self.period, at, self.zone)
                if own
                else next_period(self.anchor, found[1], at, self.zone)
            )

    def turn(self, at: datetime, *, over: bool) -> None:
        """Pass a boundary: what ends, then changes that waited for it, then what begins."""
        self.fees = None if self.fees and self.fees.end == at else self.fees
        self.usage = None if self.usage and self.usage.end == at else self.usage
        if over:
            self.finish(at)
            return
        assert self.period is not None
        if self.period[1] == at:
            before = self.every()
            for each in [each for each in self.planned if each[2] is None]:
                self.planned.remove(each)
                was = self.plan, self.seats
                self.take(each[1])
                self.fit(at, was)
            if not same(before, self.every()):
                self.anchor = at
            assert self.anchor is not None
            self.period = (at, next_period(self.anchor, self.every(), at, self.zone).end)
        self.open(at)
        self.note(at, flush=True)

    def stand(self, at: datetime) -> None:
        """Count a standstill up to now: all that is ahead moves on by it."""
        if not self.still or self.seen is None or self.seen == at or self.end is None:
            return
        since, self.seen, old = self.seen, at, self.end
        if self.cancel and self.cancel[0] == old:
            self.cancel = (old + (at - since), self.cancel[1])
        self.fees = self.fees and self.fees.moved(since, at)
        self.usage = self.usage and self.usage.moved(since, at)
        assert self.period is not None
        self.period = (self.period[0], old + (at - since))
        self.anchor = self.period[1]

    # --- what is asked for ------------------------------------------------------------------------

    def take(self, change: Tree) -> None:
        """Have something else."""
        self.plan, self.seats = change.get("plan") or self.plan, change.get("seats") or self.seats

    def fit(self, at: datetime, was: tuple[str, int]) -> None:
        """Let the frames follow a change of plan."""
        if not self.priced("fees"):
            self.fees = None
        old, new = self.meter(was[0]), self.meter()
        if new is None or old is None or (old != new and (self.quiet or not same(old[1], new[1]))):
            self.usage = None

    def exchange(self, change: Tree, at: datetime) -> None:
        """Make a change now."""
        if self.period is None:
            self.take(change)
            return
        was = self.plan, self.seats
        self.stand(at)
        at_once = change.get("invoice") == "now"
        self.take(change)
        anew = not same(self.every(was[0]), self.every())
        if anew:
            self.fees = self.usage = None
            self.anchor = at
            self.period = (at, next_period(at, self.every(), at, self.zone).end)
        else:
            self.fit(at, was)
        self.open(at)
        self.note(at, flush=anew or at_once, anew=anew, cut=not anew, ends_cut=True)

    def go_on(self, at: datetime) -> None:
        """Resume."""
        assert self.pause is not None
        since, mode = self.pause
        self.stand(at)
        self.pause = self.seen = self.resumes = None
        self.state = "past_due" if self.owes else "active"
        if mode == "extend":
            self.note(at)
            return
        if self.period is None:
            self.first(at)
            self.note(at, flush=True)
            return
        if self.usage and since < at:
            self.usage = replace(self.usage, holes=(*self.usage.holes, (since, at)))
        cut = since > self.period[0]
        self.open(at)
        self.note(at, flush=True, cut=cut)

    def finish(self, at: datetime) -> None:
        """End it, as was said before."""
        canceled = self.cancel is not None and self.cancel[0] == at
        self.stop(at, "canceled" if canceled else "ended", bool(self.cancel and self.cancel[1]))

    def stop(self, at: datetime, state: str, credit: bool) -> None:
        """End it now."""
        self.stand(at)
        self.state = state
        self.fees = self.usage = self.period = self.begins = None
        self.planned = []
        self.note(at, flush=True, gives_back=credit)
        self.pause = None


def same(one: Every, other: Every) -> bool:
    """Whether two intervals mean the same."""
    sizes = {"day": (0, 1), "week": (0, 7), "month": (1, 1), "year": (1, 12)}
    return (sizes[one[0]][0], sizes[one[0]][1] * one[1]) == (
        sizes[other[0]][0],
        sizes[other[0]][1] * other[1],
    )

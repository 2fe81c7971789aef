"""Time in the life of a subscription: what was had when, and which periods ran.

No money here.  Each moment says how things stand after it; `tests.oracle.billing` lays the prices
over them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tests.oracle.calendar import (
    Every,
    Frame,
    calendar_start,
    frame_within,
    next_period,
    wall_days,
)
from tests.oracle.having import MAIN, Item, Name, Tree, changed, prices, same

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["ARREARS", "Moment", "Passing", "Slot", "slot"]

Slot = tuple[bool, Every]
"""What has one frame: whether it is charged in arrears, and how often."""

ARREARS = frozenset({"usage", "minimum"})


def slot(price: Tree) -> Slot:
    """Give what a price shares its frame with."""
    return price["kind"] in ARREARS, price["every"]


@dataclass(frozen=True)
class Moment:
    """How things stand after something happened."""

    at: datetime
    cause: str
    have: Mapping[Name, tuple[Tree, int]]
    """What is being charged: its price, and how many times."""
    frames: Mapping[Slot, Frame]
    items: Mapping[str, Item]
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
    mode: str = "time"
    """What comes back of a fee that ends: the rest of its `time`, by `value` too, or `none`."""
    set_up: int = 0


@dataclass(frozen=True)
class Planned:
    """A change that is to come: at an instant, or at the end of the n-th period from now."""

    number: int
    change: Tree
    at: datetime | None = None
    periods: int | None = None


@dataclass
class Passing:
    """One subscription on its way."""

    catalog: Tree
    start: Tree
    state: str = "scheduled"
    anchor: datetime | None = None
    period: tuple[datetime, datetime] | None = None
    running: dict[Name, tuple[Tree, int]] = field(default_factory=dict)
    frames: dict[Slot, Frame] = field(default_factory=dict)
    pause: tuple[datetime, str] | None = None
    seen: datetime | None = None  # up to where a standstill has been counted
    resumes: datetime | None = None
    cancel: tuple[datetime, bool] | None = None
    planned: list[Planned] = field(default_factory=list)
    number: int = 1
    owes: bool = False
    moments: list[Moment] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Stand before the start."""
        start = self.start
        self.name: str = start.get("name", "s")
        self.zone = start.get("zone")
        self.aligned = start.get("aligned", False)
        self.begins: datetime | None = start.get("starts") or start["at"]
        self.clock = min(start["at"], self.begins or start["at"])
        self.trial, self.after = start.get("trial"), start.get("after", "active")
        self.ends: datetime | None = start.get("ends")
        self.set_up = "paid_until" not in start
        if not self.set_up:
            self.state, self.begins = "active", start["paid_until"]
        phases = [*start.get("phases", ()), {}]
        self.items = {
            MAIN: self._in_phase(phases[0]),
            **{plan: Item(plan, many) for plan, many in start.get("add_ons", {}).items()},
        }
        for place, (before, after) in enumerate(pairwise(phases), start=1):
            was, item = self._in_phase(before), self._in_phase(after)
            if was != item:
                plan = None if item.plan == was.plan else item.plan
                periods = sum(phase["periods"] for phase in phases[:place])
                change = {"plan": plan, "own": item.own}
                self.planned.append(Planned(1, change, periods=periods))

    def _in_phase(self, phase: Tree) -> Item:
        """Give the plan as it is in a phase."""
        own = {name: dict(fields) for name, fields in self.start.get("own", {}).items()}
        plan: str = phase.get("plan") or self.start["plan"]
        for price in self.catalog[plan]["prices"] if "off" in phase else ():
            if price["kind"] not in ARREARS:
                own.setdefault(price["id"], {})["off"] = phase["off"]
        return Item(plan, self.start.get("seats", 1), own)

    # --- words ------------------------------------------------------------------------------------

    def every(self, items: Mapping[str, Item] | None = None) -> Every:
        """Give the plan's interval."""
        found: Every = self.catalog[(items or self.items)[MAIN].plan]["every"]
        return found

    def wanted(self) -> dict[Name, tuple[Tree, int]]:
        """Give all that is had, by item and price."""
        return {
            (key, name): found
            for key, item in self.items.items()
            for name, found in prices(self.catalog, key, item).items()
        }

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

    def note(self, at: datetime, cause: str = "", **more: Any) -> None:
        """Write down how things stand; what has a cause is a document."""
        if cause in {"boundary", "end", "resume"}:
            cause = f"{cause}/{self.name}/{at:%Y-%m-%dT%H:%M:%SZ}"
        elif cause:
            cause = cause.replace("/", f"/{self.name}/")
        self.moments.append(
            Moment(
                at=at,
                cause=cause,
                have=dict(self.running),
                frames=dict(self.frames),
                items=dict(self.items),
                quiet=self.quiet,
                still=self.still,
                flush=bool(cause),
                **more,
            )
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
        times = [self.ends, self.resumes, *(each.at for each in self.planned)]
        if not self.still:
            times.append(self.end)
            times += [frame.end for frame in self.frames.values()]
        if self.cancel and not (self.still and self.cancel[0] == self.end):
            times.append(self.cancel[0])
        return min((time for time in times if time is not None), default=None)

    def tick(self, at: datetime) -> None:
        """Do what an instant brings."""
        over = at == self.ends or (
            self.cancel is not None and at == self.cancel[0] and not (self.still and at == self.end)
        )
        ends = {frame.end for frame in self.frames.values()} | {self.period and self.period[1]}
        if self.begins == at and not self.still:
            self.begin(at, over=over)
        elif not self.still and at in ends:
            self.turn(at, over=over)
        elif found := [each for each in self.planned if each.at == at]:
            self.planned.remove(found[0])
            items = changed(self.catalog, self.items, found[0].change, planned=True)
            self.exchange(items, at, found[0].number, found[0].change.get("proration"))
        elif over:
            self.finish(at)
        else:
            self.go_on(at, "resume")

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
            self.state = "active" if self.state in {"scheduled", "trialing"} else self.state
            for each in [each for each in self.planned if each.at == at]:
                self.planned.remove(each)
                self.items = changed(self.catalog, self.items, each.change, planned=True)
            self.first(at, "boundary")

    def first(self, at: datetime, cause: str) -> None:
        """Begin the first period."""
        self.anchor = calendar_start(at, self.every(), self.zone) if self.aligned else at
        self.period = (at, next_period(self.anchor, self.every(), at, self.zone).end)
        fee = self.catalog[self.items[MAIN].plan].get("set_up", 0) if self.set_up else 0
        self.set_up = False
        self.open(at)
        self.note(at, cause, set_up=fee)

    # --- frames -----------------------------------------------------------------------------------

    def open(self, at: datetime) -> None:
        """Let run what does not run yet; frames are kept for as long as something needs them."""
        for name, (price, many) in ({} if self.quiet else self.wanted()).items():
            if name not in self.running:
                self.running[name] = price, many
                if slot(price) not in self.frames:
                    self.frames[slot(price)] = self.frame(price, at)
        self.prune()

    def frame(self, price: Tree, at: datetime) -> Frame:
        """Give the stretch that begins at an instant."""
        assert self.anchor is not None
        assert self.period is not None
        if same(price["every"], self.every()):
            frame = frame_within(self.anchor, self.every(), self.period, at, self.zone)
        else:
            frame = next_period(self.anchor, price["every"], at, self.zone)
        if price["kind"] in ARREARS:
            return frame
        stops = [self.cancel and self.cancel[0], self.ends]
        return replace(frame, end=min([frame.end, *(stop for stop in stops if stop and stop > at)]))

    def prune(self) -> None:
        """Let go of the frames that nothing stands in."""
        needed = {slot(price) for price, _ in self.running.values()}
        self.frames = {key: frame for key, frame in self.frames.items() if key in needed}

    def close(self) -> None:
        """Stop what is not had any more, or not as it was."""
        wanted = self.wanted()
        self.running = {
            name: found for name, found in self.running.items() if wanted.get(name) == found
        }

    # --- boundaries -------------------------------------------------------------------------------

    def turn(self, at: datetime, *, over: bool) -> None:
        """Pass a boundary: what ends, then changes that waited for it, then what begins."""
        self.frames = {key: frame for key, frame in self.frames.items() if frame.end != at}
        self.running = {
            name: found for name, found in self.running.items() if slot(found[0]) in self.frames
        }
        if over:
            self.finish(at, "boundary")
            return
        if self.period is not None and self.period[1] == at:
            before = self.every()
            due = [each for each in self.planned if each.periods == 1]
            self.planned = [
                each if each.periods is None else replace(each, periods=each.periods - 1)
                for each in self.planned
                if each.periods != 1
            ]
            for each in due:
                self.items = changed(self.catalog, self.items, each.change, planned=True)
                self.close()
                self.prune()
            if not same(before, self.every()):
                self.anchor = at
            assert self.anchor is not None
            self.period = (at, next_period(self.anchor, self.every(), at, self.zone).end)
        self.open(at)
        self.note(at, "boundary", ends_cut=True)

    def stand(self, at: datetime) -> None:
        """Count a standstill up to now: all that is ahead moves on by it."""
        if not self.still or self.seen is None or self.seen == at or self.end is None:
            return
        since, self.seen, old = self.seen, at, self.end
        moved = old + (at - since)
        if self.cancel and self.cancel[0] == old:
            self.cancel = (moved, self.cancel[1])
        self.frames = {key: frame.moved(since, at) for key, frame in self.frames.items()}
        if self.period is None:
            self.begins = moved
            return
        self.period = (self.period[0], moved)
        self.anchor = moved

    # --- what is asked for ------------------------------------------------------------------------

    def exchange(
        self, items: dict[str, Item], at: datetime, number: int, proration: str | None
    ) -> None:
        """Make a change now."""
        if self.period is None:
            self.items = items
            return
        self.stand(at)
        anew = not same(self.every(), self.every(items))
        self.items = items
        if anew:
            self.running, self.frames = {}, {}
            self.anchor = at
            self.period = (at, next_period(at, self.every(), at, self.zone).end)
        else:
            self.close()
        self.open(at)
        mode = {"none": "none", "value_capped": "value"}.get(proration or "", "time")
        cause = f"change/{number}" if anew or proration == "invoice_now" else ""
        self.note(at, cause, anew=anew, cut=not anew, ends_cut=True, mode=mode)

    def go_on(self, at: datetime, cause: str) -> None:
        """Resume."""
        assert self.pause is not None
        since, mode = self.pause
        self.stand(at)
        self.pause = self.seen = self.resumes = None
        self.state = "past_due" if self.owes else "active"
        if mode == "extend" or self.begins is not None:
            self.note(at)
            return
        if self.period is None:
            self.first(at, cause)
            return
        if since < at:
            self.frames = {
                key: replace(frame, pauses=(*frame.pauses, (since, at)))
                for key, frame in self.frames.items()
            }
        cut = since > self.period[0]
        self.open(at)
        self.note(at, cause, cut=cut)

    def finish(self, at: datetime, cause: str = "end") -> None:
        """End it, as was said before."""
        canceled = self.cancel is not None and self.cancel[0] == at
        credit = bool(self.cancel and self.cancel[1])
        self.stop(at, "canceled" if canceled else "ended", cause, credit=credit)

    def stop(self, at: datetime, state: str, cause: str, *, credit: bool) -> None:
        """End it now."""
        self.stand(at)
        self.state = state
        self.running, self.frames = {}, {}
        self.period = self.begins = None
        self.planned = []
        self.note(at, cause, mode="time" if credit else "none")
        self.pause = None

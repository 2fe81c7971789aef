"""What a limit must answer: one customer's life, act by act, from the written rules alone.

All that was used, held and leased is kept in lists and added up anew for every question.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tests.oracle.calendar import around

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Answer", "Limits", "Tree"]

Tree = dict[str, Any]
Answer = tuple[bool, int | None, int, int, int | None, datetime | None]
"""Whether one more is allowed; limit, used, reserved, remaining; when it starts again."""

MICRO = timedelta(microseconds=1)
MONDAY = datetime(1900, 1, 1)  # noqa: DTZ001 - a wall clock has no zone
CLOCK = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
FOREVER = datetime(9000, 1, 1, tzinfo=UTC)
DEFAULT = "free"
ADD_ON = "pack"


@dataclass
class Hold:
    """Units that were reserved, or leased in a block."""

    key: str
    size: int
    at: datetime
    until: datetime
    open: bool = True
    used: int = 0
    """What of it was used in the end: of a lease, what was told by now."""


@dataclass(frozen=True)
class Given:
    """What there is of a feature at an instant."""

    feature: Tree
    limit: int
    """Below zero where there is none."""
    price: bool
    grace: int
    window: tuple[datetime, datetime]

    def fits(self, total: int) -> bool:
        """Whether so many in all are let pass."""
        if self.limit < 0 or self.price or total <= self.limit:
            return True
        return total * 100 <= self.limit * (100 + self.grace)


@dataclass
class Limits:
    """One customer on their way."""

    plans: Mapping[str, Mapping[str, Tree]]
    zone: str | None
    now: datetime
    plan: str | None = None
    start: datetime = FOREVER
    seats: int = 0
    agreed: dict[str, int | None] = field(default_factory=dict)
    """The limit that was agreed; None where the feature is switched off."""
    grants: list[tuple[str, int, datetime, datetime]] = field(default_factory=list)
    uses: list[tuple[str, datetime, int]] = field(default_factory=list)
    levels: dict[str, int] = field(default_factory=dict)
    reserved: list[Hold] = field(default_factory=list)
    leased: list[Hold] = field(default_factory=list)

    # --- what there is ----------------------------------------------------------------------------

    def answers(self) -> dict[str, Answer]:
        """Answer for every feature that is spoken of."""
        keys = [*self.plans[self.plan or DEFAULT]]
        keys += [key for key in self.plans[ADD_ON] if self.seats]
        keys += self.agreed
        return {key: self._answer(key) for key in dict.fromkeys(keys)}

    def _answer(self, key: str) -> Answer:
        given = self.given(key, self.now)
        if given is None:
            return False, None, 0, 0, 0, None
        used, held = self.counted(key, given, self.now)
        left = None if given.limit < 0 else max(0, given.limit - used - held)
        limit = given.limit if given.limit >= 0 else -1
        resets_at = given.window[1] if "reset" in given.feature else None
        if "seconds" in given.feature:
            resets_at = self.now + timedelta(seconds=given.feature["seconds"])
        return given.fits(used + held + 1), limit, used, held, left, resets_at

    def given(self, key: str, at: datetime) -> Given | None:
        """Give what plan, agreement, add-on and grants make together."""
        own = self.plans[self.plan or DEFAULT].get(key)
        if own is not None and key in self.agreed:
            own = None if self.agreed[key] is None else {**own, "limit": self.agreed[key]}
        more = self.plans[ADD_ON].get(key) if self.seats else None
        if own is None and more is None:
            return None
        sizes = [] if own is None else [own["limit"]]
        sizes += [] if more is None else [more["limit"] * self.seats]
        limit = -1 if min(sizes) < 0 else sum(sizes)
        if limit >= 0:
            limit += sum(size for k, size, a, b in self.grants if k == key and a <= at < b)
        each = [one for one in (own, more) if one is not None]
        price = any(one.get("price") for one in each)
        grace = max(one.get("grace", 0) for one in each)
        return Given(each[0], limit, price, grace, self.window(each[0], at))

    def window(self, feature: Tree, at: datetime) -> tuple[datetime, datetime]:
        """Give the time in which use counts; all that is ahead of a sliding one counts, too."""
        if "seconds" in feature:
            return at - timedelta(seconds=feature["seconds"]) + MICRO, FOREVER
        reset = feature.get("reset")
        if reset is None:
            return MONDAY.replace(tzinfo=UTC), FOREVER
        if reset in CLOCK:
            past = (at - datetime(2000, 1, 1, tzinfo=UTC)) % CLOCK[reset]
            start, end = at - past, at - past + CLOCK[reset]
        else:
            every = ("month" if reset == "billing_period" else reset, 1)
            start, end = around(self._anchor(), every, at, self.zone)
        return (start if self.plan is None else max(start, self.start)), end

    def _anchor(self) -> datetime:
        """Give local midnight of the day that quotas are counted from: one not far back."""
        zone = ZoneInfo(self.zone or "UTC")
        if self.plan is None:
            return datetime(2018, 1, 1, tzinfo=zone).astimezone(UTC)  # a Monday as well
        day = self.start.astimezone(zone).replace(hour=0, minute=0, second=0, fold=0)
        return day.astimezone(UTC)

    def counted(self, key: str, given: Given, at: datetime) -> tuple[int, int]:
        """Add up what is used and what is held of a feature, in the window of an instant."""
        start, end = given.window
        used = self.levels.get(key, 0) if given.feature.get("gauge") else 0
        used += sum(size for k, when, size in self.uses if k == key and start <= when < end)
        held = sum(
            each.size
            for each in self.reserved
            if each.key == key and each.open and each.until > self.now and start <= each.at < end
        )
        for each in self.leased:
            if each.key == key and each.open and start < each.until <= end:
                rest = each.size - each.used
                used, held = (used + rest, held) if each.until <= self.now else (used, held + rest)
        return used, held

    # --- acts -------------------------------------------------------------------------------------

    def meant(self, act: Tree) -> Tree | None:
        """Give an act with what it is about, the last ones first; None where it means nothing."""
        do = act["do"]
        if do in {"commit", "release", "stale", "report"}:
            held = self.leased if do == "report" else self.reserved
            return {**act, "id": len(held) - 1 - act["id"] % len(held)} if held else None
        if do in {"change", "add", "remove", "cancel"}:
            means = self.plan is not None and self.now > self.start
            means = means and act.get("plan") != self.plan and (do != "remove" or self.seats > 0)
        elif do == "start":
            means = self.plan is None
        else:
            means = do != "lift" or act["key"] in self.agreed
        return act if means else None

    def take(self, act: Tree) -> str:
        """Let an act happen; give `ok`, or how it is refused."""
        acts: Mapping[str, Callable[[Tree], str | None]] = {
            "wait": self._wait,
            "run": lambda _: None,
            "use": self._use,
            "set": self._set,
            "less": self._less,
            "reserve": self._reserve,
            "commit": self._commit,
            "release": self._release,
            "stale": lambda _: "over",
            "lease": self._lease,
            "report": self._report,
            "start": self._start,
            "change": lambda act: setattr(self, "plan", act["plan"]),
            "add": lambda act: setattr(self, "seats", act["seats"]),
            "remove": lambda _: setattr(self, "seats", 0),
            "cancel": self._cancel,
            "agree": lambda act: self.agreed.update({act["key"]: act["limit"]}),
            "lift": self._lift,
            "grant": self._grant,
        }
        return acts[act["do"]](act) or "ok"

    def _wait(self, act: Tree) -> None:
        self.now += timedelta(seconds=act["seconds"])

    def _asked(self, act: Tree) -> tuple[Given, int, int] | None:
        given = self.given(act["key"], self.now)
        return None if given is None else (given, *self.counted(act["key"], given, self.now))

    def _use(self, act: Tree) -> str | None:
        asked = self._asked(act)
        if asked is None or not asked[0].fits(asked[1] + asked[2] + act["size"]):
            return "refused"
        self._write(act["key"], act["size"], self.now, asked[0].feature)
        return None

    def _write(self, key: str, size: int, at: datetime, feature: Tree) -> None:
        if feature.get("gauge"):
            self.levels[key] = self.levels.get(key, 0) + size
        else:
            self.uses.append((key, at, size))

    def _set(self, act: Tree) -> str | None:
        if self.given(act["key"], self.now) is None:
            return "refused"
        self.levels[act["key"]] = act["size"]
        return None

    def _less(self, act: Tree) -> str | None:
        if self.given(act["key"], self.now) is None:
            return "refused"
        self.levels[act["key"]] = max(0, self.levels.get(act["key"], 0) - act["size"])
        return None

    def _reserve(self, act: Tree) -> str | None:
        asked = self._asked(act)
        if asked is None or not asked[0].fits(asked[1] + asked[2] + act["size"]):
            return "refused"
        until = self.now + timedelta(seconds=act["seconds"])
        self.reserved.append(Hold(act["key"], act["size"], self.now, until))
        return None

    def _commit(self, act: Tree) -> str | None:
        hold = self.reserved[act["id"]]
        size = hold.size if act["size"] is None else act["size"]
        if not hold.open:
            return None if hold.used == size and hold.used >= 0 else "over"
        if hold.until <= self.now:
            return "over"
        given = None if self._begun_after(hold.at) else self.given(hold.key, hold.at)
        if size > hold.size:
            if given is None:
                return "refused"
            used, held = self.counted(hold.key, given, hold.at)
            if not given.fits(used + held - hold.size + size):
                return "refused"
        hold.open, hold.used = False, size
        feature = next(plan[hold.key] for plan in self.plans.values() if hold.key in plan)
        if size:
            self._write(hold.key, size, hold.at, feature)
        return None

    def _begun_after(self, at: datetime) -> bool:
        return self.plan is not None and self.start > at

    def _release(self, act: Tree) -> str | None:
        hold = self.reserved[act["id"]]
        if not hold.open:
            return "over" if hold.used >= 0 else None
        hold.open, hold.used = False, -1
        return None

    def _lease(self, act: Tree) -> str | None:
        asked = self._asked(act)
        if asked is None:
            return "refused"
        given, used, held = asked
        size = max(n for n in range(act["size"] + 1) if n == 0 or given.fits(used + held + n))
        if not size:
            return "refused"
        until = self.now + timedelta(seconds=act["seconds"])
        if "reset" in given.feature:
            until = min(until, given.window[1])
        self.leased.append(Hold(act["key"], size, self.now, until))
        return None

    def _report(self, act: Tree) -> str | None:
        lease = self.leased[act["id"]]
        more = min(act["size"], lease.size - lease.used)
        if not lease.open:
            return "over" if more else None
        if more:
            self.uses.append((lease.key, min(self.now, lease.until - MICRO), more))
        lease.used += more
        lease.open = not act["close"]
        return None

    def _start(self, act: Tree) -> None:
        self.plan, self.start = act["plan"], self.now

    def _cancel(self, _: Tree) -> None:
        self.plan, self.seats = None, 0

    def _lift(self, act: Tree) -> None:
        del self.agreed[act["key"]]

    def _grant(self, act: Tree) -> None:
        until = FOREVER if act["seconds"] is None else self.now + timedelta(seconds=act["seconds"])
        self.grants.append((act["key"], act["size"], self.now, until))

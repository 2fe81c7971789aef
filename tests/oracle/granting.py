"""Units beside a plan: what a quota has of them while invoices pay with them, worked out anew.

One customer on one plan: so many units of a quota each month, which the price includes; so many
more that the plan grants at each boundary, for two months, of which a part goes on; and grants.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tests.oracle.calendar import around, boundary

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

__all__ = ["CAP", "GRANTED", "INCLUDED", "LASTS", "ROLLS", "Granting"]

INCLUDED = 20
GRANTED = 10
ROLLS = 4
CAP = 6
LASTS = 2
"""Included by the price, granted with each period, what of that goes on at most, and in all; and
for how many periods each is there."""

MONTH = ("month", 1)


@dataclass
class Purse:
    """One grant; the lower of `order` pays first."""

    left: int
    since: datetime
    until: datetime | None
    kind: str = "manual"

    @property
    def order(self) -> tuple[int, bool, Any, datetime]:
        """What went on burns first, then what ends first, then what began first."""
        return self.kind != "rolled", self.until is None, self.until, self.since

    def there(self, at: datetime) -> bool:
        """Whether it may pay what falls due at an instant."""
        return self.since <= at and (self.until is None or at < self.until)


@dataclass
class Granting:
    """One customer on their way."""

    start: datetime
    zone: str | None
    now: datetime = field(init=False)
    uses: list[tuple[datetime, int]] = field(default_factory=list)
    given: list[Purse] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin at the start."""
        self.now = self.start

    def answer(self) -> tuple[int, int]:
        """Give the limit and what is used of it."""
        purses, period = self._billed()
        zone = ZoneInfo(self.zone or "UTC")
        day = self.start.astimezone(zone).replace(hour=0, minute=0, second=0)
        midnight, _ = around(day.astimezone(ZoneInfo("UTC")), MONTH, self.now, self.zone)
        since = max(self.start, midnight)
        _pay(self._used(period, since) - INCLUDED, purses, self.now)
        more = sum(each.left for each in purses if each.there(self.now))
        return INCLUDED + more, self._used(since, self.now + timedelta(days=2))

    def take(self, act: dict[str, Any]) -> str:
        """Let an act happen; give `ok` or `refused`."""
        if act["do"] == "wait":
            self.now += timedelta(seconds=act["seconds"])
        elif act["do"] == "grant":
            more = act["seconds"]
            until = None if more is None else self.now + timedelta(seconds=more)
            self.given.append(Purse(act["size"], self.now, until))
        elif act["do"] == "use":
            limit, used = self.answer()
            if used + act["size"] > limit:
                return "refused"
            self.uses.append((self.now, act["size"]))
        return "ok"

    def _used(self, since: datetime, until: datetime) -> int:
        return sum(size for at, size in self.uses if since <= at < until)

    def _bound(self, n: int) -> datetime:
        return boundary(self.start, MONTH, n, self.zone)

    def _billed(self) -> tuple[list[Purse], datetime]:
        """Bill every period that is over; give what is left, and when the one under way began."""
        purses = [replace(each) for each in self.given]
        n = 0
        while self._bound(n) <= self.now:
            at = self._bound(n)
            purses.append(Purse(GRANTED, at, self._bound(n + LASTS), "plan"))
            self._roll(purses, at, self._bound(n + LASTS))
            if n:
                _pay(self._used(self._bound(n - 1), at) - INCLUDED, purses, at)
            n += 1
        return purses, self._bound(n - 1)

    def _roll(self, purses: list[Purse], at: datetime, until: datetime) -> None:
        for each in [one for one in purses if one.kind == "plan" and one.until == at]:
            purses.append(Purse(min(ROLLS, each.left), at, until, "rolled"))
            each.left = 0
        rolled = sorted(
            (each for each in purses if each.kind == "rolled" and each.there(at)),
            key=lambda each: each.since,
        )
        beyond = sum(each.left for each in rolled) - CAP
        for each in rolled:
            gone = min(each.left, max(0, beyond))
            each.left -= gone
            beyond -= gone


def _pay(need: int, purses: Iterable[Purse], at: datetime) -> None:
    """Let grants pay so many units, as far as they go."""
    for each in sorted((one for one in purses if one.there(at)), key=lambda one: one.order):
        paid = min(each.left, max(0, need))
        each.left -= paid
        need -= paid

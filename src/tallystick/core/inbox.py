"""When a provider's object, as it was fetched, is newer than what is held of it.

Events come in any order, twice, or late; what is fetched may be older than the last event, for a
while.  An event says when its object changed, and how it was then (its `mark`).  Nothing that is
older than what is held is ever taken in its place: what cannot be told apart yet is asked for again
until it is settled.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.period import Instant

__all__ = ["SETTLED", "Held", "Seen", "Told", "Verdict", "held_after", "is_covered", "weigh"]

SETTLED: Final = timedelta(minutes=10)
"""How long a provider may go on to answer with what was: after it an answer is as things are.

It is longer than any lag that Stripe tells of, and than two clocks should differ.
"""

Verdict: TypeAlias = Literal["apply", "confirm", "later", "gone"]
"""What to do with an answer.

`apply` it; apply it and ask once more, as another change in the same second may be the last
(`confirm`); ask again `later`; it is `gone`, as nothing was found where there should be something.
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What one event says of its object.

    `at` is when it changed, to the second.  `mark` is how it was then, in the fields that matter,
    None where that cannot be compared; `before` how it was before, where the event says so.
    `reach` never goes down in an object's life: a payment that succeeded is further than one that
    waits.  The `first` event tells that the object was made.
    """

    at: Instant
    mark: str | None
    reach: int = 0
    first: bool = False
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """How an object was when it was fetched: its mark, and how far it has come."""

    mark: str
    reach: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """What was taken last: how the object was at some time from `at` to `upto`, both inclusive."""

    at: Instant
    upto: Instant
    mark: str
    reach: int = 0


def is_covered(at: Instant, held: Held | None) -> bool:
    """Tell whether an event of that time says nothing that is not in what is held."""
    return held is not None and at < held.at


def weigh(told: Sequence[Told], held: Held | None, seen: Seen | None, asked_at: Instant) -> Verdict:
    """Say what to do with an answer that was asked for at `asked_at`; None where nothing was found.

    `told` are the events of the newest second that the object has one of.
    """
    newest = told[0].at
    settled = asked_at >= newest + SETTLED
    if seen is None:
        return "gone" if settled else "later"
    reached = max(each.reach for each in told)
    if seen.reach < max(reached, 0 if held is None else held.reach):
        return "later"  # older, for certain
    if settled:
        return "apply"
    if held is not None and _in_doubt(newest, held, seen):
        return "later"
    known = _last_of(told)
    if seen.reach > reached or known == {seen.mark}:
        return "apply"
    return "confirm" if seen.mark in known or None in known else "later"


def held_after(told: Sequence[Told], seen: Seen, answered_at: Instant) -> Held:
    """Give what is held once an answer was applied, which had come by `answered_at`."""
    newest = told[0].at
    matched = seen.mark in _last_of(told)
    return Held(newest, newest if matched else max(newest, answered_at), seen.mark, seen.reach)


def _in_doubt(newest: Instant, held: Held, seen: Seen) -> bool:
    """Tell whether what is held may be the newer of the two."""
    same_reach = seen.reach == held.reach
    return newest <= held.upto and same_reach and seen.mark != held.mark


def _last_of(told: Sequence[Told]) -> frozenset[str | None]:
    """Give the marks of which one is the last of its second: more than one where nobody can tell.

    The event that says that an object was made is before the others.  Where each of them says what
    was before it, the last state is the one that was entered more often than it was left.
    """
    reached = max(each.reach for each in told)
    left = [each for each in told if each.reach == reached]
    later = [each for each in left if not each.first] or left
    marks = frozenset(each.mark for each in later)
    if any(each.before is None or each.mark is None for each in later):
        return marks
    entered = Counter(each.mark for each in later)
    entered.subtract(each.before for each in later)
    return frozenset(mark for mark in marks if entered[mark] > 0) or marks

"""What happens to an invoice that is not paid: a ladder of steps, and what waits at its end.

Step *n* is so many days after the invoice was due, always counted from there and never from the
step before.  Whoever comes late takes the missed steps in their order, each with its own instant,
so n steps caught up are n steps on time.  Here nobody is charged and nothing is sent: a step says
what is to be done.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from tallystick.core.calendar import at_wall_clock, check_zone, wall_clock
from tallystick.core.given import instant_at
from tallystick.core.period import instant_text, to_the_second
from tallystick.core.property import shown
from tallystick.core.spelling import did_you_mean
from tallystick.core.text import id_at, refused_at
from tallystick.errors import InvalidPeriod

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.period import Instant

__all__ = [
    "Dunning",
    "DunningAct",
    "DunningEnd",
    "DunningState",
    "Ladder",
    "RemainingAccess",
    "Rung",
    "dunning_at",
    "ladder_tree",
    "read_ladder",
    "recovered",
]

RemainingAccess: TypeAlias = Literal["full", "read_only", "none"]
"""What a customer may still do; from left to right it only becomes less."""

DunningEnd: TypeAlias = Literal["cancel", "pause", "leave", "uncollectible"]
"""What waits at the end: the subscription is canceled, paused or left past due, or the invoice is
written off (and the subscription canceled)."""

DunningState: TypeAlias = Literal["waiting", "retrying", "final"]
"""Before the first step, on the ladder, or past its end."""

_RECOVERED: Final = "payment_recovered"
_MOST_RUNGS: Final = 20
_LONGEST: Final = 365  # days
_DAY: Final = timedelta(days=1)
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_RUNG: Final = ("days", "access", "notice")
_FIELDS: Final = ("steps", "at", "zone", "end", "end_days", "end_notice", "since")
_STAYS: Final = frozenset({"leave"})


@dataclass(frozen=True, slots=True)
class Rung:
    """One step: days after the invoice was due, the access that remains, the notice to be sent."""

    days: int
    access: RemainingAccess = "full"
    notice: str | None = "payment_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The steps in order, and the end, `end_days` after the invoice was due.

    Each comes at a time of day on the wall clock of a zone (UTC where None); without a time of day
    it comes at the time at which the invoice was due.  Where that time had passed on the day on
    which it was due, the days are counted from the next one.  An invoice that was due before
    `since` is left alone, so nobody is canceled for old debts on the day a ladder is set up.
    """

    steps: tuple[Rung, ...]
    end: DunningEnd
    end_days: int
    end_notice: str | None = "dunning_ended"
    at: time | None = None
    zone: str | None = None
    since: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DunningAct:
    """What is to be done at one step, or at the end: there `end` says what.

    `number` counts from 1; `at` is when it was to be done, also for who comes late.
    """

    number: int
    at: Instant
    access: RemainingAccess
    notice: str | None = None
    end: DunningEnd | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dunning:
    """How an unpaid invoice stands: what is due to be done, what has been, and what comes next.

    `attempts` and `access` are as they are once `acts` are done.  `next_at` is None where nothing
    comes any more.
    """

    state: DunningState
    attempts: int
    access: RemainingAccess
    next_at: Instant | None
    acts: tuple[DunningAct, ...] = ()


def dunning_at(ladder: Ladder, due_at: Instant, attempts: int, at: Instant) -> Dunning:
    """Give what is due to be done by an instant for an invoice that is not paid, in order.

    `attempts` is how many steps were done, the end among them.  Raises InvalidInput for more than
    there are, InvalidPeriod beyond the calendar.
    """
    last = len(ladder.steps) + 1
    if type(attempts) is not int or not 0 <= attempts <= last:
        raise refused_at(
            "attempts", f"is a number of steps from 0 to {last}, not {shown(attempts)}"
        )
    now = to_the_second(at)
    times = _times(ladder, to_the_second(due_at))
    acts = tuple(
        _act(ladder, number, when)
        for number, when in enumerate(times, start=1)
        if number > attempts and when <= now
    )
    done = attempts + len(acts)
    return Dunning(
        state="final" if done == last else "retrying" if done else "waiting",
        attempts=done,
        access=_access(ladder, done),
        next_at=None if done == last else times[done],
        acts=acts,
    )


def recovered(ladder: Ladder, attempts: int, at: Instant) -> DunningAct | None:
    """Give what is to be done when the invoice is paid: all access is back, and that is told.

    None where no step was done, so there is nothing to recover from.  A subscription that was
    canceled at the end stays so.  Raises InvalidInput for more steps than there are.
    """
    _check(attempts, len(ladder.steps) + 1)
    if not attempts:
        return None
    return DunningAct(number=attempts, at=to_the_second(at), access="full", notice=_RECOVERED)


def _check(attempts: int, last: int) -> None:
    if type(attempts) is not int or not 0 <= attempts <= last:
        text = f"is a number of steps from 0 to {last}, not {shown(attempts)}"
        raise refused_at("attempts", text)


def _times(ladder: Ladder, due_at: Instant) -> list[Instant]:
    """Give when each step and the end come."""
    due = wall_clock(due_at, ladder.zone)
    clock = due.time() if ladder.at is None else ladder.at
    first = due.date() if clock >= due.time() else (due + _DAY).date()
    days = [*(each.days for each in ladder.steps), ladder.end_days]
    found = [
        at_wall_clock(datetime.combine(first, clock) + timedelta(days=each), ladder.zone)
        for each in days
    ]
    # a clock that is set back shows the hour of the due time twice, and the first was before it
    return [max(due_at, each) for each in found]


def _act(ladder: Ladder, number: int, at: Instant) -> DunningAct:
    access = _access(ladder, number)
    if number > len(ladder.steps):
        return DunningAct(
            number=number, at=at, access=access, notice=ladder.end_notice, end=ladder.end
        )
    return DunningAct(number=number, at=at, access=access, notice=ladder.steps[number - 1].notice)


def _access(ladder: Ladder, done: int) -> RemainingAccess:
    if not done:
        return "full"
    if done > len(ladder.steps):
        return ladder.steps[-1].access if ladder.end in _STAYS else "none"
    return ladder.steps[done - 1].access


# --- as plain values ------------------------------------------------------------------------------


def ladder_tree(ladder: Ladder | None) -> dict[str, Any] | None:
    """Give a ladder as plain JSON values, every field named."""
    if ladder is None:
        return None
    return {
        "steps": [
            {"days": each.days, "access": each.access, "notice": each.notice}
            for each in ladder.steps
        ],
        "at": None if ladder.at is None else ladder.at.strftime("%H:%M"),
        "zone": ladder.zone,
        "end": ladder.end,
        "end_days": ladder.end_days,
        "end_notice": ladder.end_notice,
        "since": None if ladder.since is None else instant_text(ladder.since),
    }


def read_ladder(value: object, path: str) -> Ladder | None:
    """Read a ladder from plain values; None is none.

    A step may be its days alone.  Days ascend from 0 to 365, and no step gives access back.

    Raises InvalidInput.
    """
    if value is None:
        return None
    tree = _fields(value, path, _FIELDS)
    steps = _rungs(tree.get("steps"), f"{path}.steps")
    end_days = _days(tree.get("end_days"), f"{path}.end_days")
    if end_days < steps[-1].days:
        text = f"comes before the last step, {steps[-1].days} days after the invoice was due"
        raise refused_at(f"{path}.end_days", text)
    end: Any = _word(tree.get("end"), f"{path}.end", get_args(DunningEnd))
    return Ladder(
        steps=steps,
        end=end,
        end_days=end_days,
        end_notice=_notice(tree.get("end_notice", "dunning_ended"), f"{path}.end_notice"),
        at=_clock(tree.get("at"), f"{path}.at"),
        zone=_zone(tree.get("zone"), f"{path}.zone"),
        since=None if tree.get("since") is None else instant_at(tree["since"], f"{path}.since"),
    )


def _rungs(value: object, path: str) -> tuple[Rung, ...]:
    if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= _MOST_RUNGS:
        raise refused_at(path, f"is a list of 1 to {_MOST_RUNGS} steps, not {shown(value)}")
    found: list[Rung] = []
    for place, each in enumerate(value):
        rung = _rung(each, f"{path}[{place}]")
        if found and rung.days <= found[-1].days:
            raise refused_at(f"{path}[{place}].days", f"must come after day {found[-1].days}")
        order = get_args(RemainingAccess)
        if found and order.index(rung.access) < order.index(found[-1].access):
            text = f"gives back what the step before has taken: {found[-1].access}"
            raise refused_at(f"{path}[{place}].access", text)
        found.append(rung)
    return tuple(found)


def _rung(value: object, path: str) -> Rung:
    if type(value) is int:
        return Rung(_days(value, path))
    tree = _fields(value, path, _RUNG)
    access: Any = _word(tree.get("access", "full"), f"{path}.access", get_args(RemainingAccess))
    return Rung(
        days=_days(tree.get("days"), f"{path}.days"),
        access=access,
        notice=_notice(tree.get("notice", "payment_failed"), f"{path}.notice"),
    )


def _fields(value: object, path: str, known: tuple[str, ...]) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise refused_at(path, f"is an object of {', '.join(known)}, not {shown(value)}")
    for name in value:
        if name not in known:
            near = did_you_mean(str(name)[:80], known)
            text = "is not a field" + (f": {near}" if near else "")
            raise refused_at(f"{path}.{str(name)[:80]}", text)
    return value


def _days(value: object, path: str) -> int:
    if type(value) is int and 0 <= value <= _LONGEST:
        return value
    raise refused_at(path, f"is a whole number of days from 0 to {_LONGEST}, not {shown(value)}")


def _word(value: object, path: str, words: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in words:
        return value
    raise refused_at(path, f"is one of {', '.join(words)}, not {shown(value)}")


def _notice(value: object, path: str) -> str | None:
    return None if value is None else id_at(value, path)


def _clock(value: object, path: str) -> time | None:
    if value is None:
        return None
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise refused_at(path, f"is a time of day such as '09:00', not {shown(value)}")
    return time(int(found[1]), int(found[2]))


def _zone(value: object, path: str) -> str | None:
    if value is None:
        return None
    try:
        return check_zone(value)  # type: ignore[arg-type]  # what is no text is refused
    except InvalidPeriod as refused:
        raise refused_at(path, str(refused)) from None

"""Reading the inbox: an object that was told of is asked for, and what is newer is applied.

It is asked for outside of any transaction; what comes of it, how new it is and what becomes of its
events are one transaction.  Any number of workers may do so at once: a claim leases the object, and
who outlives the lease finds another turn and changes nothing.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from tallystick.app.stopped import FAULTS, reason_of
from tallystick.core.inbox import SETTLED, Told, held_after, weigh
from tallystick.core.intent import wait_after_silence
from tallystick.core.period import to_the_second
from tallystick.errors import NotFound, OutcomeUnknown, RuleError, StorageUnavailable
from tallystick.storage import inbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tallystick.app.inbox_apply import Act, Applier, Room
    from tallystick.core.inbox import Held, Verdict
    from tallystick.core.period import Instant
    from tallystick.core.provider_event import Hint, ProviderEvent
    from tallystick.ports import EventSource
    from tallystick.storage.unit import Unit

__all__ = ["LEASE", "MOST_TRIES", "ReadObjects", "read_object", "read_objects"]

_log: Final = logging.getLogger("tallystick.events")

LEASE: Final = timedelta(minutes=5)
"""How long an object is a worker's alone: longer than any call to a provider may take."""

MOST_TRIES: Final = 40
"""How often an object is asked for in vain, over a day and a half, until a person has to look."""

_PATIENCE: Final = 3  # silences in a row, after which the provider is left in peace for this run


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadObjects:
    """What a run came to: how many objects were asked for, and what came of it.

    `later` are those whose answer is not sure to be the newest yet; of those that are `silent` the
    provider gave none, and `failed` are those that could not be read or applied for another fault.
    """

    applied: int = 0
    ignored: int = 0
    later: int = 0
    silent: int = 0
    failed: int = 0
    set_aside: int = 0

    @property
    def asked(self) -> int:
        """How many were asked for."""
        sure = self.applied + self.ignored + self.set_aside
        return sure + self.later + self.silent + self.failed


@dataclass(frozen=True, slots=True)
class _Claim:
    """An object that is leased, with the events of its newest second."""

    hint: Hint
    events: Sequence[ProviderEvent]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is to be done with an object that is newer, and what is held of it then."""

    act: Act
    held: Held


def read_objects(
    room: Room,
    source: EventSource,
    appliers: Mapping[str, Applier],
    now: Callable[[], Instant],
    *,
    limit: int | None = None,
    stop: Callable[[], bool] = bool,
) -> ReadObjects:
    """Ask for every object that is due, and apply what is newer; a second run changes nothing.

    One that fails waits for its next time and blocks no other.  Raises StorageUnavailable.
    """
    counts: dict[str, int] = {}
    silences = 0
    while silences < _PATIENCE and not stop():
        if limit is not None and sum(counts.values()) >= limit:
            break
        came = read_object(room, source, appliers, now)
        if came is None:
            break
        silences = silences + 1 if came == "silent" else 0
        counts[came] = counts.get(came, 0) + 1
    return ReadObjects(**counts)


def read_object(
    room: Room, source: EventSource, appliers: Mapping[str, Applier], now: Callable[[], Instant]
) -> str | None:
    """Ask for the object that is due first; give what came of it, None where none is due.

    Raises StorageUnavailable.
    """
    at = now()
    claim = room.storage.attempt(lambda unit: _claimed(unit, at, source))
    if claim is None:
        return None
    hint = claim.hint
    answer = None
    try:
        told = [source.told(event) for event in claim.events]
        # Its events may have been removed since: then nothing is known but that it changed.
        told = told or [Told(hint.newest, None)]
        fetched = source.fetch(hint.kind, hint.id, to_the_second(at))
        answered_at = to_the_second(now())
        seen = None if fetched is None else fetched.seen
        verdict = weigh(told, hint.held, seen, to_the_second(at))
        if fetched is not None and verdict in {"apply", "confirm"}:
            act = appliers[hint.kind](room, fetched)
            held = held_after(told, fetched.seen, answered_at)
            answer = _Answer(act, held)
    except StorageUnavailable:
        raise
    except Exception as fault:  # noqa: BLE001 - whatever it is, this object waits and no other does
        failed = fault
        return room.storage.attempt(lambda unit: _failed(unit, now(), claim, failed))
    try:
        return room.storage.attempt(
            lambda unit: _keep(unit, now(), claim, verdict, answer), repeatable=True
        )
    except StorageUnavailable:
        raise
    except FAULTS as fault:
        _log.exception("%s %s cannot be applied", hint.kind, hint.id)
        failed = fault  # its name ends with this block
        return room.storage.attempt(lambda unit: _failed(unit, now(), claim, failed))


# --- the claim ------------------------------------------------------------------------------------


def _claimed(unit: Unit, at: Instant, source: EventSource) -> _Claim | None:
    found = inbox.due_hint(unit, source.name, source.account, to_the_second(at))
    if found is None:
        return None
    leased = replace(
        found,
        turn=found.turn + 1,
        tries=found.tries + 1,
        leased_until=to_the_second(at) + LEASE,
    )
    inbox.put_hint(unit, leased, found.turn)
    return _Claim(leased, inbox.events_of(unit, found, found.newest))


# --- what came ------------------------------------------------------------------------------------


def _keep(
    unit: Unit,
    at: Instant,
    claim: _Claim,
    verdict: Verdict,
    answer: _Answer | None,
) -> str:
    unit.as_all()
    now = _mine(unit, claim)
    if now is None:
        return "later"  # another worker has it
    if verdict == "later":
        return _again(unit, at, claim, now, None)
    if answer is None:
        gone = NotFound(claim.hint.kind, claim.hint.id)
        return _left(unit, at, claim, now, _reason(gone, at, claim))
    try:
        with unit.savepoint():
            note = answer.act(unit, at)
    except OutcomeUnknown as older:
        return _again(unit, at, claim, now, older)
    except RuleError as refused:
        return _left(unit, at, claim, now, _reason(refused, at, claim))
    now = replace(now, held=answer.held)
    if note is not None and note.alert:
        return _left(unit, at, claim, now, note.reason())
    due = claim.hint.newest + SETTLED if verdict == "confirm" else None
    _put(unit, at, claim, replace(now, due_at=due, tries=0))
    state: Literal["applied", "ignored"] = "applied" if note is None else "ignored"
    _settle(unit, at, claim, state, None if note is None else note.reason())
    return state


def _failed(unit: Unit, at: Instant, claim: _Claim, why: Exception) -> str:
    unit.as_all()
    now = _mine(unit, claim)
    if now is None:
        return "later"
    _log.warning("%s %s was not read: %s", now.kind, now.id, why)
    if isinstance(why, RuleError):
        return _left(unit, at, claim, now, _reason(why, at, claim))
    return _again(unit, at, claim, now, why)


def _mine(unit: Unit, claim: _Claim) -> Hint | None:
    """Give the object as it stands, where nobody took it up since."""
    one = claim.hint
    found = inbox.hint_by_id(unit, one.provider, one.account.id, one.kind, one.id)
    return found if found is not None and found.turn == one.turn else None


def _again(unit: Unit, at: Instant, claim: _Claim, now: Hint, why: Exception | None) -> str:
    """Let it be asked for later; after too many tries a person has to look."""
    if now.tries >= MOST_TRIES:
        over = why or OutcomeUnknown("the provider goes on to answer with an older state")
        return _left(unit, at, claim, now, _reason(over, at, claim))
    wait = wait_after_silence(max(1, now.tries))
    _put(unit, at, claim, replace(now, due_at=to_the_second(at) + wait))
    if why is None:
        return "later"
    return "silent" if isinstance(why, OutcomeUnknown) else "failed"


def _left(unit: Unit, at: Instant, claim: _Claim, now: Hint, reason: Mapping[str, str]) -> str:
    aside = json.dumps(dict(reason), ensure_ascii=False, sort_keys=True)
    _put(unit, at, claim, replace(now, due_at=None, set_aside=aside))
    _settle(unit, at, claim, "set_aside", reason)
    return "set_aside"


def _put(unit: Unit, at: Instant, claim: _Claim, after: Hint) -> None:
    """Keep it; where another event of it came meanwhile, it is asked for again at once."""
    if after.hints != claim.hint.hints:
        after = replace(after, due_at=to_the_second(at), tries=0, set_aside=None)
    inbox.put_hint(unit, replace(after, leased_until=None), claim.hint.turn)


def _settle(
    unit: Unit,
    at: Instant,
    claim: _Claim,
    state: Literal["applied", "ignored", "set_aside"],
    reason: Mapping[str, str] | None,
) -> None:
    ids = [each.id for each in claim.events]
    inbox.settle_events(unit, to_the_second(at), claim.hint, ids, state, reason)


def _reason(why: Exception, at: Instant, claim: _Claim) -> Mapping[str, str]:
    last = claim.events[-1].id if claim.events else claim.hint.id
    command = f"tallystick stripe events replay {last}"
    return reason_of(why, at, f"{claim.hint.kind} {claim.hint.id}", command)

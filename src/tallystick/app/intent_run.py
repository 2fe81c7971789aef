"""Finishing intents: claim one, ask its provider outside of any transaction, keep the answer.

Any number of workers may do so at once.  A claim leases an intent, so that no two send it; should
a worker outlive its lease, the key is the same and its late answer is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tallystick.app.asking import LEASE, ask, go_through, is_forgotten, keep_answer
from tallystick.app.intent_book import aside_of, book, keep, owes
from tallystick.app.invoice import get_document
from tallystick.app.stopped import words_of
from tallystick.core.intent import Charge, asked_of, outcome_of, wait_after_silence
from tallystick.core.period import to_the_second
from tallystick.errors import Conflict, RuleError
from tallystick.storage import intents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tallystick.core.intent import Intent, Outcome
    from tallystick.core.period import Instant
    from tallystick.ports import Provider
    from tallystick.storage.unit import Storage, Unit

__all__ = ["Claim", "Finished", "claim_intent", "finish_intent", "finish_intents"]

_Act: TypeAlias = Literal["send", "look up", "cancel"]


@dataclass(frozen=True, slots=True)
class Claim:
    """An intent that is leased, and what its provider is to be asked."""

    intent: Intent
    act: _Act


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a run of intents came to: how many were begun, and how many answered in which way."""

    begun: int = 0
    succeeded: int = 0
    declined: int = 0
    canceled: int = 0
    waiting: int = 0
    silent: int = 0
    set_aside: int = 0

    @property
    def answered(self) -> int:
        """How many have an answer."""
        return self.succeeded + self.declined + self.canceled + self.waiting

    @property
    def asked(self) -> int:
        """How many were gone on with."""
        return self.answered + self.silent + self.set_aside


def finish_intents(
    storage: Storage,
    providers: Iterable[Provider],
    now: Callable[[], Instant],
    limit: int | None = None,
    stop: Callable[[], bool] = bool,
) -> Finished:
    """Go on with every intent that is due at these providers; a second run changes nothing.

    One that fails waits for its next time and blocks no other.  Raises StorageUnavailable.
    """

    def step(provider: Provider) -> str | None:
        done = finish_intent(storage, provider, now)
        return None if done is None else _what(done)

    return Finished(**go_through(providers, step, limit, stop))


def finish_intent(
    storage: Storage,
    provider: Provider,
    now: Callable[[], Instant],
    only: str | None = None,
    *,
    cancel: bool = False,
) -> Intent | None:
    """Ask a provider for the intent that is due first, or for one by its id; give what it is then.

    With `cancel` one that waits is given up.  None where none is due, or another worker has it.
    Raises StorageUnavailable.
    """
    at = now()
    claim = storage.attempt(lambda unit: claim_intent(unit, at, provider, only, cancel=cancel))
    if claim is None or claim.intent.closed_at is not None or claim.intent.set_aside is not None:
        return None if claim is None else claim.intent
    intent = claim.intent
    outcome = ask(intent.provider, intent.id, lambda: _answer(provider, claim))
    return keep_answer(
        storage,
        intent.id,
        lambda unit: _keep(unit, now(), claim, outcome),
        lambda unit, why: _left(unit, intent, why, now()),
    )


def claim_intent(
    unit: Unit, at: Instant, provider: Provider, only: str | None = None, *, cancel: bool = False
) -> Claim | None:
    """Lease the first intent that is due, and say what is to be asked; None for none.

    One that was never sent and is owed no more is closed here.  One that its provider may have
    forgotten the key of is set aside: nothing is charged twice for want of an answer.
    """
    unit.as_all()
    abilities = provider.abilities
    found = intents.due_intent(unit, abilities.name, provider.account, to_the_second(at), only)
    if found is None:
        return None
    over = cancel or _is_over(unit, found)
    if over and found.state == "open" and not found.attempts:
        over_now = replace(found, state="canceled", closed_at=to_the_second(at))
        return Claim(
            keep(unit, found, over_now), "cancel"
        )  # the books, and their locks, are not asked
    if _is_forgotten(found, at, abilities.key_hours):
        return Claim(_left(unit, found, _FORGOTTEN, at), "send")
    leased = replace(
        found,
        attempts=found.attempts + 1,
        leased_until=to_the_second(at) + LEASE,
        first_sent_at=found.first_sent_at or to_the_second(at),
    )
    intents.put_intent(unit, leased, found.attempts)
    waits = found.state == "waiting"
    return Claim(leased, "cancel" if waits and over else "look up" if waits else "send")


_FORGOTTEN: Final = Conflict(
    "the provider did not answer for longer than it knows a key: look there whether the money"
    " moved, and let it be asked again only where it did not"
)


def _is_over(unit: Unit, intent: Intent) -> bool:
    if intent.kind == "refund":
        return False
    document = get_document(unit, intent.invoice)
    return not owes(document) or document.left < intent.amount.minor


def _is_forgotten(intent: Intent, at: Instant, hours: int | None) -> bool:
    return intent.state == "open" and is_forgotten(intent.first_sent_at, at, hours)


def _answer(provider: Provider, claim: Claim) -> Outcome:
    asked = asked_of(claim.intent)
    reference = claim.intent.reference or ""
    if claim.act == "cancel":
        return outcome_of(provider.cancel(asked, reference))
    if claim.act == "look up":
        return outcome_of(provider.look_up(asked, reference))
    send = provider.collect(asked) if isinstance(asked, Charge) else provider.refund(asked)
    return outcome_of(send)


def _keep(unit: Unit, at: Instant, claim: Claim, outcome: Outcome | Exception) -> Intent:
    unit.as_all()
    intent = claim.intent
    if not isinstance(outcome, Exception):
        return book(unit, at, intent, outcome)
    if isinstance(outcome, RuleError):
        return _left(unit, intent, outcome, at)
    wait = wait_after_silence(intent.attempts)
    told = {**(intent.answer or {}), "silence": words_of(outcome)[:1_000]}
    silent = replace(intent, leased_until=None, next_at=to_the_second(at) + wait, answer=told)
    return keep(unit, intent, silent)


def _left(unit: Unit, intent: Intent, why: Exception, at: Instant) -> Intent:
    aside = aside_of(intent, why, at)
    return keep(unit, intent, replace(intent, leased_until=None, set_aside=aside))


def _what(intent: Intent) -> str:
    if intent.set_aside is not None:
        return "set_aside"
    silent = intent.answer is not None and "silence" in intent.answer
    return "silent" if silent or intent.state == "open" else intent.state

"""The billing run: time passes for every subscription, and every document that may be is issued.

Three kinds of work, each in batches of one transaction, by any number of processes at once:

1. Subscriptions for which something is due are claimed, brought up to the time of the run, and
   kept with drafts of what fell due.
2. Drafts whose grace is over are reckoned and numbered, in the order of the instants at which they
   could be issued.  It goes only as far as everything before is done, so the numbers do not tell
   how many processes there were, or how late they came.
3. Steps of unpaid invoices (`tallystick.app.dunning_run`), each at its instant, with the two above
   done up to it.

What is left of credits that plans granted goes on, by their rules, between the documents that it
may still pay and those that come after.  Then what is left of grants that have ended expires.

What cannot be done is set aside with its reason, and blocks nobody.  A batch that is tried again
gives what it did anew, so a run counts what was committed and nothing else.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from tallystick.app.credits import expire_credits
from tallystick.app.drafting import drafts_of
from tallystick.app.dunning_run import begin_overdue, bill_until, dunning_batch, next_step
from tallystick.app.families import place_drafts
from tallystick.app.issuing import close_ahead, issue_batch, ready_usage
from tallystick.app.offers import Offers
from tallystick.app.plan_credits import issue_stops, keep_grants
from tallystick.app.seller import settings_of
from tallystick.app.stopped import FAULTS, reason_of
from tallystick.app.uncollected import uncollected
from tallystick.core.frozen import FrozenDict
from tallystick.core.period import instant_text, to_the_second
from tallystick.core.subscription_moves import advance, next_at
from tallystick.core.text import id_at
from tallystick.errors import NotFound, StorageUnavailable
from tallystick.storage import dunning, invoices, subscriptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tallystick.core.period import Instant
    from tallystick.core.subscription import Subscription
    from tallystick.core.subscription_moves import Outcome
    from tallystick.storage.aside import Stored
    from tallystick.storage.unit import Storage, Unit

__all__ = ["BATCH", "Run", "SetAside", "billing_steps", "retry", "run_billing", "what_is_set_aside"]

BATCH: Final = 1_000
"""How many subscriptions or drafts are taken up in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A subscription, a draft or an unpaid invoice that is left out of runs until `retry`, and why.

    `reason` has `code`, `message`, `at`, `input` (the digest of what it was made from) and
    `replay`, the command that looks into it.
    """

    kind: Literal["subscription", "draft", "dunning"]
    customer: str
    id: str
    reason: Mapping[str, Any] = field(default_factory=FrozenDict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a billing run did, or a part of one: all of it was committed.

    `subscriptions` went on, `documents` were issued, `empty` drafts came to nothing, `dunning` is
    how many unpaid invoices had a step.  `totals` are minor units by currency; credit notes count
    below zero.
    """

    at: Instant
    subscriptions: int = 0
    documents: int = 0
    empty: int = 0
    dunning: int = 0
    totals: Mapping[str, int] = field(default_factory=FrozenDict)
    set_aside: tuple[SetAside, ...] = ()

    @property
    def did_work(self) -> bool:
        """Whether there was anything to do."""
        counts = (self.subscriptions, self.documents, self.empty, self.dunning)
        return any(counts) or bool(self.set_aside)

    def __add__(self, other: Run) -> Run:
        """Give two parts of a run as one."""
        totals = Counter(self.totals)
        totals.update(other.totals)
        return Run(
            at=self.at,
            subscriptions=self.subscriptions + other.subscriptions,
            documents=self.documents + other.documents,
            empty=self.empty + other.empty,
            dunning=self.dunning + other.dunning,
            totals=FrozenDict(sorted(totals.items())),
            set_aside=(*self.set_aside, *other.set_aside),
        )

    def __hash__(self) -> int:
        """Hash by what was counted."""
        return hash((self.at, self.subscriptions, self.documents, self.empty))


def run_billing(
    storage: Storage,
    at: Instant,
    *,
    batch: int = BATCH,
    limit: int | None = None,
    tell: Callable[[Run], object] = bool,
) -> Run:
    """Bill everything that is due at an instant; a second run changes nothing.

    `limit` is the most documents to issue.  `tell` is called after every batch with all so far.

    Raises StorageUnavailable.
    """
    done = Run(at=to_the_second(at))
    for step in billing_steps(storage, at, batch=batch, limit=limit):
        done += step
        tell(done)
    return done


def billing_steps(
    storage: Storage, at: Instant, *, batch: int = BATCH, limit: int | None = None
) -> Iterator[Run]:
    """Bill what is due, a batch at a time; give what each did, committed, until nothing is left."""
    at = to_the_second(at)
    issued, before = 0, None
    while True:
        until = _until(storage, at, batch)
        until = at if until == before else until  # others are at work on it, and do what follows
        for step in _billing(storage, until, batch, None if limit is None else limit - issued):
            issued += step.documents
            yield step
        if limit is not None and issued >= limit:
            return
        stepped = False
        for step in _dunning(storage, until, batch):
            stepped = True
            yield step
        if until == at and not stepped:
            return
        before = None if stepped else until


def _until(storage: Storage, at: Instant, batch: int) -> Instant:
    """Give how far to bill before the next steps of unpaid invoices are looked for."""
    begin: Callable[[Unit], int] = partial(begin_overdue, until=at, limit=batch)
    while storage.attempt(begin, repeatable=True):
        pass
    return storage.attempt(partial(bill_until, at=at), reading=True)


def _dunning(storage: Storage, until: Instant, batch: int) -> Iterator[Run]:
    """Do the steps of unpaid invoices that come first by an instant; those after it wait."""
    _until(storage, until, batch)
    at = storage.attempt(partial(next_step, until=until), reading=True)
    if at is None:
        return
    act: Callable[[Unit], Run] = partial(_dun, at=at, size=batch)
    while (step := storage.attempt(act, repeatable=True)).did_work:
        yield step


def _dun(unit: Unit, at: Instant, size: int) -> Run:
    done, stopped = dunning_batch(unit, at, size)
    aside = _stopped_dunning(unit) if stopped else ()
    return Run(
        at=at,
        dunning=done,
        set_aside=tuple(each for each in aside if each.id in stopped),
    )


def _billing(storage: Storage, at: Instant, batch: int, limit: int | None) -> Iterator[Run]:
    """Let time pass for every subscription, then issue what may be issued by an instant."""
    act: Callable[[Unit], Run] = partial(_advance_batch, at=at, size=batch)
    while (step := _batch(storage, act)).did_work:
        yield step
    storage.attempt(partial(close_ahead, until=at), repeatable=True)
    storage.attempt(partial(ready_usage, until=at), repeatable=True)
    issued = 0
    for until in issue_stops(storage, at):
        while limit is None or issued < limit:
            most = batch if limit is None else min(batch, limit - issued)
            step = _batch(storage, partial(_issue, at=until, most=most))
            if not step.did_work:
                break
            issued += step.documents
            yield step
        if limit is not None and issued >= limit:
            break
    while storage.attempt(partial(expire_credits, at=at), repeatable=True):
        pass


def _batch(storage: Storage, act: Callable[[Unit], Run]) -> Run:
    with uncollected():
        return storage.attempt(act, repeatable=True)


# --- documents ------------------------------------------------------------------------------------


def _issue(unit: Unit, at: Instant, most: int) -> Run:
    unit.as_all()
    first = subscriptions.lowest_due(unit, at)
    found = issue_batch(unit, at, before=first, limit=most)
    totals = Counter[str]()
    for invoice in found.issued:
        totals[invoice.currency.code] += invoice.total.minor
    stopped = _stopped_drafts(unit) if found.set_aside else ()
    return Run(
        at=at,
        documents=len(found.issued),
        empty=len(found.empty),
        totals=FrozenDict(sorted(totals.items())),
        set_aside=tuple(each for each in stopped if each.id in found.set_aside),
    )


# --- subscriptions --------------------------------------------------------------------------------


def _advance_batch(unit: Unit, at: Instant, size: int) -> Run:
    """Let time pass for a batch: all at once, or one by one where that cannot be kept."""
    unit.as_all()
    stopped: list[SetAside] = []

    def leave(row: Stored, why: Exception) -> None:
        stopped.append(_leave(unit, (row["customer_id"], row["id"]), at, row["snapshot"], why))

    claimed = subscriptions.claim_due(unit, at, size, unread=leave)
    unread = len(stopped)
    offers = Offers(unit)
    done = []
    for before in claimed:
        try:
            done.append((before, advance(before, at, offers)))
        except FAULTS as fault:
            stopped.append(_set_aside(unit, before, at, fault))
    try:
        with unit.savepoint():
            _keep(unit, [outcome for _, outcome in done])
    except StorageUnavailable:
        raise
    except FAULTS:
        stopped += _keep_each(unit, at, done)
    return Run(at=at, subscriptions=len(claimed) + unread - len(stopped), set_aside=tuple(stopped))


def _keep(unit: Unit, outcomes: Sequence[Outcome]) -> None:
    grace = settings_of(unit).grace
    subscriptions.save_subscriptions(
        unit, [(each.subscription, next_at(each.subscription)) for each in outcomes]
    )
    drafts = [
        draft for each in outcomes for draft in drafts_of(each.subscription, each.dues, grace)
    ]
    place_drafts(unit, drafts)
    keep_grants(unit, [grant for each in outcomes for grant in each.grants])


def _keep_each(
    unit: Unit, at: Instant, done: Sequence[tuple[Subscription, Outcome]]
) -> list[SetAside]:
    """Keep one by one, and set aside what cannot be."""
    stopped = []
    for before, outcome in done:
        try:
            with unit.savepoint():
                _keep(unit, [outcome])
        except StorageUnavailable:
            raise
        except FAULTS as fault:
            stopped.append(_set_aside(unit, before, at, fault))
    return stopped


# --- what cannot be done --------------------------------------------------------------------------


def _set_aside(unit: Unit, subscription: Subscription, at: Instant, why: Exception) -> SetAside:
    return _leave(unit, (subscription.customer, subscription.id), at, subscription, why)


def _leave(
    unit: Unit, key: tuple[str, str], at: Instant, made_from: object, why: Exception
) -> SetAside:
    """Leave it out of further runs, with what is needed to look into it."""
    customer, id_ = key
    command = f"tallystick invoice preview {id_} --at {instant_text(at)}"
    reason = reason_of(why, at, made_from, command)
    text = json.dumps(reason, ensure_ascii=False, sort_keys=True)
    subscriptions.set_aside(unit, customer, id_, text)
    return SetAside(kind="subscription", customer=customer, id=id_, reason=FrozenDict(reason))


def what_is_set_aside(unit: Unit, limit: int = BATCH) -> tuple[SetAside, ...]:
    """List what is left out of runs: subscriptions, drafts, then unpaid invoices, each by id."""
    unit.as_all()
    found = (_stopped("subscription", row) for row in subscriptions.stopped(unit, limit))
    return (*found, *_stopped_drafts(unit, limit), *_stopped_dunning(unit, limit))


def _stopped_drafts(unit: Unit, limit: int = 10**6) -> tuple[SetAside, ...]:
    return tuple(_stopped("draft", row) for row in invoices.stopped(unit, limit))


def _stopped_dunning(unit: Unit, limit: int = 10**6) -> tuple[SetAside, ...]:
    return tuple(_stopped("dunning", row) for row in dunning.stopped(unit, limit))


def _stopped(
    kind: Literal["subscription", "draft", "dunning"], row: tuple[str, str, str]
) -> SetAside:
    customer, id_, text = row
    return SetAside(kind=kind, customer=customer, id=id_, reason=FrozenDict(json.loads(text)))


def retry(unit: Unit, named: object) -> SetAside:
    """Take what was set aside into the runs again, by its id; give why it was.

    Raises NotFound where nothing of that id is set aside.
    """
    key = id_at(named, "id")
    found = next((each for each in what_is_set_aside(unit, 10**6) if each.id == key), None)
    if found is None:
        raise NotFound("subscription or draft that was set aside", key)
    _SHELVES[found.kind](unit, found.customer, found.id)
    return found


_SHELVES: Final = {
    "subscription": subscriptions.retry,
    "draft": invoices.retry,
    "dunning": dunning.retry,
}

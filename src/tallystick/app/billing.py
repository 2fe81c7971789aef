"""The billing run: time passes for every subscription, and every document that may be is issued.

Two kinds of work, each in batches of one transaction, by any number of processes at once:

1. Subscriptions for which something is due are claimed, brought up to the time of the run, and
   kept with drafts of what fell due.
2. Drafts whose grace is over are reckoned and numbered, in the order of the instants at which they
   could be issued.  It goes only as far as everything before is done, so the numbers do not tell
   how many processes there were, or how late they came.

What cannot be done is set aside with its reason, and blocks nobody.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tallystick.app.drafting import drafts_of
from tallystick.app.issuing import issue_batch
from tallystick.app.offers import Offers
from tallystick.app.seller import settings_of
from tallystick.core.period import instant_text, to_the_second
from tallystick.core.subscription_moves import advance, next_at
from tallystick.core.trees import bytes_of
from tallystick.errors import TallystickError
from tallystick.storage import invoices, subscriptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.period import Instant
    from tallystick.core.subscription import Subscription
    from tallystick.storage.unit import Storage, Unit

__all__ = ["Run", "run_billing"]

BATCH: Final = 1_000


@dataclass(slots=True)
class Run:
    """What a billing run did: subscriptions that went on, documents issued, and what was set aside.

    `totals` are minor units by currency.
    """

    at: Instant
    subscriptions: int = 0
    documents: int = 0
    empty: int = 0
    totals: Counter[str] = field(default_factory=Counter)
    set_aside: list[str] = field(default_factory=list)


def run_billing(
    storage: Storage,
    at: Instant,
    *,
    batch: int = BATCH,
    limit: int | None = None,
    tell: Callable[[Run], object] = bool,
) -> Run:
    """Bill everything that is due at an instant; a second run changes nothing.

    `limit` is the most documents to issue.  `tell` is called after every batch.

    Raises StorageUnavailable.
    """
    done = Run(at=to_the_second(at))
    size = batch
    while True:
        count = storage.attempt(lambda unit: _advance_batch(unit, done, size), repeatable=True)  # noqa: B023 - called at once
        if count is None:  # one of them cannot be kept: find out which
            size = 1
            continue
        if not count:
            break
        size = batch
        done.subscriptions += count
        tell(done)
    while limit is None or done.documents < limit:
        most = batch if limit is None else min(batch, limit - done.documents)
        issued = storage.attempt(lambda unit: _issue(unit, done, most), repeatable=True)  # noqa: B023 - called at once
        if not issued:
            return done
        tell(done)
    return done


def _issue(unit: Unit, done: Run, most: int) -> int:
    unit.as_all()
    first = subscriptions.lowest_due(unit, done.at)
    found = issue_batch(unit, done.at, before=first, limit=most)
    done.documents += len(found.issued)
    done.empty += len(found.empty)
    done.set_aside += found.set_aside
    for invoice in found.issued:
        done.totals[invoice.currency.code] += invoice.total.minor
    return len(found.issued) + len(found.empty) + len(found.set_aside)


def _advance_batch(unit: Unit, done: Run, size: int) -> int | None:
    """Let time pass for a batch; None where the batch as a whole cannot be kept."""
    unit.as_all()
    claimed = subscriptions.claim_due(unit, done.at, size)
    if not claimed:
        return 0
    offers = Offers(unit)
    grace = settings_of(unit).grace
    kept = []
    drafts = []
    for before in claimed:
        try:
            outcome = advance(before, done.at, offers)
        except TallystickError as refused:
            _set_aside(unit, before, done, refused)
            continue
        kept.append((outcome.subscription, next_at(outcome.subscription)))
        drafts += drafts_of(outcome.subscription, outcome.dues, grace)
    try:
        with unit.savepoint():
            subscriptions.save_subscriptions(unit, kept)
            invoices.insert_drafts(unit, drafts)
    except TallystickError as refused:
        if len(claimed) > 1:
            return None
        _set_aside(unit, claimed[0], done, refused)
    return len(claimed)


def _set_aside(unit: Unit, subscription: Subscription, done: Run, why: TallystickError) -> None:
    """Leave it out of further runs, with what is needed to look into it."""
    reason = {
        "code": getattr(why, "code", type(why).__name__),
        "message": str(why),
        "at": instant_text(done.at),
        "input": f"sha256:{hashlib.sha256(bytes_of(subscription)).hexdigest()}",
        "replay": f"tallystick subscriptions advance {subscription.id} --at {instant_text(done.at)}",
    }
    text = json.dumps(reason, ensure_ascii=False, sort_keys=True)
    subscriptions.set_aside(unit, subscription.customer, subscription.id, text)
    done.set_aside.append(subscription.id)

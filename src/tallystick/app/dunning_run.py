"""The dunning run: every step of an unpaid invoice that is due is done, once, in order.

Steps are taken at their instants, with billing done up to each, so a run that comes late leaves
what runs on time would have left.  A step, its notice and what it does to the subscription are one
transaction.  What cannot be done is set aside with its reason, and blocks nobody.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tallystick.app.dunning import move_if_allowed, settle, tell
from tallystick.app.invoice import call_uncollectible
from tallystick.app.seller import settings_of
from tallystick.app.stopped import FAULTS, reason_of
from tallystick.core.dunning import dunning_at
from tallystick.core.move import Cancel, Lapse, Pause
from tallystick.errors import StorageUnavailable
from tallystick.storage import dunning, subscriptions
from tallystick.storage.invoices import find_invoices, hold_invoices, lowest_draft

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.dunning import DunningAct, DunningEnd, Ladder
    from tallystick.core.move import Move
    from tallystick.core.period import Instant
    from tallystick.storage.dunning import Climb
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = ["begin_overdue", "dunning_batch", "next_step"]

_EVER: Final = datetime(1900, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_HALF_DAY: Final = timedelta(hours=12)
_MOVES: Final[Mapping[DunningEnd, Move]] = {
    "cancel": Cancel(timing="now"),
    "pause": Pause(),
    "uncollectible": Cancel(timing="now"),
}


def begin_overdue(unit: Unit, until: Instant, limit: int) -> int:
    """Put invoices that were due by then and are not paid on the seller's ladder; count them."""
    unit.as_all()
    ladder = settings_of(unit).dunning
    if ladder is None:
        return 0
    keys = dunning.overdue(unit, ladder.since or _EVER, until, limit)
    documents = find_invoices(unit, keys)
    begun = [_begun(ladder, documents[key]) for key in keys if key in documents]
    return dunning.begin(unit, begun) if begun else 0


def _begun(ladder: Ladder, document: Document) -> Climb:
    invoice = document.invoice
    assert invoice.due_at is not None  # noqa: S101 - it was issued
    first = dunning_at(ladder, invoice.due_at, 0, invoice.due_at - _SECOND)
    return dunning.Climb(
        customer=invoice.customer,
        invoice=invoice.id,
        subscription=invoice.subscription,
        ladder=ladder,
        attempts=0,
        state="waiting",
        access="full",
        next_at=first.next_at,
    )


def next_step(unit: Unit, until: Instant) -> Instant | None:
    """Give when the first step comes that is to be done by then; None for none."""
    unit.as_all()
    return dunning.next_step(unit, until)


def bill_until(unit: Unit, at: Instant) -> Instant:
    """Give how far a run may bill before it looks for steps: to the next one, or half a day.

    What is issued in that half day has no end on its ladder within it, so a late run cancels
    nothing too late and renews nothing that was to be canceled.
    """
    unit.as_all()
    if settings_of(unit).dunning is not None:
        first = [subscriptions.lowest_due(unit, at), lowest_draft(unit, at)]
        found = min((each for each in first if each is not None), default=at)
        noon = found.replace(hour=12 * (found.hour // 12), minute=0, second=0, microsecond=0)
        at = min(at, noon + _HALF_DAY)
    return dunning.next_step(unit, at) or at


def dunning_batch(unit: Unit, at: Instant, limit: int) -> tuple[int, tuple[str, ...]]:
    """Do the steps that are due at an instant; give how many invoices went on, and which stopped.

    Who else is at the same invoices waits, and then finds them done.
    """
    unit.as_all()
    keys = dunning.due(unit, at, limit)
    held = hold_invoices(unit, keys)
    done, stopped = 0, []
    for key, climb in sorted(dunning.hold_climbs(unit, keys).items()):
        if climb.next_at is None or climb.next_at > at or climb.set_aside is not None:
            continue
        try:
            with unit.savepoint():
                _go_on(unit, at, held[key], climb)
            done += 1
        except StorageUnavailable:
            raise
        except FAULTS as fault:
            command = f"tallystick dunning show {climb.invoice}"
            reason = reason_of(fault, at, held[key].invoice, command)
            text = json.dumps(reason, ensure_ascii=False, sort_keys=True)
            unit.as_all()
            dunning.set_aside(unit, *key, text)
            stopped.append(climb.invoice)
        unit.as_all()  # a move is for its customer alone
    return done, tuple(stopped)


def _go_on(unit: Unit, at: Instant, document: Document, climb: Climb) -> None:
    """Do what is due of one invoice: the next steps, or the end of all of them."""
    due_at = document.invoice.due_at
    if document.status == "uncollectible":  # a person gave it up: what follows is theirs to say
        dunning.put_climb(unit, replace(climb, state="final", next_at=None))
        return
    if document.status != "open" or due_at is None:
        settle(unit, at, document)
        return
    found = dunning_at(climb.ladder, due_at, climb.attempts, at)
    now = replace(
        climb,
        attempts=found.attempts,
        state=found.state,
        access=found.access,
        next_at=found.next_at,
    )
    dunning.put_climb(unit, now)
    for act in found.acts:
        _take_step(unit, document, climb, act)


def _take_step(unit: Unit, document: Document, climb: Climb, act: DunningAct) -> None:
    """Take one step: tell it, and see to the subscription and, at the end, to the invoice."""
    tell(unit, document, act, act.at)
    move_if_allowed(unit, act.at, climb, Lapse())
    if act.end == "uncollectible":
        call_uncollectible(unit, act.at, document.invoice.id)
    move = None if act.end is None else _MOVES.get(act.end)
    if move is not None:
        move_if_allowed(unit, act.at, climb, move)

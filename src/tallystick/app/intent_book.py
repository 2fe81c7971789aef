"""What a provider answered, and what that does to the books: once, or not at all.

Locks are taken in one order: numbers, balance, document, intent.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallystick.app.credit_note import SERIES
from tallystick.app.invoice import Way, get_document, hold_document, pay_invoice, post
from tallystick.app.invoice_credit import refund_invoice
from tallystick.app.stopped import reason_of
from tallystick.core.intent import (
    LIVE,
    Declined,
    Intent,
    Waiting,
    mismatch,
    state_after,
)
from tallystick.core.money import Money
from tallystick.core.period import to_the_second
from tallystick.core.settlement import surplus
from tallystick.errors import Conflict, NotFound, RuleError
from tallystick.storage import balances, intents, series

if TYPE_CHECKING:
    from tallystick.core.intent import Outcome
    from tallystick.core.period import Instant
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = ["aside_of", "book", "hold", "keep", "owes", "retry_intent", "way_of"]

_LONGEST_WORDS: Final = 1_000
_MATCH: Final = "MISMATCH"


def owes(document: Document) -> bool:
    """Tell whether money can be collected for a document."""
    payable = document.status in {"open", "uncollectible"} and document.invoice.kind == "invoice"
    return payable and document.left > 0


def book(unit: Unit, at: Instant, intent: Intent, outcome: Outcome, *, method: str = "") -> Intent:
    """Keep an answer, with all that it means for the books; give the intent as it stands then.

    `intent` is as it was when the provider was asked: where another try began meanwhile, or it was
    closed, nothing is changed.  What does not match what was asked, and what the books refuse, is
    set aside with the reason: no money counts that is not what was asked for.
    """
    held = hold(unit, intent, refund=intent.kind == "refund")
    wrong = mismatch(intent, outcome) or _of_another(unit, intent, outcome)
    if wrong is not None:
        refusal = Conflict(f"{intent.provider} answered with {wrong}")
        aside = replace(intent, leased_until=None, set_aside=aside_of(intent, refusal, at, _MATCH))
        return keep(unit, intent, aside)
    done = _answered(at, intent, outcome)
    if done.state == "succeeded":
        done = replace(done, surplus=_beyond(held, intent))
    try:
        with unit.savepoint():
            if not intents.put_intent(unit, done, intent.attempts):
                return _now(unit, intent)
            if done.state == "succeeded":
                _move_money(unit, at, done, method or done.provider)
    except RuleError as refused:
        done = replace(done, surplus=0, set_aside=aside_of(intent, refused, at))
        return keep(unit, intent, done)
    return done


def hold(unit: Unit, intent: Intent, *, refund: bool) -> Document:
    """Lock what the books of an intent touch, in the order in which everyone locks it."""
    if refund:
        series.hold_series(unit, [SERIES])
    balances.hold(unit, [(intent.customer, intent.amount.currency.code)])
    return hold_document(unit, intent.invoice)


def _of_another(unit: Unit, intent: Intent, outcome: Outcome) -> str | None:
    if outcome.reference is None:
        return None
    other = intents.intent_by_reference(unit, intent.provider, intent.account, outcome.reference)
    if other is None or other.id == intent.id:
        return None
    return f"{outcome.reference!r}, which is the object of {other.id!r}"


def _beyond(held: Document, intent: Intent) -> int:
    """Give what comes beyond what is still owed, minor units: an invoice is never paid twice."""
    if intent.kind == "refund":
        return 0
    return max(0, intent.amount.minor - (held.left if owes(held) else 0))


def _answered(at: Instant, intent: Intent, outcome: Outcome) -> Intent:
    state = state_after(outcome)
    told: dict[str, str] | None = None
    if isinstance(outcome, Declined):
        told = {"code": outcome.code, "message": outcome.message[:_LONGEST_WORDS]}
    elif isinstance(outcome, Waiting) and outcome.url is not None:
        told = {"url": outcome.url}
    live = state in LIVE
    hours = outcome.hours if isinstance(outcome, Waiting) else 0
    return replace(
        intent,
        state=state,
        answer=told,
        reference=outcome.reference or intent.reference,
        leased_until=None,
        closed_at=None if live else to_the_second(at),
        next_at=to_the_second(at) + timedelta(hours=hours),
    )


def _move_money(unit: Unit, at: Instant, intent: Intent, method: str) -> None:
    way = replace(way_of(intent), method=method)
    if intent.kind == "refund":
        refund_invoice(unit, at, intent.invoice, intent.amount, way, intent.reason)
        return
    came = Money(intent.amount.minor - intent.surplus, intent.amount.currency)
    if came.minor:
        pay_invoice(unit, at, intent.invoice, came, way)
    if intent.surplus:
        more = Money(intent.surplus, intent.amount.currency)
        invoice = get_document(unit, intent.invoice).invoice
        post(unit, at, invoice, f"surplus/{intent.id}", surplus(more))
        balances.add(unit, [(intent.customer, more)])


def way_of(intent: Intent) -> Way:
    """Give how the money of an intent comes or goes: its row's id names the payment."""
    prefix = "pay" if intent.kind == "collect" else "ref"
    return Way(
        id=f"{prefix}_{intent.id.partition('_')[2] or intent.id}",
        method=intent.provider,
        reference=intent.reference,
        key=intent.key,
    )


def keep(unit: Unit, before: Intent, after: Intent) -> Intent:
    """Keep how an intent stands that was as `before`; give it, or what another made of it since."""
    kept = intents.put_intent(unit, after, before.attempts)
    return after if kept else _now(unit, before)


def aside_of(intent: Intent, why: Exception, at: Instant, code: str = "") -> str:
    """Write why no worker goes on with an intent."""
    reason = reason_of(why, at, intent.key, f"tallystick payments show {intent.id}")
    return json.dumps(reason | ({"code": code} if code else {}), ensure_ascii=False, sort_keys=True)


def retry_intent(unit: Unit, at: Instant, found: Intent) -> Intent:
    """Let workers go on with an intent that was set aside; give it.

    What the provider did already and the books refused is booked now.  Raises NotFound where it is
    not set aside; Conflict where the books still refuse.
    """
    if found.set_aside is None:
        raise NotFound("payment intent that is set aside", found.id)
    held = hold(unit, found, refund=found.kind == "refund")
    now = replace(found, set_aside=None)
    if found.state == "succeeded":
        now = replace(now, surplus=_beyond(held, found))
    else:
        now = replace(now, first_sent_at=None, next_at=to_the_second(at))
    if not intents.clear_aside(unit, now):
        return _now(unit, found)
    if now.state == "succeeded":
        _move_money(unit, at, now, now.provider)
    return now


def _now(unit: Unit, intent: Intent) -> Intent:
    found = intents.intent_by_id(unit, intent.id)
    if found is None:
        raise NotFound("payment intent", intent.id)
    return found

"""What would be: an act without its traces, the next document, what is to come.

An act is looked at by making it and taking it back, so its figures are the very ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from tallystick.app.drafting import drafts_of
from tallystick.app.invoice import draft_from
from tallystick.app.issuing import drafted, drafted_all
from tallystick.app.offers import Offers
from tallystick.app.seller import settings_of
from tallystick.app.sequence import in_sequence
from tallystick.app.subscription import get_subscription
from tallystick.core.period import to_the_second
from tallystick.core.subscription_moves import advance, next_at
from tallystick.core.text import id_at
from tallystick.errors import Conflict, NotFound
from tallystick.storage import invoices, subscriptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.app.subscription import Made
    from tallystick.core.invoice import Invoice
    from tallystick.core.move import Change
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Planned, Subscription
    from tallystick.storage.invoice_rows import Draft
    from tallystick.storage.unit import Unit

__all__ = [
    "ComingKind",
    "Foreseen",
    "ToCome",
    "foreseen_of",
    "next_invoice",
    "preview_of",
    "to_come",
]

_MOST_STEPS: Final = 5_000

ComingKind: TypeAlias = Literal[
    "starts", "trial_ends", "renews", "changes", "resumes", "cancels", "ends"
]
"""What time will bring to a subscription."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What an act would make: the subscription, the documents that fall due, and the next one.

    A document stands there as it would be issued now; what is used until its grace is over comes
    on top.
    """

    subscription: Subscription
    documents: tuple[Invoice, ...]
    upcoming: Invoice | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToCome:
    """One thing that will happen by itself; a change that is planned has its number."""

    at: Instant
    kind: ComingKind
    number: int | None = None
    change: Change | None = None


def preview_of(unit: Unit, act: Callable[[], Made]) -> Foreseen:
    """Give what an act would make, and leave nothing of it.  Raises what the act raises."""
    with unit.undone():
        return foreseen_of(unit, act())


def foreseen_of(unit: Unit, made: Made, watermark: Instant | None = None) -> Foreseen:
    """Reckon what falls due by an act that was made in this transaction, and what comes next.

    With a `watermark` no usage counts that arrived later.
    """
    subscription = made.subscription
    customer = subscription.customer
    keys = [(customer, id_) for id_ in made.documents]
    stored = invoices.find_invoices(unit, keys)
    drafts = [draft_from(found) for found in stored.values() if found.status == "draft"]
    upcoming = _upcoming(unit, subscription)
    together = drafts if upcoming is None else [*drafts, upcoming]
    if watermark is not None:
        together = [replace(each, finalize_at=watermark) for each in together]
    reckoned = {each.id: each for each in drafted_all(unit, together)}
    return Foreseen(
        subscription=subscription,
        documents=tuple(
            reckoned.get(id_) or stored[customer, id_].invoice
            for id_ in made.documents
            if (customer, id_) in stored
        ),
        upcoming=None if upcoming is None else reckoned[upcoming.id],
    )


def _upcoming(unit: Unit, subscription: Subscription) -> Draft | None:
    """Give the draft of the first document that will fall due by itself; None for none."""
    offers = Offers(unit)
    grace = settings_of(unit).grace
    for _ in range(_MOST_STEPS):
        at = next_at(subscription)
        if at is None:
            return None
        outcome = advance(subscription, at, offers)
        drafts = drafts_of(outcome.subscription, outcome.dues[:1], grace)
        if drafts:
            return in_sequence(unit, drafts)[0]
        subscription = outcome.subscription
    return None


def next_invoice(unit: Unit, at: Instant, named: object) -> Invoice:
    """Give the next document of a subscription, or a draft by its id, as it stands at an instant.

    What arrived by then counts.  Raises NotFound; Conflict where no document is to come.
    """
    at = to_the_second(at)
    key = id_at(named, "id")
    document = invoices.find_invoice(unit, key)
    if document is not None:
        if document.status != "draft":
            raise Conflict(f"the document {key!r} is {document.status}: it was issued already")
        return _early(unit, draft_from(document), at)
    if subscriptions.find_subscription(unit, key) is None:
        raise NotFound("subscription or draft", key)
    subscription = get_subscription(unit, key)
    unit.as_customer(subscription.customer)
    waiting = invoices.list_invoices(
        unit, _MOST_STEPS, subscription=subscription.id, statuses={"draft"}
    )
    drafts: list[Any] = [draft_from(each) for each in waiting]
    if drafts:
        first = min(drafts, key=lambda draft: draft.turn)
        return _early(unit, first, at)
    upcoming = _upcoming(unit, subscription)
    if upcoming is None:
        raise Conflict(f"subscription {key!r} is {subscription.state}: no document is to come")
    return _early(unit, upcoming, at)


def _early(unit: Unit, draft: Draft, at: Instant) -> Invoice:
    found = drafted(unit, draft, min(at, draft.finalize_at))
    return replace(found, finalize_at=draft.finalize_at)


# --- the schedule ---------------------------------------------------------------------------------


def to_come(unit: Unit, subscription_id: str) -> tuple[ToCome, ...]:
    """List what will happen to a subscription by itself: its next renewal, and all that is planned.

    Raises NotFound.
    """
    now = get_subscription(unit, subscription_id)
    offers = Offers(unit)
    found: list[ToCome] = []
    for _ in range(_MOST_STEPS):
        at = next_at(now)
        if at is None or _told(now, found):
            break
        after = advance(now, at, offers).subscription
        found += _between(now, after, at)
        now = after
    return tuple(found)


def _told(now: Subscription, found: list[ToCome]) -> bool:
    """Whether the rest is more of the same: it only renews from here on."""
    planned = now.planned or now.cancel_at or now.ends_at or now.resumes_at or now.begins_at
    return not planned and any(each.kind == "renews" for each in found)


def _between(before: Subscription, after: Subscription, at: Instant) -> list[ToCome]:
    """Tell two states apart that one instant lies between."""
    found: list[ToCome] = []
    if before.state == "scheduled" and after.state not in {"canceled", "ended"}:
        found.append(ToCome(at=at, kind="starts"))
    if before.state == "trialing" and after.state != "trialing":
        found.append(ToCome(at=at, kind="trial_ends"))
    if before.state == "paused" and after.state in {"active", "past_due"}:
        found.append(ToCome(at=at, kind="resumes"))
    found += [
        ToCome(at=at, kind="changes", number=each.number, change=each.change)
        for each in _gone(before, after)
    ]
    if after.state == "canceled":
        found.append(ToCome(at=at, kind="cancels"))
    elif after.state == "ended":
        found.append(ToCome(at=at, kind="ends"))
    elif before.period is not None and after.period is not None and before.period != after.period:
        found.append(ToCome(at=at, kind="renews"))
    return found


def _gone(before: Subscription, after: Subscription) -> list[Planned]:
    """Give the planned changes that came true: the others wait as they did, or a period less."""
    left = [(each.number, each.change) for each in after.planned]
    found = []
    for each in before.planned:
        key = (each.number, each.change)
        if key in left:
            left.remove(key)
        else:
            found.append(each)
    return found

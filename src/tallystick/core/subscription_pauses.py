"""Pauses: which of the two kinds one is, what it stops, and what it moves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tallystick.core.period import Period
from tallystick.core.span import with_hole, with_pause
from tallystick.core.subscription_spans import give_back

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.catalog import Plan
    from tallystick.core.period import Instant
    from tallystick.core.subscription import PauseMode, Span, State, Subscription

__all__ = [
    "end_of_period",
    "is_frozen",
    "is_silent",
    "paused",
    "thawed",
    "unpaused",
    "with_pause_until",
]


def is_silent(now: Subscription) -> bool:
    """Whether nothing is charged in advance: in a pause that leaves the boundaries."""
    return now.state == "paused" and now.pause_mode == "keep"


def is_frozen(now: Subscription) -> bool:
    """Whether its periods stand still: in a pause that moves their ends on."""
    return now.state == "paused" and now.pause_mode == "extend"


def end_of_period(now: Subscription) -> Instant | None:
    """Give the end of the present period, or of what comes before the first."""
    if now.begins_at is not None:
        return now.begins_at
    return None if now.period is None else now.period.end


def paused(
    now: Subscription,
    offers: Mapping[str, Plan[Any]],
    at: Instant,
    part: str,
    *,
    mode: PauseMode,
    resumes: Instant | None,
) -> Subscription:
    """Stand still: keep the boundaries and give the rest of fees back, or freeze them."""
    spans, waiting = now.spans, now.waiting
    if mode == "keep":
        fees = [span for span in spans if span.advance]
        given, _ = give_back(now, offers, fees, at, part, mode="next_invoice")
        spans = tuple(span for span in spans if not span.advance)
        waiting = (*waiting, *given)
    return replace(
        now,
        state="paused",
        lapsed=now.state == "past_due",
        paused_at=at,
        pause_mode=mode,
        resumes_at=resumes,
        spans=spans,
        waiting=waiting,
    )


def unpaused(now: Subscription) -> Subscription:
    """Be again what it was before the pause: active, or past due."""
    state: State = "past_due" if now.lapsed else "active"
    return replace(now, state=state, lapsed=False, paused_at=None, resumes_at=None)


def with_pause_until(now: Subscription, at: Instant) -> tuple[Span, ...]:
    """Give the spans with the pause that ends now taken out of them."""
    since = now.paused_at
    if since is None or since >= at:
        return now.spans
    return tuple(
        with_pause(span, Period(max(since, span.start), at)) if span.start < at else span
        for span in now.spans
    )


def thawed(now: Subscription, at: Instant) -> Subscription:
    """Move everything on by a pause that froze it so far, which is no part of any period."""
    end = end_of_period(now)
    if not is_frozen(now) or now.paused_at is None or now.paused_at >= at or end is None:
        return now
    hole = Period(now.paused_at, at)
    moved = end + (at - now.paused_at)
    after = replace(
        now,
        paused_at=at,
        cancel_at=moved if now.cancel_at == end else now.cancel_at,
        spans=tuple(with_hole(span, hole, moved=moved - end) for span in now.spans),
    )
    if now.period is None:
        return replace(after, begins_at=moved)
    return replace(after, period=Period(now.period.start, moved), anchor=moved)

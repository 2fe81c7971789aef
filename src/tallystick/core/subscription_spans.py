"""The spans of a subscription: opened for prices that have none, closed with what is charged."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.charge import Charge
from tallystick.core.period import Period, cadence_of
from tallystick.core.span import (
    MINIMUM,
    closing,
    credit_for,
    credit_minor,
    fee_charge,
    fee_minor,
    new_span,
    paid_for,
    period_around,
    period_from,
    share_of,
    with_pause,
)
from tallystick.core.terms import cadence_of_price, item_plan, prices_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tallystick.core.catalog import Plan
    from tallystick.core.move import Proration
    from tallystick.core.period import Cadence, Instant
    from tallystick.core.subscription import Item, Paid, Span, Subscription

__all__ = ["closed", "fill", "give_back", "inherited"]

_SECOND: Final = timedelta(seconds=1)


def closed(now: Subscription, span: Span, at: Instant, *, cut: bool = False) -> Charge | None:
    """Give what is charged in arrears for a span that ends, leaving a running pause out.

    It is `cut` where a change of price ends it.
    """
    if now.state == "paused" and now.paused_at is not None:
        start = max(now.paused_at, span.start)
        if start < at:
            span = with_pause(span, Period(start, at))
    return closing(span, at, cut=cut)


def give_back(
    now: Subscription,
    offers: Mapping[str, Plan[Any]],
    gone: Sequence[Span],
    at: Instant,
    part: str,
    *,
    mode: Proration,
    cut: bool = False,
) -> tuple[list[Charge], tuple[Paid, ...]]:
    """Close spans: usage in arrears, credits for the rest of fees; and the fees not credited."""
    charges: list[Charge] = []
    left: list[Paid] = []
    for span in gone:
        charge = closed(now, span, at, cut=cut)
        if charge is not None:
            charges.append(charge)
        if not span.advance:
            continue
        if mode == "none":
            left += paid_for(span)
        elif at < span.end:  # also where nothing is left of it: the time is free for another
            paid = tuple(_rest(each, offers, at) for each in span.paid if at < each.end)
            by_value = mode == "value_capped"
            charges.append(credit_for(span, at, part, by_value=by_value, paid=paid))
    return charges, tuple(left)


def _rest(paid: Paid, offers: Mapping[str, Plan[Any]], at: Instant) -> Paid:
    """Give what is left of a fee from an instant on: by the list, within what was charged."""
    left = credit_minor(prices_of(paid.item, offers)[paid.price], paid, at)
    return replace(paid, start=max(at, paid.start), invoiced=left)


def inherited(
    now: Subscription, offers: Mapping[str, Plan[Any]], at: Instant, paid: tuple[Paid, ...]
) -> Subscription:
    """Count the fees of a time for what took it over without a charge: the dearest has them."""
    new = [place for place, span in enumerate(now.spans) if span.advance and span.start == at]
    if not new or not paid:
        return now
    dearest = max(new, key=lambda place: _charged(now.spans[place], offers).invoiced)
    spans = list(now.spans)
    spans[dearest] = replace(spans[dearest], paid=paid)
    return replace(now, spans=tuple(spans))


def fill(
    now: Subscription,
    offers: Mapping[str, Plan[Any]],
    at: Instant,
    part: str = "",
    like: Sequence[Span] = (),
    *,
    free: bool = False,
    cut: bool = False,
) -> tuple[Subscription, list[Charge]]:
    """Open a span for each price that has none, and give what is charged in advance.

    Those that take the place of others in the same period (`like`), or join others there, have
    their ends and their whole period.  `free` charges nothing; `cut` is for a change in mid-period.
    """
    running = {(span.item.key, span.price) for span in now.spans}
    spans: list[Span] = []
    charges: list[Charge] = []
    once = list(now.paid_once)
    period_of = cache(partial(_period, now, offers, at))
    for item in now.items:
        for price, cadence, advance in _prices(item, offers):
            key = f"{item.key}/{price}"
            if cadence is not None and (item.key, price) not in running:
                when = (at, cadence, period_of)
                span = _open(now, offers, (item, price), when, like, advance=advance, cut=cut)
                if advance and not free:
                    span = _charged(span, offers)
                    charges.append(fee_charge(span, part))
                spans.append(span)
            elif cadence is None and advance and key not in once:
                once.append(key)
                charges += [] if free else [Charge(kind="fee", item=item, price=price, part=part)]
    return replace(now, spans=(*now.spans, *spans), paid_once=tuple(once)), charges


def _prices(
    item: Item, offers: Mapping[str, Plan[Any]]
) -> Iterator[tuple[str, Cadence | None, bool]]:
    """Give the prices of an item: id, cadence, and whether it is charged in advance."""
    plan = item_plan(item, offers)
    for key, price in prices_of(item, offers).items():
        yield key, cadence_of_price(price, plan), price.basis != "usage"
    if plan.minimum_commitment is not None and not plan.one_time:
        yield MINIMUM, cadence_of(plan), False


def _charged(span: Span, offers: Mapping[str, Plan[Any]]) -> Span:
    """Note what is charged for a span in advance."""
    price = prices_of(span.item, offers)[span.price]
    share = share_of(Period(span.start, span.end), span.whole, span.holes)
    return replace(span, invoiced=fee_minor(price, span.item, share))


def _open(
    now: Subscription,
    offers: Mapping[str, Plan[Any]],
    named: tuple[Item, str],
    when: tuple[Instant, Cadence, Callable[[Cadence], tuple[Instant, Period]]],
    like: Sequence[Span],
    *,
    advance: bool,
    cut: bool,
) -> Span:
    (item, price), (at, cadence, period_of) = named, when
    for old in (*like, *now.spans):
        if old.advance == advance and old.start <= at < old.end:
            if not _cadence(old, offers).same_as(cadence):
                continue
            cut = cut and old.whole.start < at
            times = (at, old.end, old.whole)
            return new_span(item, price, times, advance=advance, holes=old.holes, cut=cut)
    end, whole = period_of(cadence)
    cut = cut and whole.start < at
    if advance:  # usage is measured whenever it ends
        stops = (now.cancel_at, now.ends_at)
        end = min([end, *(stop for stop in stops if stop is not None and stop > at)])
    return new_span(item, price, (at, end, whole), advance=advance, cut=cut)


def _period(
    now: Subscription, offers: Mapping[str, Plan[Any]], at: Instant, cadence: Cadence
) -> tuple[Instant, Period]:
    """Give the end of the period that begins at an instant, and the whole one it is a part of.

    What has the cadence of the plan itself ends with the plan's period, also where it begins on
    a day from which a period could run whole intervals.  Where a pause moved that end on so far
    that more than an interval is left, it is charged whole.
    """
    anchor, mine = now.anchor or at, now.period
    own = cadence_of(item_plan(now.items[0], offers))
    if mine is None or own is None or at not in mine or not own.same_as(cadence):
        return period_from(at, anchor, cadence, now.zone)
    around = period_around(anchor, cadence, mine.end - _SECOND, now.zone)
    if around.end != mine.end:
        return mine.end, mine
    return mine.end, around if around.start <= at else Period(at, mine.end)


def _cadence(span: Span, offers: Mapping[str, Plan[Any]]) -> Cadence:
    """Give the cadence of a span, which it has by being one."""
    plan = item_plan(span.item, offers)
    if span.price == MINIMUM:
        found = cadence_of(plan)
    else:
        found = cadence_of_price(prices_of(span.item, offers)[span.price], plan)
    assert found is not None  # noqa: S101 - what is paid once has no span
    return found

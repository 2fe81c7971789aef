"""What counts at a gate: one question that is asked in one statement, and what comes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallystick.app.entitlement import counts_of, held_within, period_of
from tallystick.app.unit_grants import granted_of, grants_units
from tallystick.core.access import Counted, allowance_window
from tallystick.core.aggregate import day_of
from tallystick.core.number import ZERO, exact_sum
from tallystick.core.period import Period
from tallystick.storage.gate_facts import GateQuestion
from tallystick.storage.usage_asked import midnight_of
from tallystick.storage.usage_batch import rounded_quantity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from decimal import Decimal

    from tallystick.app.entitlement import Asked
    from tallystick.core.access import Given
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.storage.gate_facts import Edge, GateFacts
    from tallystick.storage.unit import Unit

__all__ = ["counted_of", "question_of", "ragged_days"]

_DAY: Final = timedelta(days=1)
_HALF: Final = _DAY / 2


def question_of(one: Asked, given: Given, meter: Meter, at: Instant, now: Instant) -> GateQuestion:
    """Give the question of what is used, held and granted of a feature."""
    first, after, edges = _stretches(one, given, meter, at)
    return GateQuestion(
        customer=one.customer,
        meter=meter,
        at=at,
        now=now,
        first=first,
        after=after,
        edges=edges,
    )


def _stretches(
    one: Asked, given: Given, meter: Meter, at: Instant
) -> tuple[date | None, date | None, Sequence[Edge]]:
    """Give the whole days and the ragged ends that are asked for."""
    if one.used is not None:
        return None, None, ()
    window = allowance_window(given, at)
    if window is not None and window.sliding:
        return None, None, ((1, window.start, window.end),)
    period = period_of(window, meter, at)
    if meter.aggregation == "last":
        return None, period.end.date(), ()
    return _whole_days(period, at)


def _whole_days(period: Period, at: Instant) -> tuple[date | None, date | None, Sequence[Edge]]:
    """Cut a period into days, and what is ragged at its ends.

    A ragged day is its whole less the rest, where that is the shorter way or the day is not over:
    so events that come one after the other are never counted one by one.
    """
    start, end = period.start, period.end
    first, after = day_of(start), day_of(end)
    if first == after:
        return None, None, ((1, start, end),)
    edges: list[Edge] = []
    dawn, last = midnight_of(first), midnight_of(after)
    if dawn < start and (day_of(at) == first or start - dawn <= _HALF):
        edges.append((-1, dawn, start))
    elif dawn < start:
        first += _DAY
        edges.append((1, start, dawn + _DAY))
    if last < end and (at < end or last + _DAY - end <= _HALF):
        after += _DAY
        edges.append((-1, end, last + _DAY))
    elif last < end:
        edges.append((1, last, end))
    return first, after, edges


def ragged_days(period: Period) -> tuple[date, date, Sequence[Period]]:
    """Give the days that a period touches, `[first, after)`, and what of these lies outside it."""
    first, after = day_of(period.start), day_of(period.end)
    dawn, last = midnight_of(first), midnight_of(after)
    if last < period.end:
        after, last = after + _DAY, last + _DAY
    outside = ((dawn, period.start), (period.end, last))
    return first, after, [Period(start, end) for start, end in outside if start < end]


def counted_of(
    unit: Unit, asked: GateQuestion, facts: GateFacts, one: Asked, given: Given
) -> Counted:
    """Give what is used, reserved and granted: by the facts, or where they are not plain, read."""
    if not facts.plain and one.used is None:
        (counted,) = counts_of(unit, asked.at, asked.now, [(one, given, asked.meter)])
        return counted
    reserved, lost = held_within(facts.held, given, asked.at, asked.now)
    used = one.used if one.used is not None else exact_sum(_rounded(asked, facts.used), lost)
    granted = ZERO
    if given.counts and (facts.granted or grants_units(given)):
        wanted = [(one.customer, given, asked.meter)]
        (granted,) = granted_of(unit, asked.at, asked.now, wanted)
    return Counted(used=used, reserved=reserved, granted=granted)


def _rounded(asked: GateQuestion, used: Decimal) -> Decimal:
    return max(ZERO, rounded_quantity(used, asked.meter.rounding))

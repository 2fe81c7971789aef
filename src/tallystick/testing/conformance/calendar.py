"""Adapters for the topic calendar: boundaries, periods, alignment and bill days.

The cases write times in a zone's wall clock or, with a Z, in UTC; answers are written the same way.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.bill_day import (
    advance,
    first_bill_date,
    period_with_bill_day,
    whole_periods_between,
)
from tallystick.core.calendar import (
    at_wall_clock,
    boundary,
    first_boundary,
    next_boundary,
    period_containing,
    previous_boundary,
    wall_clock,
)
from tallystick.core.period import Cadence, instant, instant_text, to_the_second
from tallystick.errors import InvalidPeriod
from tallystick.testing.conformance.amounts import whole
from tallystick.testing.conformance.outcome import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallystick.core.catalog import Interval
    from tallystick.core.period import Instant

__all__ = ["ADAPTERS", "cadence_in", "moment_in", "zone_in"]

_WORDS: Final[dict[str, tuple[Interval, int]]] = {
    "day": ("day", 1),
    "week": ("week", 1),
    "month": ("month", 1),
    "quarter": ("month", 3),
    "half_year": ("month", 6),
    "year": ("year", 1),
}
_OTHER_WORDS: Final[dict[str, str]] = {
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "quarterly": "quarter",
    "half_yearly": "half_year",
    "semi_annual": "half_year",
    "yearly": "year",
    "annual": "year",
}
"""The adverbs that some engines write for the words above."""
_SO_MANY: Final = re.compile(r"([1-9][0-9]{0,3})_(day|week|month|quarter|year)s?", re.ASCII)
_UNKNOWN: Final = {"second", "minute", "hour", "hourly"}
_BOUNDARIES_SHOWN: Final = 60


def cadence_in(case: Mapping[str, Any]) -> Cadence:
    """Read the interval of a case: a word, or so many of one as in `30_days`.

    A count of 0 or less is the engine's to refuse, and so is a word that means nothing.
    """
    word = _word(case)
    times = 1 if case.get("interval_count") is None else whole(case["interval_count"])
    if word in _UNKNOWN:
        raise NotApplicable(f"the interval {word!r}")
    match = _SO_MANY.fullmatch(word)
    if match is not None:
        word, times = match[2], int(match[1]) * times
    interval, count = _WORDS.get(word, (word, 1))
    unit: Any = interval
    return Cadence(unit, count * times)


def _word(case: Mapping[str, Any]) -> str:
    word = str(case.get("interval")).lower()
    return _OTHER_WORDS.get(word, word)


def zone_in(case: Mapping[str, Any]) -> str | None:
    """Read the zone of a case; an absent or empty one is UTC."""
    zone: str | None = case.get("time_zone")
    return None if zone in {None, "", "UTC"} else zone


def moment_in(text: str, zone: str | None) -> Instant:
    """Read a time of a case, cut to the second as every act is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidPeriod(f"{text!r} is not a time: {error}") from None
    at = at_wall_clock(moment, zone) if moment.tzinfo is None else instant(moment)
    return to_the_second(at)


def _text(at: Instant, zone: str | None, like: str) -> str:
    """Write a time as the case writes its own: with a Z in UTC, else as wall time."""
    return instant_text(at) if like.endswith("Z") else wall_clock(at, zone).isoformat()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidPeriod(f"{text!r} is not a date: {error}") from None


def next_boundary_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """Answer where the period that begins at `current_period_start` ends."""
    zone, written = zone_in(case), case["current_period_start"]
    last = case.get("subscription_end")
    end = next_boundary(
        moment_in(written, zone),
        moment_in(case["billing_anchor"], zone),
        cadence_in(case),
        zone,
        subscription_end=None if last is None else moment_in(last, zone),
    )
    return {"next": _text(end, zone, written)}


def calendar_aligned_first_end(case: Mapping[str, Any]) -> dict[str, Any]:
    """Answer where the first, part period of calendar-aligned billing ends."""
    zone, written = zone_in(case), case["start"]
    word: Any = _word(case)
    end = first_boundary(
        moment_in(written, zone),
        cadence_in(case),
        zone,
        week_starts=case.get("week_starts") or "monday",
        unit=word if word in _WORDS else None,
    )
    return {"first_period_end": _text(end, zone, written)}


def schedule_utc(case: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the first boundaries after the anchor in UTC; a case states as many as it likes."""
    zone, cadence = zone_in(case), cadence_in(case)
    anchor = moment_in(case["anchor"], zone)
    numbers = range(1, _BOUNDARIES_SHOWN + 1)
    return {"boundaries": [instant_text(boundary(anchor, cadence, n, zone)) for n in numbers]}


def period_containing_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the period into which `at` falls."""
    zone, written = zone_in(case), case["at"]
    anchor = moment_in(case["anchor"], zone)
    period = period_containing(anchor, cadence_in(case), moment_in(written, zone), zone)
    return {
        "period_start": _text(period.start, zone, written),
        "period_end": _text(period.end, zone, written),
    }


def previous_boundary_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the last boundary strictly before `at`."""
    zone, written = zone_in(case), case["at"]
    anchor = moment_in(case["anchor"], zone)
    latest = previous_boundary(anchor, cadence_in(case), moment_in(written, zone), zone)
    return {"previous": _text(latest, zone, written)}


def period_with_billing_day(case: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the period of a bill day into which a date falls, and how many ended before it."""
    period = period_with_bill_day(
        _day(case["start"]), whole(case["bill_day"]), cadence_in(case), _day(case["at"])
    )
    return {
        "period_start": period.start.isoformat(),
        "period_end": period.end.isoformat(),
        "elapsed_periods": period.elapsed,
    }


def first_bill_date_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the first bill date on or after the start."""
    first = first_bill_date(_day(case["start"]), whole(case["bill_day"]), cadence_in(case))
    return {"first_bill_date": first.isoformat()}


def whole_periods_between_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """Answer how many whole cadences lie between two dates."""
    count = whole_periods_between(_day(case["start"]), _day(case["end"]), cadence_in(case))
    return {"count": count}


def advance_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the date so many cadences on."""
    moved = advance(_day(case["start"]), cadence_in(case), whole(case["count"]))
    return {"date": moved.isoformat()}


ADAPTERS: Final[dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]] = {
    "next_boundary": next_boundary_case,
    "next_boundary_annual_first": next_boundary_case,
    "calendar_aligned_first_end": calendar_aligned_first_end,
    "schedule_utc": schedule_utc,
    "period_containing": period_containing_case,
    "previous_boundary": previous_boundary_case,
    "period_with_billing_day": period_with_billing_day,
    "first_bill_date": first_bill_date_case,
    "whole_periods_between": whole_periods_between_case,
    "advance": advance_case,
}
"""One adapter for each kind of the topic calendar."""

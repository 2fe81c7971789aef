"""Bill days: the same day of every month, on dates, without clocks and zones.

A bill day of 31 is the last day of a shorter month.  The first period runs from the start to the
first bill date, and is a short one where the start is not a bill day itself.  A cadence counted
in days or weeks has no day of the month: it bills on its start and then every so many days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Final

from tallystick.core.calendar import days_in_month, shift
from tallystick.errors import InvalidPeriod

if TYPE_CHECKING:
    from tallystick.core.period import Cadence

__all__ = [
    "DatePeriod",
    "advance",
    "first_bill_date",
    "period_with_bill_day",
    "whole_periods_between",
]

_LAST_BILL_DAY: Final = 31


@dataclass(frozen=True, slots=True)
class DatePeriod:
    """A half-open stretch of days, and how many periods of the same start came before it."""

    start: date
    end: date
    elapsed: int


def advance(start: date, cadence: Cadence, count: int) -> date:
    """Move a date by whole cadences; a negative count goes back.  Short months clamp the day.

    Raises InvalidPeriod.
    """
    return shift(_midnight(start), cadence, count).date()


def whole_periods_between(start: date, end: date, cadence: Cadence) -> int:
    """Count the whole cadences from a date to a later one.

    From Jan 31 to Apr 30 there are three months, as the third ends on the last of April.
    Raises InvalidPeriod where the end comes before the start.
    """
    first, last = _midnight(start), _midnight(end)
    if last < first:
        raise InvalidPeriod(f"{end} comes before {start}: there is nothing to count")
    if not cadence.months:
        return (last - first).days // cadence.days
    months = (last.year - first.year) * 12 + last.month - first.month
    count = months // cadence.months
    return count - (shift(first, cadence, count) > last)


def first_bill_date(start: date, bill_day: int, cadence: Cadence) -> date:
    """Give the first bill date on or after the start.

    It is the bill day of the start's month, or, where that is past, of the month one cadence
    later: from 2012-02-16 a bill day of 14 is 2012-03-14 monthly and 2013-02-14 yearly.

    Raises InvalidPeriod.
    """
    day = _checked(bill_day)
    _midnight(start)
    if not cadence.months:
        return start
    this_month = _bill_date(start, day, cadence, 0)
    return this_month if this_month >= start else _bill_date(start, day, cadence, 1)


def period_with_bill_day(start: date, bill_day: int, cadence: Cadence, at: date) -> DatePeriod:
    """Give the period into which a date falls, and how many had ended by then.

    A date before the start has the first period: it is the one to come.  Raises InvalidPeriod.
    """
    first = first_bill_date(start, bill_day, cadence)
    at = max(_midnight(at), _midnight(start)).date()
    if at < first:
        return DatePeriod(start, first, 0)
    count = _bill_dates_since(first, bill_day, cadence, at)
    return DatePeriod(
        _bill_date(first, bill_day, cadence, count),
        _bill_date(first, bill_day, cadence, count + 1),
        count + (start < first),
    )


def _bill_dates_since(first: date, bill_day: int, cadence: Cadence, at: date) -> int:
    """Count the bill dates after the first, up to and with a date."""
    if not cadence.months:
        return whole_periods_between(first, at, cadence)
    # Counted by months alone it is at most one too many: the day decides.
    count = whole_periods_between(first.replace(day=1), at, cadence)
    return count - (_bill_date(first, bill_day, cadence, count) > at)


def _bill_date(first: date, bill_day: int, cadence: Cadence, n: int) -> date:
    """Give the bill date n cadences after the month, or the day, of the first."""
    if not cadence.months:
        return advance(first, cadence, n)
    month = advance(first.replace(day=1), cadence, n)
    return month.replace(day=min(bill_day, days_in_month(month.year, month.month)))


def _midnight(day: date) -> datetime:
    if isinstance(day, datetime):
        raise InvalidPeriod(f"{day!r} has a clock: a bill date is a date alone")
    if not isinstance(day, date):
        raise InvalidPeriod(f"a bill date is a date, not {type(day).__name__}")
    return datetime.combine(day, time())


def _checked(bill_day: int) -> int:
    if type(bill_day) is not int or not 1 <= bill_day <= _LAST_BILL_DAY:
        raise InvalidPeriod("a bill day is a day of the month: a whole number from 1 to 31")
    return bill_day

"""A customer's time to come: what it is assumed to use, and what the documents add up to.

Months are those of the calendar, in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallystick.core.calendar import boundary
from tallystick.core.money import Money
from tallystick.core.period import Cadence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tallystick.core.currency import Currency
    from tallystick.core.event import UsageEvent
    from tallystick.core.invoice import Invoice
    from tallystick.core.period import Instant

__all__ = ["ASSUMED", "MonthTotal", "month_totals", "monthly", "repeated"]

ASSUMED: Final = "tallystick/foresee"
"""The source of events that stand for what was used before."""

_MONTH: Final = Cadence("month")
_MICRO: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthTotal:
    """What falls due in a month, in one currency: how many documents, and their sums.

    `month` is as `2027-01`.  Credit notes count below zero.
    """

    month: str
    documents: int
    total: Money
    amount_due: Money


def monthly(at: Instant, until: Instant) -> tuple[Instant, ...]:
    """Give the instants a month apart, from one up to and with another; both are among them."""
    found = [at]
    while (following := boundary(at, _MONTH, len(found))) < until:
        found.append(following)
    return (*found, until)


def month_totals(
    documents: Iterable[Invoice], at: Instant, until: Instant
) -> tuple[MonthTotal, ...]:
    """Add documents up by the month in which they fall due, by currency, then by month.

    Months without any are there too, with nothing.  What was due before `at` has months before it.
    """
    of: dict[Currency, dict[str, list[Invoice]]] = {}
    for each in documents:
        at = min(at, each.at)
        of.setdefault(each.currency, {}).setdefault(_month(each.at), []).append(each)
    return tuple(
        MonthTotal(
            month=month,
            documents=len(some := by_month.get(month, [])),
            total=Money.total((each.total for each in some), unit),
            amount_due=Money.total((each.amount_due for each in some), unit),
        )
        for unit, by_month in sorted(of.items(), key=lambda entry: entry[0].code)
        for month in _months(at, until)
    )


def _month(at: Instant) -> str:
    return f"{at.year:04}-{at.month:02}"


def _months(at: Instant, until: Instant) -> list[str]:
    first, last = (each.year * 12 + each.month - 1 for each in (at, until))
    return [f"{month // 12:04}-{month % 12 + 1:02}" for month in range(first, last + 1)]


def repeated(
    events: Iterable[UsageEvent], at: Instant, months: int, until: Instant
) -> Iterator[UsageEvent]:
    """Repeat what was used in the months before an instant, month for month, until another.

    The events are effective ones of these months.  Each comes again as far into its month as it
    was into the one it was taken from; what a shorter month has no time for comes in its last
    moment, so nothing is lost.  They arrive as they occur, under ids of their own.
    """
    sources = [boundary(at, _MONTH, each - months) for each in range(months + 1)]
    of: list[list[UsageEvent]] = [[] for _ in range(months)]
    for event in events:
        place = sum(start <= event.occurred_at for start in sources[1:])
        if place < months and event.occurred_at >= sources[0]:
            of[place].append(event)
    number = 0
    while (start := boundary(at, _MONTH, number)) < until:
        end = boundary(at, _MONTH, number + 1)
        for count, event in enumerate(of[number % months]):
            into = event.occurred_at - sources[number % months]
            moment = min(start + into, end - _MICRO)
            if moment < until:
                yield replace(
                    event,
                    id=f"{number}/{count}",
                    source=ASSUMED,
                    occurred_at=moment,
                    received_at=moment,
                    order=None,
                )
        number += 1

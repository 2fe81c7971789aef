"""Usage that a provider bills: what it was told of a window, and what it has to be told next.

Of a counter it is told how much more there is than it knows, so that late usage and corrections
come along by themselves; of a gauge what the figure is now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tallystick.core.meter import GAUGES
from tallystick.core.number import exact_sum
from tallystick.core.period import Period, to_the_second
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from tallystick.core.intent import ProviderAccount
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant

__all__ = [
    "Metered",
    "ReportState",
    "UsageReport",
    "first_report",
    "next_report",
    "report_key",
    "told_window",
]

ReportState: TypeAlias = Literal["open", "told"]
"""Whether the provider has still to be told (`open`), or was told."""

_MINUTE: Final = timedelta(minutes=1)
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """A customer's meter that a provider bills, in one of its periods.

    `payer` is what it calls the customer, `event_name` what it calls the meter.
    """

    customer: str
    payer: str
    meter: str
    event_name: str
    window: Period


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    """What a provider was told of a window, and what it is being told: stored before it is told.

    `total` is what it knows once it was told `value`, which is the difference for a counter and the
    figure itself for a gauge.  `number` counts what it was told; `at` is the time that it is told
    for, within the window.  `tries` and `answer` tell of those that had no answer.
    """

    customer: str
    id: str
    meter: str
    event_name: str
    provider: str
    account: ProviderAccount
    payer: str
    window: Period
    gauge: bool
    number: int
    value: Decimal
    total: Decimal
    at: Instant
    state: ReportState
    begun_at: Instant
    next_at: Instant
    tries: int = 0
    answer: str | None = None

    def __hash__(self) -> int:
        """Hash by whose it is and what it is called."""
        return hash((self.customer, self.id))


def report_key(report: UsageReport) -> str:
    """Give what tells a report from all others: made of our row's id and its number alone."""
    return f"tallystick/{report.id}/{report.number}"


def told_window(window: Period) -> Period:
    """Give the part of a window that reports are for: whole minutes, as a provider adds them up.

    Raises InvalidInput for a window shorter than two minutes.
    """
    start, end = _minute(window.start + _MINUTE - _SECOND), _minute(window.end)
    if start >= end:
        raise InvalidInput(f"usage of {window} cannot be reported: it is shorter than two minutes")
    return Period(start, end)


def next_report(before: UsageReport, total: Decimal, at: Instant) -> UsageReport | None:
    """Give what is to be told after what was told before; None where nothing is new.

    Before the first it is a report whose number and total are 0.
    """
    if before.state == "open" or total == before.total:
        return None
    inside = told_window(before.window)
    now = to_the_second(at)
    return replace(
        before,
        number=before.number + 1,
        value=total if before.gauge else exact_sum(total, -before.total),
        total=total,
        at=min(max(now, inside.start), inside.end - _SECOND),
        state="open",
        begun_at=now,
        next_at=now,
        tries=0,
        answer=None,
    )


def first_report(
    metered: Metered,
    *,
    id_: str,
    provider: str,
    account: ProviderAccount,
    meter: Meter,
    at: Instant,
) -> UsageReport:
    """Give a report of which nothing was told yet."""
    return UsageReport(
        customer=metered.customer,
        id=id_,
        meter=metered.meter,
        event_name=metered.event_name,
        provider=provider,
        account=account,
        payer=metered.payer,
        window=metered.window,
        gauge=meter.aggregation in GAUGES,
        number=0,
        value=Decimal(0),
        total=Decimal(0),
        at=metered.window.start,
        state="told",
        begun_at=to_the_second(at),
        next_at=to_the_second(at),
    )


def _minute(at: Instant) -> Instant:
    return at.replace(second=0, microsecond=0)

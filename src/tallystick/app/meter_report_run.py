"""Telling a provider that bills what was used: stored, told outside of any transaction, kept.

Each report has a name that the provider takes once.  So whoever is cut off, or comes second, tells
it again.  It remembers names for a day only: what is older is first looked for in what it added up.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallystick.app.meter_report import UsageDifference, begin_reports, compared
from tallystick.app.stopped import words_of
from tallystick.core.intent import wait_after_silence
from tallystick.core.number import exact_sum
from tallystick.core.period import to_the_second
from tallystick.errors import Conflict, OutcomeUnknown, RuleError
from tallystick.storage.meter_reports import due_reports, put_reports

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from tallystick.app.meter_report import Reporting
    from tallystick.core.period import Instant
    from tallystick.core.usage_report import Metered, UsageReport
    from tallystick.ports import Provider, ReportsUsage
    from tallystick.storage.unit import Storage

__all__ = ["UsageRun", "check_usage", "report_usage"]

_log: Final = logging.getLogger("tallystick.usage")

_AT_ONCE: Final = 500
_SENT_AT_ONCE: Final = 50  # so many are told again where a worker dies
_PATIENCE: Final = 3  # silences in a row, after which a provider is left in peace for this run
_REMEMBERED: Final = timedelta(hours=20)  # of the 24 that it promises
_REFUSED: Final = timedelta(hours=6)
_LONGEST: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRun:
    """What a run came to: how many reports were begun, told, had no answer, and were refused."""

    begun: int = 0
    told: int = 0
    silent: int = 0
    refused: int = 0


def report_usage(
    storage: Storage,
    how: Reporting,
    reporter: ReportsUsage,
    metered: Sequence[Metered],
    now: Callable[[], Instant],
) -> UsageRun:
    """Tell a provider what was used since it was told last; a second run tells nothing.

    Any number of workers may do so at once.  Raises NotFound for a meter; StorageUnavailable.
    """
    begun = 0
    for start in range(0, len(metered), _AT_ONCE):
        some, at = metered[start : start + _AT_ONCE], now()
        begun += _begin(storage, at, how, some)
    counts, silences = {"told": 0, "silent": 0, "refused": 0}, 0
    while silences < _PATIENCE:
        due = _due(storage, how.provider, now())
        after = []
        for report in due:
            what, then = _told(reporter, report, now())
            after.append(then)
            counts[what] += 1
            silences = silences + 1 if what == "silent" else 0
            if silences >= _PATIENCE:
                break
        _keep(storage, due[: len(after)], after)
        if len(due) < _SENT_AT_ONCE:
            break
    return UsageRun(begun=begun, **counts)


def check_usage(
    storage: Storage,
    how: Reporting,
    reporter: ReportsUsage,
    metered: Sequence[Metered],
    now: Callable[[], Instant],
) -> tuple[UsageDifference, ...]:
    """Give the windows of which a provider does not know what we know; nothing is changed.

    Raises OutcomeUnknown, NotFound, Conflict; StorageUnavailable.
    """
    differences = []
    for start in range(0, len(metered), _AT_ONCE):
        some, at = metered[start : start + _AT_ONCE], now()
        for each, used, report in _compare(storage, at, how, some):
            known = reporter.known_usage(report)
            pending = report.state == "open" and not report.gauge
            told = exact_sum(report.total, -report.value) if pending else report.total
            if not used == report.total == known:
                differences.append(
                    UsageDifference(metered=each, used=used, reported=told, known=known)
                )
    return tuple(differences)


def _told(reporter: ReportsUsage, report: UsageReport, at: Instant) -> tuple[str, UsageReport]:
    """Tell one report; give what came of it, and how it stands then."""
    told = replace(report, state="told", tries=0, answer=None)
    try:
        if at - report.begun_at >= _REMEMBERED and _is_known(reporter, report):
            return "told", told
        reporter.report_usage(report)
    except RuleError as refused:
        _log.warning("%s was not taken: %s", report.id, refused)
        later = replace(report, next_at=to_the_second(at) + _REFUSED, answer=_words(refused))
        return "refused", replace(later, tries=report.tries + 1)
    except OutcomeUnknown as silence:
        tries = report.tries + 1
        wait = wait_after_silence(tries)
        later = replace(report, next_at=to_the_second(at) + wait, answer=_words(silence))
        return "silent", replace(later, tries=tries)
    return "told", told


def _is_known(reporter: ReportsUsage, report: UsageReport) -> bool:
    """Tell whether a provider that may have forgotten the report's name has counted it.

    Raises Conflict where what it has added up is neither what it was before nor what it is after.
    """
    if report.gauge:
        return False  # to be told a figure twice changes nothing
    known = reporter.known_usage(report)
    if known not in {report.total, exact_sum(report.total, -report.value)}:
        raise Conflict(
            f"{report.provider} has added up {known}, and should have"
            f" {exact_sum(report.total, -report.value)} before this report and {report.total} after"
        )
    return known == report.total


def _words(fault: Exception) -> str:
    return words_of(fault)[:_LONGEST]


# --- transactions ---------------------------------------------------------------------------------


def _begin(storage: Storage, at: Instant, how: Reporting, some: Sequence[Metered]) -> int:
    return storage.attempt(lambda unit: begin_reports(unit, at, how, some), repeatable=True)


def _compare(
    storage: Storage, at: Instant, how: Reporting, some: Sequence[Metered]
) -> list[tuple[Metered, Decimal, UsageReport]]:
    return storage.attempt(lambda unit: compared(unit, at, how, some), reading=True)


def _due(storage: Storage, provider: Provider, at: Instant) -> tuple[UsageReport, ...]:
    name, account, when = provider.abilities.name, provider.account, to_the_second(at)
    return storage.attempt(
        lambda unit: due_reports(unit, name, account, when, _SENT_AT_ONCE), reading=True
    )


def _keep(storage: Storage, before: Sequence[UsageReport], after: Sequence[UsageReport]) -> None:
    if after:
        storage.attempt(lambda unit: put_reports(unit, before, after), repeatable=True)

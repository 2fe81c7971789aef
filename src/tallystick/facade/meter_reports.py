"""`tally.meter_reports`: usage that a provider bills, told to its meters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.app.meter_report import Reporting
from tallystick.app.meter_report_run import UsageRun, check_usage, report_usage
from tallystick.app.metered_windows import metered_windows
from tallystick.core.page import Page, page_size
from tallystick.core.period import instant
from tallystick.core.text import id_at
from tallystick.errors import Conflict, NotFound
from tallystick.ports import ReportsUsage
from tallystick.storage.meter_reports import list_reports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.app.meter_report import UsageDifference
    from tallystick.core.period import Instant
    from tallystick.core.usage_report import Metered, ReportState, UsageReport
    from tallystick.ports import Provider
    from tallystick.storage.unit import Unit
    from tallystick.wiring import Tallystick

__all__ = ["MeterReports"]


class MeterReports:
    """What the providers of one ledger were told of usage that they bill."""

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        self._tally = tally

    def run(
        self,
        metered: Iterable[Metered] | None = None,
        *,
        provider: str | Provider = "stripe",
        at: datetime | None = None,
    ) -> UsageRun:
        """Tell a provider what was used in these windows and it was not told of yet.

        Where none are given, those of the subscriptions that it bills: the period that runs, and
        for three days the one before.
        Of a counter it is told the difference, below zero too where usage was taken back; a report
        that had no answer is told again by the same name, and counts once.  A second run tells
        nothing.  Any number of processes may do so at once.

        Raises NotFound for the provider or a meter; Conflict for a provider that takes no reports;
        InvalidInput for a window under two minutes; StorageUnavailable.
        """
        how, reporter = self._reporting(provider)
        windows = self._windows(how.provider, at) if metered is None else list(metered)
        return report_usage(self._tally.storage, how, reporter, windows, self._now(at))

    def check(
        self,
        metered: Iterable[Metered] | None = None,
        *,
        provider: str | Provider = "stripe",
        at: datetime | None = None,
    ) -> tuple[UsageDifference, ...]:
        """Give the windows of which a provider does not know what we know; nothing is changed.

        A provider adds up a minute late or so: run it again before you believe a difference.

        Raises OutcomeUnknown; NotFound, Conflict, InvalidInput as `run`; StorageUnavailable.
        """
        how, reporter = self._reporting(provider)
        windows = self._windows(how.provider, at) if metered is None else list(metered)
        return check_usage(self._tally.storage, how, reporter, windows, self._now(at))

    def list(
        self,
        *,
        state: ReportState | None = None,
        limit: int = 20,
        starting_after: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Page[UsageReport]:
        """Give a page of reports in the order of their ids: 1 to 100 of them.

        Raises InvalidInput.
        """
        size = page_size(limit)
        after = None if starting_after is None else id_at(starting_after, "starting_after")

        def listed(unit: Unit, _: Instant) -> Page[UsageReport]:
            found = list_reports(unit, size + 1, after, state=state)
            return Page(found[:size], found[size - 1].id if len(found) > size else None)

        return self._tally.act(listed, connection=connection, reading=True)

    def _windows(self, provider: Provider, at: datetime | None) -> tuple[Metered, ...]:
        return self._tally.act(
            lambda unit, now: metered_windows(unit, now, provider), at=at, reading=True
        )

    def _reporting(self, asked: str | Provider) -> tuple[Reporting, ReportsUsage]:
        found = self._tally.providers.get(asked) if isinstance(asked, str) else asked
        if found is None:
            raise NotFound("provider", f"{asked} ({', '.join(sorted(self._tally.providers))})")
        if not isinstance(found, ReportsUsage):
            name = found.abilities.name
            raise Conflict(f"the provider {name!r} bills no usage: nothing is reported to it")
        return Reporting(found, self._tally.usage.meters(), self._tally.ids), found

    def _now(self, at: datetime | None) -> Callable[[], Instant]:
        if at is None:
            return lambda: instant(self._tally.clock.now())
        moment = instant(at)
        return lambda: moment

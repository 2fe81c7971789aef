"""Usage reports as rows: one for each window, changed only from what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tallystick.core.intent import ProviderAccount
from tallystick.core.period import Period
from tallystick.core.usage_report import UsageReport
from tallystick.storage.batches import rows_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import RowMapping

    from tallystick.core.period import Instant
    from tallystick.core.usage_report import ReportState
    from tallystick.storage.unit import Unit

__all__ = ["add_reports", "due_reports", "list_reports", "put_reports", "reports_of"]

_CHANGES: Final = (
    *("number", "value", "total", "at", "state", "begun_at"),
    *("next_at", "tries", "answer"),
)


def reports_of(
    unit: Unit, provider: str, account: ProviderAccount, of: Collection[tuple[str, str]]
) -> dict[tuple[str, str, Instant], UsageReport]:
    """Give what an account was told of customers and meters; by these and the window's start."""
    found = map(_report, rows_of(unit, unit.tables.meter_reports, ("customer_id", "meter"), of))
    ours = (each for each in found if (each.provider, each.account) == (provider, account))
    return {(each.customer, each.meter, each.window.start): each for each in ours}


def add_reports(unit: Unit, reports: Sequence[UsageReport]) -> None:
    """Store first reports of windows, but for those that another stored meanwhile."""
    dialect = postgresql if unit.dialect == "postgresql" else sqlite
    asked = dialect.insert(unit.tables.meter_reports).on_conflict_do_nothing()
    if reports:
        unit.connection.execute(asked, [_row(each) for each in reports])


def put_reports(unit: Unit, before: Sequence[UsageReport], after: Sequence[UsageReport]) -> None:
    """Keep how reports stand that were as `before`; one that another changed since stays."""
    table = unit.tables.meter_reports
    asked = update(table).where(
        table.c.customer_id == bindparam("whose"),
        table.c.id == bindparam("which"),
        table.c.number == bindparam("number_before"),
        table.c.state == bindparam("state_before"),
    )
    rows = [
        {name: row[name] for name in _CHANGES}
        | {
            "whose": was.customer,
            "which": was.id,
            "number_before": was.number,
            "state_before": was.state,
        }
        for was, row in zip(before, map(_row, after), strict=True)
    ]
    if rows:
        values: dict[str, Any] = {name: bindparam(name) for name in _CHANGES}
        unit.connection.execute(asked.values(values), rows)


def due_reports(
    unit: Unit, provider: str, account: ProviderAccount, at: Instant, limit: int
) -> tuple[UsageReport, ...]:
    """Give the reports that a provider has still to be told by then, the first due first."""
    table = unit.tables.meter_reports
    c = table.c
    mine = (c.provider == provider, c.account == account.id, c.live.is_(account.live))
    query = select(table).where(*mine, c.state == "open", c.next_at <= at)
    rows = unit.connection.execute(query.order_by(c.next_at, c.id).limit(limit)).mappings()
    return tuple(map(_report, rows))


def list_reports(
    unit: Unit, limit: int, after: str | None = None, *, state: ReportState | None = None
) -> tuple[UsageReport, ...]:
    """Give reports in the order of their ids, those after one of them."""
    table = unit.tables.meter_reports
    query = select(table).where(table.c.id > ("" if after is None else after))
    if state is not None:
        query = query.where(table.c.state == state)
    rows = unit.connection.execute(query.order_by(table.c.id).limit(limit)).mappings()
    return tuple(map(_report, rows))


def _row(report: UsageReport) -> dict[str, Any]:
    return {
        "customer_id": report.customer,
        "id": report.id,
        "meter": report.meter,
        "event_name": report.event_name,
        "provider": report.provider,
        "account": report.account.id,
        "live": report.account.live,
        "payer": report.payer,
        "window_start": report.window.start,
        "window_end": report.window.end,
        "gauge": report.gauge,
        "number": report.number,
        "value": report.value,
        "total": report.total,
        "at": report.at,
        "state": report.state,
        "begun_at": report.begun_at,
        "next_at": report.next_at,
        "tries": report.tries,
        "answer": report.answer,
    }


def _report(row: RowMapping) -> UsageReport:
    return UsageReport(
        customer=row["customer_id"],
        id=row["id"],
        meter=row["meter"],
        event_name=row["event_name"],
        provider=row["provider"],
        account=ProviderAccount(row["account"], row["live"]),
        payer=row["payer"],
        window=Period(row["window_start"], row["window_end"]),
        gauge=row["gauge"],
        number=row["number"],
        value=row["value"],
        total=row["total"],
        at=row["at"],
        state=cast("ReportState", row["state"]),
        begun_at=row["begun_at"],
        next_at=row["next_at"],
        tries=row["tries"],
        answer=row["answer"],
    )

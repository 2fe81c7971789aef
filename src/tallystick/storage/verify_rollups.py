"""Roll-ups against the events: each day counted again by the core, and compared cell by cell."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from tallystick.core.aggregate import day_of, labels_of, states_of
from tallystick.core.reading import group_key, readings_of
from tallystick.storage.meters import kept_meters
from tallystick.storage.usage import events_in

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from tallystick.core.aggregate import DayState
    from tallystick.core.event import UsageEvent
    from tallystick.storage.meters import KeptMeter
    from tallystick.storage.unit import Unit

__all__ = ["wrong_rollups"]

_DAY: Final = timedelta(days=1)
_STRETCH: Final = timedelta(days=31)  # of one customer's events, this much is looked at at once
_Days = dict[tuple[str, date], dict[str, Any]]


def wrong_rollups(unit: Unit) -> Generator[Mapping[str, Any], None, None]:
    """Give each figure of a ready meter's day that is not what the events say."""
    by_type: dict[str, list[KeptMeter]] = {}
    for kept in kept_meters(unit):
        by_type.setdefault(kept.meter.event_type, []).append(kept)
    for type_, meters in by_type.items():
        for customer, first, last in _spans(unit, type_, meters):
            start = first
            while start <= last:
                end = min(start + _STRETCH, last + _DAY)
                events = events_in(unit, customer, type_, _midnight(start), _midnight(end))
                for kept in meters:
                    yield from _compared(unit, kept, customer, events, (start, end))
                start = end


def _spans(unit: Unit, type_: str, meters: Sequence[KeptMeter]) -> list[tuple[str, date, date]]:
    """Give who has events of a type or roll-ups of its meters, and the first and last day."""
    e, d = unit.tables.usage_events.c, unit.tables.usage_days.c
    found: dict[str, tuple[date, date]] = {}
    events = select(e.customer_id, func.min(e.occurred_at), func.max(e.occurred_at))
    for customer, first, last in unit.connection.execute(
        events.where(e.type == type_).group_by(e.customer_id)
    ):
        found[customer] = (day_of(first), day_of(last))
    days = select(d.customer_id, func.min(d.day), func.max(d.day))
    ids = [kept.id for kept in meters]
    for customer, first, last in unit.connection.execute(
        days.where(d.meter_id.in_(ids)).group_by(d.customer_id)
    ):
        other = found.get(customer, (first, last))
        found[customer] = (min(first, other[0]), max(last, other[1]))
    return [(customer, *span) for customer, span in sorted(found.items())]


def _compared(
    unit: Unit,
    kept: KeptMeter,
    customer: str,
    events: Sequence[UsageEvent],
    days: tuple[date, date],
) -> Generator[Mapping[str, Any], None, None]:
    counted = _counted(kept, events, days)
    stored = _stored(unit, kept, customer, days)
    for group, day in sorted(counted.keys() | stored.keys()):
        said, is_ = stored.get((group, day), {}), counted.get((group, day), {})
        for figure in sorted(said.keys() | is_.keys()):
            if said.get(figure) != is_.get(figure):
                yield {
                    "meter": kept.meter.key,
                    "meter_id": kept.id,
                    "customer_id": customer,
                    "group": group,
                    "day": day,
                    "figure": figure,
                    "stored": said.get(figure),
                    "counted": is_.get(figure),
                }


def _counted(kept: KeptMeter, events: Sequence[UsageEvent], days: tuple[date, date]) -> _Days:
    """Count days from events; which figures there are is asked of the aggregation alone."""
    readings = [r for r in readings_of(kept.meter, events) if days[0] <= day_of(r.at) < days[1]]
    labels = labels_of(readings)
    return {
        (group_key(group), day): _figures(kept, state, labels.get((group, day), {}))
        for (group, day), state in states_of(kept.meter, readings).items()
    }


def _figures(kept: KeptMeter, state: DayState, labels: Mapping[str, int]) -> dict[str, Any]:
    kind = kept.meter.aggregation
    last = ("last_at", "last_order", "last_value")
    wanted = {
        "count": (),
        "sum": ("total",),
        "average": ("total",),
        "min": ("least",),
        "max": ("most",),
        "unique": (),
        "last": last,
        "time_weighted": ("first_at", *last, "area"),
    }[kind]
    figures: dict[str, Any] = {"n": state.n, **{name: getattr(state, name) for name in wanted}}
    if kind == "unique":
        figures |= {"total": Decimal(len(labels)), **{f"n of {k!r}": n for k, n in labels.items()}}
    return figures


def _stored(unit: Unit, kept: KeptMeter, customer: str, days: tuple[date, date]) -> _Days:
    """Read what is kept; what an aggregation has no use for is NULL, and no figure."""
    found: _Days = {}
    for table in (unit.tables.usage_days, unit.tables.usage_values):
        where = (
            table.c.meter_id == kept.id,
            table.c.customer_id == customer,
            table.c.day >= days[0],
            table.c.day < days[1],
        )
        for row in unit.connection.execute(select(table).where(*where)).mappings():
            figures = found.setdefault((row["group_key"], row["day"]), {})
            if "value" in row:
                figures[f"n of {row['value']!r}"] = row["n"]
            else:
                figures |= {
                    name: row[name]
                    for name in row
                    if name not in {"meter_id", "customer_id", "group_key", "day"}
                    and row[name] is not None
                }
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

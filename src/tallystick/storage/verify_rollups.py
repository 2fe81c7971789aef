"""Roll-ups against the events: each day counted again by the core, and compared cell by cell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from tallystick.core.aggregate import day_of, labels_of, states_of
from tallystick.core.reading import group_key, readings_of
from tallystick.storage.meters import kept_meters
from tallystick.storage.usage_stretches import Stretch, events_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from tallystick.core.aggregate import DayState
    from tallystick.core.event import UsageEvent
    from tallystick.storage.meters import KeptMeter
    from tallystick.storage.unit import Unit

__all__ = ["wrong_rollups"]

_DAY: Final = timedelta(days=1)
_STRETCH: Final = timedelta(days=31)  # of one customer with many events
_EVENTS_AT_ONCE: Final = 10_000
_CUSTOMERS_AT_ONCE: Final = 100
_KEYS: Final = frozenset({"meter_id", "customer_id", "group_key", "day"})
_Days = dict[tuple[str, date], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Span:
    """A customer's days from the first up to `after`, and how many events there are at most."""

    customer: str
    first: date
    after: date
    events: int = 0


def wrong_rollups(unit: Unit) -> Generator[Mapping[str, Any], None, None]:
    """Give each figure of a ready meter's day that is not what the events say."""
    by_type: dict[str, list[KeptMeter]] = {}
    for kept in kept_meters(unit):
        by_type.setdefault(kept.meter.event_type, []).append(kept)
    for type_, meters in by_type.items():
        for spans in _together(_spans(unit, type_, meters)):
            stretches = [
                Stretch(each.customer, type_, _midnight(each.first), _midnight(each.after))
                for each in spans
            ]
            events = events_of(unit, stretches)
            for kept in meters:
                stored = _stored(unit, kept, spans)
                for span, its in zip(spans, events, strict=True):
                    yield from _compared(kept, span, its, stored.get(span.customer, {}))


def _spans(unit: Unit, type_: str, meters: Sequence[KeptMeter]) -> list[_Span]:
    """Give who has events of a type or roll-ups of its meters, and the first and last day."""
    e, d = unit.tables.usage_events.c, unit.tables.usage_days.c
    found: dict[str, _Span] = {}
    events = select(e.customer_id, func.min(e.occurred_at), func.max(e.occurred_at), func.count())
    for customer, first, last, count in unit.connection.execute(
        events.where(e.type == type_).group_by(e.customer_id)
    ):
        found[customer] = _Span(customer, day_of(first), day_of(last) + _DAY, count)
    days = select(d.customer_id, func.min(d.day), func.max(d.day))
    ids = [kept.id for kept in meters]
    for customer, first, last in unit.connection.execute(
        days.where(d.meter_id.in_(ids)).group_by(d.customer_id)
    ):
        span = found.get(customer, _Span(customer, first, last + _DAY))
        found[customer] = replace(
            span, first=min(first, span.first), after=max(last + _DAY, span.after)
        )
    return sorted(found.values(), key=attrgetter("customer"))


def _together(spans: Iterable[_Span]) -> Iterator[list[_Span]]:
    """Put customers with few events together; cut the time of one who has many."""
    some: list[_Span] = []
    events = 0
    for span in spans:
        if span.events > _EVENTS_AT_ONCE:
            yield from ([each] for each in _stretches(span))
            continue
        if len(some) == _CUSTOMERS_AT_ONCE or events + span.events > _EVENTS_AT_ONCE:
            yield some
            some, events = [], 0
        some.append(span)
        events += span.events
    if some:
        yield some


def _stretches(span: _Span) -> Iterator[_Span]:
    first = span.first
    while first < span.after:
        after = min(first + _STRETCH, span.after)
        yield replace(span, first=first, after=after)
        first = after


def _compared(
    kept: KeptMeter, span: _Span, events: Sequence[UsageEvent], stored: _Days
) -> Generator[Mapping[str, Any], None, None]:
    counted = _counted(kept, events, span)
    for group, day in sorted(counted.keys() | stored.keys()):
        said, is_ = stored.get((group, day), {}), counted.get((group, day), {})
        for figure in sorted(said.keys() | is_.keys()):
            if said.get(figure) != is_.get(figure):
                yield {
                    "meter": kept.meter.key,
                    "meter_id": kept.id,
                    "customer_id": span.customer,
                    "group": group,
                    "day": day,
                    "figure": figure,
                    "stored": said.get(figure),
                    "counted": is_.get(figure),
                }


def _counted(kept: KeptMeter, events: Sequence[UsageEvent], span: _Span) -> _Days:
    """Count days from events; which figures there are is asked of the aggregation alone."""
    found = readings_of(kept.meter, events)
    readings = [each for each in found if span.first <= day_of(each.at) < span.after]
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


def _stored(unit: Unit, kept: KeptMeter, spans: Sequence[_Span]) -> dict[str, _Days]:
    """Read what is kept, by customer; what an aggregation has no use for is NULL, and no figure."""
    found: dict[str, _Days] = {}
    for table in (unit.tables.usage_days, unit.tables.usage_values):
        figures_of = [column.name for column in table.c if column.name not in _KEYS]
        where = (
            table.c.meter_id == kept.id,
            table.c.customer_id.in_([span.customer for span in spans]),
            table.c.day >= min(span.first for span in spans),
            table.c.day < max(span.after for span in spans),
        )
        columns = [table.c.customer_id, table.c.group_key, table.c.day]
        columns += [table.c[name] for name in figures_of]
        for customer, group, day, *cells in unit.connection.execute(select(*columns).where(*where)):
            figures = found.setdefault(customer, {}).setdefault((group, day), {})
            row = dict(zip(figures_of, cells, strict=True))
            if "value" in row:
                figures[f"n of {row['value']!r}"] = row["n"]
            else:
                figures |= {name: cell for name, cell in row.items() if cell is not None}
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

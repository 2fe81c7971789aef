"""From the record of a meter to its value, and the checks that look at more than one field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.core.meter import MOST_GROUPS, Meter
from tallystick.core.number import QUANTITY_DECIMALS

if TYPE_CHECKING:
    from tallystick.core.dialects.report import Record

__all__ = ["meter_of"]


def meter_of(record: Record) -> Meter:
    """Give a meter, noting what its fields cannot mean together."""
    aggregation = record.get("aggregation", "sum")
    value = record.get("value")
    if aggregation == "count" and value is not None:
        record.problem("value", "means nothing where events are counted", "leave it out")
    if aggregation == "unique" and value is None and "value" not in record.bad:
        record.problem("value", "is missing: name the property whose values are told apart")
    if (record.get("rounding") or 0) > QUANTITY_DECIMALS:
        record.problem("rounding", f"is more than {QUANTITY_DECIMALS} decimals")
    groups = record.get("group_by", [])
    if len(groups) > MOST_GROUPS or len(set(groups)) < len(groups):
        record.problem("group_by", f"names at most {MOST_GROUPS} properties, each once")
    unbounded = record.get("late_after") is None and "late_after" not in record.bad
    if record.get("late") == "refuse" and unbounded:
        record.problem("late_after", "is missing: after how many days is an event refused?")
    return Meter(
        key=record["key"],
        event_type=record.get("event_type", ""),
        value="quantity" if value is None else value,
        aggregation=aggregation,
        filter=record.get("filter", {}),
        group_by=tuple(groups),
        unit=record.get("unit", ""),
        rounding=record.get("rounding"),
        allow_negative=record.get("allow_negative", False),
        late_after=record.get("late_after"),
        late=record.get("late", "adjust"),
        description=record.get("description", ""),
    )

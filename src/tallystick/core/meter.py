"""What is counted: a meter's definition and how a period's values become one quantity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Aggregation", "Meter"]

Aggregation: TypeAlias = Literal["sum", "count", "max", "last"]
"""How the values of a period become one quantity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Something that is counted, by key.

    `sum` and `count` are counters (each value adds), `last` and `max` are gauges (a value says
    what exists now).  A numeric feature has a meter of its own key: a gauge read by its last value
    or, where the feature has a `reset`, a sum.
    """

    key: str
    aggregation: Aggregation = "sum"
    unit: str = ""
    description: str = ""

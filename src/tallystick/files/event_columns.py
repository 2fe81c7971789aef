"""From a row of somebody's own log to an event: which column is which field."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tallystick.core.frozen import FrozenDict
from tallystick.files.refusal import refuse
from tallystick.files.scalars import number

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EVENT_FIELDS", "Columns", "Row"]

EVENT_FIELDS: Final = ("id", "source", "customer", "type", "occurred_at")
"""The fields of an event that a column can be; every other name is a property."""

_ZONE: Final = re.compile(r"([zZ]|[+-][0-9]{2}:?[0-9]{2})$")
_BLANK: Final = re.compile(r"^([0-9]{4}-[0-9]{2}-[0-9]{2}) (?=[0-9]{2}:)")

Row = Mapping[str, object]
"""A row of a log by the names of its columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column of a log is which field of an event, and what holds for every row.

    `names` gives the column of each field or property; then no other column is taken.  Without
    names, the columns called as fields are those, and all others are properties.  `source`,
    `customer` and `type` hold for the rows that do not say.  `ids` makes the id of a row that has
    none: `ids` and the number of its line, as in `october:17`.  `utc` reads a time without a zone
    as UTC.
    """

    names: Mapping[str, str] = field(default_factory=FrozenDict)
    source: str | None = None
    customer: str | None = None
    type: str | None = None
    ids: str | None = None
    utc: bool = False

    def check(self, columns: Sequence[str]) -> None:
        """Hold the columns of a table to what is needed of them.  Raises Refused."""
        known = ", ".join(columns[:20]) or "none"
        for name, column in self.names.items():
            if column not in columns:
                raise refuse(f"has no column {column[:60]!r} for {name}", f"it has {known}")
        given = set(self.names) | (set() if self.names else set(columns))
        for name, option in (("id", "ids"), ("customer", "customer"), ("type", "type")):
            if name not in given and getattr(self, option) is None:
                text = f"has no column for {name!r}; it has {known}"
                cure = "the name of a file of which no line ever moves" if name == "id" else "one"
                raise refuse(text, f"name its column with --map, or {cure} with --{option}")

    def event(self, row: Row, line: int) -> dict[str, object]:
        """Write the event of a row of a table or of a log's own JSON."""
        tree: dict[str, object] = {}
        properties: dict[str, object] = {}
        pairs = self.names.items() if self.names else zip(row, row, strict=True)
        for name, column in pairs:
            value = _found(row, column)
            if value is None:
                continue
            if name in EVENT_FIELDS:
                tree[name] = value
            else:
                properties[name] = value
        if properties:
            tree["properties"] = properties
        return self.completed(tree, line)

    def completed(self, tree: dict[str, object], line: int) -> dict[str, object]:
        """Add to an event what holds for every row, where the row does not say."""
        if "specversion" in tree:
            return tree
        if "occurred_at" in tree:
            tree["occurred_at"] = self._time(tree["occurred_at"])
        if self.customer is not None:
            tree.setdefault("customer", self.customer)
        if self.source is not None:
            tree.setdefault("source", self.source)
        if self.ids is not None:
            tree.setdefault("id", f"{self.ids}:{line}")
        if self.type is not None and not ("void" in tree or "amend" in tree):
            tree.setdefault("type", self.type)
        return tree

    def _time(self, value: object) -> object:
        if isinstance(value, dt.datetime):
            naive = value.tzinfo is None
            return value.replace(tzinfo=dt.UTC) if naive and self.utc else value
        if not isinstance(value, str):
            return value
        text = _BLANK.sub(r"\1T", value.strip(), count=1)
        return f"{text}Z" if self.utc and _ZONE.search(text) is None else text


def _found(row: Row, column: str) -> object:
    """Give a value by its name, or in a log's own JSON by its path: `http.status`."""
    if column in row or "." not in column:
        return row.get(column)
    found: object = row
    for part in column.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def cell(name: str, text: str) -> object:
    """Read a cell of a table of texts: `quantity` is a number, everything else the text."""
    return number(text) if name == "quantity" else text

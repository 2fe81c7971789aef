"""CSV tables of usage: a header with key and quantity, perhaps amount; read as a stream."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tallystick.core.usage_row import UsageRow
    from tallystick.files.usage_values import RowReader

__all__ = ["rows_of_table"]

_COLUMNS: Final = ("key", "quantity", "amount")
_REQUIRED: Final = ("key", "quantity")


def rows_of_table(lines: Iterable[str], reader: RowReader) -> Iterator[UsageRow]:
    """Give the rows of a CSV table; commas or (as Excel writes in Europe) semicolons."""
    waiting = iter(lines)
    head = next((line for line in waiting), "")
    delimiter = ";" if ";" in head and "," not in head else ","
    try:
        names = next(csv.reader([head], strict=True, delimiter=delimiter), [])
    except csv.Error as error:
        reader.faults.add("line 1", f"is not CSV: {error}")
        return
    columns = [name.strip().lower() for name in names]
    if _header(columns, reader):
        yield from _rows(waiting, columns, delimiter, reader)


def _header(columns: list[str], reader: RowReader) -> bool:
    before = reader.faults.count
    for name in _REQUIRED:
        if name not in columns:
            reader.faults.add("line 1", f"the header has no column {name!r}")
    for name in sorted(set(columns)):
        if name not in _COLUMNS:
            text = f"the column {name[:60]!r} is not known; use {', '.join(_COLUMNS)}"
            reader.faults.add("line 1", text)
        elif columns.count(name) > 1:
            reader.faults.add("line 1", f"the column {name!r} stands twice")
    return reader.faults.count == before


def _rows(
    lines: Iterable[str], columns: list[str], delimiter: str, reader: RowReader
) -> Iterator[UsageRow]:
    table = csv.reader(lines, strict=True, delimiter=delimiter)
    line = 2
    try:
        for cells in table:
            row = _row(cells, columns, line, reader)
            line = table.line_num + 2
            if row is not None:
                yield row
    except csv.Error as error:
        reader.faults.add(f"line {line}", f"is not CSV: {error}; the rest was not read")


def _row(cells: list[str], columns: list[str], line: int, reader: RowReader) -> UsageRow | None:
    if not any(cell.strip() for cell in cells):
        return None
    if len(cells) != len(columns):
        text = f"has {len(cells)} cells where the header has {len(columns)}"
        reader.faults.add(f"line {line}", text)
        return None
    found = {name: cell.strip() or None for name, cell in zip(columns, cells, strict=True)}
    place = f"line {line}: "
    return reader.row(place, found["key"], found["quantity"], found.get("amount"), line=line)

"""Usage files: what was used of which key, as JSON, JSON Lines or CSV."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tallystick.errors import InvalidUsage
from tallystick.files.from_json import json_tree
from tallystick.files.refusal import Refused, refuse
from tallystick.files.regular import MOST_BYTES, open_regular
from tallystick.files.scalars import join
from tallystick.files.usage_lines import rows_of_lines
from tallystick.files.usage_table import rows_of_table
from tallystick.files.usage_values import Faults, RowReader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from tallystick.core.usage_row import UsageRow

__all__ = ["UsageFormat", "read_usage", "usage_format", "usage_rows"]

UsageFormat: TypeAlias = Literal["json", "jsonl", "csv"]
"""How a usage file is written."""

_FORMATS: Final[dict[str, UsageFormat]] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
}
_LONGEST_LINE: Final = 1_000_000


def usage_format(path: Path | str) -> UsageFormat:
    """Tell the format of a usage file by its suffix.  Raises InvalidUsage."""
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        known = ", ".join(_FORMATS)
        raise InvalidUsage(f"{str(path)!r}: the suffix must be one of {known}")
    return _FORMATS[suffix]


def read_usage(path: Path | str, *, allow_negative: bool = False) -> tuple[UsageRow, ...]:
    """Read a usage file: a JSON object (at most 8 MB), JSON Lines or CSV (of any size).

    JSON is `{key: quantity}` or `{key: [quantities]}`.  A line of JSON Lines has `key`, `quantity`
    and perhaps `amount`, or is a usage event whose `type` is the key and whose quantity is 1 unless
    its properties say otherwise; an event that is repeated counts once.  CSV has a header.

    Raises InvalidUsage with every problem and its line.
    """
    kind = usage_format(path)
    try:
        with open_regular(Path(path), MOST_BYTES if kind == "json" else None) as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
            return tuple(usage_rows(text, kind, name=str(path), allow_negative=allow_negative))
    except Refused as error:
        raise _invalid(error, str(path)) from error


def usage_rows(
    stream: TextIO, kind: UsageFormat, *, name: str = "usage", allow_negative: bool = False
) -> Iterator[UsageRow]:
    """Give the rows of a text stream, such as standard input, as they are read.

    Nothing may be billed before the last: what is wrong is gathered and raised at the end.

    Raises InvalidUsage with every problem and its line.
    """
    faults = Faults(name)
    reader = RowReader(faults, allow_negative=allow_negative)
    try:
        if kind == "json":
            yield from _rows_of_object(stream, reader)
        elif kind == "jsonl":
            yield from rows_of_lines(_lines(stream), reader)
        else:
            yield from rows_of_table(_lines(stream), reader)
    except Refused as error:
        raise _invalid(error, name) from error
    faults.raise_any()


def _rows_of_object(stream: TextIO, reader: RowReader) -> Iterator[UsageRow]:
    tree = json_tree(_whole(stream))
    if not isinstance(tree, dict):
        raise refuse("must be an object of quantities by key", "or write JSON Lines (.jsonl)")
    for key, value in tree.items():
        quantities = value if isinstance(value, list) else [value]
        for index, quantity in enumerate(quantities):
            place = join(join("", key), index) if isinstance(value, list) else join("", key)
            row = reader.row(f"{place}: ", key, quantity)
            if row is not None:
                yield row


def _whole(stream: TextIO) -> str:
    try:
        text = stream.read(MOST_BYTES + 1)
    except UnicodeDecodeError as error:
        raise refuse("is not UTF-8", "save it as UTF-8") from error
    if len(text) > MOST_BYTES:
        raise refuse(f"has more than {MOST_BYTES} characters", "write it as JSON Lines (.jsonl)")
    return text.removeprefix("\ufeff")


def _lines(stream: TextIO) -> Iterator[str]:
    """Give the lines of a stream, none so long that it would fill the memory."""
    count = 0
    try:
        while line := stream.readline(_LONGEST_LINE + 1):
            count += 1
            if len(line) > _LONGEST_LINE:
                text = f"is longer than {_LONGEST_LINE} characters"
                raise refuse(text, "write one row on each line", path=f"line {count}")
            if "\0" in line:
                raise refuse("holds a NUL character", "save it as text", path=f"line {count}")
            yield line.removeprefix("\ufeff") if count == 1 else line
    except UnicodeDecodeError as error:
        place = f"line {count + 1}"
        raise refuse(
            "this or a line soon after is not UTF-8", "save it as UTF-8", path=place
        ) from error


def _invalid(error: Refused, name: str) -> InvalidUsage:
    fields: dict[str, list[str]] = {}
    for problem in error.problems:
        text = problem.text + (f" ({problem.cure})" if problem.cure else "")
        fields.setdefault(problem.path, []).append(text)
    told = [f"{name}: {path}{': ' if path else ''}{t}" for path, ts in fields.items() for t in ts]
    return InvalidUsage("\n  ".join(told), fields)

"""Files of usage events, read one by one however many there are: JSON Lines, CSV and Parquet.

A bad line is told of and the next one is read.  Only what makes the rest unreadable (no such
file, a header without the needed columns, damaged compression) ends the reading.
"""

from __future__ import annotations

import csv
import gzip
import importlib
import json
import os
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias, cast

from tallystick.errors import InvalidUsage, MissingExtra, SetupError
from tallystick.files.event_columns import EVENT_FIELDS, Columns, cell
from tallystick.files.from_json import check_depth
from tallystick.files.json_line import KeyTwice, read_line
from tallystick.files.refusal import Refused, refuse
from tallystick.files.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

__all__ = ["EVENT_FIELDS", "Columns", "EventFile", "EventFormat", "EventLine", "event_format"]

EventFormat: TypeAlias = Literal["jsonl", "csv", "parquet"]
"""How a file of events is written."""

_FORMATS: Final[dict[str, EventFormat]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
_LONGEST_LINE: Final = 1_000_000
_ROWS: Final = 2_000
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class EventLine:
    """One line (or row, from 1) of a file: a tree to read an event from, or what is wrong."""

    line: int
    tree: object = None
    fault: str | None = None


def event_format(name: str) -> EventFormat:
    """Tell the format of a file by its suffix, `.gz` left aside.  Raises InvalidUsage."""
    path = Path(name)
    if path.suffix.lower() == ".gz":
        path = path.with_suffix("")
    found = _FORMATS.get(path.suffix.lower())
    if found is None:
        known = ", ".join(_FORMATS)
        raise InvalidUsage(f"{name!r}: the suffix is one of {known}, or say the format")
    return found


class EventFile:
    """A file of events, open to be read once: iterate over it inside `with`.

    Gives EventLines in the order of the file and keeps none of them.  Raises InvalidUsage where
    it cannot be read, also half-way, and MissingExtra where Parquet needs pyarrow.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        form: EventFormat | None = None,
        columns: Columns | None = None,
        stream: IO[bytes] | None = None,
    ) -> None:
        """Name a file, or a stream of bytes to be called `path`; a stream is JSON Lines or CSV."""
        self.name = str(path)
        self.form = event_format(self.name) if form is None else form
        self.columns = Columns() if columns is None else columns
        self.size: int | None = None
        self._stream = stream
        self._opened: IO[bytes] | None = None
        self._packed = self.name.lower().endswith(".gz")
        self._stack = ExitStack()
        self._share: tuple[int, int] | None = None

    @property
    def _raw(self) -> IO[bytes]:
        if self._opened is None:
            raise SetupError("the file is not open: with EventFile(...) as file")
        return self._opened

    @property
    def position(self) -> int:
        """How many bytes of `size` were read."""
        if self._share is not None:
            done, rows = self._share
            return (self.size or 0) * done // max(rows, 1)
        try:
            return self._raw.tell()
        except (OSError, ValueError):
            return 0

    def __enter__(self) -> Self:
        """Open it."""
        try:
            if self._stream is not None:
                self._opened = self._stream
            else:
                self._opened = self._stack.enter_context(open_regular(Path(self.name), None))
                self.size = os.fstat(self._opened.fileno()).st_size
        except Refused as error:
            raise self._invalid(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self._stack.close()
        self._opened = None

    def __iter__(self) -> Iterator[EventLine]:
        """Give the lines as they are read."""
        try:
            if self.form == "parquet":
                yield from self._of_parquet()
            elif self.form == "csv":
                yield from self._of_csv()
            else:
                yield from self._of_lines()
        except Refused as error:
            raise self._invalid(error) from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            text = f"{self.name}: is damaged, or no gzip: {error}"
            raise InvalidUsage(text) from error
        except OSError as error:
            raise InvalidUsage(f"{self.name}: {error.strerror or error}") from error

    def _invalid(self, error: Refused) -> InvalidUsage:
        told = "; ".join(f"{p.text}" + (f" ({p.cure})" if p.cure else "") for p in error.problems)
        return InvalidUsage(f"{self.name}: {told}")

    # --- lines of bytes -----------------------------------------------------------------------

    def _lines(self) -> Iterator[tuple[int, bytes | None]]:
        """Give each line with its number; None for one that is longer than any event."""
        stream = self._raw
        if self._packed:
            stream = cast("IO[bytes]", self._stack.enter_context(gzip.GzipFile(fileobj=self._raw)))
        count = 0
        while line := stream.readline(_LONGEST_LINE + 1):
            count += 1
            if count == 1:
                if line.startswith(_UTF16):
                    raise refuse("is UTF-16", "save it as UTF-8")
                line = line.removeprefix(_MARK)
            if len(line) <= _LONGEST_LINE:
                yield count, line
                continue
            while line and not line.endswith(b"\n"):
                line = stream.readline(_LONGEST_LINE)
            yield count, None

    def _of_lines(self) -> Iterator[EventLine]:
        for count, line in self._lines():
            if line is None:
                yield EventLine(count, fault=f"is longer than {_LONGEST_LINE:,} bytes")
            elif not line.isspace():
                yield self._of_json(count, line)

    def _of_json(self, count: int, line: bytes) -> EventLine:
        try:
            text = line.decode()
            check_depth(text)
            tree = read_line(text)
        except UnicodeDecodeError:
            return EventLine(count, fault="is not UTF-8")
        except json.JSONDecodeError as error:
            fault = f"is not JSON: {error.msg.lower()} at column {error.colno}"
            return EventLine(count, fault=fault)
        except KeyTwice as error:
            return EventLine(count, fault=str(error))
        except Refused as error:
            return EventLine(count, fault=error.problems[0].text)
        if not isinstance(tree, dict):
            return EventLine(count, fault="is no object: one event is written on each line")
        if self.columns.names:
            return EventLine(count, self.columns.event(tree, count))
        return EventLine(count, self.columns.completed(tree, count))

    # --- tables -------------------------------------------------------------------------------

    def _of_csv(self) -> Iterator[EventLine]:
        lines = self._texts()
        names, delimiter = _header(next(lines, ""))
        self.columns.check(names)
        roles = self._roles(names)
        table = csv.reader(lines, strict=True, delimiter=delimiter)
        line = 2
        while True:
            try:
                cells = next(table)
            except StopIteration:
                return
            except csv.Error as error:
                yield EventLine(line, fault=f"is not CSV: {error}")
            else:
                if any(map(str.strip, cells)):
                    yield self._of_cells(line, names, roles, cells)
            line = table.line_num + 2

    def _of_cells(
        self, line: int, names: list[str], roles: list[str], cells: list[str]
    ) -> EventLine:
        if len(cells) != len(names):
            fault = f"has {len(cells)} cells where the header has {len(names)}"
            return EventLine(line, fault=fault)
        taken = zip(names, roles, map(str.strip, cells), strict=True)
        row = {name: cell(role, text) for name, role, text in taken if text}
        return EventLine(line, self.columns.event(row, line))

    def _roles(self, names: list[str]) -> list[str]:
        """Tell for each column which field or property it is."""
        of = {column: name for name, column in self.columns.names.items()}
        return [of.get(name, name) for name in names]

    def _texts(self) -> Iterator[str]:
        for count, line in self._lines():
            if line is None:
                text = f"has a line ({count}) of more than {_LONGEST_LINE:,} bytes"
                raise refuse(text, "is a quotation mark missing?")
            # What is no UTF-8 becomes half a character, which no event may hold: that line is told.
            yield line.decode(errors="surrogateescape")

    def _of_parquet(self) -> Iterator[EventLine]:
        try:
            arrow: Any = importlib.import_module("pyarrow")
            parquet: Any = importlib.import_module("pyarrow.parquet")
        except ImportError as error:
            raise MissingExtra("reading Parquet", "parquet") from error
        try:
            opened = parquet.ParquetFile(self._raw, memory_map=False, pre_buffer=False)
            names = self._parquet_columns(opened.schema_arrow, arrow)
            rows, done = opened.metadata.num_rows, 0
            for batch in opened.iter_batches(batch_size=_ROWS, columns=names):
                for row in _plain_rows(batch, arrow):
                    done += 1
                    self._share = done, rows
                    yield EventLine(done, self.columns.event(row, done))
        except arrow.ArrowException as error:
            raise refuse(f"cannot be read as Parquet: {str(error)[:200]}") from error

    def _parquet_columns(self, schema: Any, arrow: Any) -> list[str]:
        self.columns.check(schema.names)
        names = list(self.columns.names.values()) or list(schema.names)
        for name in names:
            if arrow.types.is_floating(schema.field(name).type):
                text = f"has binary fractions in the column {name[:60]!r}"
                raise refuse(text, "store it as decimal128 or as whole numbers")
        return names


def _header(head: str) -> tuple[list[str], str]:
    """Give the names of the columns, and what separates them."""
    delimiter = max(",;\t", key=head.count)
    try:
        names = [
            name.strip() for name in next(csv.reader([head], strict=True, delimiter=delimiter), [])
        ]
    except csv.Error as error:
        raise refuse(f"has a header that is no CSV: {error}") from error
    for name in names:
        if names.count(name) > 1:
            raise refuse(f"has the column {name[:60]!r} twice", "rename one of them")
    return names, delimiter


def _plain_rows(batch: Any, arrow: Any) -> Iterator[dict[str, object]]:
    """Give the rows of a batch; times to the microsecond, as all of ours are."""
    columns = []
    for column in batch.columns:
        kind = column.type
        if arrow.types.is_timestamp(kind) and kind.unit == "ns":
            kind = arrow.timestamp("us", tz=kind.tz)
            columns.append(column.cast(kind, safe=False).to_pylist())
        else:
            columns.append(column.to_pylist())
    for values in zip(*columns, strict=True):
        yield dict(zip(batch.schema.names, values, strict=True))

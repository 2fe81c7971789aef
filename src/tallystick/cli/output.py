"""How a command speaks: tables for people, JSON for machines, errors that say what to do."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from dataclasses import fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TextIO

from tallystick.core.number import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["never_fail", "say", "say_bytes", "say_counts", "say_json", "say_table", "warn", "whole"]

_WIDE: Final = 200
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def never_fail() -> None:
    """Let every text be printed, on whatever is there: what the encoding has not is escaped."""
    sys.stdout = _open(sys.stdout)
    sys.stderr = _open(sys.stderr)


def _open(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed by whoever started us
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - no path, and open to the end
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def say(*lines: str) -> None:
    """Print lines; a control character of a document or a file's name does nothing here."""
    for line in lines:
        sys.stdout.write(f"{_CONTROL.sub('?', line)}\n")


def say_bytes(body: bytes) -> None:
    """Print bytes exactly as they are, without a final newline."""
    sys.stdout.flush()
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


def warn(*lines: str) -> None:
    """Print lines to the error stream, as `say` does."""
    for line in lines:
        sys.stderr.write(f"{_CONTROL.sub('?', line)}\n")


def say_json(value: object, *, line: bool = False) -> None:
    """Print a value as JSON (UTF-8), indented or on a line of its own.

    Decimals are written as texts, so that nothing is rounded.
    """
    text = json.dumps(value, indent=None if line else 2, ensure_ascii=False, default=_plain_value)
    # A lone surrogate (of a file's name) has no UTF-8; as a \uXXXX escape it stays valid JSON.
    say_bytes(f"{text}\n".encode(errors="backslashreplace"))


def say_counts(words: str, done: Any, *, as_json: bool) -> None:  # noqa: ANN401 - a dataclass of counts
    """Print what a run came to: each of its counts by its name; for people, those above zero."""
    counts = {each.name: getattr(done, each.name) for each in fields(done)}
    if as_json:
        say_json({words: counts}, line=True)
        return
    told = (f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    say(f"{words}: {', '.join(told)}")


def say_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: str = "") -> None:
    """Print a table; the columns named in `right` (separated by blanks) are right-aligned."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = _WIDE
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right.split() else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # a Text is never read as markup
    console.print(table)


def whole(number: int | Decimal | None) -> int | Decimal | None:
    """Give a number without a fraction as the int it is, so that JSON writes it as a number."""
    return number if number is None or number % 1 else int(number)


def _plain_value(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    return str(value)

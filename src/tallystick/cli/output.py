"""How a command speaks: tables for people, JSON for machines, errors that say what to do."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from typing import TYPE_CHECKING

from tallystick.core.number import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["say", "say_bytes", "say_json", "say_table", "warn"]

_WIDE = 200


def say(*lines: str) -> None:
    """Print lines."""
    for line in lines:
        sys.stdout.write(f"{line}\n")


def say_bytes(body: bytes) -> None:
    """Print bytes exactly as they are, without a final newline."""
    sys.stdout.flush()
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


def warn(*lines: str) -> None:
    """Print lines to the error stream."""
    for line in lines:
        sys.stderr.write(f"{line}\n")


def say_json(value: object) -> None:
    """Print a value as JSON, indented; decimals as texts, so that nothing is rounded."""
    say(json.dumps(value, indent=2, ensure_ascii=False, default=_plain_value))


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


def _plain_value(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    return str(value)

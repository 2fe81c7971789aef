"""Figures as bars of text: one line each, none wider than a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from tallystick.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["print_bars"]

_WIDTH: Final = 40
_BLOCK: Final = "█"


def print_bars(rows: Sequence[tuple[str, int, str]]) -> None:
    """Print a label, a bar and a text for each figure; a bar below zero is of minus signs.

    The longest bar has 40 places, and what is not nothing has one at least.
    """
    if not rows:
        return
    most = max(abs(figure) for _, figure, _ in rows) or 1
    labels = max(len(label) for label, _, _ in rows)
    texts = max(len(text) for _, _, text in rows)
    for label, figure, text in rows:
        places = -(-abs(figure) * _WIDTH // most)
        bar = (_block() if figure > 0 else "-") * places
        say(f"{label:<{labels}}  {text:>{texts}}  {bar}".rstrip())


def _block() -> str:
    """Give a full block, or a sign that every terminal has."""
    try:
        _BLOCK.encode(sys.stdout.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return "#"
    return _BLOCK

"""Near misses: the known word that a misspelt one was probably meant to be."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["did_you_mean", "nearest"]


def nearest(word: str, known: Collection[str]) -> str:
    """Give the known word nearest to one that is not known; the empty text where none is near."""
    lower = {name.lower(): name for name in sorted(known)}
    close = difflib.get_close_matches(word[:80].lower(), lower, n=1)
    return lower[close[0]] if close else ""


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Name the nearest known word, as a cure; the empty text where none is near."""
    near = nearest(word, known)
    return f"did you mean {near!r}?" if near else ""

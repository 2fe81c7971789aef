"""Ids that are the same on every run, for tests and for replays."""

from __future__ import annotations

from itertools import count

__all__ = ["CountedIds"]


class CountedIds:
    """Ids that count: `cus_000001`, `cus_000002`, one row of numbers for all prefixes."""

    def __init__(self, start: int = 1) -> None:
        """Begin to count."""
        self._numbers = count(start)

    def new(self, prefix: str) -> str:
        """Give the next."""
        return f"{prefix}_{next(self._numbers):06d}"

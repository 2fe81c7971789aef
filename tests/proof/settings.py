"""How far the proof goes: as counts that fit into `make test`, or all of it (`make proof`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FULL", "PATIENCE", "WHOLE", "spread", "times"]

_ASKED: Final = os.environ.get("PROOF")

FULL: Final = _ASKED == "full"
"""Whether this is `make proof`."""

WHOLE: Final = FULL or _ASKED == "share"
"""Whether this run answers for the proof: then what it does not reach fails it."""

PATIENCE: Final = 120.0
"""How many seconds something may take that normally takes none: machines are busy."""


def times(usual: int, full: int) -> int:
    """Choose how often something is repeated."""
    return full if FULL else usual


def spread(numbers: Sequence[int], most: int) -> list[int]:
    """Choose at most so many, evenly spread, the first and the last among them where two are."""
    if len(numbers) <= most or most < 2:
        return list(numbers[:most])
    return [numbers[n * (len(numbers) - 1) // (most - 1)] for n in range(most)]

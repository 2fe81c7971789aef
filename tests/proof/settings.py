"""How far the proof goes: as counts that fit into `make test`, or all of it (`make proof`)."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["FULL", "PATIENCE", "WHOLE", "times"]

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

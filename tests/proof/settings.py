"""How far the proof goes: as counts that fit into `make test`, or all of it (`make proof`)."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["FULL", "times"]

FULL: Final = os.environ.get("PROOF") == "full"
"""Whether this is `make proof`."""


def times(usual: int, full: int) -> int:
    """Choose how often something is repeated."""
    return full if FULL else usual

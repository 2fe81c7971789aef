"""How many boundaries each path has to reach: the numbers that are committed with the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from tests.proof.places import Kind

__all__ = ["BOUNDARIES", "committed_numbers"]

BOUNDARIES: Final = Path(__file__).with_suffix(".json")
"""The file; `python -m tests.proof --update` writes it."""


def committed_numbers() -> dict[str, dict[Kind, int]]:
    """Give the committed number of boundaries of each path and database."""
    return cast("dict[str, dict[Kind, int]]", json.loads(BOUNDARIES.read_text("utf-8")))

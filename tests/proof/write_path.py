"""A write path: what stands before, what is done, what is acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from tallystick.wiring import Tallystick

__all__ = ["Acknowledge", "WritePath"]

Acknowledge: TypeAlias = Callable[[str, str], None]
"""Says that an answer came: in this table there is a row with this value from now on."""


@dataclass(frozen=True)
class WritePath:
    """One way in which something is written, from start to acknowledgment."""

    name: str
    act: Callable[[Tallystick, Acknowledge], None]
    before: Callable[[Tallystick], object] = Tallystick.migrate
    shape: bool = False  # whether the definitions of tables are a part of what is written
    long: bool = False  # whether `make test` recovers only where a commit was near

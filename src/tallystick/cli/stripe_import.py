"""`tallystick stripe import`."""

from __future__ import annotations

from typing import Final

__all__ = ["COMMANDS"]

COMMANDS: Final = ()
"""The commands of this file."""

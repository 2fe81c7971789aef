"""A provider without a machine behind it: a bank transfer, and a person who says it was paid."""

from __future__ import annotations

from typing import Final

from tallystick.core.provider import Abilities

__all__ = ["ABILITIES"]

ABILITIES: Final = Abilities(name="manual", setup_fee=True)
"""A person can ask for anything."""

"""The providers that come with Tallystick, by the name a catalogue calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.providers.manual import ABILITIES as MANUAL
from tallystick.providers.stripe.abilities import ABILITIES as STRIPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.provider import Abilities

__all__ = ["ABILITIES"]

ABILITIES: Final[Mapping[str, Abilities]] = {each.name: each for each in (MANUAL, STRIPE)}
"""What each provider declares of itself, by name."""

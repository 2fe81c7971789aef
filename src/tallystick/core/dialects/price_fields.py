"""The fields of a price's parts, as rows of the tables in `core.dialects.fields`."""

from __future__ import annotations

from typing import Final

from tallystick.core.dialects.field import EVERY, Field
from tallystick.core.dialects.scalars import Choice, Number, UpTo

__all__ = ["CONVERT", "TIER"]

TIER: Final = (
    Field("up_to", UpTo(), 'Inclusive; null or "unlimited" for the last tier.', nullable=True),
    Field("cost", Number(), "For each unit in it."),
    Field("flat_cost", Number(), "For reaching it."),
    Field("percent", Number(), "Of the amount in it, where money is what is metered."),
)
"""A step of a price."""

CONVERT: Final = (
    Field("operation", Choice(("multiply", "divide")), "What is done with the factor."),
    Field("factor", Number(above=True), "The factor.", EVERY),
    Field("rounding", Choice(("none", "ceiling", "floor", "half_up")), "Direction of rounding."),
    Field("to", Number(above=True), "Rounded to a multiple of this; 1 if absent."),
)
"""How what is metered becomes what is billed."""

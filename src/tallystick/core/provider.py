"""What a payment provider can do, as a value: so that lint and checkout stay pure."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Abilities"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a provider declares of itself.

    `lines_per_plan` is the most lines one plan may have there, None for no such limit.
    """

    name: str
    setup_fee: bool = False
    lines_per_plan: int | None = None

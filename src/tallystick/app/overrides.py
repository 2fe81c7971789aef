"""Agreeing with one customer about a feature, and lifting that again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.errors import NotFound
from tallystick.storage.overrides import add_override, overrides_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.override import Override
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["agree", "agreed", "lift"]


def agreed(unit: Unit, customer: str) -> Mapping[str, Override]:
    """Give what is agreed with a customer now, by feature."""
    unit.as_customer(customer)
    return overrides_of(unit, [customer]).get(customer, {})


def agree(unit: Unit, now: Instant, customer: str, feature: str, override: Override) -> None:
    """Agree from now on; the same again changes nothing.  Raises Conflict."""
    if agreed(unit, customer).get(feature) != override:
        add_override(unit, customer, feature, override, now)


def lift(unit: Unit, now: Instant, customer: str, feature: str) -> None:
    """Give what the plan says again.  Raises NotFound where nothing is agreed; Conflict."""
    if feature not in agreed(unit, customer):
        raise NotFound("override", feature)
    add_override(unit, customer, feature, None, now)

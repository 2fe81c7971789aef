"""Several sources of one entitlement, and what comes of them.

For switches and configuration values the most specific source wins: the subscription over the plan
version over the plan over an add-on over the default of the feature.  For numbers the most specific
of the first three is the base, and add-ons, grants and rollovers are added to it.  The default of a
feature counts only where nobody else says anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from tallystick.core.entitlement import Unlimited
from tallystick.core.number import ZERO, exact_sum, quantity_of
from tallystick.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["EntitlementSource", "Level", "configured", "limit_of", "switched_on"]

Level: TypeAlias = Literal[
    "subscription", "plan_version", "plan", "add_on", "feature", "grant", "rollover"
]
"""Where an entitlement comes from; the first five from the most to the least specific."""

_ORDER: Final[tuple[Level, ...]] = ("subscription", "plan_version", "plan", "add_on", "feature")
_BASES: Final = _ORDER[:3]
_ADDED: Final[frozenset[Level]] = frozenset({"add_on", "grant", "rollover"})


@dataclass(frozen=True, slots=True)
class EntitlementSource:
    """What one source says of a feature: a switch, a number of units, or a configuration value.

    Raises InvalidInput for an unknown level, InvalidUsage for a number below zero.
    """

    level: Level
    value: Any

    def __post_init__(self) -> None:
        """Check the level, and a number's bounds."""
        if self.level not in get_args(Level):
            known = ", ".join(get_args(Level))
            raise InvalidInput(f"{str(self.level)[:40]!r} is no source of an entitlement: {known}")
        if isinstance(self.value, Decimal):
            quantity_of(self.value, "limit")


def switched_on(sources: Iterable[EntitlementSource]) -> bool:
    """Whether a switch is on: what the most specific source says, and off where nobody does.

    Where several of one level say different things, on wins.
    """
    return any(value is True for value in _most_specific(sources))


def configured(sources: Iterable[EntitlementSource]) -> Any:  # noqa: ANN401 - plain JSON values
    """Give the configuration value of the most specific source; None where nobody has one.

    Raises Conflict where two of one level say different things: nothing tells which is meant.
    """
    values = _most_specific(sources)
    if any(value != values[0] for value in values):
        raise Conflict("two sources of one level configure a feature differently")
    return values[0] if values else None


def limit_of(sources: Iterable[EntitlementSource]) -> Decimal | Unlimited | None:
    """Give the number of units: one base, and what is added to it; None where nobody says one.

    Without limit anywhere among them is without limit.  Where several of the base's level say
    different numbers, the highest counts.  Raises InvalidInput for what is no number.
    """
    given = list(sources)
    for each in given:
        if not isinstance(each.value, (Decimal, Unlimited)):
            raise InvalidInput(f"the {each.level} gives no number of units")
    base = _first(given, _BASES)
    added = [each.value for each in given if each.level in _ADDED]
    if not base and not added:
        base = _first(given, ("feature",))
    if any(isinstance(value, Unlimited) for value in (*base, *added)):
        return Unlimited()
    return exact_sum(max(base, default=ZERO), *added) if base or added else None


def _most_specific(sources: Iterable[EntitlementSource]) -> list[Any]:
    given = list(sources)
    for each in given:
        if each.level not in _ORDER:
            raise InvalidInput(f"a {each.level} gives numbers only")
    return _first(given, _ORDER)


def _first(sources: Sequence[EntitlementSource], levels: Sequence[Level]) -> list[Any]:
    """Give what the first of the levels says that says anything."""
    said = ([each.value for each in sources if each.level == level] for level in levels)
    return next((values for values in said if values), [])

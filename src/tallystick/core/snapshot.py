"""All that a customer may do at one instant, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tallystick.core.access import Counted, Given, Standing, access_to, denied, given_of
from tallystick.core.frozen import FrozenDict
from tallystick.core.number import quantity_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from tallystick.core.entitlement import Access
    from tallystick.core.period import Instant

__all__ = ["Entitlements"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlements:
    """What a customer may do, feature by feature, as it was at `at`.

    `features` has the answer to one unit of each feature of their plans, by key.  `version` is
    another one after every change of what they have; use changes only what is counted.  Where the
    ledger did not answer it has no `version`, and everything is denied.
    """

    customer: str
    at: Instant
    version: tuple[str | None, ...] | None = None
    features: Mapping[str, Access] = field(default_factory=FrozenDict)
    counts: Mapping[str, Counted] = field(default_factory=FrozenDict, repr=False)
    standing: Standing | None = field(default=None, repr=False)

    def __hash__(self) -> int:
        """Hash by the customer and the instant."""
        return hash((self.customer, self.at))

    def check(self, feature: str, requested: int | Decimal = 1) -> Access:
        """Whether so much may be used, by what was counted then; asks nobody.

        What would unlock a denied use is named for one unit only.

        Raises InvalidUsage for what is no quantity.
        """
        if requested == 1 and feature in self.features:
            return self.features[feature]
        size = requested if type(requested) is int and requested >= 0 else quantity_of(requested)
        if self.standing is None:
            return denied(Given(key=feature, had=None, reason="dependency_away"), size)
        given = given_of(self.standing, feature)
        return access_to(given, self.counts.get(feature, Counted()), size, self.at)

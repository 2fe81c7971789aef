"""What a ledger remembers between its answers: plans, meters, and what customers had."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.meter import meters_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.access import Standing
    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.storage.meters import KeptMeter
    from tallystick.storage.standing_version import StandingVersion

__all__ = ["LookedUp", "PlanShelf"]


class LookedUp(NamedTuple):
    """What a customer has from `at` on, until time changes it, as of a version.

    What is not `sure` was remembered: another version means that it has to be read again.
    """

    standing: Standing
    version: StandingVersion
    at: Instant
    sure: bool = False


@dataclass(slots=True)
class PlanShelf:
    """What plans there are: the ledger's own catalogue, and who without a subscription has which.

    `known` are plan versions that were read before; what is published never changes.  `standings`
    are what customers had, as `app.kept_standings` remembers it, and `kept` the meters that were
    kept, by a number that is another one after every change.
    """

    catalog: Catalog[Any, Any] | None = None
    default_plan: str | None = None
    known: dict[str, Plan[Any]] = field(default_factory=dict)
    meters: dict[int, tuple[Catalog[Any, Any], Mapping[str, Meter]]] = field(default_factory=dict)
    standings: dict[tuple[str, str | None], LookedUp] = field(default_factory=dict)
    kept: tuple[int, Sequence[KeptMeter]] = (0, ())

    def meters_in(self, catalog: Catalog[Any, Any]) -> Mapping[str, Meter]:
        """Give the meters of a catalogue by key."""
        found = self.meters.get(id(catalog))
        if found is None or found[0] is not catalog:
            found = self.meters[id(catalog)] = (catalog, meters_of(catalog))
        return found[1]

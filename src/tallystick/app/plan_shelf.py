"""What a ledger remembers between its answers: plans, meters, and what customers had."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.meter import meters_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.access import Given, Standing, Window
    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.entitlement import Access
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant, Period
    from tallystick.storage.meters import KeptMeter
    from tallystick.storage.standing_version import StandingVersion
    from tallystick.storage.used_days import Days

__all__ = ["LookedUp", "PlanShelf", "Prepared"]


class LookedUp(NamedTuple):
    """What a customer has from `at` on, until time changes it, as of a version.

    What is not `sure` was remembered: another version means that it has to be read again.
    `prepared` are features that were asked for before.
    """

    standing: Standing
    version: StandingVersion
    at: Instant
    prepared: dict[str, Prepared]
    sure: bool = False


class Prepared(NamedTuple):
    """What a customer is given of a feature, while its `window` lasts.

    `unused` is the answer to one unit where nothing is used, held or granted.  What its meter comes
    to is what its `days` have less the `edges`; without `days` it has to be read another way, and
    without a `meter` there is nothing to read.
    """

    given: Given
    meter: Meter | None
    unused: Access
    digest: str = ""
    window: Window | None = None
    days: Days | None = None
    edges: Sequence[Period] = ()


class _Meters(NamedTuple):
    catalog: Catalog[Any, Any]
    by_key: Mapping[str, Meter]
    by_type: Mapping[str, Sequence[Meter]]


@dataclass(slots=True)
class PlanShelf:
    """What plans there are: the ledger's own catalogue, and who without a subscription has which.

    `known` are plan versions that were read before; what is published never changes.  `standings`
    are what customers had, as `app.kept_standings` remembers it, and `kept` the meters that were
    kept, by the type of their events, with a number that is another one after every change.
    """

    catalog: Catalog[Any, Any] | None = None
    default_plan: str | None = None
    known: dict[str, Plan[Any]] = field(default_factory=dict)
    meters: dict[int, _Meters] = field(default_factory=dict)
    standings: OrderedDict[tuple[str, str | None], LookedUp] = field(default_factory=OrderedDict)
    kept: tuple[int, Mapping[str, Sequence[KeptMeter]]] = (0, {})

    def meters_in(self, catalog: Catalog[Any, Any]) -> Mapping[str, Meter]:
        """Give the meters of a catalogue by key."""
        return self._meters(catalog).by_key

    def meters_fed(self, catalog: Catalog[Any, Any], type_: str) -> Sequence[Meter]:
        """Give the meters of a catalogue that events of a type may feed."""
        return self._meters(catalog).by_type.get(type_, ())

    def _meters(self, catalog: Catalog[Any, Any]) -> _Meters:
        found = self.meters.get(id(catalog))
        if found is None or found.catalog is not catalog:
            by_key = meters_of(catalog)
            by_type: dict[str, list[Meter]] = {}
            for meter in by_key.values():
                by_type.setdefault(meter.event_type, []).append(meter)
            found = self.meters[id(catalog)] = _Meters(catalog, by_key, by_type)
        return found

"""The plan versions that subscriptions are on, read once for each process.

What was published never changes, so a catalogue that was read stays right for ever; only which one
is the newest is asked each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tallystick.core.meter import meters_of
from tallystick.core.published import catalog_of_text, versioned
from tallystick.errors import UnknownPlan
from tallystick.storage import catalogs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.meter import Meter
    from tallystick.storage.unit import Unit

__all__ = ["Offers", "catalog_of", "sold_now"]


class Offers(Mapping[str, "Plan[Any]"]):
    """Plans by their refs, `pro@2`, each as it was published; read as they are asked for.

    Raises UnknownPlan for a ref that was never published.
    """

    def __init__(self, unit: Unit) -> None:
        """Read from a transaction."""
        self._unit = unit
        self._found: dict[str, Plan[Any]] = {}
        self._meters: dict[int, Mapping[str, Meter]] = {}

    def __getitem__(self, ref: str) -> Plan[Any]:
        """Give a plan version.  Raises UnknownPlan."""
        found = self._found.get(ref)
        if found is None:
            found = self._found[ref] = self._read(ref)
        return found

    def __iter__(self) -> Iterator[str]:
        """Iterate the refs that were asked for so far."""
        return iter(self._found)

    def __len__(self) -> int:
        """Count the refs that were asked for so far."""
        return len(self._found)

    def meters(self, ref: str) -> Mapping[str, Meter]:
        """Give the meters that a plan version was published with, by key."""
        catalog = self[ref].catalog
        if catalog is None:
            return {}
        found = self._meters.get(id(catalog))
        if found is None:
            found = self._meters[id(catalog)] = meters_of(catalog)
        return found

    def _read(self, ref: str) -> Plan[Any]:
        plan_id, _, number = ref.rpartition("@")
        version = int(number) if number.isascii() and number.isdigit() else 0
        found = catalogs.plan(self._unit, plan_id, version) if plan_id and version else None
        if found is None:
            raise UnknownPlan(ref)
        return catalog_of(self._unit, found.catalog_number)[plan_id]


def sold_now(unit: Unit, plan: str) -> Plan[Any]:
    """Give the plan version that is meant: `pro@1`, or `pro` for what the newest catalogue sells.

    Raises UnknownPlan.
    """
    if "@" in plan:
        return Offers(unit)[plan]
    newest = catalogs.newest(unit)
    found = None if newest is None else catalog_of(unit, newest.number).find(plan)
    if found is None:
        raise UnknownPlan(plan)
    return found


def catalog_of(unit: Unit, number: int) -> Catalog[Any, Any]:
    """Give a published catalogue.  Its digest and its number name it, in whatever database."""
    version = next(each for each in catalogs.every(unit) if each.number == number)
    numbers = tuple(sorted(catalogs.plan_numbers(unit, number).items()))
    known = _KNOWN.get((version.digest, numbers))
    if known is None:
        text = catalogs.text_of(unit, number)
        assert text is not None  # noqa: S101 - the version stands there with it
        known = _KNOWN[version.digest, numbers] = versioned(catalog_of_text(text), dict(numbers))
    return known


_KNOWN: dict[tuple[str, tuple[tuple[str, int], ...]], Catalog[Any, Any]] = {}

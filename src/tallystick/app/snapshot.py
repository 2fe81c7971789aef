"""All entitlements of a customer, read at once, and read again where something has changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tallystick.app.entitlement import (
    Asked,
    counts_of,
    explained,
    meter_for,
    on_offer,
    standings,
)
from tallystick.core.access import access_to, given_of, keys_of
from tallystick.core.frozen import FrozenDict
from tallystick.core.snapshot import Entitlements
from tallystick.storage.standing_version import standing_version

if TYPE_CHECKING:
    from tallystick.app.entitlement import PlanShelf
    from tallystick.core.access import Standing
    from tallystick.core.period import Instant
    from tallystick.storage.standing_version import StandingVersion
    from tallystick.storage.unit import Unit

__all__ = ["snapshot"]


def snapshot(
    unit: Unit, now: Instant, customer: str, shelf: PlanShelf, before: Entitlements | None = None
) -> Entitlements:
    """Give what a customer may do now; with the one `before`, read only what may have changed.

    What they have is the same while its version is and no time has come that changes it; what is
    used, reserved and granted is counted again.
    """
    version = standing_version(unit, customer)
    standing = None if before is None else _still(before, version, now)
    if standing is None:
        standing = standings(unit, now, [customer], shelf)[customer]
    keys = keys_of(standing)
    asked = [(Asked(customer, key), given_of(standing, key)) for key in keys]
    counts = counts_of(
        unit, now, now, [(one, given, meter_for(given, shelf)) for one, given in asked]
    )
    found = [
        access_to(given, counted, 1, now) for (_, given), counted in zip(asked, counts, strict=True)
    ]
    if not all(each.allowed for each in found):
        offered = replace(standing, catalog=on_offer(unit, shelf))
        found = [
            explained(each, offered, counted, now)
            for each, counted in zip(found, counts, strict=True)
        ]
    return Entitlements(
        customer=customer,
        at=now,
        version=version,
        features=FrozenDict(zip(keys, found, strict=True)),
        counts=FrozenDict(zip(keys, counts, strict=True)),
        standing=standing,
    )


def _still(before: Entitlements, version: StandingVersion, now: Instant) -> Standing | None:
    """Give what they had before, where they have it still."""
    standing = before.standing
    if standing is None or before.version != version or now < before.at:
        return None
    return standing if standing.until is None or now < standing.until else None

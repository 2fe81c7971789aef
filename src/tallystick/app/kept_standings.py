"""What customers have, remembered in this process and held against its version before it counts.

The version is read before what it is of, so what is remembered may be younger than its version and
never older.  Who asks again compares the version where the units are taken: nothing stale decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.app.entitlement import standings
from tallystick.app.plan_shelf import LookedUp
from tallystick.storage.standing_version import standing_version

if TYPE_CHECKING:
    from tallystick.app.plan_shelf import PlanShelf
    from tallystick.core.access import Standing
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["looked_up"]

_MOST: Final = 10_000


def looked_up(
    unit: Unit,
    at: Instant,
    customer: str,
    shelf: PlanShelf,
    plan: str | None,
    *,
    sure: bool = False,
) -> LookedUp:
    """Give what a customer has at an instant, as it is remembered, else (or to be `sure`) read.

    What a host's own transaction shows may be undone again, so nothing of it is remembered.
    """
    found = None if sure else shelf.standings.get((customer, plan))
    if found is not None and found.at <= at and _lasts(found.standing, at):
        return found
    version = standing_version(unit, customer)
    standing = standings(unit, at, [customer], shelf, plan=plan)[customer]
    if unit.owned:
        _remember(shelf, (customer, plan), LookedUp(standing, version, at))
    return LookedUp(standing, version, at, sure=True)


def _lasts(standing: Standing, at: Instant) -> bool:
    return standing.until is None or at < standing.until


def _remember(shelf: PlanShelf, key: tuple[str, str | None], found: LookedUp) -> None:
    while len(shelf.standings) >= _MOST:
        shelf.standings.pop(next(iter(shelf.standings)), None)
    shelf.standings[key] = found

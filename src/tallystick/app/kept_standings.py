"""What customers have, remembered in this process and held against its version before it counts.

The version is read before what it is of, so what is remembered may be younger than its version and
never older.  Who asks again compares the version where the units are taken: nothing stale decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.app.entitlement import standings
from tallystick.app.plan_shelf import LookedUp
from tallystick.errors import StorageUnavailable
from tallystick.storage.standing_version import standing_versions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.app.plan_shelf import PlanShelf
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["MOST_LOOKS", "changing", "looked_up", "looked_up_all"]

MOST_LOOKS: Final = 6
"""How often what a customer has is read again where it changes under the reader's hands."""

_MOST: Final = 10_000


def changing(customer: str) -> StorageUnavailable:
    """Make the error of what changed as often as it was read; to try again may help."""
    return StorageUnavailable(f"what {customer!r} has is being changed: try again", again=True)


def looked_up(
    unit: Unit,
    at: Instant,
    customer: str,
    shelf: PlanShelf,
    plan: str | None,
    *,
    sure: bool = False,
) -> LookedUp:
    """Give what a customer has at an instant, as it is remembered, or be `sure` of it.

    What a host's own transaction shows may be undone again, so nothing of it is remembered.
    """
    found = None if sure else _known(shelf, at, (customer, plan))
    if found is not None:
        return found
    return looked_up_all(unit, at, [customer], shelf, plan)[customer]


def looked_up_all(
    unit: Unit, at: Instant, customers: Iterable[str], shelf: PlanShelf, plan: str | None = None
) -> dict[str, LookedUp]:
    """Give what customers have at an instant, and be sure of each: one statement where it is known.

    It is one more for each table of what changed, however many they are.
    """
    versions = standing_versions(unit, sorted(set(customers)))
    known = {id_: _known(shelf, at, (id_, plan)) for id_ in versions}
    found = {
        id_: had for id_, had in known.items() if had is not None and had.version == versions[id_]
    }
    missing = [id_ for id_ in versions if id_ not in found]
    if missing:
        read = standings(unit, at, missing, shelf, plan=plan)
        for id_ in missing:
            found[id_] = had = LookedUp(read[id_], versions[id_], at, {})
            if unit.owned:
                _remember(shelf, (id_, plan), had)
    return {id_: had._replace(sure=True) for id_, had in found.items()}


def _known(shelf: PlanShelf, at: Instant, key: tuple[str, str | None]) -> LookedUp | None:
    """Give what is remembered, where it is of that time."""
    found = shelf.standings.get(key)
    if found is None or at < found.at:
        return None
    until = found.standing.until
    return found if until is None or at < until else None


def _remember(shelf: PlanShelf, key: tuple[str, str | None], found: LookedUp) -> None:
    while len(shelf.standings) >= _MOST:
        shelf.standings.popitem(last=False)
    shelf.standings[key] = found

"""Features of a customer as they were asked for before: what is given, and how it is counted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallystick.app.entitlement import meter_for, period_of
from tallystick.app.gate_count import ragged_days
from tallystick.app.plan_shelf import Prepared
from tallystick.core.access import Counted, Window, access_to, allowance_window, given_of
from tallystick.core.aggregate import day_of
from tallystick.storage.meters import digest_of
from tallystick.storage.usage_asked import midnight_of
from tallystick.storage.used_days import Days

if TYPE_CHECKING:
    from tallystick.app.plan_shelf import LookedUp, PlanShelf
    from tallystick.core.access import Given
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant

__all__ = ["prepared_for"]

_DAY: Final = timedelta(days=1)
_ADDED: Final = frozenset({"sum", "count"})


def prepared_for(had: LookedUp, feature: str, at: Instant, shelf: PlanShelf) -> Prepared:
    """Give a feature as it is remembered; else prepare it, and remember it if a plan has it."""
    found = had.prepared.get(feature)
    if found is not None and (found.window is None or found.window.start <= at < found.window.end):
        return found
    given = given_of(had.standing, feature)
    made = _prepared(given, meter_for(given, shelf), at)
    if given.feature is not None and given.feature.window_seconds is None:
        had.prepared[feature] = made
    return made


def _prepared(given: Given, meter: Meter | None, at: Instant) -> Prepared:
    unused = access_to(given, Counted(), 1, at)
    if meter is None:
        return Prepared(given, None, unused)
    window = allowance_window(given, at)
    sliding = window is not None and window.sliding
    if sliding or meter.aggregation not in _ADDED or meter.late == "refuse":
        return Prepared(given, meter, unused)
    first, after, edges = ragged_days(period_of(window, meter, at))
    if edges and after - first <= _DAY:
        return Prepared(given, meter, unused, window=window)
    if window is None:  # it has no end, but the days so far are counted
        window = Window(midnight_of(day_of(at)), midnight_of(day_of(at)) + _DAY)
    starts = {each.start for each in edges}
    low, high = midnight_of(first) in starts, bool(starts - {midnight_of(first)})
    days = Days(first, after, first_ragged=low, last_ragged=high)
    return Prepared(given, meter, unused, digest_of(meter), window, days, edges)

"""Which events a line of usage counts: as they were known at its document's watermark.

Their digest is what two people compare who want to know whether they look at the same events.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallystick.core.fold import selects
from tallystick.core.meter import meter_of
from tallystick.core.price import Dynamic, Percentage
from tallystick.core.reading import effective, feeds, readings_of
from tallystick.core.terms import item_plan, prices_of
from tallystick.storage.usage import digests_of, event_key, events_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallystick.app.offers import Offers
    from tallystick.core.charge import Charge
    from tallystick.core.event import UsageEvent
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.core.reading import Group
    from tallystick.storage.unit import Unit

__all__ = ["Counted", "CountedEvent", "counted_events", "meter_of_charge"]

_MICRO: Final = timedelta(microseconds=1)
_HELD: Final = frozenset({"last", "time_weighted"})


@dataclass(frozen=True, slots=True)
class CountedEvent:
    """An event that counts, as its corrections leave it, with the amendment that holds, if any.

    The digests are those that are stored, of what was sent.
    """

    event: UsageEvent
    digest: str
    amendment: UsageEvent | None = None
    amendment_digest: str | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """The events of one line, in the order of their arrival, and what they hash to."""

    events: tuple[CountedEvent, ...]
    digest: str

    def __len__(self) -> int:
        """Count the events of use."""
        return len(self.events)


def meter_of_charge(offers: Offers, charge: Charge) -> Meter:
    """Give the meter of a metered charge, as it was published with the plan version."""
    price = prices_of(charge.item, offers)[charge.price]
    plan = item_plan(charge.item, offers)
    return meter_of(plan, price.meter or price.id, offers.meters(charge.item.offer))


def counted_events(
    unit: Unit,
    offers: Offers,
    customer: str,
    charge: Charge,
    *,
    watermark: Instant,
    group: Mapping[str, str | None] | None = None,
) -> Counted:
    """Give the events that a metered charge counts, of one group if it is named.

    Those in its window, less the pauses, that arrived before the watermark; for a level also the
    ones that were in force as the window began.
    """
    if charge.window is None:
        return Counted((), _digest(()))
    meter = meter_of_charge(offers, charge)
    shape = prices_of(charge.item, offers)[charge.price].shape
    held = meter.aggregation in _HELD
    start = None if held else charge.window.start
    stored = events_in(unit, customer, meter.event_type, start, charge.window.end)
    known = [each for each in stored if (each.received_at or watermark) < watermark]
    if isinstance(shape, (Percentage, Dynamic)):
        orders = {each.order for each in effective(known) if feeds(meter, each)}
    else:
        orders = _read(meter, known, charge, group or {})
    inside = [
        each
        for each in effective(known)
        if each.order in orders
        and (held or each.occurred_at in charge.window)
        and not any(each.occurred_at in hole for hole in charge.holes)
    ]
    return _counted(unit, inside, known)


def _read(
    meter: Meter, known: Sequence[UsageEvent], charge: Charge, group: Mapping[str, str | None]
) -> set[int | None]:
    """Give the places in the order of arrival of what the meter reads."""
    window = charge.window
    assert window is not None  # noqa: S101 - it was looked at
    before: dict[Group, int] = {}
    found: set[int | None] = set()
    for reading in readings_of(meter, known):
        if reading.at >= window.end or not selects(meter, group, reading.group):
            continue
        if any(reading.at in hole for hole in charge.holes):
            continue
        if reading.at >= window.start:
            found.add(reading.order)
        else:
            before[reading.group] = reading.order
    return found | set(before.values()) if meter.aggregation in _HELD else found


def _counted(unit: Unit, events: Iterable[UsageEvent], known: Sequence[UsageEvent]) -> Counted:
    holds = {
        (each.customer, *each.target): each
        for each in sorted(known, key=_arrival)
        if each.kind == "amend" and each.target is not None
    }
    inside = sorted(events, key=_arrival)
    pairs = [(each, holds.get(event_key(each))) for each in inside]
    keys = [event_key(each) for pair in pairs for each in pair if each is not None]
    digests = digests_of(unit, keys)
    counted = tuple(
        CountedEvent(
            event,
            digests[event_key(event)],
            amendment,
            None if amendment is None else digests[event_key(amendment)],
        )
        for event, amendment in pairs
    )
    return Counted(counted, _digest(counted))


def _arrival(event: UsageEvent) -> int:
    return event.order or 0


def _digest(counted: Sequence[CountedEvent]) -> str:
    """Hash the events and the amendments that hold, one JSON list a line, by arrival."""
    rows = [(each.event, each.digest) for each in counted]
    rows += [
        (each.amendment, each.amendment_digest)
        for each in counted
        if each.amendment is not None and each.amendment_digest is not None
    ]
    rows.sort(key=lambda row: _arrival(row[0]))
    hashed = hashlib.sha256()
    for event, digest in rows:
        row = [event.customer, event.source, event.id, digest]
        hashed.update(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return f"sha256:{hashed.hexdigest()}"

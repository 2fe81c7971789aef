"""Usage that came after its window was billed: the next document carries the difference.

An event or a correction is late for a window when it arrives at or after the watermark of the
document that billed it.  The next document of the subscription, whatever it is for, carries a line
for each window that comes to something else now: what it comes to, less all that was billed for
it so far.  So whatever the order of events and runs, all documents add up to the same.  What was
voided is not billed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from tallystick.app.billed_usage import Asked
from tallystick.app.late_minimums import settled_minimums
from tallystick.core.line_tax import NOTHING
from tallystick.core.period import Period
from tallystick.core.rating.usage import Quantity
from tallystick.core.reckoned_lines import Late, Used
from tallystick.core.terms import prices_of
from tallystick.core.units_billed import UnitsBilled
from tallystick.errors import TallystickError
from tallystick.storage.billed_windows import looked_after
from tallystick.storage.invoice_lines import billed_lines
from tallystick.storage.usage import corrections_of, event_key, events_at
from tallystick.storage.usage_arrivals import Since, arrived_since
from tallystick.storage.usage_stretches import BEGINNING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallystick.app.billed_usage import UsageReader
    from tallystick.app.offers import Offers
    from tallystick.core.charge import Charge, Due
    from tallystick.core.event import UsageEvent
    from tallystick.core.invoice import InvoiceLine
    from tallystick.core.line_tax import Invoiced
    from tallystick.core.meter import Meter
    from tallystick.core.minimum import Settled
    from tallystick.core.period import Instant
    from tallystick.storage.invoice_lines import BilledLine
    from tallystick.storage.invoice_rows import Draft
    from tallystick.storage.unit import Unit
    from tallystick.storage.usage import EventKey

__all__ = ["SLICE", "Arrival", "LateUsage", "arrivals_of", "is_touched", "slice_of"]

SLICE: Final = "threshold/"
"""How the part of a line begins that bills usage before its window ends."""

Owner: TypeAlias = tuple[str, str]
"""A customer and a subscription."""

Group: TypeAlias = tuple[tuple[str, str | None], ...]

_USAGE: Final = frozenset({"usage", "late"})
_HELD: Final = frozenset({"last", "time_weighted"})
_NAMED: Final = 20
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A late event or a correction: when it arrived, of which type, and the times it touches."""

    at: Instant
    id: str
    type: str
    times: tuple[Instant, ...]


@dataclass(frozen=True, slots=True)
class _Window:
    """A window that was billed to its end: its charge and its meter."""

    charge: Charge
    meter: Meter


_Place: TypeAlias = tuple[str, str, "Instant | None"]
"""An item, a price and where its window begins: whatever bills that time is for one window."""


def slice_of(charge: Charge) -> bool:
    """Whether a charge is for usage of a window that has not ended."""
    return charge.part.startswith(SLICE)


def arrivals_of(unit: Unit, events: Iterable[UsageEvent]) -> list[Arrival]:
    """Say which times late events and corrections touch: where their targets are, and were."""
    taken = list(events)
    keys: set[EventKey] = {
        (event.customer, *event.target) for event in taken if event.target is not None
    }
    times: dict[EventKey, list[Instant]] = defaultdict(list)
    types: dict[EventKey, str] = {}
    for key, event in (events_at(unit, keys) if keys else {}).items():
        times[key].append(event.occurred_at)
        types[key] = event.type
    for correction in corrections_of(unit, keys) if keys else ():
        source, id_ = correction.target or ("", "")
        times[correction.customer, source, id_].append(correction.occurred_at)
    found = []
    for event in taken:
        own = event_key(event) if event.target is None else (event.customer, *event.target)
        touched = times.get(own) or [event.occurred_at]
        at = event.received_at or event.occurred_at
        found.append(Arrival(at, event.id, types.get(own, event.type), tuple(touched)))
    return found


def is_touched(meter: Meter, window: Period, arrival: Arrival) -> bool:
    """Whether an arrival may change a meter's figure for a window; a level goes on after it."""
    if arrival.type != meter.event_type:
        return False
    held = meter.aggregation in _HELD
    return any(at < window.end and (held or at >= window.start) for at in arrival.times)


class LateUsage:
    """What came late for the documents of one batch, read in a few statements."""

    def __init__(
        self,
        unit: Unit,
        offers: Offers,
        drafts: Sequence[Draft],
        reader: UsageReader,
        *,
        again: bool = False,
    ) -> None:
        """Find out what came late for these drafts, which are in the order of their issue.

        `again` looks at one document as it was when it was made: without those made since.
        """
        self._again = again
        self._later: set[str] = set()
        self._unit, self._offers, self._reader = unit, offers, reader
        self._arrived: dict[Owner, list[Arrival]] = {}
        self._before: dict[Owner, Instant] = {}
        self._windows: dict[Owner, dict[_Place, _Window]] = defaultdict(dict)
        self._minimums: dict[Owner, dict[_Place, Charge]] = defaultdict(dict)
        self._lines: dict[Owner, list[BilledLine | InvoiceLine]] = defaultdict(list)
        self._billed: dict[tuple[Owner, _Place], dict[Group, Invoiced]] = defaultdict(dict)
        self._units: dict[tuple[Owner, _Place], dict[Group, UnitsBilled]] = defaultdict(dict)
        of: dict[Owner, list[Draft]] = defaultdict(list)
        for draft in drafts:
            if draft.subscription_id is not None:
                of[draft.customer, draft.subscription_id].append(draft)
        self._read_arrivals(of)
        if self._arrived:
            late = {owner: of[owner] for owner in self._arrived}
            self._read_windows(late)
            self._read_billed(late)
            self._ask(late)

    # --- reading ----------------------------------------------------------------------------------

    def _read_arrivals(self, of: Mapping[Owner, Sequence[Draft]]) -> None:
        owners = list(of)
        asked = [
            Since(
                *owner,
                first=drafts[0].finalize_at,
                until=drafts[-1].finalize_at,
                bound=drafts[-2].due.at if len(drafts) > 1 else BEGINNING,
            )
            for owner, drafts in of.items()
        ]
        found = arrived_since(self._unit, asked, again=self._again)
        arrivals = iter(arrivals_of(self._unit, [event for events in found for event in events]))
        for owner, events in zip(owners, found, strict=True):
            if events:
                self._arrived[owner] = [next(arrivals) for _ in events]

    def _read_windows(self, of: Mapping[Owner, Sequence[Draft]]) -> None:
        owners = list(self._arrived)
        since = [min(at for each in self._arrived[owner] for at in each.times) for owner in owners]
        asked = [(*owner, at) for owner, at in zip(owners, since, strict=True)]
        for owner, looked in zip(owners, looked_after(self._unit, asked), strict=True):
            first = of[owner][0].turn
            for each in looked:
                if self._again and each.turn >= first:
                    self._later.add(each.id)
                else:
                    self._add(owner, each.due)

    def _add(self, owner: Owner, due: Due) -> None:
        for place, window in self._added(due).items():
            self._windows[owner].setdefault(place, window)
        for charge in due.charges:
            if charge.kind == "minimum" and charge.window is not None:
                place = (charge.item.key, charge.price, charge.window.start)
                self._minimums[owner].setdefault(place, charge)

    def _added(self, due: Due) -> dict[_Place, _Window]:
        """Give the windows that a document bills, to their end."""
        found: dict[_Place, _Window] = {}
        for charge in due.charges:
            if charge.kind == "usage" and charge.window is not None and not slice_of(charge):
                try:
                    meter = self._meter(charge)
                except (TallystickError, KeyError):
                    continue  # the document itself cannot be reckoned
                place = (charge.item.key, charge.price, charge.window.start)
                found[place] = _Window(charge, meter)
        return found

    def _meter(self, charge: Charge) -> Meter:
        price = prices_of(charge.item, self._offers)[charge.price]
        return self._reader.meter_of(charge, price)

    def _read_billed(self, of: Mapping[Owner, Sequence[Draft]]) -> None:
        windows = [w.charge.window for owner in of for w in self._windows[owner].values()]
        windows += [charge.window for owner in of for charge in self._minimums[owner].values()]
        windows += [
            charge.window
            for drafts in of.values()
            for draft in drafts
            for charge in draft.due.charges
            if charge.kind in {"usage", "minimum"}
        ]
        times = [window for window in windows if window is not None]
        if times:  # what is given back of a window that a change cut begins at its end
            whole = Period(min(w.start for w in times), max(w.end for w in times) + _SECOND)
            for line in billed_lines(self._unit, of, window=whole):
                if line.invoice not in self._later and line.status != "void":
                    self._note((line.customer, line.subscription or ""), line)

    def _note(self, owner: Owner, line: BilledLine | InvoiceLine) -> None:
        """Note what a line billed of a window: in slices, at its end or late."""
        self._lines[owner].append(line)
        if line.kind in _USAGE:
            start = None if line.window is None else line.window.start
            key = (owner, (line.item, line.price, start))
            billed, units = self._billed[key], self._units[key]
            billed[line.group] = billed.get(line.group, NOTHING).plus(line)
            units[line.group] = units.get(line.group, UnitsBilled()).plus(line)

    def _ask(self, of: Mapping[Owner, Sequence[Draft]]) -> None:
        """Ask at once for all that may have to be measured, also of what this batch bills."""
        for owner, drafts in of.items():
            places = dict(self._windows[owner])
            for draft in drafts:
                asked = [
                    Asked(owner[0], window.charge, draft.finalize_at)
                    for window in places.values()
                    if self._touching(owner, window, draft.finalize_at)
                ]
                self._reader.ask(asked)
                places = self._added(draft.due) | places

    def _touching(self, owner: Owner, window: _Window, until: Instant) -> list[Arrival]:
        since = self._before.get(owner, BEGINNING)
        whole = window.charge.window
        return [
            each
            for each in self._arrived.get(owner, ())
            if since <= each.at < until
            and whole is not None
            and is_touched(window.meter, whole, each)
        ]

    # --- what is late -----------------------------------------------------------------------------

    def late_for(self, draft: Draft) -> tuple[Late, ...]:
        """Give the windows that may come to something else than what was billed for them."""
        owner = (draft.customer, draft.subscription_id or "")
        if owner not in self._arrived:
            return ()
        found: list[Late] = []
        for place, window in sorted(self._windows[owner].items(), key=_in_time):
            arrivals = self._touching(owner, window, draft.finalize_at)
            if arrivals:
                found += self._late(draft, window, (owner, place), arrivals)
        return tuple(found)

    def settled_for(self, draft: Draft, late: Sequence[Late]) -> tuple[Settled, ...]:
        """Give the minimum commitments that were settled before what is late now counted."""
        owner = (draft.customer, draft.subscription_id or "")
        if not late or not self._minimums[owner]:
            return ()
        charges = (each for _, each in sorted(self._minimums[owner].items(), key=_in_time))
        return settled_minimums(charges, self._lines[owner], late, draft.cause)

    def _late(
        self,
        draft: Draft,
        window: _Window,
        key: tuple[Owner, _Place],
        arrivals: Sequence[Arrival],
    ) -> list[Late]:
        billed, units = self._billed[key], self._units[key]
        asked = Asked(draft.customer, window.charge, draft.finalize_at)
        used = {each.group: each for each in self._reader.used_for(asked)}
        for group in billed:
            if group not in used:
                used[group] = Used(
                    measured=Quantity(Decimal(0)), group=group, gauge=window.meter.gauge
                )
        names = tuple(each.id for each in arrivals[:_NAMED])
        return [
            Late(
                charge=window.charge,
                used=replace(used[group], before=units.get(group, UnitsBilled())),
                billed=billed.get(group, NOTHING),
                part=draft.cause,
                events=names,
                count=len(arrivals),
            )
            for group in sorted(used, key=_shown)
        ]

    def issued(self, draft: Draft, lines: Iterable[InvoiceLine]) -> None:
        """Note what a document of this batch billed; the next one looks on from its watermark."""
        owner = (draft.customer, draft.subscription_id or "")
        if owner not in self._arrived:
            return
        self._before[owner] = draft.finalize_at
        self._add(owner, draft.due)
        for line in lines:
            self._note(owner, line)


def _in_time(entry: tuple[_Place, object]) -> tuple[str, str, str]:
    item, price, start = entry[0]
    return ("" if start is None else start.isoformat(), item, price)


def _shown(group: Group) -> list[tuple[str, bool, str]]:
    return [(name, text is not None, text or "") for name, text in group]

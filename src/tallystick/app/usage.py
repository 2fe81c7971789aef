"""Recording usage exactly once, correcting it, and reading what it comes to.

Every use case takes a unit of work and leaves the commit to whoever opened it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tallystick.core.event import UsageEvent, digest, parse_event, settled
from tallystick.core.period import instant
from tallystick.core.reading import check_correction, check_event
from tallystick.errors import Conflict, InvalidUsage, NotFound, RuleError, StorageUnavailable
from tallystick.storage.meters import hold, hold_targets, kept_meters
from tallystick.storage.usage import (
    EventKey,
    corrections_of,
    digests_of,
    event_key,
    events_at,
    insert_events,
    next_orders,
    stored_events,
)
from tallystick.storage.usage_days import add_usage, days_touched
from tallystick.storage.usage_read import Figure, Window, read_figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from decimal import Decimal

    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant, Period
    from tallystick.storage.unit import Unit

__all__ = [
    "Figure",
    "Late",
    "Recorded",
    "Rejection",
    "Status",
    "Window",
    "export",
    "quantity",
    "read",
    "record",
    "record_many",
]

Status: TypeAlias = Literal["accepted", "duplicate", "rejected"]
"""What became of one event: stored now, stored before, or refused."""

_AGAIN: Final = "another transaction took an id of this one at the same moment: try again"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one event of many was refused; the others are not touched by it."""

    index: int
    error: RuleError

    @property
    def code(self) -> str:
        """The code of the error, as VALIDATION_ERROR or CONFLICT."""
        return self.error.code

    @property
    def message(self) -> str:
        """What was wrong, for people."""
        return str(self.error)


@dataclass(frozen=True, slots=True)
class Late:
    """An event that is stored, but arrived too late for some of the meters it feeds."""

    index: int
    meters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of events: the status of each, in their order, and the reasons."""

    statuses: tuple[Status, ...]
    rejected: tuple[Rejection, ...] = ()
    late: tuple[Late, ...] = ()

    @property
    def accepted(self) -> int:
        """How many are stored now."""
        return self.statuses.count("accepted")

    @property
    def duplicates(self) -> int:
        """How many were stored before, with the same body."""
        return self.statuses.count("duplicate")


# --- recording ------------------------------------------------------------------------------------


def record(
    unit: Unit, item: object, meters: Mapping[str, Meter], at: Instant
) -> Literal["accepted", "duplicate"]:
    """Store one event, as `record_many` does.

    Raises InvalidUsage, Conflict (the id is taken by another body, the target was voided) and
    NotFound (the target of a correction).
    """
    recorded = record_many(unit, [item], meters, at)
    for rejection in recorded.rejected:
        raise rejection.error
    return "accepted" if recorded.accepted else "duplicate"


def record_many(
    unit: Unit, items: Iterable[object], meters: Mapping[str, Meter], at: Instant
) -> Recorded:
    """Store events and corrections, each once for ever, with the roll-ups of every ready meter.

    An item is a UsageEvent, plain values to parse as one, or the InvalidUsage that parsing
    raised.  They are taken in their order, but events of use before the corrections.  `meters` are
    the catalogue's: they say what is refused at the door.  `at` is when the items arrived, unless
    they say so themselves.

    A bad item is rejected and takes no other with it.  What is stored already with the same digest
    is a duplicate, and changes nothing.
    """
    batch = _Batch(unit, list(meters.values()), instant(at))
    batch.take(list(items))
    return batch.recorded()


class _Batch:
    """One call of `record_many`: what is known of each of its items by now."""

    def __init__(self, unit: Unit, meters: Sequence[Meter], at: Instant) -> None:
        self.unit, self.meters, self.at = unit, meters, at
        self.statuses: list[Status] = []
        self.errors: dict[int, RuleError] = {}
        self.late: dict[int, tuple[str, ...]] = {}
        self.events: dict[int, UsageEvent] = {}
        self.digests: dict[int, str] = {}
        self.orders: Sequence[int] = ()

    def recorded(self) -> Recorded:
        return Recorded(
            tuple(self.statuses),
            tuple(Rejection(index, self.errors[index]) for index in sorted(self.errors)),
            tuple(
                Late(index, self.late[index])
                for index in sorted(self.late)
                if self.late[index] and self.statuses[index] == "accepted"
            ),
        )

    def take(self, items: list[object]) -> None:
        self.statuses = ["accepted"] * len(items)
        for index, item in enumerate(items):
            self._read(index, item)
        if not self.events:
            return
        hold(self.unit)
        self.orders = next_orders(self.unit, len(items))
        left = list(self.events)
        while left:
            left = self._round(left)

    def _read(self, index: int, item: object) -> None:
        """Take one item up, or reject it as no event at all."""
        try:
            if isinstance(item, RuleError):
                raise item
            event = item
            if not isinstance(event, UsageEvent):
                event = parse_event(item, received_at=self.at)
            elif event.received_at is None:
                event = replace(event, received_at=self.at)
        except RuleError as refused:
            self.reject(index, refused)
        else:
            self.events[index] = event
            self.digests[index] = digest(event)

    def reject(self, index: int, error: RuleError) -> None:
        self.statuses[index], self.errors[index] = "rejected", error

    # --- one round: items of different keys ---

    def _round(self, indexes: list[int]) -> list[int]:
        """Store items of different keys; give those whose key was only rejected so far."""
        first: dict[EventKey, int] = {}
        repeats: list[int] = []
        for index in indexes:
            if first.setdefault(event_key(self.events[index]), index) != index:
                repeats.append(index)
        uses = [i for i in first.values() if self.events[i].kind == "use"]
        corrections = [i for i in first.values() if self.events[i].kind != "use"]
        stored = self._store_uses(uses)
        touched = self._store_corrections(corrections)
        kept = kept_meters(self.unit)
        add_usage(self.unit, kept, stored, days_touched(kept, touched))
        left = []
        for index in repeats:
            before = first[event_key(self.events[index])]
            if self.statuses[before] == "rejected":
                left.append(index)
            else:
                self._compare(index, self.digests[before])
        return left

    def _compare(self, index: int, stored: str) -> None:
        """Tell a repeat from another body under the same key."""
        if stored == self.digests[index]:
            self.statuses[index] = "duplicate"
            return
        event = self.events[index]
        self.reject(
            index,
            Conflict(
                f"event {event.id!r} of source {event.source!r} is stored with another body:"
                f" {stored}, not {self.digests[index]}",
                stored=stored,
                sent=self.digests[index],
            ),
        )

    def _store_uses(self, indexes: list[int]) -> list[tuple[int, UsageEvent]]:
        """Store events of use; give those that are new."""
        refused: dict[int, InvalidUsage] = {}
        taken: list[int] = []
        for index in indexes:
            try:
                self.late[index] = check_event(self.events[index], self.meters)
                taken.append(index)
            except InvalidUsage as error:
                refused[index] = error
        self._refuse(refused)
        return [(self.orders[index], self.events[index]) for index in self._insert(taken)]

    def _refuse(self, refused: Mapping[int, RuleError]) -> None:
        """Reject items, but for those that are stored already: a repeat is always a success."""
        if not refused:
            return
        known = digests_of(self.unit, [event_key(self.events[index]) for index in refused])
        for index, error in refused.items():
            stored = known.get(event_key(self.events[index]))
            if stored is None:
                self.reject(index, error)
            else:
                self._compare(index, stored)

    def _insert(self, indexes: list[int]) -> list[int]:
        """Insert events; give those that are new, and compare the others with what is stored."""
        if not indexes:
            return []
        rows = [(self.orders[i], self.events[i], self.digests[i]) for i in indexes]
        new = insert_events(self.unit, rows)
        if new is None:
            return indexes
        old = [index for index in indexes if self.orders[index] not in new]
        known = digests_of(self.unit, [event_key(self.events[index]) for index in old])
        for index in old:
            stored = known.get(event_key(self.events[index]))
            if stored is None:
                raise StorageUnavailable(_AGAIN, again=True)
            self._compare(index, stored)
        return [index for index in indexes if self.orders[index] in new]

    # --- corrections ---

    def _store_corrections(self, indexes: list[int]) -> list[UsageEvent]:
        """Store corrections; give their targets in every version, before and after."""
        if not indexes:
            return []
        targets = {_target_key(self.events[index]) for index in indexes}
        hold_targets(self.unit, targets)
        known = digests_of(self.unit, [event_key(self.events[index]) for index in indexes])
        found = events_at(self.unit, targets)
        earlier: dict[EventKey, list[UsageEvent]] = {}
        for correction in corrections_of(self.unit, targets):
            earlier.setdefault(_target_key(correction), []).append(correction)
        taken: list[int] = []
        for index in indexes:
            stored = known.get(event_key(self.events[index]))
            if stored is not None:
                self._compare(index, stored)
            elif self._settle(index, found, earlier):
                taken.append(index)
        if len(self._insert(taken)) < len(taken):
            raise StorageUnavailable(_AGAIN, again=True)
        corrected = {_target_key(self.events[index]) for index in taken}
        versions = [found[key] for key in corrected]
        return versions + [
            replace(amendment, kind="use", target=None)
            for key in corrected
            for amendment in earlier[key]
            if amendment.kind == "amend"
        ]

    def _settle(
        self,
        index: int,
        found: Mapping[EventKey, UsageEvent],
        earlier: dict[EventKey, list[UsageEvent]],
    ) -> bool:
        """Hold a correction to its target and the meters; say whether it can be stored."""
        correction = self.events[index]
        key = _target_key(correction)
        before = earlier.setdefault(key, [])
        try:
            if key not in found:
                raise NotFound("event", f"{key[1]}/{key[2]}")
            if any(each.kind == "void" for each in before):
                raise Conflict(f"event {key[2]!r} was voided: it is not there to be corrected")
            correction = settled(correction, found[key])
            self.late[index] = check_correction(correction, found[key], self.meters)
        except RuleError as refused:
            self.reject(index, refused)
            return False
        self.events[index] = correction
        before.append(correction)
        return True


def _target_key(correction: UsageEvent) -> EventKey:
    source, key = correction.target or ("", "")
    return correction.customer, source, key


# --- reading --------------------------------------------------------------------------------------


def read(
    unit: Unit,
    meter: Meter,
    customer: str,
    period: Period,
    *,
    group: Mapping[str, str | None] | None = None,
    group_by: Sequence[str] = (),
    window: Window | None = None,
    as_of: Instant | None = None,
) -> tuple[Figure, ...]:
    """Give a meter's figures for one customer and a half-open period.

    One figure; with `window` one for each hour, day or month of the UTC calendar, the first and
    the last as far as the period goes; with `group_by` one for each group that has any, told apart
    by some of the meter's own `group_by`.  `group` picks groups.  `as_of` looks back: what arrived
    after it is not seen.  Read in a unit of `storage.look()` to see one moment throughout.

    Raises InvalidUsage for a property that the meter is not grouped by, InvalidPeriod.
    """
    back = None if as_of is None else instant(as_of)
    return tuple(
        read_figures(
            unit,
            meter,
            customer,
            period,
            group=group,
            group_by=group_by,
            window=window,
            as_of=back,
        )
    )


def quantity(
    unit: Unit,
    meter: Meter,
    customer: str,
    period: Period,
    *,
    group: Mapping[str, str | None] | None = None,
    as_of: Instant | None = None,
) -> Decimal:
    """Give a meter's quantity for one customer and a half-open period: `read`, in one figure."""
    (figure,) = read(unit, meter, customer, period, group=group, as_of=as_of)
    return figure.quantity


def export(
    unit: Unit, *, customer: str | None = None, period: Period | None = None
) -> Iterator[UsageEvent]:
    """Give the stored events and corrections in the order of arrival, one by one.

    Memory stays small, however many there are.
    """
    return stored_events(unit, customer=customer, period=period)

"""One batch of usage on its way in: what becomes of each of its items, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tallystick.core.event import UsageEvent, digest, parse_event, settled
from tallystick.core.property import properties_text, within_bounds
from tallystick.core.reading import check_correction, check_event
from tallystick.errors import Conflict, InvalidUsage, NotFound, RuleError, StorageUnavailable
from tallystick.storage.meters import hold, hold_targets, kept_meters
from tallystick.storage.usage import (
    EventKey,
    corrections_of,
    digests_of,
    event_key,
    events_at,
)
from tallystick.storage.usage_days import add_usage, days_touched
from tallystick.storage.usage_insert import insert_events, next_orders
from tallystick.storage.usage_tally import tallied
from tallystick.storage.usage_watermark import hold_open

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.storage.meters import KeptMeter
    from tallystick.storage.unit import Unit
    from tallystick.storage.usage_insert import Stored
    from tallystick.storage.usage_tally import Tally

__all__ = ["Late", "Recorded", "Rejection", "Status", "recorded"]

Status: TypeAlias = Literal["accepted", "duplicate", "rejected"]
"""What became of one event: stored now, stored before, or refused."""

_AGAIN: Final = "another transaction took an id of this one at the same moment: try again"
_ZERO: Final = Decimal(0)


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


# --- the door -------------------------------------------------------------------------------------


class _Door:
    """`check_event` for many events: what is plainly right does not go through each meter."""

    def __init__(self, meters: Iterable[Meter]) -> None:
        self.meters: dict[str, list[Meter]] = {}
        for meter in meters:
            self.meters.setdefault(meter.event_type, []).append(meter)
        self.plain = {type_: _plain_values(fed) for type_, fed in self.meters.items()}

    def check(self, event: UsageEvent) -> tuple[str, ...]:
        """Give the meters that leave an event out as late.  Raises InvalidUsage."""
        fed = self.meters.get(event.type)
        if fed is None:
            return ()
        plain = self.plain[event.type]
        if plain is not None and all(_is_plain(event, *each) for each in plain):
            return ()
        return check_event(event, fed)


def _plain_values(meters: Sequence[Meter]) -> list[tuple[str, bool]] | None:
    """Give the properties that must be numbers, and whether each may be missing.

    None where more has to be looked at than that.
    """
    found: dict[str, bool] = {}
    for meter in meters:
        if meter.late == "refuse" or meter.aggregation == "unique":
            return None
        if meter.aggregation != "count":
            optional = meter.aggregation == "sum"
            found[meter.value] = found.get(meter.value, True) and optional
    return list(found.items())


def _is_plain(event: UsageEvent, name: str, optional: bool) -> bool:  # noqa: FBT001 - a pair of a table
    value = event.properties.get(name)
    if type(value) is Decimal:
        return value >= _ZERO and within_bounds(value)
    return value is None and optional


# --- the batch ------------------------------------------------------------------------------------


def recorded(unit: Unit, items: Iterable[object], meters: Iterable[Meter], at: Instant) -> Recorded:
    """Store a batch, as `tallystick.app.usage.record_many` says."""
    batch = _Batch(unit, list(meters), at)
    batch.take(list(items))
    return batch.outcome()


class _Batch:
    """One call of `record_many`: what is known of each of its items by now."""

    def __init__(self, unit: Unit, meters: Sequence[Meter], at: Instant) -> None:
        self.unit, self.meters, self.at = unit, meters, at
        self.statuses: list[Status] = []
        self.errors: dict[int, RuleError] = {}
        self.late: dict[int, tuple[str, ...]] = {}
        self.events: dict[int, UsageEvent] = {}
        self.keys: dict[int, EventKey] = {}
        self.texts: dict[int, str] = {}
        self.digests: dict[int, str] = {}
        self.orders: dict[int, int] = {}
        self.kept: Sequence[KeptMeter] = ()

    def outcome(self) -> Recorded:
        return Recorded(
            tuple(self.statuses),
            tuple(Rejection(index, self.errors[index]) for index in sorted(self.errors)),
            tuple(
                Late(index, self.late[index])
                for index in sorted(self.late)
                if self.statuses[index] == "accepted"
            ),
        )

    def take(self, items: list[object]) -> None:
        self.statuses = ["accepted"] * len(items)
        for index, item in enumerate(items):
            if type(item) is UsageEvent and item.received_at is not None:
                self.events[index] = item
            else:
                self._read(index, item)
        self.keys = {index: event_key(event) for index, event in self.events.items()}
        if not self.events:
            return
        hold(self.unit)
        self.kept = kept_meters(self.unit)
        self._arrive(hold_open(self.unit, held=True))
        left = list(self.events)
        while left:
            left = self._round(left)

    def _arrive(self, closed: Instant | None) -> None:
        """Have nothing arrive before a time that documents were made for, whatever clocks say."""
        if closed is None:
            return
        for index, event in self.events.items():
            if event.received_at is None or event.received_at < closed:
                self.events[index] = replace(event, received_at=closed)

    def _order(self, indexes: list[int]) -> None:
        """Give items the next places in the order of arrival."""
        if indexes:
            orders = next_orders(self.unit, len(indexes))
            self.orders.update(zip(indexes, orders, strict=True))

    def _read(self, index: int, item: object) -> None:
        """Take one item up, or reject it as no event at all."""
        try:
            if isinstance(item, RuleError):
                raise item
            if isinstance(item, UsageEvent):
                self.events[index] = replace(item, received_at=item.received_at or self.at)
            else:
                self.events[index] = parse_event(item, received_at=self.at)
        except RuleError as refused:
            self.reject(index, refused)

    def reject(self, index: int, error: RuleError) -> None:
        self.statuses[index], self.errors[index] = "rejected", error

    def _digest(self, index: int) -> str:
        """Give the digest of what was sent; a correction is settled only afterwards."""
        known = self.digests.get(index)
        if known is None:
            event = self.events[index]
            text = self.texts[index] = properties_text(event.properties)
            known = self.digests[index] = digest(event, text)
        return known

    def _of_index(self, index: int) -> EventKey:
        """Give a key as the index has it, in which events of one time lie side by side."""
        customer, source, key = self.keys[index]
        return source, key, customer

    def _stored(self, index: int) -> Stored:
        """Give what is to be stored of an item."""
        code = self._digest(index)
        return self.orders[index], self.events[index], self.texts[index], code

    # --- one round: items of different keys ---

    def _round(self, indexes: list[int]) -> list[int]:
        """Store items of different keys; give those whose key was only rejected so far."""
        first: dict[EventKey, int] = {}
        repeats = [i for i in indexes if first.setdefault(self.keys[i], i) != i]
        uses = [i for i in first.values() if self.events[i].kind == "use"]
        corrections = [i for i in first.values() if self.events[i].kind != "use"]
        self._order(uses)
        new = self._store_uses(uses)
        touched = self._store_corrections(corrections)
        add_usage(self.unit, self.kept, new, days_touched(self.kept, touched))
        left = []
        for index in repeats:
            before = first[self.keys[index]]
            if self.statuses[before] == "rejected":
                left.append(index)
            else:
                self._compare(index, self._digest(before))
        return left

    def _compare(self, index: int, stored: str) -> None:
        """Tell a repeat from another body under the same key."""
        if stored == self._digest(index):
            self.statuses[index] = "duplicate"
            return
        event = self.events[index]
        self.reject(
            index,
            Conflict(
                f"event {event.id!r} of source {event.source!r} is stored with another body:"
                f" {stored}, not {self._digest(index)}",
                stored=stored,
                sent=self._digest(index),
            ),
        )

    def _store_uses(self, indexes: list[int]) -> Tally:
        """Store events of use; give what those that are new add to the roll-ups."""
        refused: dict[int, RuleError] = {}
        taken: list[int] = []
        door = _Door(self.meters)
        for index in indexes:
            try:
                late = door.check(self.events[index])
            except InvalidUsage as error:
                refused[index] = error
            else:
                taken.append(index)
                if late:
                    self.late[index] = late
        self._refuse(refused)
        guessed: list[Tally] = []  # that all are new, made while the database stores them
        new = self._insert(taken, lambda: guessed.append(self._tally(taken)))
        return guessed[0] if guessed and len(new) == len(taken) else self._tally(new)

    def _tally(self, indexes: list[int]) -> Tally:
        return tallied(self.kept, [(self.orders[i], self.events[i]) for i in indexes])

    def _refuse(self, refused: Mapping[int, RuleError]) -> None:
        """Reject items, but for those that are stored already: a repeat is always a success."""
        if not refused:
            return
        known = digests_of(self.unit, [self.keys[index] for index in refused])
        for index, error in refused.items():
            stored = known.get(self.keys[index])
            if stored is None:
                self.reject(index, error)
            else:
                self._compare(index, stored)

    def _insert(self, indexes: list[int], meanwhile: Callable[[], object] = bool) -> list[int]:
        """Insert events; give those that are new, and compare the others with what is stored."""
        if not indexes:
            return []
        ordered = sorted(indexes, key=self._of_index)  # nobody waits in a circle
        new = insert_events(self.unit, map(self._stored, ordered), len(ordered), meanwhile)
        if new is None:
            return indexes
        old = [index for index in indexes if self.orders[index] not in new]
        known = digests_of(self.unit, [self.keys[index] for index in old])
        for index in old:
            stored = known.get(self.keys[index])
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
        known = digests_of(self.unit, [self.keys[index] for index in indexes])
        found = events_at(self.unit, targets)
        self._order(indexes)  # only now: whatever they correct has its place already
        earlier: dict[EventKey, list[UsageEvent]] = {}
        for correction in corrections_of(self.unit, targets):
            earlier.setdefault(_target_key(correction), []).append(correction)
        taken: list[int] = []
        for index in indexes:
            stored = known.get(self.keys[index])
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
            self._digest(index)
            correction = settled(correction, found[key])
            late = check_correction(correction, found[key], self.meters)
        except RuleError as refused:
            self.reject(index, refused)
            return False
        self.events[index] = correction
        if late:
            self.late[index] = late
        before.append(correction)
        return True


def _target_key(correction: UsageEvent) -> EventKey:
    source, key = correction.target or ("", "")
    return correction.customer, source, key

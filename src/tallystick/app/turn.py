"""A turn at a limit: the gate is held, what is used and reserved is known, an event may be written.

Whoever uses, reserves, commits, releases or sets takes a turn at the gate of that customer and
meter first.  What they then read (the events so far, what others hold) stays so until they have
written their own event, so a limit holds exactly, and all of it can be used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from tallystick.app import usage as using
from tallystick.app.entitlement import Asked, explained, meter_for, on_offer
from tallystick.app.gate_count import counted_of, question_of
from tallystick.app.kept_standings import MOST_LOOKS, changing, looked_up
from tallystick.app.recording_alone import recorded_alone
from tallystick.app.sent import use_tree
from tallystick.core.access import Given, access_to, given_of, whole_number
from tallystick.core.access_denial import denial
from tallystick.core.event import parse_event
from tallystick.core.number import EXACT
from tallystick.core.reading import is_late, reading_of
from tallystick.core.text import refused_at
from tallystick.storage.gate_facts import facts_at
from tallystick.storage.gates import expire_reservations, take_turn
from tallystick.storage.meters import kept_meters
from tallystick.storage.usage import events_at, last_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from tallystick.app.plan_shelf import PlanShelf
    from tallystick.core.access import Counted, Standing
    from tallystick.core.entitlement import Access
    from tallystick.core.event import UsageEvent
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.storage.gate_facts import GateFacts
    from tallystick.storage.meters import KeptMeter
    from tallystick.storage.unit import Unit

__all__ = [
    "CHANGE",
    "GATE_SOURCE",
    "Turn",
    "Wish",
    "decided",
    "fits",
    "is_level",
    "recorded_before",
    "refusal",
    "taken",
    "taken_again",
    "use_event",
    "write_level",
    "write_use",
]

GATE_SOURCE: Final = "gate"
"""The source of the events that uses write; their ids are the idempotency keys."""

CHANGE: Final = "change"
"""The property of a level's event that says by how much it differs from the level before."""

_ADDED: Final = frozenset({"sum", "count"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked at a gate.

    `id` names the use for ever: the same one again counts nothing more.  `at` is when it is used,
    None for now.  `used` is the host's own count, and `plan` the plan where the host keeps it.
    """

    id: str
    customer: str
    feature: str
    quantity: Decimal
    at: Instant | None = None
    used: Decimal | None = None
    plan: str | None = None
    properties: Mapping[str, object] | None = None


class Turn(NamedTuple):
    """A turn at a gate, and what is known in it; `seen` is the limit at the turn before."""

    unit: Unit
    now: Instant
    wish: Wish
    standing: Standing
    given: Given
    meter: Meter
    counted: Counted
    seen: str | None
    shelf: PlanShelf
    facts: GateFacts

    @property
    def at(self) -> Instant:
        """When it is used."""
        return self.now if self.wish.at is None else self.wish.at


def is_level(meter: Meter) -> bool:
    """Whether its last value says what exists now, in one figure."""
    return meter.aggregation == "last" and not meter.group_by


def fits(meter: Meter, wish: Wish) -> None:
    """Refuse a use that its meter could not count as what it is.  Raises InvalidInput."""
    if meter.aggregation not in _ADDED and not is_level(meter):
        text = f"is counted as {meter.aggregation}: record its events, and check"
        raise refused_at("feature", text)
    if meter.aggregation == "count" and wish.quantity != 1:
        raise refused_at("quantity", "counts events: use one at a time")


def taken(unit: Unit, now: Instant, wish: Wish, shelf: PlanShelf) -> Turn | Given:
    """Wait for the turn, and know what is used and held by now.

    What nothing counts has no gate: then it gives what the customer is given of it.
    """

    def chosen(standing: Standing) -> tuple[Given, Meter | None]:
        given = given_of(standing, wish.feature)
        return given, meter_for(given, shelf)

    return _taken(unit, now, wish, shelf, chosen)


def taken_again(
    unit: Unit, now: Instant, wish: Wish, meter_key: str, shelf: PlanShelf
) -> Turn | None:
    """Take a turn for what was let pass at `wish.at` before, whatever the customer has by now.

    None where the meter is not known any more.
    """
    at = now if wish.at is None else wish.at

    def chosen(standing: Standing) -> tuple[Given, Meter | None]:
        given = given_of(standing, wish.feature)
        meter = meter_for(given, shelf)
        begun = given.had is not None and given.had.schedule.start <= at
        if begun and meter is not None and meter.key == meter_key:
            return given, meter
        # The plan has changed since.  What was let pass is used, and counts all the same.
        catalog = on_offer(unit, shelf)
        meter = None if catalog is None else shelf.meters_in(catalog).get(meter_key)
        return Given(key=wish.feature, had=None, reason=standing.without), meter

    turn = _taken(unit, now, wish, shelf, chosen)
    return turn if isinstance(turn, Turn) else None


def _taken(
    unit: Unit,
    now: Instant,
    wish: Wish,
    shelf: PlanShelf,
    chosen: Callable[[Standing], tuple[Given, Meter | None]],
) -> Turn | Given:
    """Take the turn at the gate that is chosen by what the customer has.

    What was remembered of that decides nothing: its version is compared with the one that is read
    together with what is used, at the gate.
    """
    unit.as_customer(wish.customer)
    at = now if wish.at is None else wish.at
    had = looked_up(unit, at, wish.customer, shelf, wish.plan)
    for _ in range(MOST_LOOKS):
        given, meter = chosen(had.standing)
        if meter is not None:
            one = Asked(wish.customer, wish.feature, wish.quantity, wish.used)
            # A level is written when it is known, so it goes on from what there is by then.
            asked = question_of(one, given, meter, now if is_level(meter) else at, now)
            seen = take_turn(unit, wish.customer, meter.key)
            facts = facts_at(unit, asked)
            if facts.version == had.version:
                if facts.expired:
                    expire_reservations(unit, wish.customer, meter.key, now)
                counted = counted_of(unit, asked, facts, one, given)
                return Turn(
                    unit, now, wish, had.standing, given, meter, counted, seen, shelf, facts
                )
        elif had.sure:
            return given
        had = looked_up(unit, at, wish.customer, shelf, wish.plan, sure=True)
    raise changing(wish.customer)


def decided(turn: Turn) -> Access:
    """Answer whether the wish is within the limit."""
    return access_to(turn.given, turn.counted, whole_number(turn.wish.quantity), turn.at)


def refusal(turn: Turn, answer: Access) -> Exception:
    """Make the error of a denied answer, with what would unlock it."""
    standing = replace(turn.standing, catalog=on_offer(turn.unit, turn.shelf))
    return denial(explained(answer, standing, turn.counted, turn.at))


# --- the event ------------------------------------------------------------------------------------


def recorded_before(unit: Unit, wish: Wish) -> UsageEvent | None:
    """Give the event of this very use, where it was recorded before."""
    key = (wish.customer, GATE_SOURCE, wish.id)
    return events_at(unit, {key}).get(key)


def write_use(turn: Turn, quantity: Decimal, at: Instant | None) -> str:
    """Write the event of a use; `duplicate` where it is there.

    Raises Conflict where the id names another use, InvalidUsage, InvalidInput.
    """
    if is_level(turn.meter):
        return write_level(turn, EXACT.add(turn.counted.used, quantity), change=quantity)
    said = dict(turn.wish.properties or {})
    if turn.meter.aggregation != "count":
        said[turn.meter.value] = quantity
    return _write(turn, said, at)


def write_level(turn: Turn, level: Decimal, *, change: Decimal | None = None) -> str:
    """Write what exists now, after whatever was written before it, whatever clocks say."""
    said = {**(turn.wish.properties or {}), turn.meter.value: level}
    if change is not None:
        said[CHANGE] = change
    latest = turn.facts.latest
    if turn.wish.used is not None:  # and so the facts have none
        latest = last_time(turn.unit, turn.wish.customer, turn.meter.event_type)
    return _write(turn, said, turn.now if latest is None else max(turn.now, latest))


def use_event(turn: Turn, said: Mapping[str, object], at: Instant | None) -> UsageEvent:
    """Make an event that this meter counts.  Raises InvalidInput, InvalidUsage."""
    tree = use_tree(
        turn.wish.customer,
        turn.meter.event_type,
        quantity=None,
        id=turn.wish.id,
        source=GATE_SOURCE,
        occurred_at=at,
        properties=said,
    )
    event = parse_event(tree, received_at=turn.now)
    if reading_of(turn.meter, event) is None:
        raise refused_at("properties", f"are none that the meter {turn.meter.key} counts")
    if turn.meter.late == "refuse" and is_late(turn.meter, event):
        raise refused_at("at", f"is too late for the meter {turn.meter.key}: it would not count")
    return event


def _write(turn: Turn, said: Mapping[str, object], at: Instant | None) -> str:
    """Write an event that this meter counts, or none.  Raises InvalidInput."""
    event = use_event(turn, said, at)
    had = turn.given.had
    catalog = None if had is None else had.plan.catalog
    fed = () if catalog is None else turn.shelf.meters_fed(catalog, event.type)
    meters = {**{each.key: each for each in fed}, turn.meter.key: turn.meter}
    if recorded_alone(
        turn.unit, event, meters.values(), _kept(turn, event.type), turn.facts.closed
    ):
        return "accepted"
    return using.record(turn.unit, event, meters, turn.now)  # it is there already, or tells why not


def _kept(turn: Turn, type_: str) -> Sequence[KeptMeter]:
    """Give the meters whose roll-ups are kept, as they are remembered or, after a change, read."""
    number, kept = turn.shelf.kept
    if number != turn.facts.meters:
        found: dict[str, list[KeptMeter]] = {}
        for each in kept_meters(turn.unit):
            found.setdefault(each.meter.event_type, []).append(each)
        kept = found
        if turn.unit.owned:
            turn.shelf.kept = turn.facts.meters, kept
    return kept.get(type_, ())

"""Uses that were let pass while the database was away: as texts on disk, then counted once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tallystick.app import usage as using
from tallystick.app.entitlement import meter_for
from tallystick.app.gate import answer_after
from tallystick.app.kept_standings import looked_up
from tallystick.app.sent import event_text, tree_of_text, use_tree
from tallystick.app.turn import (
    CHANGE,
    GATE_SOURCE,
    Wish,
    decided,
    is_level,
    recorded_before,
    taken_again,
    write_use,
)
from tallystick.core.access import access_to, given_of
from tallystick.core.canonical_json import canonical_json
from tallystick.core.event import parse_event
from tallystick.core.number import plain
from tallystick.core.reading import is_late, reading_of
from tallystick.core.text import refused_at
from tallystick.errors import Conflict, InvalidUsage
from tallystick.storage.outbox import Notice, put_notices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.app.plan_shelf import PlanShelf
    from tallystick.app.turn import Turn
    from tallystick.core.entitlement import Access
    from tallystick.core.event import UsageEvent
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["OFFLINE", "LetPass", "count_offline", "text_of_use", "use_of_text"]

OFFLINE: Final = "use.offline"
"""The kind of a notice that a use was let pass while the database was away."""


class LetPass(NamedTuple):
    """A use that was let pass at `wish.at`; `timed` where its caller named that time."""

    wish: Wish
    timed: bool


def text_of_use(wish: Wish, at: Instant) -> bytes:
    """Write a use, let pass at an instant, as one line that `use_of_text` reads: nothing is lost.

    Raises InvalidUsage for properties that no event can have.
    """
    tree = use_tree(
        wish.customer,
        wish.feature,
        quantity=wish.quantity,
        id=wish.id,
        source=GATE_SOURCE,
        occurred_at=wish.at,
        properties=wish.properties,
    )
    event = event_text(parse_event(tree, received_at=at)).encode()
    return b'{"plan":%s,"event":%s}' % (canonical_json(wish.plan), event)


def use_of_text(text: bytes, received_at: Instant) -> LetPass:
    """Read what `text_of_use` wrote.  Raises InvalidUsage for any other text."""
    try:
        tree: Any = tree_of_text(text)
        plan, told = tree["plan"], tree["event"]
        quantity: Any = told["properties"]["quantity"]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidUsage("the text is no use that was let pass") from error
    event = parse_event(told, received_at=received_at)
    said = {name: value for name, value in event.properties.items() if name != "quantity"}
    wish = Wish(
        id=event.id,
        customer=event.customer,
        feature=event.type,
        quantity=quantity,
        at=event.occurred_at,
        plan=plan,
        properties=said,
    )
    return LetPass(wish, event.timed)


def count_offline(unit: Unit, now: Instant, use: LetPass, shelf: PlanShelf) -> Access:
    """Count a use that was let pass, whatever the limit says now; give what is left.

    It is one event, by the id of the use: the same again counts nothing more.  What its meter
    refuses as too late counts now.  The outbox is told of each, in the same transaction.

    Raises InvalidInput where nothing counts the feature; Conflict where the id names another use.
    """
    wish = use.wish
    unit.as_customer(wish.customer)
    at = now if wish.at is None else wish.at
    had = looked_up(unit, at, wish.customer, shelf, wish.plan, sure=True)
    meter = meter_for(given_of(had.standing, wish.feature), shelf)
    turn = taken_again(unit, now, wish, wish.feature if meter is None else meter.key, shelf)
    if turn is None:
        raise refused_at("feature", f"nothing counts {wish.feature} any more")
    before = recorded_before(unit, wish)
    if before is not None:
        _refuse_other(turn, before)
        return access_to(turn.given, turn.counted, 0, turn.at)
    answer = decided(turn)
    if is_level(turn.meter):
        write_use(turn, wish.quantity, None)
    else:
        _write(turn, timed=use.timed)
    after = answer_after(turn, answer, wish.quantity)
    put_notices(unit, [_notice(turn, after)])
    return after


def _refuse_other(turn: Turn, before: UsageEvent) -> None:
    meter, size = turn.meter, turn.wish.quantity
    said = before.properties.get(CHANGE if is_level(meter) else meter.value)
    if before.type != meter.event_type or (meter.aggregation != "count" and said != size):
        raise Conflict(f"the key {turn.wish.id!r} was used for something else", id=turn.wish.id)


def _write(turn: Turn, *, timed: bool) -> None:
    """Write the event that the use would have been: in its time, or now where that is too late."""
    meter, wish = turn.meter, turn.wish
    said = dict(wish.properties or {})
    if meter.aggregation != "count":
        said[meter.value] = wish.quantity
    event = _event(turn, said, {"occurred_at" if timed else "received_at": wish.at})
    if meter.late == "refuse" and is_late(meter, event):
        event = _event(turn, said, {})
    if reading_of(meter, event) is None:
        raise refused_at("properties", f"are none that the meter {meter.key} counts")
    had = turn.given.had
    catalog = None if had is None else had.plan.catalog
    meters = {} if catalog is None else turn.shelf.meters_in(catalog)
    using.record(turn.unit, event, {**meters, meter.key: meter}, turn.now)


def _event(turn: Turn, said: Mapping[str, object], when: Mapping[str, object]) -> UsageEvent:
    tree = use_tree(
        turn.wish.customer,
        turn.meter.event_type,
        quantity=None,
        id=turn.wish.id,
        source=GATE_SOURCE,
        properties=said,
    )
    return parse_event({**tree, **when}, received_at=turn.now)


def _notice(turn: Turn, after: Access) -> Notice:
    return Notice(
        customer=turn.wish.customer,
        kind=OFFLINE,
        cause=f"{turn.wish.feature}/{turn.wish.id}",
        at=turn.now,
        body={
            "feature": turn.wish.feature,
            "quantity": plain(turn.wish.quantity),
            "used": str(after.used),
            "limit": None if after.limit is None else str(after.limit),
            "over": str(after.overage),
        },
    )

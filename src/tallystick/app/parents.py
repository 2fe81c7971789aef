"""Parents: making a customer pay for another one, ending it, and looking at it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tallystick.app.customer import get_customer
from tallystick.core.given import instant_at
from tallystick.core.parent import Parent
from tallystick.core.period import instant_text, to_the_second
from tallystick.core.text import refused_at
from tallystick.errors import Conflict, NotFound
from tallystick.storage.parents import add_parent, end_parent, hold_family, parents_of

if TYPE_CHECKING:
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["family_of", "remove_parent", "set_parent"]


def set_parent(unit: Unit, at: Instant, child: str, parent: str, from_: object = None) -> Parent:
    """Let a customer pay for another one, from an instant on (None: now).

    What falls due for the child from its next boundary on stands on the parent's document.  Asked
    again, it gives what there is.

    Raises NotFound; InvalidInput for an instant in the past or a customer that is its own parent;
    Conflict where the child has a parent then, pays for others, or the parent has a parent.
    """
    since = _instant(at, from_)
    wanted = Parent(
        customer=get_customer(unit, child).id,
        parent=get_customer(unit, parent).id,
        from_at=since,
    )
    if wanted.customer == wanted.parent:
        raise refused_at("parent", "is the customer itself: it pays for itself anyway")
    unit.as_all()
    hold_family(unit, {wanted.customer, wanted.parent})
    known = parents_of(unit, {wanted.customer, wanted.parent})
    for each in known:
        if not each.outlasts(since):
            continue
        if (each.customer, each.parent) == (wanted.customer, wanted.parent):
            return _same(each, since)
        _refuse(each, wanted)
    if any((each.customer, each.from_at) == (wanted.customer, since) for each in known):
        raise Conflict("a parent was removed at this very second: begin a second later")
    add_parent(unit, wanted)
    return wanted


def _same(kept: Parent, since: Instant) -> Parent:
    """Give what there is already, where it says no less than what is asked for."""
    if kept.until is None and kept.from_at <= since:
        return kept
    until = "" if kept.until is None else f" to {instant_text(kept.until)}"
    raise Conflict(
        f"{kept.parent!r} pays for {kept.customer!r} from {instant_text(kept.from_at)}{until}"
        " already: end that first, or begin when it ends",
        parent=kept.parent,
    )


def _refuse(kept: Parent, wanted: Parent) -> None:
    """Refuse a second parent and a second level."""
    if kept.customer == wanted.customer:
        raise Conflict(
            f"{kept.customer!r} has the parent {kept.parent!r} then: remove that first",
            parent=kept.parent,
        )
    if kept.parent == wanted.customer:
        raise Conflict(
            f"{wanted.customer!r} pays for {kept.customer!r} then, so it can have no parent: a"
            " family has one level",
            child=kept.customer,
        )
    if kept.customer == wanted.parent:
        raise Conflict(
            f"{wanted.parent!r} has the parent {kept.parent!r} then, so it can pay for nobody: a"
            " family has one level",
            parent=kept.parent,
        )


def remove_parent(unit: Unit, at: Instant, child: str, from_: object = None) -> Parent:
    """Let a customer pay for itself again, from an instant on (None: now).

    What falls due from its next boundary on stands on its own documents.  A parent that was to
    begin later never does.  Asked again, it gives what there is.

    Raises NotFound, also where the customer has no parent then; InvalidInput for the past.
    """
    until = _instant(at, from_)
    customer = get_customer(unit, child).id
    unit.as_all()
    hold_family(unit, {customer})
    mine = [each for each in parents_of(unit, {customer}) if each.customer == customer]
    kept = next((each for each in mine if each.outlasts(until) or each.until == until), None)
    if kept is None:
        raise NotFound("parent of customer", customer)
    end = max(until, kept.from_at)
    if kept.until is None or end < kept.until:
        end_parent(unit, kept, end)
        return replace(kept, until=end)
    return kept


def family_of(unit: Unit, named: str) -> tuple[Parent, ...]:
    """Give who pays or paid for a customer, and for whom it pays or paid.  Raises NotFound."""
    customer = get_customer(unit, named).id
    unit.as_all()
    return parents_of(unit, {customer})


def _instant(at: Instant, given: object) -> Instant:
    now = to_the_second(at)
    asked = now if given is None else to_the_second(instant_at(given, "from_"))
    if asked < now:
        raise refused_at("from_", f"lies in the past: {instant_text(asked)}")
    return asked

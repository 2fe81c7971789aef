"""Answers to "may they, now?", one or many: in a few statements, and one look-up for most of them.

What a customer is given of a feature stays the same until their standing changes or a quota starts
again, and so does the answer while nothing is used of it.  Both are remembered; what is used, held
and granted is asked for anew, of all customers at once, and only where there is any is an answer
worked out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tallystick.app.entitlement import explained, meter_for, on_offer
from tallystick.app.gate_count import counted_of, question_of
from tallystick.app.kept_standings import MOST_LOOKS, changing, looked_up, looked_up_all
from tallystick.app.prepared import prepared_for
from tallystick.app.used_now import used_now
from tallystick.core.access import Counted, access_to, given_of
from tallystick.storage.gate_facts import facts_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.app.entitlement import Asked
    from tallystick.app.plan_shelf import PlanShelf
    from tallystick.core.entitlement import Access
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["answers"]

_NOTHING: Final = Counted()


def answers(
    unit: Unit,
    at: Instant,
    now: Instant,
    asked: Sequence[Asked],
    shelf: PlanShelf,
    *,
    plan: str | None = None,
) -> list[Access]:
    """Answer many questions at once, each with what would unlock it where it is denied."""
    if not asked:
        return []
    if len(asked) == 1:
        return [_one(unit, at, now, asked[0], shelf, plan=plan)]
    had = looked_up_all(unit, at, {one.customer for one in asked}, shelf, plan)
    pairs = [(one, prepared_for(had[one.customer], one.feature, at, shelf)) for one in asked]
    counts = used_now(unit, at, now, pairs)
    found = [
        of.unused
        if one.requested == 1 and place not in counts
        else access_to(of.given, counts.get(place, _NOTHING), one.requested, at)
        for place, (one, of) in enumerate(pairs)
    ]
    denied = [place for place, each in enumerate(found) if not each.allowed]
    if denied:
        catalog = on_offer(unit, shelf)
        for place in denied:
            standing = replace(had[asked[place].customer].standing, catalog=catalog)
            counted = counts.get(place, _NOTHING)
            found[place] = explained(found[place], standing, counted, at)
    return found


def _one(
    unit: Unit, at: Instant, now: Instant, one: Asked, shelf: PlanShelf, *, plan: str | None
) -> Access:
    """Answer one question: what is remembered counts if its version is the one that is read."""
    had = looked_up(unit, at, one.customer, shelf, plan)
    for _ in range(MOST_LOOKS):
        given = given_of(had.standing, one.feature)
        meter, counted = meter_for(given, shelf), _NOTHING
        if meter is not None:
            asked = question_of(one, given, meter, at, now)
            facts = facts_at(unit, asked)
            if facts.version == had.version:
                counted = counted_of(unit, asked, facts, one, given)
                break
        elif had.sure:
            break
        had = looked_up(unit, at, one.customer, shelf, plan, sure=True)
    else:
        raise changing(one.customer)
    answer = access_to(given, counted, one.requested, at)
    if answer.allowed:
        return answer
    return explained(answer, replace(had.standing, catalog=on_offer(unit, shelf)), counted, at)

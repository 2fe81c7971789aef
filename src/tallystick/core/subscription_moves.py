"""The moves of a subscription, and time: what each makes of it, and which documents fall due.

A pure fold.  `start` and `apply` take one move up, `advance` lets time pass; each first brings the
subscription to its instant, so that whoever comes late gets what came on time.  At one instant
the order is: what begins, the boundary (usage in arrears, changes and cancellations planned for
the end of the period, fees in advance: one document), changes planned for a date, the end, the
end of a pause.  A move on that very instant comes after all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, get_args

from tallystick.core.calendar import check_zone
from tallystick.core.currency import currency
from tallystick.core.frozen import FrozenDict
from tallystick.core.mirror_flow import begun_mirror, mirror_again
from tallystick.core.move import (
    Billing,
    Cancel,
    Change,
    Keep,
    Lapse,
    Mirror,
    Pause,
    Phase,
    Proration,
    Recover,
    Resume,
    Start,
    Unplan,
)
from tallystick.core.move_rules import ALLOWED, KINDS, check_allowed, check_biller
from tallystick.core.period import instant_text, to_the_second
from tallystick.core.subscription import MAIN, AfterTrial, Item, Planned, Subscription
from tallystick.core.subscription_flow import Flow
from tallystick.core.subscription_items import plan_id, planned_for_date
from tallystick.core.subscription_next import when_next as next_at
from tallystick.core.terms import check_item, item_in, prices_of
from tallystick.errors import Conflict, InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallystick.core.catalog import Plan
    from tallystick.core.charge import Due
    from tallystick.core.move import AddOn, Move, MoveKind
    from tallystick.core.period import Instant
    from tallystick.core.subscription_grants import PlanGrant

__all__ = ["ALLOWED", "KINDS", "Outcome", "advance", "apply", "next_at", "start"]

_MOST_ADD_ONS: Final = 50
_MOST_PLANNED: Final = 100
_LONGEST_TRIAL: Final = 3_650  # days


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a subscription; documents that fell due and credits it got, in order."""

    subscription: Subscription
    dues: tuple[Due, ...] = ()
    grants: tuple[PlanGrant, ...] = ()


def advance(subscription: Subscription, until: Instant, offers: Mapping[str, Plan[Any]]) -> Outcome:
    """Let time pass, up to and with an instant.

    However many boundaries lie between, each is what it would have been on time.  An instant that
    has passed already changes nothing.  Raises UnknownPlan for an offer that is not given.
    """
    flow = Flow(subscription, offers)
    flow.advance(until)
    return Outcome(flow.now, tuple(flow.dues), tuple(flow.grants))


# --- start ----------------------------------------------------------------------------------------


def start(id_: str, move: Start | Mirror, at: Instant, offers: Mapping[str, Plan[Any]]) -> Outcome:
    """Make a subscription: now, in the future, or in the past with all that was due since.

    By a mirror it is what the provider says that bills it.

    Raises InvalidInput with every field that is wrong, UnknownPlan, CurrencyMismatch for a plan
    that is not sold in its currency, InvalidPeriod for an unknown zone.
    """
    at = to_the_second(at)
    if isinstance(move, Mirror):
        flow = begun_mirror(id_, move, at, offers)
        return Outcome(flow.now, (), tuple(flow.grants))
    begins = to_the_second(move.starts_at) if move.starts_at is not None else at
    _check_start(move, at, begins)
    unit = currency(move.currency)
    phases = _phases(move.phases)
    first, planned = _planned(move, phases, offers)
    items = (first, *(item_in(_add_on(each), offers, unit) for each in move.add_ons))
    for item in items:
        check_item(item, offers, unit)
    _check_keys(items)
    made = Subscription(
        id=id_,
        customer=move.customer,
        group=move.group,
        currency=unit,
        zone=None if move.zone is None else check_zone(move.zone),
        items=items,
        moves=1,
        clock=min(at, begins),
        anchor=None if move.anchor is None else to_the_second(move.anchor),
        aligned=move.billing == "calendar",
        begins_at=begins,
        trial_days=move.trial_days,
        after_trial=move.after_trial,
        ends_at=None if move.ends_at is None else to_the_second(move.ends_at),
        planned=planned,
        terms=move.terms,
    )
    flow = Flow(made, offers)
    if move.paid_until is not None:
        flow.paid_elsewhere(to_the_second(move.paid_until))
    flow.advance(at)
    return Outcome(flow.now, tuple(flow.dues), tuple(flow.grants))


def _check_start(move: Start, at: Instant, begins: Instant) -> None:
    bad = _bad_words(move) | _bad_times(move, at, begins)
    if len(move.add_ons) > _MOST_ADD_ONS:
        bad["add_ons"] = [f"has {len(move.add_ons)} entries: {_MOST_ADD_ONS} is the most"]
    if bad:
        told = "; ".join(f"{path} {texts[0]}" for path, texts in bad.items())
        raise InvalidInput(f"a subscription that cannot start: {told}", bad)


def _bad_words(move: Start) -> dict[str, list[str]]:
    bad: dict[str, list[str]] = {}
    days = move.trial_days
    if days is not None and (type(days) is not int or not 1 <= days <= _LONGEST_TRIAL):
        bad["trial_days"] = [f"is a whole number of days from 1 to {_LONGEST_TRIAL:,}"]
    if move.after_trial not in get_args(AfterTrial):
        bad["after_trial"] = [f"is one of {', '.join(get_args(AfterTrial))}"]
    if move.billing not in get_args(Billing):
        bad["billing"] = [f"is one of {', '.join(get_args(Billing))}"]
    return bad


def _bad_times(move: Start, at: Instant, begins: Instant) -> dict[str, list[str]]:
    bad: dict[str, list[str]] = {}
    if move.paid_until is not None and begins > at:
        bad["starts_at"] = ["lies in the future: paid_until is for one that runs elsewhere already"]
    if move.paid_until is not None and move.trial_days is not None:
        bad["paid_until"] = ["and trial_days exclude each other"]
    if move.paid_until is not None and to_the_second(move.paid_until) <= begins:
        bad["paid_until"] = ["must come after the start"]
    if move.ends_at is not None and to_the_second(move.ends_at) <= begins:
        bad["ends_at"] = ["must come after the start"]
    if move.anchor is not None and move.billing == "calendar":
        bad["anchor"] = ["is set by billing='calendar': give one of the two"]
    return bad


def _phases(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """Give the phases with the list as the last one."""
    for place, phase in enumerate(phases):
        path = f"phases[{place}].periods"
        last = place == len(phases) - 1
        if phase.periods is None and not last:
            raise _bad(path, "only the last phase lasts for ever")
        if phase.periods is not None and (type(phase.periods) is not int or phase.periods < 1):
            raise _bad(path, "is a whole number of periods from 1")
    if phases and phases[-1].periods is None:
        return phases
    return (*phases, Phase(periods=None))


def _planned(
    move: Start, phases: tuple[Phase, ...], offers: Mapping[str, Plan[Any]]
) -> tuple[Item, tuple[Planned, ...]]:
    """Turn phases into the first item and the changes that are to come."""
    items = [_in_phase(move, phase, offers) for phase in phases]
    planned = []
    periods = 0
    for before, after, phase in zip(items, items[1:], phases, strict=False):
        check_item(after, offers, currency(move.currency))
        periods += phase.periods or 0
        if after != before:
            offer = None if after.offer == before.offer else after.offer
            change = Change(offer=offer, overrides=after.overrides)
            planned.append(Planned(number=1, change=change, periods=periods))
    return items[0], tuple(planned)


def _in_phase(move: Start, phase: Phase, offers: Mapping[str, Plan[Any]]) -> Item:
    wanted = Item(MAIN, phase.offer or move.offer, move.seats, move.overrides)
    plain = item_in(wanted, offers, currency(move.currency))
    overrides = {price: dict(fields) for price, fields in move.overrides.items()}
    if phase.percent_off is not None:
        for price in prices_of(plain, offers).values():
            if price.basis != "usage":
                overrides.setdefault(price.id, {})["percent_off"] = phase.percent_off
    for price_id, fields in phase.overrides.items():
        overrides.setdefault(price_id, {}).update(fields)
    frozen = FrozenDict({price: FrozenDict(fields) for price, fields in overrides.items()})
    return replace(plain, overrides=frozen)


def _add_on(add_on: AddOn) -> Item:
    return Item(plan_id(add_on.offer), add_on.offer, add_on.seats)


def _check_keys(items: tuple[Item, ...]) -> None:
    keys = [item.key for item in items] + [plan_id(items[0].offer)]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise _bad("add_ons", f"{twice[0]!r} is there already: change its seats instead")


# --- moves ----------------------------------------------------------------------------------------


def apply(
    subscription: Subscription, move: Move, at: Instant, offers: Mapping[str, Plan[Any]]
) -> Outcome:
    """Take a move up at an instant, after everything that time does until then.

    Raises Conflict where its state does not allow the move or it comes before what happened
    already, InvalidInput, NotFound, UnknownPlan.
    """
    at = to_the_second(at)
    if at < subscription.clock:
        raise Conflict(
            f"subscription {subscription.id!r} has been settled up to"
            f" {instant_text(subscription.clock)}: nothing can happen to it before then",
            clock=instant_text(subscription.clock),
        )
    kind = KINDS[type(move)]
    check_biller(subscription, kind)
    flow = Flow(subscription, offers)
    flow.advance(at)
    check_allowed(flow.now, kind)
    number = flow.now.moves + 1
    flow.now = replace(flow.now, moves=number, clock=at)
    _ACTS[kind](flow, move, at, number)
    flow.settle(at)
    return Outcome(flow.now, tuple(flow.dues), tuple(flow.grants))


def _change(flow: Flow, move: Change, at: Instant, number: int) -> None:
    _check_words(move)
    items = _changed_items(flow, move)
    begins = flow.now.begins_at
    if move.at is not None:
        date = to_the_second(move.at)
        if move.timing is None and date <= at:
            raise _bad("at", f"lies not in the future: {instant_text(date)}")
        _plan(flow, planned_for_date(move, number, date, begins))
        return
    timing = move.timing or flow.timing_of(items)
    # who has paid nothing yet can have less at once, unless they ask for another time
    waits = move.timing is not None or flow.now.state not in {"scheduled", "trialing"}
    if timing == "period_end" and flow.has_period:
        _plan(flow, Planned(number=number, change=move, periods=1))
    elif timing == "period_end" and begins is not None and waits:
        _plan(flow, Planned(number=number, change=move, at=begins))
    else:
        flow.exchange(items, at, f"change/{number}", move.proration)


def _check_words(move: Change) -> None:
    if move.timing not in {None, "now", "period_end"}:
        raise _bad("timing", "is now or period_end")
    if move.proration not in {None, *get_args(Proration)}:
        raise _bad("proration", f"is one of {', '.join(get_args(Proration))}")
    if move.at is not None and move.timing == "now":
        raise _bad("timing", "is now, and a date is given: give one of the two")


def _changed_items(flow: Flow, move: Change) -> tuple[Item, ...]:
    items = flow.changed(move)
    for item in items:
        check_item(item, flow.offers, flow.now.currency)
    _check_keys(items)
    if len(items) > _MOST_ADD_ONS + 1:
        raise _bad("add", f"makes {len(items) - 1} add-ons: {_MOST_ADD_ONS} is the most")
    if items == flow.now.items:
        raise Conflict(f"subscription {flow.now.id!r} has just that: nothing would change")
    return items


def _plan(flow: Flow, planned: Planned) -> None:
    if len(flow.now.planned) >= _MOST_PLANNED:
        raise Conflict(f"{_MOST_PLANNED} changes are planned: take some of them back first")
    flow.now = replace(flow.now, planned=(*flow.now.planned, planned))


def _pause(flow: Flow, move: Pause, at: Instant, number: int) -> None:
    resumes = None if move.resumes_at is None else to_the_second(move.resumes_at)
    if resumes is not None and resumes <= at:
        raise _bad("resumes_at", f"lies not in the future: {instant_text(resumes)}")
    if move.mode not in {"keep", "extend"}:
        raise _bad("mode", "is keep or extend")
    flow.pause(at, move.mode, resumes, f"change/{number}")


def _resume(flow: Flow, _move: Resume, at: Instant, number: int) -> None:
    flow.resume(at, f"change/{number}")


def _cancel(flow: Flow, move: Cancel, at: Instant, number: int) -> None:
    now = flow.now
    if move.at is not None:
        date = to_the_second(move.at)
        if date <= at:
            raise _bad("at", f"lies not in the future: {instant_text(date)}")
        flow.now = replace(now, cancel_at=date, cancel_credit=move.credit)
    elif move.timing == "now" or now.state == "scheduled":
        flow.terminate(at, "canceled", f"change/{number}", credit=move.credit)
    elif move.timing == "period_end":
        end = flow.end_of_period()
        if end is None:
            raise Conflict(f"subscription {now.id!r} has no period that ends: cancel it now")
        flow.now = replace(now, cancel_at=end, cancel_credit=move.credit)
    else:
        raise _bad("timing", "is now or period_end")


def _keep(flow: Flow, _move: Keep, _at: Instant, _number: int) -> None:
    if flow.now.cancel_at is None:
        raise Conflict(f"subscription {flow.now.id!r} is not going to be canceled")
    flow.now = replace(flow.now, cancel_at=None, cancel_credit=False)


def _unplan(flow: Flow, move: Unplan, _at: Instant, _number: int) -> None:
    left = tuple(each for each in flow.now.planned if each.number != move.number)
    if len(left) == len(flow.now.planned):
        raise NotFound("planned change", str(move.number))
    flow.now = replace(flow.now, planned=left)


def _lapse(flow: Flow, _move: Lapse, _at: Instant, _number: int) -> None:
    _set_lapsed(flow, lapsed=True)


def _recover(flow: Flow, _move: Recover, _at: Instant, _number: int) -> None:
    _set_lapsed(flow, lapsed=False)


def _set_lapsed(flow: Flow, *, lapsed: bool) -> None:
    """Be past due or no more; in a pause that is noted for when it goes on."""
    if flow.now.state == "paused":
        flow.now = replace(flow.now, lapsed=lapsed)
    else:
        flow.now = replace(flow.now, state="past_due" if lapsed else "active")


_ACTS: Final[Mapping[MoveKind, Callable[[Flow, Any, Instant, int], None]]] = {
    "change": _change,
    "pause": _pause,
    "resume": _resume,
    "cancel": _cancel,
    "keep": _keep,
    "unplan": _unplan,
    "lapse": _lapse,
    "recover": _recover,
    "mirror": mirror_again,
}


def _bad(path: str, text: str) -> InvalidInput:
    return InvalidInput(f"{path} {text}", {path: [text]})

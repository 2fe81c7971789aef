"""The items of a subscription: what a change makes of them, and which prices go on as they were."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tallystick.core.span import MINIMUM
from tallystick.core.subscription import MAIN, Item, Planned
from tallystick.core.terms import cadence_of_price, item_in, item_plan, prices_of
from tallystick.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.catalog import Plan
    from tallystick.core.move import Change
    from tallystick.core.period import Instant
    from tallystick.core.price import Price
    from tallystick.core.subscription import Span

__all__ = ["changed_items", "plan_id", "planned_for_date", "planned_for_end", "same_price"]


def plan_id(offer: str) -> str:
    """Give the id of the plan that a plan version is of: `pro@2` is of `pro`."""
    return offer.rpartition("@")[0] or offer


def changed_items(
    items: tuple[Item, ...],
    change: Change,
    offers: Mapping[str, Plan[Any]],
    *,
    planned: bool = False,
) -> tuple[Item, ...]:
    """Give the items after a change.

    Raises InvalidInput for an add-on to remove that is not there, and for overrides of prices
    that are not there.  One that was `planned` leaves these out: something came between.  Where it
    was planned instead of another plan version than there is by then, nothing changes; one that is
    asked for so raises Conflict.  The currency stays: CurrencyMismatch for a plan that is not sold
    in it.
    """
    main, *others = items
    if change.instead_of not in {None, main.offer}:
        if planned:
            return items
        raise Conflict(f"it is on {main.offer}, not on {change.instead_of}", plan=main.offer)
    offer = main.offer if change.offer is None else change.offer
    overrides = main.overrides if change.overrides is None else change.overrides
    seats = main.seats if change.seats is None else change.seats
    inherited = change.overrides is None and offer != main.offer
    money = item_plan(main, offers).currency
    main = item_in(replace(main, offer=offer, seats=seats, overrides=overrides), offers, money)
    if overrides and (planned or inherited):
        known = prices_of(replace(main, overrides={}), offers)
        main = replace(
            main, overrides={key: each for key, each in overrides.items() if key in known}
        )
    kept = {item.key: item for item in others}
    for key in change.remove:
        if kept.pop(key, None) is None and not planned:
            raise InvalidInput(
                f"there is no add-on {key!r} to remove", {"remove": [f"no add-on {key!r}"]}
            )
    for add_on in change.add:
        key = plan_id(add_on.offer)
        kept[key] = item_in(Item(key, add_on.offer, add_on.seats), offers, money)
    return (main, *kept.values())


def planned_for_date(change: Change, number: int, date: Instant, begins: Instant | None) -> Planned:
    """Plan a change for a date, or for the first end of a period from then on, as it says.

    What `begins` then or later has it from its beginning.
    """
    if change.timing is None:
        return Planned(number=number, change=change, at=date)
    if begins is not None and begins >= date:
        return Planned(number=number, change=change, at=begins)
    return Planned(number=number, change=change, periods=1, since=date)


def planned_for_end(
    planned: tuple[Planned, ...], at: Instant
) -> tuple[tuple[Planned, ...], tuple[Planned, ...]]:
    """Tell the changes that take effect at the end of this period from those that wait on."""
    due = tuple(
        each for each in planned if each.periods == 1 and (each.since is None or each.since <= at)
    )
    waits = (each for each in planned if each not in due)
    return due, tuple(
        each
        if each.periods is None or each.since is not None
        else replace(each, periods=each.periods - 1)
        for each in waits
    )


def same_price(span: Span, items: tuple[Item, ...], offers: Mapping[str, Plan[Any]]) -> Item | None:
    """Give the item that goes on charging a span's price as before; None where none does."""
    after = next((item for item in items if item.key == span.item.key), None)
    if after is None:
        return None
    if span.price == MINIMUM:
        plans = (item_plan(span.item, offers), item_plan(after, offers))
        return after if plans[0].minimum_commitment == plans[1].minimum_commitment else None
    old = prices_of(span.item, offers)[span.price]
    new = prices_of(after, offers).get(span.price)
    if new != old or _cadence(old, span.item, offers) != _cadence(old, after, offers):
        return None
    counts_seats = span.advance and (old.basis == "seats" or span.item.key != MAIN)
    return None if counts_seats and span.item.seats != after.seats else after


def _cadence(price: Price, item: Item, offers: Mapping[str, Plan[Any]]) -> tuple[str, int] | None:
    cadence = cadence_of_price(price, item_plan(item, offers))
    return None if cadence is None else cadence.key

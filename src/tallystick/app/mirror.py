"""Subscriptions that a provider bills, kept as what the provider says of them.

Whoever asked the provider hands over what it said: a webhook, a checkout, an import.  Whatever
order that comes in, however often, what was asked for last is what is held.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tallystick.app.offers import Offers, catalog_of
from tallystick.app.subscription import keep_move
from tallystick.app.subscription_terms import group_of
from tallystick.core.mirror import items_of, mirror_id, newer, origin_of, says_news
from tallystick.core.move import Mirror
from tallystick.core.period import instant, instant_text, to_the_second
from tallystick.core.subscription import LIVE, TERMINAL
from tallystick.core.subscription_moves import apply, start
from tallystick.errors import Conflict, InvalidInput, NotFound
from tallystick.storage import catalogs, customers, mirrors, moves, subscriptions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.core.catalog import Catalog
    from tallystick.core.mirror import Mirrored
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Item, Subscription
    from tallystick.storage.unit import Unit

__all__ = ["mirror_subscription"]


def mirror_subscription(unit: Unit, at: Instant, told: Mirrored) -> Subscription:
    """Keep what a provider said of a subscription that it bills; give the subscription as it is.

    What says nothing new, or was asked for before what is held, changes nothing; nor does anything
    once the subscription is over.

    Raises NotFound for a payer or a price that nobody here has, Conflict where the customer has
    another live subscription in the group (`live` is its id) or it is another currency or customer
    than it was, CurrencyMismatch, InvalidInput; nothing is changed then.
    """
    unit.as_all()
    at = instant(at)
    if told.as_of > at:
        raise InvalidInput(
            f"{told.reference!r} was asked for at {instant_text(told.as_of)}, which is yet to come"
        )
    held = mirrors.find_mirror(unit, origin_of(told))
    if held is None:
        with suppress(_Taken), unit.savepoint():
            return _begun(unit, to_the_second(at), told)
        held = mirrors.find_mirror(unit, origin_of(told))
        assert held is not None  # noqa: S101 - who came first has committed by now
    with unit.savepoint():
        return _again(unit, to_the_second(at), told, held)


class _Taken(Exception):
    """Another has mirrored the same subscription meanwhile."""


def _begun(unit: Unit, at: Instant, told: Mirrored) -> Subscription:
    customer = customers.by_provider(unit, told.payer)
    if customer is None:
        raise NotFound(f"customer whom {told.provider} calls", told.payer)
    if customer.forgotten_at is not None:
        raise Conflict(f"customer {customer.id!r} was forgotten: nothing of it is mirrored")
    offers = Offers(unit)
    items = _items(unit, told, None, offers)
    move = _move(told, customer.id, group_of(offers[items[0].offer]), items)
    outcome = start(mirror_id(move.origin), move, at, offers)
    made = outcome.subscription
    _check_live(unit, made)
    try:
        subscriptions.insert_subscription(unit, made, None, at, told.freshness)
    except Conflict:
        if mirrors.find_mirror(unit, move.origin) is not None:
            raise _Taken from None
        _check_live(unit, made)  # who came first is named
        raise
    if made.trial_end is not None:
        with suppress(Conflict):  # the provider gave it, whatever we would have said
            moves.hold_trial(
                unit, moves.trial_identities(made.customer, ()), made.customer, made.id, at
            )
    return keep_move(unit, outcome, move, at).subscription


def _again(unit: Unit, at: Instant, told: Mirrored, found: Subscription) -> Subscription:
    held = subscriptions.hold_subscription(unit, found.customer, found.id)
    if held.state in TERMINAL or not newer(
        told.freshness, mirrors.freshness_of(unit, held.customer, held.id)
    ):
        return held
    offers = Offers(unit)
    move = _move(told, held.customer, held.group, _items(unit, told, held, offers))
    outcome = apply(held, move, max(at, held.clock), offers)
    mirrors.put_freshness(unit, held.customer, held.id, told.freshness)
    if not outcome.grants and not says_news(held, outcome.subscription):
        return held
    _check_live(unit, outcome.subscription)
    try:
        subscriptions.save_subscriptions(unit, [(outcome.subscription, None)])
    except Conflict:
        _check_live(unit, outcome.subscription)  # who came first is named
        raise
    return keep_move(unit, outcome, move, outcome.subscription.clock).subscription


def _items(
    unit: Unit, told: Mirrored, held: Subscription | None, offers: Offers
) -> tuple[Item, ...]:
    """Look for the plans in what is sold now, then in all that ever was."""
    every = [each.number for each in catalogs.every(unit)]
    try:
        return items_of(told, _catalogs(unit, every[:1]), held, offers)
    except NotFound:
        return items_of(told, _catalogs(unit, every), held, offers)


def _catalogs(unit: Unit, numbers: Iterable[int]) -> list[Catalog[Any, Any]]:
    return [catalog_of(unit, number) for number in numbers]


def _move(told: Mirrored, customer: str, group: str, items: tuple[Item, ...]) -> Mirror:
    return Mirror(
        customer=customer,
        group=group,
        currency=told.currency,
        origin=origin_of(told),
        items=items,
        state=told.state,
        as_of=told.as_of,
        stamp=told.stamp,
        started_at=told.started_at,
        anchor=told.anchor,
        period=told.period,
        trial_end=told.trial_end,
        cancel_at=told.cancel_at,
        ended_at=told.ended_at,
        paused_at=told.paused_at,
        resumes_at=told.resumes_at,
        lapsed=told.lapsed,
    )


def _check_live(unit: Unit, made: Subscription) -> None:
    """Refuse a second live one in the group, and name the first: the index holds it anyway."""
    if made.state not in LIVE or made.origin is None:
        return
    for other in subscriptions.of_customers(unit, [made.customer]).get(made.customer, ()):
        if other.id != made.id and other.group == made.group and other.state in LIVE:
            raise Conflict(
                f"the customer has a live subscription in the group {made.group!r} already"
                f" ({other.id}): cancel {made.origin.reference} at {made.origin.provider} and give"
                " back what was paid for it",
                live=other.id,
                mirrors=None if other.origin is None else other.origin.reference,
                reference=made.origin.reference,
            )

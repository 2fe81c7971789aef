"""Subscriptions: starting one, its moves, what is to come.

Each act is one transaction: the move, what it makes of the subscription, and drafts of the
documents that fall due by it.  A preview is the same act, undone (`tallystick.facade`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.app.customer import get_customer
from tallystick.app.drafting import drafts_of
from tallystick.app.offers import Offers
from tallystick.app.seller import settings_of
from tallystick.core.move import Change, Start
from tallystick.core.page import Page, page_size
from tallystick.core.period import to_the_second
from tallystick.core.subscription_moves import KINDS, apply, next_at, start
from tallystick.core.text import id_at
from tallystick.errors import Conflict, NotFound
from tallystick.storage import catalogs, invoices, moves, subscriptions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.core.move import Move
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Subscription
    from tallystick.core.subscription_moves import Outcome
    from tallystick.storage.unit import Unit

__all__ = [
    "Made",
    "get_subscription",
    "list_subscriptions",
    "make_move",
    "start_subscription",
]


@dataclass(frozen=True, slots=True)
class Made:
    """What an act made: the subscription as it is now, and the ids of documents that fell due."""

    subscription: Subscription
    documents: tuple[str, ...] = ()


def start_subscription(
    unit: Unit,
    at: Instant,
    subscription_id: str,
    move: Start,
    *,
    identities: Iterable[str] = (),
    key: str | None = None,
) -> Made:
    """Put a customer on a plan version.

    A trial is given once to a customer, and to each of the `identities` (a card's fingerprint, a
    domain) that are named.  With an idempotency `key` a repeat gives what the first call made.

    Raises NotFound for the customer; Conflict where the plan is not offered, the group has a live
    subscription, a trial was given already or the key was used for something else; what
    `core.subscription_moves.start` raises.
    """
    at = to_the_second(at)
    customer = get_customer(unit, move.customer)
    known = _repeated(unit, customer.id, key, move)
    if known is not None:
        return known
    if customer.forgotten_at is not None:
        raise Conflict(f"customer {customer.id!r} was forgotten: nothing can be sold to it")
    offers = Offers(unit)
    _check_offered(offers, (move.offer, *(each.offer for each in move.add_ons)))
    outcome = start(id_at(subscription_id, "id"), move, at, offers)
    made = outcome.subscription
    subscriptions.insert_subscription(unit, made, next_at(made), at)
    if move.trial_days is not None:
        names = [f"customer/{customer.id}", *(f"identity/{name}" for name in identities)]
        moves.hold_trial(unit, names, customer.id, made.id, at)
    return _kept(unit, outcome, move, at, key, offers)


def make_move(
    unit: Unit,
    at: Instant,
    subscription_id: str,
    move: Move,
    *,
    customer_id: str | None = None,
    key: str | None = None,
) -> Made:
    """Make a move of a subscription, after all that time brought until then.

    With an idempotency `key` a repeat gives what the first call made.

    Raises NotFound; Conflict where the state does not allow it or the key was used for something
    else; what `core.subscription_moves.apply` raises.
    """
    at = to_the_second(at)
    found = get_subscription(unit, subscription_id, customer_id=customer_id)
    unit.as_customer(found.customer)
    held = subscriptions.hold_subscription(unit, found.customer, found.id)
    known = _repeated(unit, held.customer, key, move)
    if known is not None:
        return known
    offers = Offers(unit)
    if isinstance(move, Change):
        wanted = [each.offer for each in move.add]
        _check_offered(offers, wanted if move.offer is None else [move.offer, *wanted])
        _check_group(offers, held, move)
    outcome = apply(held, move, at, offers)
    made = outcome.subscription
    subscriptions.save_subscriptions(unit, [(made, next_at(made))])
    return _kept(unit, outcome, move, at, key, offers)


def get_subscription(
    unit: Unit, subscription_id: str, *, customer_id: str | None = None
) -> Subscription:
    """Give a subscription.  Raises NotFound."""
    found = subscriptions.find_subscription(unit, str(subscription_id), customer=customer_id)
    if found is None:
        raise NotFound("subscription", str(subscription_id)[:200])
    return found


def list_subscriptions(
    unit: Unit,
    *,
    customer_id: str | None = None,
    limit: int = 20,
    starting_after: str | None = None,
) -> Page[Subscription]:
    """Give subscriptions in the order of their ids, of one customer or of all."""
    size = page_size(limit)
    if customer_id is not None:
        get_customer(unit, customer_id)
    found = subscriptions.list_subscriptions(
        unit, size + 1, starting_after, customer=customer_id
    )
    more = len(found) > size
    return Page(tuple(found[:size]), found[size - 1].id if more else None)


def _kept(
    unit: Unit,
    outcome: Outcome,
    move: Move,
    at: Instant,
    key: str | None,
    offers: Offers,
) -> Made:
    """Keep the move, and the drafts of what fell due."""
    made = outcome.subscription
    record = moves.MoveRecord(
        customer=made.customer,
        subscription=made.id,
        number=made.moves,
        move=move,
        at=at,
        recorded_at=at,
        idempotency_key=key,
    )
    moves.add_moves(unit, [record])
    drafts = drafts_of(made, outcome.dues, settings_of(unit).grace)
    invoices.insert_drafts(unit, drafts)
    catalogs.mark_sold(unit, [item.offer for item in made.items], at)
    return Made(made, tuple(draft.id for draft in drafts))


def _repeated(unit: Unit, customer: str, key: str | None, move: Move) -> Made | None:
    """Give what the first call with this key made; None where there was none."""
    if key is None:
        return None
    before = moves.move_by_key(unit, customer, id_at(key, "idempotency_key"))
    if before is None:
        return None
    if before.digest != moves.move_digest(move):
        raise Conflict(
            f"the idempotency key {key!r} was used for another {KINDS[type(before.move)]}",
            stored=before.digest,
            sent=moves.move_digest(move),
        )
    return Made(get_subscription(unit, before.subscription, customer_id=customer))


def _check_offered(offers: Offers, refs: Iterable[str]) -> None:
    for ref in refs:
        plan = offers[ref]
        if not plan.active:
            raise Conflict(f"plan {plan.ref} is not offered to new customers", plan=plan.ref)


def _check_group(offers: Offers, held: Subscription, move: Change) -> None:
    if move.offer is None:
        return
    plan = offers[move.offer]
    group = None if plan.catalog is None else plan.catalog.product_of(plan).group
    if group is not None and group != held.group:
        raise Conflict(
            f"plan {plan.ref} stands in group {group!r}, the subscription in {held.group!r}: start"
            " one beside it",
            group=held.group,
        )

"""Subscriptions: starting one, its moves, what is to come.

Each act is one transaction: the move, what it makes of the subscription, and drafts of the
documents that fall due by it.  A preview is the same act, undone (`tallystick.facade`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from tallystick.app.coupons import redeem_at_start
from tallystick.app.customer import get_customer
from tallystick.app.drafting import document_id, drafts_of
from tallystick.app.families import place_drafts
from tallystick.app.offers import Offers
from tallystick.app.plan_credits import keep_grants
from tallystick.app.seller import settings_of
from tallystick.core.move import Change, Start
from tallystick.core.page import Page, page_size
from tallystick.core.period import to_the_second
from tallystick.core.property import shown
from tallystick.core.subscription_moves import KINDS, apply, next_at, start
from tallystick.core.text import id_at
from tallystick.errors import Conflict, NotFound
from tallystick.storage import catalogs, moves, subscriptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tallystick.core.move import Move
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Subscription
    from tallystick.core.subscription_moves import Outcome
    from tallystick.storage.moves import MoveRecord
    from tallystick.storage.unit import Unit

__all__ = [
    "Made",
    "MoveMaker",
    "get_subscription",
    "keep_move",
    "list_subscriptions",
    "make_move",
    "start_subscription",
]

MoveMaker: TypeAlias = "Callable[[Unit, Any, Move | None], Move]"
"""What makes a move of what was asked: in a transaction, of the customer or the subscription, and
of the move that the same call made before, if it is repeated."""


@dataclass(frozen=True, slots=True)
class Made:
    """What an act made: the subscription as it is now, and the ids of documents that fell due."""

    subscription: Subscription
    documents: tuple[str, ...] = ()


def start_subscription(
    unit: Unit,
    at: Instant,
    subscription_id: str,
    move: Start | MoveMaker,
    *,
    customer_id: str | None = None,
    identities: Iterable[str] = (),
    key: str | None = None,
) -> Made:
    """Put a customer on a plan version.

    What was due since a start in the past is issued from now on, each with a document of its own.
    The move is given, or made of the customer (`customer_id`) by a function.  A trial is given once
    to a customer, and to each of the `identities` (a card's fingerprint, a domain) that are named.
    With an idempotency `key` a repeat gives what the first call made.

    Raises NotFound for the customer; Conflict where the plan is not offered, the group has a live
    subscription, a trial was given already or the key was used for something else; what
    `core.subscription_moves.start` raises.
    """
    at = to_the_second(at)
    asked = move.customer if isinstance(move, Start) else customer_id
    customer = get_customer(unit, asked)  # type: ignore[arg-type]  # what is no text is refused
    names = tuple(id_at(name, "identities") for name in identities)

    def act() -> Made:
        before = _before(unit, customer.id, key)
        known = None if before is None else before.move
        wanted = move if isinstance(move, Start) else move(unit, customer, known)
        assert isinstance(wanted, Start)  # noqa: S101 - what makes it says so
        if before is not None:
            return _repeated(unit, before, wanted)
        if customer.forgotten_at is not None:
            raise Conflict(f"customer {customer.id!r} was forgotten: nothing can be sold to it")
        return _started(unit, at, id_at(subscription_id, "id"), wanted, names, key)

    try:
        with unit.savepoint():
            return act()
    except Conflict:
        if key is None:
            raise
        return act()  # who came first with this key has committed by now


def _started(  # noqa: PLR0917 - what a start is made of
    unit: Unit, at: Instant, id_: str, move: Start, identities: Iterable[str], key: str | None
) -> Made:
    offers = Offers(unit)
    _check_offered(offers, (move.offer, *(each.offer for each in move.add_ons)))
    outcome = start(id_, move, at, offers)
    made = outcome.subscription
    subscriptions.insert_subscription(unit, made, next_at(made), at)
    if move.trial_days is not None:
        names = moves.trial_identities(made.customer, identities)
        moves.hold_trial(unit, names, made.customer, made.id, at)
    redeem_at_start(unit, at, made, move.coupons)
    return keep_move(unit, outcome, move, at, key)


def make_move(
    unit: Unit,
    at: Instant,
    subscription_id: str,
    move: Move | MoveMaker,
    *,
    customer_id: str | None = None,
    key: str | None = None,
) -> Made:
    """Make a move of a subscription, after all that time brought until then.

    The move is given, or made of the subscription by a function.  With an idempotency `key` a
    repeat gives what the first call made.

    Raises NotFound; Conflict where the state does not allow it or the key was used for something
    else; what `core.subscription_moves.apply` raises.
    """
    at = to_the_second(at)
    found = get_subscription(unit, subscription_id, customer_id=customer_id)
    unit.as_customer(found.customer)
    held = subscriptions.hold_subscription(unit, found.customer, found.id)
    before = _before(unit, held.customer, key)
    known = None if before is None else before.move
    wanted = move(unit, held, known) if callable(move) else move
    if before is not None:
        return _repeated(unit, before, wanted)
    offers = Offers(unit)
    if isinstance(wanted, Change):
        new = [each.offer for each in wanted.add]
        _check_offered(offers, new if wanted.offer is None else [wanted.offer, *new])
        _check_group(offers, held, wanted)
    outcome = apply(held, wanted, at, offers)
    made = outcome.subscription
    subscriptions.save_subscriptions(unit, [(made, next_at(made))])
    return keep_move(unit, outcome, wanted, at, key)


def get_subscription(
    unit: Unit, subscription_id: str, *, customer_id: str | None = None
) -> Subscription:
    """Give a subscription.  Raises NotFound."""
    key = subscription_id if isinstance(subscription_id, str) else ""
    owner = None if customer_id is None else id_at(customer_id, "customer")
    found = subscriptions.find_subscription(unit, key, customer=owner) if key else None
    if found is None:
        raise NotFound("subscription", key[:200] or shown(subscription_id))
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
    after = None if starting_after is None else id_at(starting_after, "starting_after")
    if customer_id is not None:
        get_customer(unit, customer_id)
    found = subscriptions.list_subscriptions(unit, size + 1, after, customer=customer_id)
    more = len(found) > size
    return Page(tuple(found[:size]), found[size - 1].id if more else None)


def keep_move(
    unit: Unit, outcome: Outcome, move: Move, at: Instant, key: str | None = None
) -> Made:
    """Keep the move that made a subscription what it is now, and the drafts of what fell due."""
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
    told = at if isinstance(move, Start) else None
    drafts = drafts_of(made, outcome.dues, settings_of(unit).grace, told=told)
    place_drafts(unit, drafts)
    keep_grants(unit, outcome.grants)
    catalogs.mark_sold(unit, [item.offer for item in made.items], at)
    return Made(made, tuple(draft.id for draft in drafts))


def _before(unit: Unit, customer: str, key: str | None) -> MoveRecord | None:
    """Give the move that the first call with this key made; None where there was none."""
    if key is None:
        return None
    return moves.move_by_key(unit, customer, id_at(key, "idempotency_key"))


def _repeated(unit: Unit, before: MoveRecord, move: Move) -> Made:
    """Give what the first call made: the moves up to that one make it again."""
    if before.digest != moves.move_digest(move):
        raise Conflict(
            f"the idempotency key {before.idempotency_key!r} was used for another"
            f" {KINDS[type(before.move)]}",
            stored=before.digest,
            sent=moves.move_digest(move),
        )
    offers = Offers(unit)
    outcome: Outcome | None = None
    for record in moves.moves_of(unit, before.customer, before.subscription)[: before.number]:
        if isinstance(record.move, Start):
            outcome = start(before.subscription, record.move, record.at, offers)
        elif outcome is not None:
            outcome = apply(outcome.subscription, record.move, record.at, offers)
    if outcome is None:
        raise NotFound("subscription", before.subscription)
    causes = (due.cause for due in outcome.dues)
    return Made(
        outcome.subscription, tuple(document_id(before.customer, cause) for cause in causes)
    )


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

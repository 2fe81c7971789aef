"""Dunning as it stands: what is told of an unpaid invoice, and how it ends when it is paid.

The steps themselves are `tallystick.app.dunning_run`.  Whoever holds a ladder has locked its
invoice before, and a subscription comes last.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, get_args

from tallystick.app.customer import get_customer
from tallystick.app.offers import Offers
from tallystick.app.stopped import FAULTS
from tallystick.app.subscription import make_move
from tallystick.core.dunning import recovered
from tallystick.core.frozen import FrozenDict
from tallystick.core.move import Recover
from tallystick.core.page import Page, page_size
from tallystick.core.period import instant_text, to_the_second
from tallystick.core.property import shown
from tallystick.core.subscription_moves import ALLOWED, KINDS, advance
from tallystick.core.text import id_at, refused_at
from tallystick.errors import NotFound, StorageUnavailable
from tallystick.storage import invoices
from tallystick.storage.dunning import (
    Climb,
    ClimbState,
    climb_of,
    climbs,
    hold_climbs,
    put_climb,
)
from tallystick.storage.outbox import Notice, notices, put_notices
from tallystick.storage.subscriptions import hold_subscription

if TYPE_CHECKING:
    from tallystick.core.dunning import DunningAct
    from tallystick.core.move import Move
    from tallystick.core.period import Instant
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = [
    "Climb",
    "get_climb",
    "list_climbs",
    "list_notices",
    "move_if_allowed",
    "settle",
    "tell",
]

_OPEN: Final[frozenset[ClimbState]] = frozenset({"waiting", "retrying", "final"})


# --- finding --------------------------------------------------------------------------------------


def get_climb(unit: Unit, named: object) -> Climb:
    """Give how an unpaid invoice stands, by its id or its number.  Raises NotFound."""
    key = str(named)[:200] if isinstance(named, str) else ""
    found = invoices.find_invoice(unit, key) or invoices.invoice_by_number(unit, key)
    climb = None
    if found is not None:
        climb = climb_of(unit, found.invoice.customer, found.invoice.id)
    if climb is None:
        raise NotFound("invoice that was not paid in time", key or shown(named))
    return climb


def list_climbs(
    unit: Unit,
    *,
    customer: str | None = None,
    state: object = None,
    limit: int = 20,
    starting_after: str | None = None,
) -> Page[Climb]:
    """Give unpaid invoices on their ladders, in the order of their ids.

    Without a state, all but those that recovered.  Raises InvalidInput, NotFound for the customer.
    """
    size = page_size(limit)
    if customer is not None:
        get_customer(unit, customer)
    if state is not None and state not in get_args(ClimbState):
        text = f"is one of {', '.join(get_args(ClimbState))}, not {shown(state)}"
        raise refused_at("state", text)
    wanted: Any = _OPEN if state is None else {state}
    after = None if starting_after is None else id_at(starting_after, "starting_after")
    found = climbs(unit, size + 1, after, customer=customer, states=wanted)
    return Page(found[:size], found[size - 1].invoice if len(found) > size else None)


def list_notices(
    unit: Unit, *, customer: str | None = None, after: int = 0, limit: int = 20
) -> tuple[Notice, ...]:
    """Give what is to be told, in the order in which it came into the outbox, after a position.

    Raises InvalidInput, NotFound for the customer.
    """
    size = page_size(limit)
    if customer is not None:
        get_customer(unit, customer)
    if type(after) is not int or not 0 <= after < 2**63:
        raise refused_at("after", f"is a position in the outbox, not {shown(after)}")
    return notices(unit, size, after, customer=customer)


# --- what is done ---------------------------------------------------------------------------------


def settle(unit: Unit, at: Instant, document: Document) -> None:
    """End the dunning of an invoice that is held and of which nothing is to be paid any more.

    Its subscription is active again, unless another invoice of it is overdue still.  That it was
    paid is told, but not of one that was voided.
    """
    invoice = document.invoice
    key = (invoice.customer, invoice.id)
    climb = hold_climbs(unit, [key]).get(key)
    if climb is None or climb.state == "recovered":
        return
    act = recovered(climb.ladder, climb.attempts, at)
    put_climb(unit, replace(climb, state="recovered", access="full", next_at=None))
    if act is None:
        return
    if document.status == "paid":
        tell(unit, document, act, to_the_second(at))
    if climb.subscription is not None and not _others(unit, climb):
        move_if_allowed(unit, at, climb, Recover())


def _others(unit: Unit, climb: Climb) -> bool:
    """Whether another invoice of the subscription is on its ladder, with a step done at least."""
    found = climbs(
        unit, 10**6, customer=climb.customer, subscription=climb.subscription, states=_OPEN
    )
    return any(each.invoice != climb.invoice and each.attempts for each in found)


def tell(unit: Unit, document: Document, act: DunningAct, at: Instant) -> None:
    """Put the notice of a step into the outbox, if it has one, with what a letter needs."""
    if act.notice is None:
        return
    invoice = document.invoice
    body = {
        "invoice": invoice.id,
        "number": invoice.number,
        "subscription": invoice.subscription,
        "step": act.number,
        "access": act.access,
        "end": act.end,
        "left": document.left,
        "currency": invoice.currency.code,
        "due_at": None if invoice.due_at is None else instant_text(invoice.due_at),
    }
    notice = Notice(
        customer=invoice.customer,
        kind=act.notice,
        cause=f"dunning/{invoice.id}/{act.number}",
        at=at,
        body=FrozenDict(body),
    )
    put_notices(unit, [notice])


def move_if_allowed(unit: Unit, at: Instant, climb: Climb, move: Move) -> bool:
    """Make a move of the subscription where its state allows it, and never before what it did.

    What keeps a subscription from going on (it is set aside) keeps nobody from paying.
    """
    if climb.subscription is None:
        return False
    held = hold_subscription(unit, climb.customer, climb.subscription)
    when = max(to_the_second(at), held.clock)
    try:
        now = advance(held, when, Offers(unit)).subscription
        if KINDS[type(move)] not in ALLOWED[now.state]:
            return False
        with unit.savepoint():
            make_move(unit, when, held.id, move, customer_id=climb.customer)
    except StorageUnavailable:
        raise
    except FAULTS:
        return False
    return True

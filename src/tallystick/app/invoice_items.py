"""One-off items: something billed once, on its customer's next document or on one of its own.

An item of a subscription that has ended has a document of its own where no other takes it along.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tallystick.app.customer import get_customer
from tallystick.app.drafting import document_id
from tallystick.app.families import place_drafts
from tallystick.app.refold import BY_MOVES
from tallystick.app.subscription import get_subscription
from tallystick.core.charge import Due
from tallystick.core.given import amount_at
from tallystick.core.number import quantity_of
from tallystick.core.period import to_the_second
from tallystick.core.property import shown
from tallystick.core.text import id_at, refused_at, text_at
from tallystick.errors import Conflict, CurrencyMismatch
from tallystick.storage import invoice_items
from tallystick.storage.aside import pass_over
from tallystick.storage.invoice_items import InvoiceItem
from tallystick.storage.invoice_rows import Draft
from tallystick.storage.subscriptions import find_subscriptions

if TYPE_CHECKING:
    from tallystick.core.currency import Currency
    from tallystick.core.customer import Customer
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Subscription
    from tallystick.storage.unit import Unit

__all__ = ["AskedItem", "add_item", "draft_left_items"]

_LONGEST_WORDS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedItem:
    """A one-off item as it was asked for."""

    description: object
    amount: object
    quantity: object = 1
    subscription: object = None
    now: object = False
    key: str | None = None


def add_item(
    unit: Unit, at: Instant, customer_id: str, item_id: str, asked: AskedItem
) -> InvoiceItem:
    """Add a one-off item: `amount` is for all of the quantity, and below zero gives something.

    It waits for the next document of its subscription, or of the customer in its currency; with
    `now`, or where its subscription has ended, it has a document of its own, which the next run
    issues.  A repeat with the same key gives the first item.

    Raises NotFound; InvalidInput; CurrencyMismatch; Conflict where the customer was forgotten or
    the key was used for something else.
    """
    at = to_the_second(at)
    customer = get_customer(unit, customer_id)
    subscription = _subscription(unit, customer, asked.subscription)
    item = InvoiceItem(
        customer=customer.id,
        id=item_id,
        subscription=None if subscription is None else subscription.id,
        description=text_at(asked.description, "description", _LONGEST_WORDS),
        quantity=quantity_of(asked.quantity),
        amount=amount_at(asked.amount, "amount", _currency(customer, subscription)),
        at=at,
        idempotency_key=None if asked.key is None else id_at(asked.key, "idempotency_key"),
    )
    _check(customer, item, asked.now)
    known = _known(unit, item)
    if known is not None:
        return known
    if customer.forgotten_at is not None:
        raise Conflict(f"customer {customer.id!r} was forgotten: nothing can be sold to it")
    invoice_items.add_item(unit, item)
    if asked.now:
        place_drafts(unit, [_own_document(item, subscription, item.at)])
    return item


def draft_left_items(unit: Unit, until: Instant) -> int:
    """Make drafts for items that were left behind by the end of their subscription.

    Dated when the item was added, or the subscription ended if that came later.  Gives how many.
    """
    found = invoice_items.left_items(unit, BY_MOVES)
    keys = {(item.customer, item.subscription or "") for item in found}
    ended = find_subscriptions(unit, keys, unread=pass_over)
    drafts = []
    for item in found:
        subscription = ended.get((item.customer, item.subscription or ""))
        if subscription is not None and subscription.ended_at is not None:
            at = max(item.at, subscription.ended_at)
            drafts += [_own_document(item, subscription, at)] if at <= until else []
    return len(place_drafts(unit, drafts))


def _subscription(unit: Unit, customer: Customer, named: object) -> Subscription | None:
    """Give the subscription that is named; another customer's is not found."""
    if named is None:
        return None
    found = get_subscription(unit, id_at(named, "subscription"), customer_id=customer.id)
    if found.origin is not None:
        raise Conflict(
            f"{found.origin.provider} bills subscription {found.id!r}: charge it there, or the"
            " customer without a subscription"
        )
    return found


def _currency(customer: Customer, subscription: Subscription | None) -> Currency | None:
    return customer.currency if subscription is None else subscription.currency


def _check(customer: Customer, item: InvoiceItem, now: object) -> None:
    if not isinstance(now, bool):
        raise refused_at("now", f"is True or False, not {shown(now)}")
    if not item.amount.minor:
        raise refused_at("amount", "is nothing: an item costs something, or gives something")
    if customer.currency not in {None, item.amount.currency}:
        text = f"is in {item.amount.currency}, the customer pays {customer.currency}"
        raise CurrencyMismatch(f"amount {text}", {"amount": [text]})


def _known(unit: Unit, item: InvoiceItem) -> InvoiceItem | None:
    """Give the item that the key made.  Raises Conflict where it was another one."""
    if item.idempotency_key is None:
        return None
    before = invoice_items.item_by_key(unit, item.customer, item.idempotency_key)
    if before is None:
        return None
    same: dict[str, Any] = {"id": before.id, "at": before.at, "invoice": before.invoice}
    if replace(item, **same) != before:
        raise Conflict(
            f"the idempotency key {item.idempotency_key!r} was used for another item",
            item=before.id,
        )
    return before


def _own_document(item: InvoiceItem, subscription: Subscription | None, at: Instant) -> Draft:
    due = Due(cause=f"item/{item.id}", at=at, charges=())
    return Draft(
        customer=item.customer,
        id=document_id(item.customer, due.cause),
        subscription_id=item.subscription,
        due=due,
        currency=item.amount.currency,
        finalize_at=at,
        **({} if subscription is None else {"terms": subscription.terms}),
    )

"""One-off items as rows: each waits for a document, and stands on one document only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, exists, insert, literal, or_, select
from sqlalchemy.exc import IntegrityError

from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.core.subscription import TERMINAL
from tallystick.errors import Conflict
from tallystick.storage.batches import rows_of, update_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from decimal import Decimal

    from sqlalchemy import RowMapping

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = [
    "InvoiceItem",
    "add_item",
    "find_items",
    "item_by_key",
    "items_of",
    "left_items",
    "put_on_invoice",
    "waiting_items",
]

_BILLED: Final = (("customer_id", "text"), ("id", "text"), ("invoice_id", "text"))
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceItem:
    """Something that is billed once: `amount` is for all of the quantity."""

    customer: str
    id: str
    subscription: str | None = None
    description: str
    quantity: Decimal
    amount: Money
    at: Instant
    idempotency_key: str | None = None
    invoice: str | None = None


def add_item(unit: Unit, item: InvoiceItem) -> None:
    """Store an item.  Raises Conflict where its id or the customer's key was used before."""
    row = {
        "customer_id": item.customer,
        "id": item.id,
        "subscription_id": item.subscription,
        "description": item.description,
        "quantity": item.quantity,
        "amount": item.amount.minor,
        "currency": item.amount.currency.code,
        "at": item.at,
        "idempotency_key": item.idempotency_key,
        "invoice_id": item.invoice,
    }
    try:
        with unit.savepoint():
            unit.connection.execute(insert(unit.tables.invoice_items).values(row))
    except IntegrityError as refused:
        if "UNIQUE" not in str(refused.orig).upper():
            raise
        raise Conflict("the item was added before: its id or key was used") from None


def waiting_items(unit: Unit, customers: Collection[str]) -> tuple[InvoiceItem, ...]:
    """Give the items of customers that stand on no document, by customer and id."""
    table = unit.tables.invoice_items
    names, found = sorted(set(customers)), list[InvoiceItem]()
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        query = select(table).where(table.c.customer_id.in_(some), table.c.invoice_id.is_(None))
        rows = unit.connection.execute(query.order_by(table.c.customer_id, table.c.id))
        found += map(_item, rows.mappings())
    return tuple(found)


def left_items(unit: Unit, kinds: Collection[str]) -> tuple[InvoiceItem, ...]:
    """Give the items that wait for a subscription which has ended, and for no draft of it.

    `kinds` are the first words of causes of the drafts that would take them along.
    """
    items, c = unit.tables.invoice_items, unit.tables.invoices.c
    s = unit.tables.subscriptions.c
    mine = (c.customer_id == items.c.customer_id, c.subscription_id == items.c.subscription_id)
    of_moves = or_(*(c.cause.startswith(f"{kind}/") for kind in sorted(kinds)))
    takes = exists().where(*mine, c.status == "draft", c.at >= items.c.at, of_moves)
    own = exists().where(
        c.customer_id == items.c.customer_id, c.cause == literal("item/").concat(items.c.id)
    )
    of = and_(s.customer_id == items.c.customer_id, s.id == items.c.subscription_id)
    query = (
        select(items)
        .join(unit.tables.subscriptions, of)
        .where(items.c.invoice_id.is_(None), s.state.in_(sorted(TERMINAL)), ~takes, ~own)
        .order_by(items.c.customer_id, items.c.id)
    )
    return tuple(map(_item, unit.connection.execute(query).mappings()))


def items_of(unit: Unit, customer: str, invoice: str) -> tuple[InvoiceItem, ...]:
    """Give the items that stand on a document, by id."""
    table = unit.tables.invoice_items
    query = select(table).where(table.c.customer_id == customer, table.c.invoice_id == invoice)
    return tuple(map(_item, unit.connection.execute(query.order_by(table.c.id)).mappings()))


def find_items(unit: Unit, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], InvoiceItem]:
    """Give items by customer and id, those that there are."""
    found = map(_item, rows_of(unit, unit.tables.invoice_items, ("customer_id", "id"), keys))
    return {(item.customer, item.id): item for item in found}


def item_by_key(unit: Unit, customer: str, idempotency_key: str) -> InvoiceItem | None:
    """Give the item that a customer's key made, or None."""
    table = unit.tables.invoice_items
    names = ("customer_id", "idempotency_key")
    found = next(rows_of(unit, table, names, [(customer, idempotency_key)]), None)
    return None if found is None else _item(found)


def put_on_invoice(unit: Unit, items: Sequence[tuple[str, str, str]]) -> None:
    """Put items on documents: customer, item and document.

    Raises Conflict, and nothing is to be committed then, where one stands on a document already.
    """
    where = "d.customer_id = {customer_id} AND d.id = {id} AND d.invoice_id IS NULL"
    changes = {"invoice_id": "{invoice_id}"}
    table = unit.tables.invoice_items
    if update_rows(unit, table, _BILLED, items, changes, where) != len(items):
        raise Conflict("an item stands on a document already")


def _item(row: RowMapping) -> InvoiceItem:
    return InvoiceItem(
        customer=row["customer_id"],
        id=row["id"],
        subscription=row["subscription_id"],
        description=row["description"],
        quantity=row["quantity"],
        amount=Money(row["amount"], currency(row["currency"])),
        at=row["at"],
        idempotency_key=row["idempotency_key"],
        invoice=row["invoice_id"],
    )

"""What becomes of a document after it was issued: paid, given back, void, uncollectible.

The database holds the rules: statuses that only go forward, never more paid than is due, never more
refunded than was paid, never more given back than was invoiced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, case, literal, update
from sqlalchemy.exc import IntegrityError

from tallystick.errors import Conflict, InvalidInput, NotFound
from tallystick.storage.invoice_rows import document_of
from tallystick.storage.invoices import find_invoice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement

    from tallystick.storage.invoice_rows import Document, DocumentStatus
    from tallystick.storage.unit import Unit

__all__ = ["add_credited", "add_paid", "add_refunded", "charge_back", "set_status", "take_refunded"]

_OWING: Final = ("open", "uncollectible")


def set_status(unit: Unit, customer: str, id_: str, status: DocumentStatus) -> Document:
    """Void an open document, or call it uncollectible; what is paid becomes so by `add_paid`.

    Raises NotFound; Conflict where a document that stands as it does cannot go there.
    """
    table = unit.tables.invoices
    asked = update(table).where(table.c.customer_id == customer, table.c.id == id_)
    try:
        with unit.savepoint():
            query = asked.values(status=status).returning(*table.c)
            row = unit.connection.execute(query).mappings().first()
    except IntegrityError:
        found = find_invoice(unit, id_, customer=customer)
        now = "" if found is None else f", it is {found.status}"
        raise Conflict(f"the document {id_!r} cannot become {status}{now}", id=id_) from None
    if row is None:
        raise NotFound("invoice", id_)
    return document_of(row)


def add_paid(unit: Unit, customer: str, id_: str, minor: int) -> Document:
    """Note a payment; a document of which nothing is left becomes paid.

    Raises NotFound; Conflict where less is left to be paid.
    """
    c = unit.tables.invoices.c
    return _settle(unit, (customer, id_), {"paid": minor}, c.status.in_(_OWING))


def add_credited(unit: Unit, customer: str, id_: str, *, lowered: int, given: int) -> Document:
    """Note that a credit note gives so much back, of which so much lowers what is due.

    Raises NotFound; Conflict where less is due, or less was invoiced and not given back yet.
    """
    c = unit.tables.invoices.c
    where = c.status.in_((*_OWING, "paid")) & (c.noted + literal(given) <= c.total)
    return _settle(unit, (customer, id_), {"credited": lowered, "noted": given}, where)


def add_refunded(unit: Unit, customer: str, id_: str, minor: int) -> Document:
    """Note a refund.  Raises NotFound; Conflict where less was paid and not refunded yet."""
    c = unit.tables.invoices.c
    where = c.refunded + literal(minor) <= c.paid
    return _settle(unit, (customer, id_), {"refunded": minor}, where)


def take_refunded(unit: Unit, customer: str, id_: str, minor: int) -> Document:
    """Note that a refund did not arrive.  Raises NotFound; Conflict where less was refunded."""
    c = unit.tables.invoices.c
    values = {"refunded": c.refunded - literal(minor)}
    return _took_back(unit, (customer, id_), minor, values, c.refunded >= literal(minor))


def charge_back(unit: Unit, customer: str, id_: str, minor: int) -> Document:
    """Note that a payment was taken back by its payer: what is left is uncollectible.

    Raises NotFound; Conflict where less was paid and not refunded.
    """
    c = unit.tables.invoices.c
    values = {"paid": c.paid - literal(minor), "status": "uncollectible"}
    where = c.status.in_((*_OWING, "paid")) & (c.paid - c.refunded >= literal(minor))
    return _took_back(unit, (customer, id_), minor, values, where)


def _took_back(
    unit: Unit,
    key: tuple[str, str],
    minor: int,
    values: Mapping[str, Any],
    where: ColumnElement[bool],
) -> Document:
    """Take from what happened since, where there is so much in the row at that moment."""
    if minor <= 0:
        raise InvalidInput("the amount is to be more than nothing")
    table = unit.tables.invoices
    c = table.c
    asked = update(table).where(c.customer_id == key[0], c.id == key[1], c.kind == "invoice", where)
    row = unit.connection.execute(asked.values(values).returning(*c)).mappings().first()
    if row is not None:
        return document_of(row)
    found = find_invoice(unit, key[1], customer=key[0])
    if found is None:
        raise NotFound("invoice", key[1])
    raise Conflict(
        f"of the document {key[1]!r}, which is {found.status}, {found.paid} minor units are paid"
        f" and {found.refunded} refunded: {minor} is more than can be taken back",
        id=key[1],
    )


def _settle(
    unit: Unit, key: tuple[str, str], more: Mapping[str, int], where: ColumnElement[bool]
) -> Document:
    """Add to what happened since, where the rules hold in the row as it is at that moment."""
    if any(minor < 0 for minor in more.values()) or not any(more.values()):
        raise InvalidInput("the amount is to be more than nothing")
    table = unit.tables.invoices
    c = table.c
    settled = c.paid + c.credited + literal(more.get("paid", 0) + more.get("credited", 0))
    asked = update(table).where(c.customer_id == key[0], c.id == key[1], c.kind == "invoice")
    values: dict[str, Any] = {name: c[name] + literal(minor) for name, minor in more.items()}
    paid = and_(c.status.in_(_OWING), settled == c.amount_due)
    values["status"] = case((paid, "paid"), else_=c.status)
    query = asked.where(where, settled <= c.amount_due).values(values).returning(*c)
    row = unit.connection.execute(query).mappings().first()
    if row is not None:
        return document_of(row)
    found = find_invoice(unit, key[1], customer=key[0])
    if found is None:
        raise NotFound("invoice", key[1])
    raise Conflict(
        f"the document {key[1]!r} is {found.status}, with {found.left} minor units left to be "
        f"paid, {found.paid} paid, {found.refunded} refunded and {found.noted} given back: that "
        "amount is more than can be",
        id=key[1],
    )

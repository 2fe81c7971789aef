"""Payments and refunds as rows, only ever added to.

What they do to a document is in `storage.invoice_settlement`, in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, RowMapping

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["Payment", "PaymentKind", "add_payment", "payment_by_key", "payments_of"]

PaymentKind: TypeAlias = Literal["payment", "refund", "refund_failed", "chargeback"]
"""Whether money came or went back.

`refund_failed` is a refund that did not arrive: its money is here again.  A `chargeback` is a
payment that its payer took back through the bank.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money that came for a document, or went back: by which way, and what it is called there."""

    customer: str
    id: str
    invoice: str
    kind: PaymentKind = "payment"
    amount: Money
    at: Instant
    method: str
    reference: str | None = None
    idempotency_key: str | None = None


def add_payment(unit: Unit, payment: Payment) -> None:
    """Store a payment or a refund.

    Raises InvalidInput where it is nothing or less; Conflict where its id or the customer's key
    was used before.
    """
    if payment.amount.minor <= 0:
        raise InvalidInput("a payment is more than nothing")
    row = {
        "customer_id": payment.customer,
        "id": payment.id,
        "invoice_id": payment.invoice,
        "kind": payment.kind,
        "amount": payment.amount.minor,
        "currency": payment.amount.currency.code,
        "at": payment.at,
        "method": payment.method,
        "reference": payment.reference,
        "idempotency_key": payment.idempotency_key,
    }
    try:
        with unit.savepoint():
            unit.connection.execute(insert(unit.tables.payments).values(row))
    except IntegrityError as refused:
        if "UNIQUE" not in str(refused.orig).upper():
            raise
        raise Conflict("the payment was recorded before: its id or key was used") from None


def payments_of(unit: Unit, customer: str, invoice: str | None = None) -> tuple[Payment, ...]:
    """Give a customer's payments and refunds, or those for one document, the first first."""
    c = unit.tables.payments.c
    return _found(unit, *([] if invoice is None else [c.invoice_id == invoice]), customer=customer)


def payment_by_key(unit: Unit, customer: str, idempotency_key: str) -> Payment | None:
    """Give what a customer's key recorded, or None."""
    c = unit.tables.payments.c
    found = _found(unit, c.idempotency_key == idempotency_key, customer=customer)
    return next(iter(found), None)


def _found(unit: Unit, *where: ColumnElement[bool], customer: str) -> tuple[Payment, ...]:
    table = unit.tables.payments
    query = select(table).where(table.c.customer_id == customer, *where)
    rows: Any = unit.connection.execute(query.order_by(table.c.at, table.c.id)).mappings()
    return tuple(map(_payment, rows))


def _payment(row: RowMapping) -> Payment:
    return Payment(
        customer=row["customer_id"],
        id=row["id"],
        invoice=row["invoice_id"],
        kind=cast("PaymentKind", row["kind"]),
        amount=Money(row["amount"], currency(row["currency"])),
        at=row["at"],
        method=row["method"],
        reference=row["reference"],
        idempotency_key=row["idempotency_key"],
    )

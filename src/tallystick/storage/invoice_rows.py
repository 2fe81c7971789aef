"""Documents between a row and a value: a draft, one that is issued, and one as it is kept."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from tallystick.core.charge import Due, in_turn
from tallystick.core.currency import currency
from tallystick.core.invoice import Invoice, InvoiceStatus
from tallystick.core.money import Money
from tallystick.core.subscription import Terms
from tallystick.core.trees import body_of, bytes_of, value_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.currency import Currency
    from tallystick.core.period import Instant

__all__ = [
    "Document",
    "DocumentStatus",
    "Draft",
    "Issued",
    "document_of",
    "draft_of",
    "draft_row",
    "invoice_row",
    "sealed",
]

DocumentStatus: TypeAlias = Literal["draft", "open", "paid", "void", "uncollectible", "empty"]
"""How a row stands; `empty` is a draft of which no line had an amount, so it never was one."""

_SUMS = ("subtotal", "discount", "credit", "tax", "total", "balance", "amount_due")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A document to come, as the moves of a subscription or an item ask for it."""

    customer: str
    id: str
    subscription_id: str | None = None
    due: Due
    currency: Currency
    finalize_at: Instant
    terms: Terms = field(default_factory=Terms)

    @property
    def cause(self) -> str:
        """What it is for; a customer has one document for it."""
        return self.due.cause

    @property
    def turn(self) -> tuple[Any, ...]:
        """Where it stands in the order in which documents of a customer are issued."""
        return self.finalize_at, *in_turn(self.due.at, self.cause)

    def __hash__(self) -> int:
        """Hash by id."""
        return hash(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A document that gets its number: `sealed` makes one.

    `number` is its place in the series, `invoice.number` the text that is printed.  `body` are the
    bytes that `digest` covers, as text; `chain` covers all that were issued in the series so far.
    """

    invoice: Invoice
    series: str
    number: int
    body: str
    digest: str
    chain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document as it is kept, and what happened to it since.

    `invoice` has its present status, and its lines once it is issued; a draft has neither lines nor
    sums yet.  In minor units: `paid` so far, `refunded` of that; `noted` is what credit notes gave
    back of it, `credited` what of that lowered the amount that is due (the rest went to the
    customer's balance).
    """

    invoice: Invoice
    status: DocumentStatus
    due: Due
    series: str | None
    number: int | None
    digest: str | None
    chain: str | None
    paid: int
    credited: int
    noted: int
    refunded: int
    set_aside: str | None

    @property
    def left(self) -> int:
        """What is still to be paid, in minor units."""
        owed = self.status in {"open", "uncollectible"}
        return self.invoice.amount_due.minor - self.paid - self.credited if owed else 0

    @property
    def turn(self) -> tuple[Any, ...]:
        """Where it stands in the order in which documents of a customer are issued."""
        return self.invoice.finalize_at, *in_turn(self.invoice.at, self.invoice.cause)

    def __hash__(self) -> int:
        """Hash by id."""
        return hash(self.invoice.id)


def sealed(invoice: Invoice, series: str, number: int, previous: str) -> Issued:
    """Close a finalised document: hash it, and chain it to the `previous` one of its series."""
    body = body_of(invoice)
    digest = hashlib.sha256(body).hexdigest()
    chain = hashlib.sha256((previous + digest).encode()).hexdigest()
    return Issued(
        invoice=invoice,
        series=series,
        number=number,
        body=body.decode(),
        digest=digest,
        chain=chain,
    )


# --- to rows --------------------------------------------------------------------------------------


def draft_row(draft: Draft) -> dict[str, Any]:
    """Write a draft as its row; the sums are nothing yet."""
    terms = draft.terms
    return {
        "customer_id": draft.customer,
        "id": draft.id,
        "subscription_id": draft.subscription_id,
        "kind": "invoice",
        "status": "draft",
        "cause": draft.cause,
        "currency": draft.currency.code,
        "at": draft.due.at,
        "finalize_at": draft.finalize_at,
        "watermark": draft.finalize_at,
        "due": bytes_of(draft.due).decode(),
        **dict.fromkeys((*_SUMS, "paid", "credited", "noted", "refunded"), 0),
        "net_days": terms.net_days,
        "memo": terms.memo,
        "po_number": terms.po_number,
    }


def invoice_row(issued: Issued) -> dict[str, Any]:
    """Write what changes in a draft's row where it is issued."""
    invoice = issued.invoice
    return {
        "customer_id": invoice.customer,
        "id": invoice.id,
        "kind": invoice.kind,
        "status": invoice.status,
        "issued_at": invoice.issued_at,
        "due_at": invoice.due_at,
        "series": issued.series,
        "number": issued.number,
        "number_text": invoice.number,
        "body": issued.body,
        "digest": issued.digest,
        "chain": issued.chain,
        **{name: getattr(invoice, name).minor for name in _SUMS},
        "credits_id": invoice.credits,
        "net_days": invoice.terms.net_days,
        "memo": invoice.terms.memo,
        "po_number": invoice.terms.po_number,
    }


# --- from rows ------------------------------------------------------------------------------------


def draft_of(row: Mapping[Any, Any]) -> Draft:
    """Read a draft."""
    return Draft(
        customer=row["customer_id"],
        id=row["id"],
        subscription_id=row["subscription_id"],
        due=value_of(Due, json.loads(row["due"])),
        currency=currency(row["currency"]),
        finalize_at=row["finalize_at"],
        terms=_terms(row),
    )


def document_of(row: Mapping[Any, Any]) -> Document:
    """Read a document."""
    status = cast("DocumentStatus", row["status"])
    return Document(
        invoice=_issued(row) if row["body"] is not None else _not_issued(row),
        status=status,
        due=value_of(Due, json.loads(row["due"])),
        series=row["series"],
        number=row["number"],
        digest=row["digest"],
        chain=row["chain"],
        paid=row["paid"],
        credited=row["credited"],
        noted=row["noted"],
        refunded=row["refunded"],
        set_aside=row["set_aside"],
    )


def _issued(row: Mapping[Any, Any]) -> Invoice:
    invoice = value_of(Invoice, json.loads(row["body"]))
    return replace(invoice, status=cast("InvoiceStatus", row["status"]))


def _not_issued(row: Mapping[Any, Any]) -> Invoice:
    code = currency(row["currency"])
    sums: dict[str, Any] = {name: Money(row[name], code) for name in _SUMS}
    return Invoice(
        id=row["id"],
        customer=row["customer_id"],
        cause=row["cause"],
        subscription=row["subscription_id"],
        currency=code,
        at=row["at"],
        finalize_at=row["finalize_at"],
        watermark=row["watermark"],
        terms=_terms(row),
        **sums,
    )


def _terms(row: Mapping[Any, Any]) -> Terms:
    return Terms(net_days=row["net_days"], po_number=row["po_number"], memo=row["memo"])

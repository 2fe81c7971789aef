"""Documents: finding them, and what a person does with them once they are issued.

Each act is one transaction in which the document's row is locked, so that two acts at once never
give or take more than there is.  What credit notes do is in `tallystick.app.invoice_credit`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, get_args

from tallystick.app.credit_burning import restore_grants
from tallystick.app.customer import get_customer
from tallystick.app.dunning import settle
from tallystick.app.issuing import drafted
from tallystick.core.given import paid_amount_at
from tallystick.core.invoice import InvoiceStatus
from tallystick.core.money import Money
from tallystick.core.page import Page, page_size
from tallystick.core.period import to_the_second
from tallystick.core.property import shown
from tallystick.core.settlement import lost, paid, voided
from tallystick.core.text import id_at, refused_at, text_at
from tallystick.errors import Conflict, NotFound
from tallystick.storage import (
    balances,
    draft_words,
    invoice_settlement,
    invoices,
    journal,
    payments,
)
from tallystick.storage.invoice_rows import Draft
from tallystick.storage.payments import Payment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.invoice import Invoice
    from tallystick.core.period import Instant
    from tallystick.core.settlement import Transfer
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.payments import PaymentKind
    from tallystick.storage.unit import Unit

__all__ = [
    "Way",
    "balance_of",
    "call_uncollectible",
    "change_draft",
    "draft_from",
    "get_document",
    "hold_document",
    "known_payment",
    "list_documents",
    "pay_invoice",
    "payments_for",
    "post",
    "shown_invoice",
    "void_invoice",
]

_LONGEST_WORDS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How money came or went: under which id and key, by which method, what it is called there."""

    id: str
    method: object = "manual"
    reference: object = None
    key: str | None = None


# --- finding --------------------------------------------------------------------------------------


def get_document(unit: Unit, named: object) -> Document:
    """Give a document by its id or by its number.  Raises NotFound."""
    key = str(named)[:200] if isinstance(named, str) else ""
    found = invoices.find_invoice(unit, key) or invoices.invoice_by_number(unit, key)
    if found is None:
        raise NotFound("invoice", key or shown(named))
    return found


def list_documents(
    unit: Unit,
    *,
    customer: str | None = None,
    subscription: str | None = None,
    status: object = None,
    limit: int = 20,
    starting_after: str | None = None,
) -> Page[Document]:
    """Give documents in the order of their ids: of one customer or subscription, or of all.

    Raises InvalidInput, NotFound for the customer.
    """
    size = page_size(limit)
    if customer is not None:
        get_customer(unit, customer)
    if status is not None and status not in get_args(InvoiceStatus):
        text = f"is one of {', '.join(get_args(InvoiceStatus))}, not {shown(status)}"
        raise refused_at("status", text)
    wanted: Any = None if status is None else {status}
    found = invoices.list_invoices(
        unit,
        size + 1,
        None if starting_after is None else id_at(starting_after, "starting_after"),
        customer=customer,
        subscription=None if subscription is None else id_at(subscription, "subscription"),
        statuses=wanted,
    )
    return Page(found[:size], found[size - 1].invoice.id if len(found) > size else None)


def draft_from(document: Document) -> Draft:
    """Give a draft that was found as what is issued."""
    invoice = document.invoice
    return Draft(
        customer=invoice.customer,
        id=invoice.id,
        subscription_id=invoice.subscription,
        due=document.due,
        currency=invoice.currency,
        finalize_at=invoice.finalize_at,
        terms=invoice.terms,
    )


def shown_invoice(unit: Unit, named: object, at: Instant) -> Invoice:
    """Give a document as a person is shown it; a draft is reckoned as it stands.  NotFound."""
    found = get_document(unit, named)
    if found.status != "draft":
        corrects = found.invoice.credits
        of = None if corrects is None else invoices.find_invoice(unit, corrects)
        return found.invoice if of is None else replace(found.invoice, credits=of.invoice.number)
    draft = draft_from(found)
    return drafted(unit, draft, min(draft.finalize_at, to_the_second(at)))


def payments_for(unit: Unit, named: object) -> tuple[Payment, ...]:
    """Give the payments and refunds of a document, the first first.  Raises NotFound."""
    found = get_document(unit, named)
    return payments.payments_of(unit, found.invoice.customer, found.invoice.id)


def balance_of(unit: Unit, customer: str) -> tuple[Money, ...]:
    """Give what a customer has to its credit, in each currency.  Raises NotFound."""
    return balances.balance_of(unit, get_customer(unit, customer).id)


# --- what is done with one ------------------------------------------------------------------------


def change_draft(unit: Unit, named: object, changes: dict[str, object]) -> Document:
    """Change the note or the purchase order on a draft; None takes one away.

    Raises NotFound; InvalidInput; Conflict where it was issued already.
    """
    found = get_document(unit, named)
    for name in changes.keys() - {"memo", "po_number"}:
        raise refused_at(name, "cannot be changed: memo and po_number can")
    read = {
        name: None if value is None else text_at(value, name, most)
        for name, most in (("memo", _LONGEST_WORDS), ("po_number", 200))
        if (value := changes.get(name, Ellipsis)) is not Ellipsis
    }
    if not read:
        return found
    if not draft_words.put_words(unit, found.invoice.customer, found.invoice.id, read):
        raise Conflict(f"the document {_name(found)} is {_now(unit, found)}: only a draft changes")
    return get_document(unit, found.invoice.id)


def pay_invoice(unit: Unit, at: Instant, named: object, amount: object, way: Way) -> Document:
    """Record money that came for an invoice: all that is left where `amount` is None.

    A repeat with the same key records nothing new.

    Raises NotFound; CurrencyMismatch, InvalidInput; Conflict where less is left to be paid, the
    document is none that is paid, or the key was used for something else.
    """
    held = hold_document(unit, named)
    if known_payment(unit, held, "payment", amount, way.key) is not None:
        return held
    _owing(held, "paid")
    invoice = held.invoice
    left = Money(held.left, invoice.currency)
    asked = left if amount is None else paid_amount_at(amount, "amount", invoice.currency)
    if asked > left:
        raise Conflict(
            f"{asked} is more than the {left} that are left to be paid on {_name(held)}",
            left=left.minor,
        )
    done = invoice_settlement.add_paid(unit, invoice.customer, invoice.id, asked.minor)
    record_payment(unit, at, held, "payment", asked, way)
    post(unit, at, invoice, f"payment/{way.id}", paid(asked, written_off=_written_off(held)))
    if done.status == "paid":
        settle(unit, at, done)
    return done


def void_invoice(unit: Unit, at: Instant, named: object) -> Document:
    """Take back an open invoice of which nothing was paid or given back.

    What the customer's balance paid of it goes back there.  Raises NotFound, Conflict.
    """
    found = get_document(unit, named)
    balances.hold(unit, [(found.invoice.customer, found.invoice.currency.code)])
    held = hold_document(unit, named)
    invoice = held.invoice
    if held.status != "open" or invoice.kind != "invoice":
        raise Conflict(f"the document {_name(held)} is {_state(held)}: an open invoice is voided")
    if held.paid or held.noted:
        raise Conflict(
            f"something of {_name(held)} was paid or given back: write a credit note instead"
        )
    done = invoice_settlement.set_status(unit, invoice.customer, invoice.id, "void")
    post(unit, at, invoice, f"void/{invoice.id}", voided(invoice))
    if invoice.from_balance.minor:
        balances.add(unit, [(invoice.customer, invoice.from_balance)])
    restore_grants(unit, invoice, at)
    settle(unit, at, done)
    return done


def call_uncollectible(unit: Unit, at: Instant, named: object) -> Document:
    """Write off what is left of an open invoice; it can still be paid later.

    Raises NotFound, Conflict.
    """
    held = hold_document(unit, named)
    invoice = held.invoice
    if held.status != "open" or invoice.kind != "invoice":
        raise Conflict(
            f"the document {_name(held)} is {_state(held)}: an open invoice is written off"
        )
    done = invoice_settlement.set_status(unit, invoice.customer, invoice.id, "uncollectible")
    left = Money(held.left, invoice.currency)
    post(unit, at, invoice, f"uncollectible/{invoice.id}", lost(left))
    return done


# --- shared with credit notes ---------------------------------------------------------------------


def hold_document(unit: Unit, named: object) -> Document:
    """Give a document, locked until the transaction ends.  Raises NotFound."""
    found = get_document(unit, named).invoice
    key = (found.customer, found.id)
    return invoices.hold_invoices(unit, [key])[key]


def known_payment(
    unit: Unit, held: Document, kind: str, amount: object, key: str | None
) -> Payment | None:
    """Give what was recorded with the key already; None where nothing was.

    Raises Conflict where the key was used for something else.
    """
    if key is None:
        return None
    before = payments.payment_by_key(unit, held.invoice.customer, id_at(key, "idempotency_key"))
    if before is None:
        return None
    same = before.kind == kind and before.invoice == held.invoice.id
    if amount is not None and same:
        same = paid_amount_at(amount, "amount", held.invoice.currency) == before.amount
    if not same:
        raise Conflict(
            f"the idempotency key {key!r} was used for another {before.kind}",
            payment=before.id,
            invoice=before.invoice,
        )
    return before


def record_payment(  # noqa: PLR0917 - what a payment is made of
    unit: Unit, at: Instant, held: Document, kind: PaymentKind, amount: Money, way: Way
) -> None:
    """Store a payment, a refund, or that one of them came to nothing.

    Raises Conflict where its id or key was used before.
    """
    payments.add_payment(
        unit,
        Payment(
            customer=held.invoice.customer,
            id=way.id,
            invoice=held.invoice.id,
            kind=kind,
            amount=amount,
            at=to_the_second(at),
            method=text_at(way.method, "method"),
            reference=None if way.reference is None else text_at(way.reference, "reference"),
            idempotency_key=way.key,
        ),
    )


def post(
    unit: Unit, at: Instant, invoice: Invoice, cause: str, transfers: Sequence[Transfer]
) -> None:
    """Post what an act means for the books."""
    entry = journal.Entry(
        customer=invoice.customer,
        at=to_the_second(at),
        cause=cause,
        debit="",
        credit="",
        amount=invoice.total,
    )
    entries = [
        replace(entry, debit=each.debit, credit=each.credit, amount=each.amount)
        for each in transfers
    ]
    if entries:
        journal.post(unit, entries)


def _owing(held: Document, what: str) -> None:
    if held.invoice.kind != "invoice" or held.status not in {"open", "uncollectible"}:
        raise Conflict(f"the document {_name(held)} is {_state(held)}: it cannot be {what}")


def _written_off(held: Document) -> bool:
    return held.status == "uncollectible"


def _name(document: Document) -> str:
    return repr(document.invoice.number or document.invoice.id)


def _state(document: Document) -> str:
    if document.invoice.kind == "credit_note" and document.status != "draft":
        return "a credit note"
    return f"a {document.status}" if document.status == "draft" else document.status


def _now(unit: Unit, document: Document) -> str:
    found = invoices.find_invoice(unit, document.invoice.id)
    return "gone" if found is None else found.status

"""`tally.invoices`: what is asked for, what was paid of it, what was given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tallystick.app import invoice as documents
from tallystick.app.customer import get_customer
from tallystick.app.foresight import next_invoice
from tallystick.app.invoice import Way
from tallystick.app.invoice_credit import (
    Asked,
    credit_invoice,
    creditable,
    line_amounts,
    refund_invoice,
)
from tallystick.app.invoice_items import AskedItem, add_item
from tallystick.core.money import Money
from tallystick.errors import Conflict
from tallystick.facade.proofs import Proofs
from tallystick.facade.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from decimal import Decimal

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.core.invoice import Invoice, InvoiceStatus
    from tallystick.core.page import Page
    from tallystick.core.period import Instant
    from tallystick.storage.invoice_items import InvoiceItem
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.payments import Payment
    from tallystick.storage.unit import Unit
    from tallystick.wiring import Tallystick

__all__ = ["Invoices"]

R = TypeVar("R")


class Invoices(Proofs, Runs):
    """The documents of one ledger.

    A document is named by its id or its number.  An amount is a Money, or a text in major units of
    the document's currency (`"12.50"`).  Every call but `run` takes the host's `connection`, in
    whose transaction it then works.  With an `idempotency_key` a repeat gives what the first call
    made and does nothing.
    """

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        self._tally = tally

    # --- reading ------------------------------------------------------------------------------

    def get(self, id: str, *, connection: Connection | Session | None = None) -> Document:  # noqa: A002 - the field's word
        """Give a document: `.invoice`, and what happened to it since.  Raises NotFound."""
        return self._read(lambda unit, _: documents.get_document(unit, id), connection)

    def list(
        self,
        *,
        customer: str | None = None,
        subscription: str | None = None,
        status: InvoiceStatus | None = None,
        limit: int = 20,
        starting_after: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Page[Document]:
        """Give a page of documents in the order of their ids: 1 to 100 of them.

        Raises InvalidInput, NotFound for the customer.
        """
        return self._read(
            lambda unit, _: documents.list_documents(
                unit,
                customer=customer,
                subscription=subscription,
                status=status,
                limit=limit,
                starting_after=starting_after,
            ),
            connection,
        )

    def payments(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        connection: Connection | Session | None = None,
    ) -> tuple[Payment, ...]:
        """Give the payments and refunds of a document, the first first.  Raises NotFound."""
        return self._read(lambda unit, _: documents.payments_for(unit, id), connection)

    def creditable(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        connection: Connection | Session | None = None,
    ) -> tuple[Money, ...]:
        """Give what can still be given back of each line of an invoice.  Raises NotFound."""

        def look(unit: Unit, _: Instant) -> tuple[Money, ...]:
            found = documents.get_document(unit, id)
            unit_ = found.invoice.currency
            return tuple(Money(minor, unit_) for minor in creditable(unit, found))

        return self._read(look, connection)

    def balance(
        self, customer: str, *, connection: Connection | Session | None = None
    ) -> tuple[Money, ...]:
        """Give what a customer has to its credit, in each currency.  Raises NotFound."""
        return self._read(lambda unit, _: documents.balance_of(unit, customer), connection)

    def preview(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Invoice:
        """Give the next document of a subscription, or a draft by its id, as it stands now.

        Raises NotFound; Conflict where no document is to come.
        """
        return self._read(lambda unit, at: next_invoice(unit, at, id), connection, at)

    def text(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        locale: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> str:
        """Write a document as plain text, in its buyer's language and time zone.

        A draft is written as it stands now.  Raises NotFound; MissingExtra.
        """
        from tallystick.documents.invoice_text import invoice_text  # noqa: PLC0415 - an extra

        invoice, zone = self._shown(id, at, connection)
        return invoice_text(invoice, locale=locale, zone=zone)

    def html(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        locale: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> str:
        """Write a document as one HTML file that can be printed.  Raises NotFound; MissingExtra."""
        from tallystick.documents.invoice_html import invoice_html  # noqa: PLC0415 - an extra

        invoice, zone = self._shown(id, at, connection)
        return invoice_html(invoice, locale=locale, zone=zone)

    # --- before it is issued ------------------------------------------------------------------

    def add_item(  # noqa: PLR0913 - each of these is one fact of an item
        self,
        customer: str,
        description: str,
        amount: Money | str,
        *,
        quantity: Decimal | int | str = 1,
        subscription: str | None = None,
        now: bool = False,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> InvoiceItem:
        """Bill something once; `amount` is for all of it, and below zero gives something.

        It stands on the next document of the subscription, or of the customer in that currency;
        with `now` on one of its own, which the next run issues.

        Raises NotFound; InvalidInput, CurrencyMismatch; Conflict.
        """
        asked = AskedItem(
            description=description,
            amount=amount,
            quantity=quantity,
            subscription=subscription,
            now=now,
            key=idempotency_key,
        )
        item_id = self._tally.ids.new("itm")
        return self._keyed(
            lambda unit, at: add_item(unit, at, customer, item_id, asked),
            idempotency_key,
            at,
            connection,
        )

    def update_draft(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        connection: Connection | Session | None = None,
        **changes: str | None,
    ) -> Document:
        """Change `memo` or `po_number` of a draft, what is named; None takes it away.

        Raises NotFound; InvalidInput; Conflict where it was issued already.
        """
        given: dict[str, Any] = dict(changes)
        return self._tally.act(
            lambda unit, _: documents.change_draft(unit, id, given),
            connection=connection,
            repeatable=True,
        )

    # --- money ----------------------------------------------------------------------------------

    def pay(
        self,
        id: str,  # noqa: A002 - the field's word
        amount: Money | str | None = None,
        *,
        method: str = "manual",
        reference: str | None = None,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Document:
        """Record money that came for an invoice: a part of it, or all that is left.

        Raises NotFound; CurrencyMismatch, InvalidInput; Conflict where less is left to be paid.
        """
        way = self._way("pay", method, reference, idempotency_key)
        return self._keyed(
            lambda unit, at: documents.pay_invoice(unit, at, id, amount, way),
            idempotency_key,
            at,
            connection,
        )

    def refund(
        self,
        id: str,  # noqa: A002 - the field's word
        amount: Money | str,
        *,
        reason: str | None = None,
        method: str = "manual",
        reference: str | None = None,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Document:
        """Record money that went back, never more than was paid.

        What credit notes did not give back of the invoice before gets a credit note now.

        Raises NotFound; CurrencyMismatch, InvalidInput; Conflict.
        """
        way = self._way("ref", method, reference, idempotency_key)
        return self._keyed(
            lambda unit, at: refund_invoice(unit, at, id, amount, way, reason),
            idempotency_key,
            at,
            connection,
        )

    def credit(  # noqa: PLR0913 - each of these is one fact of a credit note
        self,
        id: str,  # noqa: A002 - the field's word
        amount: Money | str | None = None,
        *,
        lines: Iterable[tuple[int, Money | str]] | Mapping[int, Money | str] | None = None,
        reason: str | None = None,
        refund: bool = False,
        method: str = "manual",
        reference: str | None = None,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Document:
        """Write a credit note: of `lines` (position and amount), an amount, or all that is left.

        It lowers what is due first.  The rest goes to the customer's balance, or with `refund` what
        of it was paid is paid out.  Gives the note.

        Raises NotFound; CurrencyMismatch, InvalidInput; Conflict where less was invoiced and not
        given back yet, of the invoice or of a line.
        """
        asked = Asked(
            lines=None if lines is None else line_amounts(lines),
            amount=amount,
            reason=reason,
            key=idempotency_key,
        )
        way = self._way("ref", method, reference, None) if refund else None
        return self._keyed(
            lambda unit, at: credit_invoice(unit, at, id, asked, way),
            idempotency_key,
            at,
            connection,
        )

    def void(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Document:
        """Take back an open invoice of which nothing was paid or given back.

        Raises NotFound, Conflict.
        """
        return self._tally.act(
            lambda unit, at: documents.void_invoice(unit, at, id), connection=connection, at=at
        )

    def uncollectible(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Document:
        """Write off what is left of an open invoice; it can still be paid.  NotFound, Conflict."""
        return self._tally.act(
            lambda unit, at: documents.call_uncollectible(unit, at, id),
            connection=connection,
            at=at,
        )

    # --- shared -------------------------------------------------------------------------------

    def _way(self, prefix: str, method: str, reference: str | None, key: str | None) -> Way:
        return Way(id=self._tally.ids.new(prefix), method=method, reference=reference, key=key)

    def _shown(
        self, id_: str, at: datetime | None, connection: Connection | Session | None
    ) -> tuple[Invoice, str | None]:
        def look(unit: Unit, at: Instant) -> tuple[Invoice, str | None]:
            invoice = documents.shown_invoice(unit, id_, at)
            return invoice, get_customer(unit, invoice.customer).time_zone

        return self._read(look, connection, at)

    def _read(
        self,
        look: Callable[[Unit, Instant], R],
        connection: Connection | Session | None,
        at: datetime | None = None,
    ) -> R:
        return self._tally.act(look, connection=connection, at=at, reading=True)

    def _keyed(
        self,
        act: Callable[[Unit, Instant], R],
        key: str | None,
        at: datetime | None,
        connection: Connection | Session | None,
    ) -> R:
        """Run an act; one that lost a race for its key is run again, and then finds the other's."""

        def run() -> R:
            return self._tally.act(act, connection=connection, at=at, repeatable=key is not None)

        try:
            return run()
        except Conflict:
            if key is None or connection is not None:
                raise
            return run()

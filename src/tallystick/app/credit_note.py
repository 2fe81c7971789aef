"""A credit note as a document: its lines, its number, its place in the chain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tallystick.app.creditable import asked_for
from tallystick.app.drafting import document_id
from tallystick.app.seller import settings_of
from tallystick.core.charge import Due
from tallystick.core.frozen import FrozenDict
from tallystick.core.invoice import Invoice, InvoiceLine, Party
from tallystick.core.line_tax import tax_given_back, taxed_line, taxes_by_rate, taxes_of
from tallystick.core.money import Money
from tallystick.core.period import to_the_second
from tallystick.core.reckoning import finalize
from tallystick.core.seller import buyer_of
from tallystick.errors import Conflict
from tallystick.storage import customers, invoices, series
from tallystick.storage.invoice_rows import Draft, sealed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.period import Instant
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = ["SERIES", "Share", "Words", "issue_note"]

SERIES: Final = "credit_note"
"""The series of numbers of credit notes."""

_DIGITS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a note is for: its cause, a sentence for the customer, the digest of what was asked."""

    cause: str
    reason: str | None
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What is given back of a line, tax included, and what had been before, also of each tax."""

    minor: int
    before: int
    taxes_before: tuple[int, ...] = ()


def issue_note(  # noqa: PLR0917 - what it is made of
    unit: Unit,
    at: Instant,
    held: Document,
    words: Words,
    shares: Mapping[int, Share],
    chain: tuple[int, str],
) -> Invoice:
    """Make a note for a locked invoice: a draft, and at once a document with the next number.

    `shares` is what is given back of each line, by place, and what had been before; `chain` the
    next number of the series, which is locked, and its chain so far.  Raises Conflict.
    """
    at = to_the_second(at)
    invoice = held.invoice
    cause = words.cause
    draft = Draft(
        customer=invoice.customer,
        id=document_id(invoice.customer, cause),
        subscription_id=invoice.subscription,
        due=Due(cause=cause, at=at, charges=()),
        currency=invoice.currency,
        finalize_at=at,
        terms=replace(invoice.terms, net_days=None, memo=words.reason),
    )
    if not invoices.insert_drafts(unit, [draft]):
        raise Conflict(f"there is a document for {cause!r} already")
    number, before = chain
    seller = settings_of(unit)
    customer = customers.get(unit, invoice.customer)
    note = finalize(
        _note(draft, invoice, shares, words.digest),
        number=f"{seller.credit_note_prefix}{number:0{_DIGITS}}",
        due_at=at,
        seller=seller.party,
        buyer=Party() if customer is None else buyer_of(customer),
    )
    closed = sealed(note, SERIES, number, before)
    invoices.issue(unit, [closed])
    series.take_numbers(unit, SERIES, 1)
    series.put_chain(unit, SERIES, closed.chain)
    return note


def _note(draft: Draft, invoice: Invoice, shares: Mapping[int, Share], digest: str) -> Invoice:
    lines = tuple(_line(invoice, place, shares[place], draft, digest) for place in sorted(shares))
    unit = draft.currency
    zero = Money.zero(unit)
    subtotal = Money.total((line.amount for line in lines), unit)
    tax = Money.total((line.tax for line in lines), unit)
    return Invoice(
        id=draft.id,
        customer=draft.customer,
        kind="credit_note",
        cause=draft.cause,
        subscription=draft.subscription_id,
        currency=unit,
        at=draft.due.at,
        finalize_at=draft.finalize_at,
        watermark=draft.finalize_at,
        terms=draft.terms,
        lines=lines,
        subtotal=subtotal,
        discount=zero,
        credit=zero,
        tax=tax,
        taxes=taxes_by_rate(lines),
        total=subtotal + tax,
        balance=zero,
        amount_due=zero,
        credits=invoice.id,
    )


def _line(invoice: Invoice, place: int, share: Share, draft: Draft, digest: str) -> InvoiceLine:
    """Give a part of a line back, with its part of the taxes: of all parts together, all of them.

    The part is of what the line asked for, tax included; so is what it gives back in all.
    """
    line = invoice.lines[place]
    part = Fraction(share.before + share.minor, asked_for(line))
    taxes = tax_given_back(taxes_of(line), part, share.taxes_before)
    zero = Money.zero(invoice.currency)
    back = InvoiceLine(
        kind="item",  # no rest of a fee: nothing that counts those takes it for one
        description=line.description,
        price=line.price,
        item="",
        offer=line.offer,
        window=line.window,
        group=line.group,
        part=f"{draft.cause}/{place + 1}",
        quantity=Decimal(1),
        billed=Decimal(1),
        amount=Money(-share.minor, invoice.currency),
        discount=zero,
        credit=zero,
        tax=zero,
        evidence=FrozenDict(
            {
                "invoice": invoice.id,
                "number": invoice.number,
                "position": place + 1,
                "asked": digest,
            }
        ),
    )
    taxed = taxed_line(back, taxes)
    return replace(taxed, amount=taxed.amount - taxed.tax)

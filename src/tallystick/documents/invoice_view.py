"""What stands on an invoice, every part as text in the reader's language: one view for all media.

Names, addresses and descriptions are other people's texts.  What could move the cursor, hide
figures or turn the direction of a line around is taken out of them here; what a medium gives
meaning to (angle brackets) is that medium's to escape.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tallystick.core.invoice import Invoice
from tallystick.core.money import Money
from tallystick.core.number import EXACT
from tallystick.core.units_billed import granted_units
from tallystick.documents.formats import Formats, formats_of
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tallystick.core.invoice import InvoiceLine, InvoiceTax, Party
    from tallystick.documents.invoice_words import Words

__all__ = ["Fact", "Row", "View", "clean", "view_of"]

_TURNS: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_CITY_FIRST: Final = frozenset(
    {"AU", "CA", "US"}
)  # city, state and code on one line, in this order
_NONE: Final = "–"


@dataclass(frozen=True, slots=True)
class Fact:
    """A word and what stands beside it."""

    label: str
    value: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: its name, what explains it, and its figures.

    The first of a section has its `heading`, the last its `subtotal`.
    """

    description: str
    details: tuple[str, ...]
    quantity: str
    unit_price: str
    amount: str
    heading: str = ""
    subtotal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A document as texts, in the order in which they are read.

    `mark` is what stands across it (DRAFT, VOID, PAID), with its kind.  The first line of `seller`
    and `buyer` is the name.
    """

    tag: str
    words: Words
    title: str
    number: str
    mark: Fact | None
    facts: tuple[Fact, ...]
    seller: tuple[str, ...]
    buyer: tuple[str, ...]
    rows: tuple[Row, ...]
    totals: tuple[Fact, ...]
    memo: tuple[str, ...]
    remarks: tuple[str, ...]


def clean(text: str) -> str:
    """Give a foreign text on one line, without what acts on the text around it."""
    shown = (_harmless(letter) for letter in text)
    return " ".join("".join(shown).split())


def _harmless(letter: str) -> str:
    if letter in _TURNS:
        return ""
    category = unicodedata.category(letter)
    if category in {"Cc", "Zl", "Zp"}:
        return " "
    return "\N{REPLACEMENT CHARACTER}" if category == "Cs" else letter


def view_of(invoice: Invoice, locale: str | None = None, zone: str | None = None) -> View:
    """Write a document out for a locale (None: its buyer's, else English) and a time zone.

    Raises InvalidInput, and InvalidPeriod for a zone that is none.
    """
    if not isinstance(invoice, Invoice):
        raise InvalidInput(f"an invoice is needed, not {type(invoice).__name__}")
    buyer = invoice.buyer
    form = formats_of(locale or (buyer.locale if buyer else None), zone)
    words = form.words
    windows = [line.window for line in invoice.lines if line.window is not None]
    on_the_clock = any(not form.in_days(window) for window in windows)
    return View(
        tag=form.tag,
        words=words,
        title=words.credit_note if invoice.kind == "credit_note" else words.invoice,
        number=clean(invoice.number or ""),
        mark=_mark(invoice, words),
        facts=tuple(_facts(invoice, form)),
        seller=_party(invoice.seller, form),
        buyer=_party(buyer, form),
        rows=tuple(_rows(invoice, form)),
        totals=tuple(_totals(invoice, form)),
        memo=tuple(filter(None, map(clean, (invoice.terms.memo or "").splitlines()))),
        remarks=(
            *_tax_remarks(invoice, words),
            *([words.times.format(zone=zone or "UTC")] if on_the_clock else ()),
        ),
    )


def _mark(invoice: Invoice, words: Words) -> Fact | None:
    """Say how the document stands, where its reader must not miss it."""
    if invoice.kind == "credit_note" and invoice.status == "paid":
        return None  # it asks for nothing, so there is nothing that was paid
    marks: Mapping[str, str] = {"draft": words.draft, "void": words.void, "paid": words.paid}
    word = marks.get(invoice.status)
    return None if word is None else Fact("", word, invoice.status)


def _facts(invoice: Invoice, form: Formats) -> Iterator[Fact]:
    words, terms = form.words, invoice.terms
    yield Fact(words.number, clean(invoice.number or _NONE))
    if invoice.issued_at is not None:
        yield Fact(words.issued, form.date(invoice.issued_at))
    if invoice.due_at is not None and invoice.kind == "invoice":
        yield Fact(words.due, form.date(invoice.due_at))
    if invoice.credits is not None:
        yield Fact(words.corrects, clean(invoice.credits))
    if terms.po_number:
        yield Fact(words.po_number, clean(terms.po_number))
    yield Fact(words.currency, invoice.currency.code)


def _party(party: Party | None, form: Formats) -> tuple[str, ...]:
    if party is None:
        return ()
    lines = [party.name or "", *_address(party.address, form), party.email or ""]
    for kind, value in party.tax_ids:
        label = form.words.vat_id if kind.endswith("vat") else form.words.tax_id
        lines.append(f"{label}: {value}")
    return tuple(filter(None, map(clean, lines)))


def _address(address: Mapping[str, str], form: Formats) -> Iterator[str]:
    city, state, code = (address.get(name, "") for name in ("city", "state", "postal_code"))
    country = address.get("country", "")
    yield address.get("line1", "")
    yield address.get("line2", "")
    if country in _CITY_FIRST:
        yield ", ".join(filter(None, (city, f"{state} {code}".strip())))
    else:
        yield f"{code} {city}".strip()
        yield state
    yield form.country(country)


def _rows(invoice: Invoice, form: Formats) -> Iterator[Row]:
    """Give the lines; where a customer pays for others, under the names of whose they are."""
    if not invoice.sections:
        yield from (_row(line, form) for line in invoice.lines)
    for section, lines in invoice.by_section():
        rows = [_row(line, form) for line in lines]
        if not rows:
            continue
        amount = Money.total((line.amount for line in lines), invoice.currency)
        rows[0] = replace(rows[0], heading=clean(section.heading))
        rows[-1] = replace(rows[-1], subtotal=form.money(amount))
        yield from rows


def _row(line: InvoiceLine, form: Formats) -> Row:
    unit = clean(line.unit)
    price = line.unit_price
    major = None if price is None else price.scaleb(-line.amount.currency.decimals, EXACT)
    return Row(
        description=clean(line.description),
        details=tuple(_details(line, form)),
        quantity=f"{form.number(line.billed)} {unit}".strip(),
        unit_price=_NONE if major is None else form.price(major, line.amount.currency),
        amount=form.money(line.amount),
    )


def _details(line: InvoiceLine, form: Formats) -> Iterator[str]:
    """Say what makes the figures of a line understood."""
    words = form.words
    notes: Mapping[str, str] = {
        "credit": words.unused,
        "setup": words.setup,
        "minimum": words.minimum,
        "late": words.late,
    }
    if line.kind in notes:
        yield notes[line.kind]
    if line.group:
        yield ", ".join(f"{clean(name)}: {clean(text or _NONE)}" for name, text in line.group)
    if line.window is not None:
        yield form.period(line.window)
    if line.share is not None:
        yield form.share(*line.share)
    if line.quantity != line.billed:
        quantity, billed = form.number(line.quantity), form.number(line.billed)
        yield words.measured.format(quantity=quantity, billed=billed)
    for grant, units in granted_units(line.evidence):
        yield words.granted.format(grant=clean(grant), units=form.number(units))
    for label, taken in ((words.discount, line.discount), (words.credit, line.credit)):
        if taken.minor:
            yield f"{label}: {form.money(-taken)}"


def _tax(tax: InvoiceTax, form: Formats) -> Fact:
    """Name a tax by its rate and the net amount that it is taken of."""
    label = form.words.tax_inside if tax.inclusive else form.words.tax_added
    percent, net = form.number(tax.percent), form.money(tax.taxable)
    text = label.format(name=clean(tax.name), percent=percent, net=net)
    return Fact(text, form.money(tax.amount))


def _tax_remarks(invoice: Invoice, words: Words) -> tuple[str, ...]:
    """Say why nothing is taken, once for each reason."""
    texts: Mapping[str, str] = {
        "exempt": words.exempt,
        "reverse_charge": words.reverse_charge,
        "untaxed": words.untaxed,
    }
    return tuple(dict.fromkeys(texts[tax.note] for tax in invoice.taxes if tax.note))


def _totals(invoice: Invoice, form: Formats) -> Iterator[Fact]:
    """Add up as the document does: what is zero is left out, but for the sums themselves."""
    words = form.words
    inside = [_tax(tax, form) for tax in invoice.taxes if tax.inclusive and not tax.note]

    def some(label: str, amount: Money) -> Iterator[Fact]:
        if amount.minor:
            yield Fact(label, form.money(amount))

    yield Fact(words.subtotal, form.money(invoice.subtotal))
    yield from some(words.discount, -invoice.discount)
    yield from some(words.credit, -invoice.credit)
    yield from (_tax(tax, form) for tax in invoice.taxes if not (tax.inclusive or tax.note))
    if not invoice.taxes:
        yield from some(words.tax, invoice.tax)
    if invoice.kind == "credit_note":
        yield Fact(words.total, form.money(invoice.total), "due")
        yield from inside
        return
    yield Fact(words.total, form.money(invoice.total), "sum")
    yield from inside
    yield from some(words.balance, -invoice.balance)
    yield Fact(words.amount_due, form.money(invoice.amount_due), "due")

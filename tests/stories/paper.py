"""Documents as the text that stories write, and the difference between two such texts."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.core.number import exact_sum, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tallystick.core.invoice import Invoice, InvoiceLine, InvoiceTax
    from tallystick.core.money import Money
    from tallystick.storage.invoice_rows import Document
    from tests.stories.telling import Times

__all__ = ["check_sums", "difference", "paper", "tidied"]

_COMMENT: Final = re.compile(r"(?:^|\s+)#.*$")
_BAR: Final = re.compile(r"\s*\|\s*")
_HEAD: Final = re.compile(r"[A-Z]+-\d+ ")


def paper(documents: Iterable[Document], times: Times) -> list[str]:
    """Write documents in the order in which they were issued."""
    found = sorted(documents, key=lambda each: (str(each.invoice.issued_at), each.number or 0))
    return [text for each in found for text in _document(each, times)]


def _document(document: Document, times: Times) -> list[str]:
    invoice = document.invoice
    if document.status == "draft" or invoice.issued_at is None or invoice.due_at is None:
        return [f"DRAFT-0 | {times.write(invoice.finalize_at)} | {invoice.customer}"]
    head = [str(invoice.number), times.write(invoice.issued_at), invoice.customer]
    if invoice.due_at != invoice.issued_at:
        head.append(f"due {times.write(invoice.due_at)}")
    of = [section.customer for section in invoice.sections for _ in range(section.lines)]
    lines = [
        f"  {_line(line, times, *of[place : place + 1])}"
        for place, line in enumerate(invoice.lines)
    ]
    taxes = [f"  {_tax(tax)}" for tax in invoice.taxes]
    taken = [f"  {each}" for each in _taken(invoice)]
    return [" | ".join(head), *sorted([*lines, *taken, *taxes]), f"  {_sums(document)}"]


def _taken(invoice: Invoice) -> Iterator[str]:
    """Write what coupons and credits take off, in the columns of a line."""
    for place, line in enumerate(invoice.lines, start=1):
        units = [burn.units for burn in invoice.burns if burn.line == place and burn.units]
        if units:
            amount = _amount(replace(line.amount, minor=0))
            yield " | ".join(
                ["granted", line.description, "units", plain(exact_sum(*units)), amount]
            )
    by_coupon = invoice.discount
    for each in invoice.discounts:
        by_coupon -= each.amount
        yield " | ".join(["discount", each.name, "coupon", "1", _amount(-each.amount)])
    if by_coupon.minor:
        yield " | ".join(["discount", "given back", "coupon", "1", _amount(-by_coupon)])
    if invoice.credit.minor:
        yield " | ".join(["promotion", "Credits", "credits", "1", _amount(-invoice.credit)])


def _tax(tax: InvoiceTax) -> str:
    """Write a tax in the columns of a line; one that is inside the lines adds nothing to them."""
    name = tax.note.replace("_", " ") or f"{tax.name} {plain(tax.percent)} %"
    kind = "inside" if tax.inclusive else "tax"
    return " | ".join([kind, name, f"of {_amount(tax.taxable)}", "1", _amount(tax.amount)])


def _line(line: InvoiceLine, times: Times, of: str = "") -> str:
    """Write a line; in a section with the customer that it is `of`."""
    when = "once"
    if line.window is not None:
        when = f"{times.write(line.window.start)} to {times.write(line.window.end)}"
    group = ", ".join(f"{name} {text}" for name, text in line.group)
    name = f"{line.description} [{group}]" if group else line.description
    name = f"{name} of {of}" if of else name
    return " | ".join([line.kind, name, when, plain(line.quantity), _amount(line.amount)])


def _amount(money: Money) -> str:
    decimals = money.currency.decimals
    return f"{Decimal(money.minor).scaleb(-decimals):.{decimals}f}"


def _sums(document: Document) -> str:
    invoice = document.invoice
    unit = invoice.currency

    def minor(amount: int) -> str:
        return f"{Decimal(amount).scaleb(-unit.decimals):.{unit.decimals}f}"

    parts = [f"total {_amount(invoice.total)} {unit.code}"]
    named = (
        ("from credits", invoice.paid_by_grants.minor),
        ("from the balance", invoice.from_balance.minor),
        ("credited", document.noted),
        ("paid", document.paid),
        ("refunded", document.refunded),
    )
    parts += [f"{name} {minor(amount)}" for name, amount in named if amount]
    if invoice.kind == "invoice":
        parts += [f"to pay {minor(document.left)}", document.status]
    return " | ".join(parts)


def tidied(text: str) -> list[str]:
    """Give the lines of a story's documents without comments, the spaces between columns even.

    The lines of one document are in alphabetical order: what it says counts, not where.
    """
    documents: list[list[str]] = []
    for raw in text.splitlines():
        line = _BAR.sub(" | ", _COMMENT.sub("", raw).strip())
        if not line:
            continue
        if _HEAD.match(line):
            documents.append([line])
        else:
            assert documents, f"{line!r} stands before the first document"
            documents[-1].append(line)
    return [line for each in documents for line in _ordered(each)]


def _ordered(document: Sequence[str]) -> list[str]:
    head, *lines, sums = document
    assert sums.startswith("total "), f"{head}: ends in {sums!r}, not in its total"
    return [head, *(f"  {line}" for line in sorted(lines)), f"  {sums}"]


def check_sums(lines: Sequence[str]) -> None:
    """Hold a story to its own arithmetic: the lines of each document add up to its total."""
    total = Decimal(0)
    for line in lines:
        cells = line.split(" | ")
        if _HEAD.match(line):
            total = Decimal(0)
        elif cells[0].startswith("  total "):
            stated = Decimal(cells[0].split()[1])
            assert stated == total, f"the lines come to {total}, and the story says {cells[0]!r}"
        else:
            assert len(cells) == 5, f"{line!r} has not five columns"
            total += 0 if cells[0] == "  inside" else Decimal(cells[-1])


def difference(expected: Sequence[str], got: Sequence[str]) -> str:
    """Write what differs, for people; empty where nothing does.

    `-` is what the story says and did not come out, `+` what came out and is not in the story.
    """
    if list(expected) == list(got):
        return ""
    texts = difflib.unified_diff(expected, got, "the story says", "came out", lineterm="", n=99)
    return "\n".join(texts)

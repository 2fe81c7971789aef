"""An invoice as plain text: 78 columns, for a terminal, an e-mail or a printer.

A foreign text stands on lines of its own, never beside a figure: so a name that is read from right
to left, or that is very long, moves no amount.
"""

from __future__ import annotations

import textwrap
import unicodedata
from typing import TYPE_CHECKING, Final

from tallystick.documents.invoice_view import view_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tallystick.core.invoice import Invoice
    from tallystick.documents.invoice_view import Row, View

__all__ = ["invoice_text"]

_WIDTH: Final = 78
_COLUMN: Final = _WIDTH // 3
_LABEL: Final = 24
_RULE: Final = "-" * _WIDTH


def invoice_text(invoice: Invoice, *, locale: str | None = None, zone: str | None = None) -> str:
    """Write an invoice or a credit note as plain text that ends with a line break.

    In the buyer's language unless `locale` says another; days are those of `zone`, or of UTC.
    Raises InvalidInput, and InvalidPeriod for a zone that is none.
    """
    lines = _lines(view_of(invoice, locale, zone))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _lines(view: View) -> Iterator[str]:
    words = view.words
    heading = [view.title.upper(), *([f"[{view.mark.value.upper()}]"] if view.mark else [])]
    yield "  ".join(heading)
    yield "=" * _WIDTH
    for fact in view.facts:
        yield from _beside(f"{fact.label}:", fact.value)
    for label, party in ((words.seller, view.seller), (words.buyer, view.buyer)):
        if party:
            yield from ("", label)
            yield from _wrapped(party, "  ")
    yield ""
    labels = (words.quantity, words.unit_price, words.amount)
    yield words.description
    yield "".join(_right(label, _COLUMN) for label in labels)
    yield _RULE
    for row in view.rows:
        yield from _row(row, labels)
        if row.subtotal:
            yield from (_right(f"{words.subtotal}  {row.subtotal}", _WIDTH), "")
    if not view.rows:
        yield words.no_lines
    yield _RULE
    for total in view.totals:
        gap = max(_COLUMN, _width(total.value) + 2)
        yield _right(total.label, _WIDTH - gap) + _right(total.value, gap)
    if view.memo:
        yield from ("", words.note)
        yield from _wrapped(view.memo, "  ")
    if view.remarks:
        yield ""
        yield from _wrapped(view.remarks)


def _row(row: Row, labels: tuple[str, str, str]) -> Iterator[str]:
    yield from _wrapped(filter(None, [row.heading]))
    yield from _wrapped([row.description])
    yield from _wrapped(row.details, "  ")
    figures = (row.quantity, row.unit_price, row.amount)
    if all(_fits(figure) for figure in figures):
        yield "".join(_right(figure, _COLUMN) for figure in figures)
        return
    for label, figure in zip(labels[:2], figures[:2], strict=True):
        yield from _wrapped([f"{label}: {figure}"], "  ")
    yield _right(row.amount, _WIDTH)


def _fits(figure: str) -> bool:
    """Whether a figure has room in its column, and its unit leaves the columns where they are."""
    turned = any(unicodedata.bidirectional(letter) in {"R", "AL"} for letter in figure)
    return _width(figure) <= _COLUMN - 2 and not turned


def _beside(label: str, value: str) -> Iterator[str]:
    first, *more = _pieces(value, _WIDTH - _LABEL) or [""]
    yield label + " " * max(1, _LABEL - _width(label)) + first
    for piece in more:
        yield " " * _LABEL + piece


def _right(text: str, width: int) -> str:
    return " " * (width - _width(text)) + text


def _wrapped(texts: Iterable[str], indent: str = "") -> Iterator[str]:
    for text in texts:
        for piece in _pieces(text, _WIDTH - len(indent)):
            yield indent + piece


def _pieces(text: str, width: int) -> list[str]:
    """Break a text at its blanks; where its letters are wide, half as many go on a line."""
    wide = _width(text) > len(text)
    return textwrap.wrap(text, width // 2 if wide else width, break_on_hyphens=False)


def _width(text: str) -> int:
    """Count the columns that a text takes."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))

"""An invoice as one HTML file that can be printed: no script, and nothing from anywhere else.

Every text is escaped by the template's own rule, not by whoever writes it; the page's policy
forbids whatever might get past that.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from tallystick.documents.invoice_view import view_of

if TYPE_CHECKING:
    from tallystick.core.invoice import Invoice

__all__ = ["invoice_html"]


def invoice_html(invoice: Invoice, *, locale: str | None = None, zone: str | None = None) -> str:
    """Write an invoice or a credit note as a self-contained page for the screen and for paper.

    In the buyer's language unless `locale` says another; days are those of `zone`, or of UTC.
    Raises InvalidInput, and InvalidPeriod for a zone that is none.
    """
    return _template().render(view=view_of(invoice, locale, zone)).strip() + "\n"


@cache
def _template() -> Template:
    pages = Environment(
        loader=PackageLoader("tallystick.documents"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return pages.get_template("invoice.html")

"""The pages: self-contained, under a strict content policy.

Those of a catalogue are drawn once, that of a customer's usage each time.
"""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, Template

from tallystick.core.currency import CODES
from tallystick.core.number import plain
from tallystick.core.price_list import price_list
from tallystick.http.cached import Cached

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tallystick.app.explain import Trace
    from tallystick.core.catalog import Catalog
    from tallystick.http.demo import RatedUsage
    from tallystick.http.demo_invoices import ExplainedLine, ListedInvoice
    from tallystick.http.dev_shop import Shown

__all__ = [
    "assets",
    "dev_page",
    "docs_page",
    "explanation_page",
    "grouped",
    "invoice_page",
    "invoices_page",
    "moment_text",
    "price_words",
    "pricing_page",
    "usage_page",
]

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Frame-Options": "DENY",
}
_LIVE: Final = {**_PAGE, "Cache-Control": "no-store"}
# A document brings its style with it, and neither asks for anything else nor runs anything.
_DOCUMENT: Final = {
    **_LIVE,
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
}
_ASSET: Final = {"Cache-Control": "public, max-age=300"}
_ELEMENT: Final = {
    # Any site may embed the element, so any site may load it; nothing else here is for others.
    **_ASSET,
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_HTML: Final = "text/html; charset=utf-8"
_MEDIA: Final = {
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}
_ASSETS: Final = {
    "tallystick-pricing-table.js": _ELEMENT,
    "page.js": _ASSET,
    "page.css": _ASSET,
    "icon.svg": _ASSET,
}


def assets() -> dict[str, Cached]:
    """Give what stands under `/static/`, by file name."""
    folder = files(__name__) / "static"
    return {
        name: Cached((folder / name).read_bytes(), _MEDIA[name.rsplit(".", 1)[1]], headers)
        for name, headers in _ASSETS.items()
    }


def pricing_page(
    catalogs: Mapping[str, Catalog[Any, Any]],
    *,
    docs: bool = True,
    usage: str | None = None,
    dev: str | None = None,
) -> Cached:
    """Draw the page of prices: an element for each catalogue, by the path of its price list.

    `usage` is the address of a page of usage to point to, `dev` that of a page to buy on.  Inside
    each element stands a plain list for when scripts are off.
    """
    lists = [
        {
            "src": quote(path.removeprefix("/")),
            "products": price_list(catalog, "full")["data"]["products"],
        }
        for path, catalog in catalogs.items()
    ]
    return _page(
        "pricing.html", lists=lists, docs=docs, usage=usage, dev=dev, price_words=price_words
    )


def docs_page(described: Mapping[str, Any]) -> Cached:
    """Draw the description of the service as a page that needs no script and no network."""
    return _page("docs.html", **described)


def usage_page(rated: RatedUsage, *, invoices: str | None = None) -> Cached:
    """Draw what a customer used in a period and what it costs.

    `invoices` is the address of what was billed.
    """
    period = rated.period
    return _page(
        "usage.html",
        _LIVE,
        rated=rated,
        start=moment_text(period.start),
        end=moment_text(period.end),
        grouped=grouped,
        invoices=invoices,
    )


def dev_page(shown: Shown, *, pays_at: str, status: int = 200) -> Cached:
    """Draw what the customer of `tallystick dev` has and can do.

    `pays_at` is the origin of the pages to pay on, to which alone a form may lead besides here.
    """
    policy = _POLICY.replace("form-action 'none';", f"form-action 'self' {pays_at};")
    headers = {**_LIVE, "Content-Security-Policy": policy}
    return Cached(_drawn("dev.html", shown=shown), _HTML, headers, status)


def invoices_page(customer: str, invoices: Sequence[ListedInvoice], *, written: bool) -> Cached:
    """Draw the list of a customer's documents; `written` says whether each can be opened too."""
    return _page("invoices.html", _LIVE, customer=customer, invoices=invoices, written=written)


def invoice_page(document: str) -> Cached:
    """Serve a document that was written for its customer, as it is."""
    return Cached(document.encode(errors="replace"), _HTML, _DOCUMENT)


def explanation_page(
    customer: str,
    invoice: ListedInvoice,
    lines: Sequence[ExplainedLine],
    trace: Trace,
    *,
    back: str,
    written: bool,
) -> Cached:
    """Draw why each line of a document is what it is, and the sums below them."""
    known = moment_text(trace.invoice.watermark)
    return _page(
        "explanation.html",
        _LIVE,
        customer=customer,
        invoice=invoice,
        lines=lines,
        trace=trace,
        known=known,
        back=back,
        up="../" * invoice.address.count("/"),
        written=written,
    )


def moment_text(at: datetime, *, clock: bool = True) -> str:
    """Write a moment for people: a day, with the time of day (UTC) where it is no midnight."""
    day = not clock or at.time() == time()
    return at.strftime("%Y-%m-%d" if day else "%Y-%m-%d %H:%M:%S UTC")


def grouped(number: Decimal | int) -> str:
    """Write a number for people: `1,927,908`, with the digits after the point that it needs."""
    whole, dot, part = plain(Decimal(number)).partition(".")
    return f"{int(whole):,}{dot}{part}"


def price_words(plan: Mapping[str, Any], currency: str) -> str:
    """Say a plan's price in words: "9.99 USD every 3 months", "free", "contact us"."""
    if plan.get("custom"):
        return plan.get("label") or "contact us"
    lines = plan["prices"]
    if not lines:
        return "free"
    seats = lines[0]["type"] == "per_seat" and all(line["type"] != "flat" for line in lines)
    words = [_money(plan["price"], currency), "per seat" if seats else "", _cadence_words(plan)]
    if any(line["type"] not in {"flat", "per_seat"} for line in lines):
        words.append("plus usage")
    return " ".join(filter(None, words))


def _money(price: Decimal, currency: str) -> str:
    decimals = CODES[currency].decimals
    if price == price.to_integral_value() or -int(price.as_tuple().exponent) > decimals:
        return f"{price:f} {currency}"
    return f"{price:.{decimals}f} {currency}"


def _cadence_words(plan: Mapping[str, Any]) -> str:
    interval, count = plan["interval"], plan["intervalCount"]
    if interval is None:
        return "once"
    return f"per {interval}" if count == 1 else f"every {count} {interval}s"


@cache
def _template(name: str) -> Template:
    pages = Environment(
        loader=PackageLoader(__name__), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return pages.get_template(name)


def _page(template: str, headers: Mapping[str, str] = _PAGE, /, **values: object) -> Cached:
    return Cached(_drawn(template, **values), _HTML, headers)


def _drawn(template: str, **values: object) -> bytes:
    body = _template(template).render(**values).strip() + "\n"
    # A lone surrogate has no UTF-8; a reader sees a question mark.
    return body.encode(errors="replace")

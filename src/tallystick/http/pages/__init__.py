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
    from collections.abc import Mapping
    from datetime import datetime

    from tallystick.core.catalog import Catalog
    from tallystick.http.demo import RatedUsage

__all__ = ["assets", "docs_page", "price_words", "pricing_page", "usage_page"]

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
_ASSET: Final = {"Cache-Control": "public, max-age=300"}
_ELEMENT: Final = {
    # Any site may embed the element, so any site may load it; nothing else here is for others.
    **_ASSET,
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
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
    catalogs: Mapping[str, Catalog[Any, Any]], *, docs: bool = True, usage: str | None = None
) -> Cached:
    """Draw the page of prices: an element for each catalogue, by the path of its price list.

    `usage` is the address of a page of usage to point to.  Inside each element stands a plain list
    for when scripts are off.
    """
    lists = [
        {
            "src": quote(path.removeprefix("/")),
            "products": price_list(catalog, "full")["data"]["products"],
        }
        for path, catalog in catalogs.items()
    ]
    return _page("pricing.html", lists=lists, docs=docs, usage=usage, price_words=price_words)


def docs_page(described: Mapping[str, Any]) -> Cached:
    """Draw the description of the service as a page that needs no script and no network."""
    return _page("docs.html", **described)


def usage_page(rated: RatedUsage) -> Cached:
    """Draw what a customer used in a period and what it costs."""
    period = rated.period
    return _page(
        "usage.html",
        _LIVE,
        rated=rated,
        start=_moment(period.start),
        end=_moment(period.end),
        grouped=_grouped,
    )


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d" if at.time() == time() else "%Y-%m-%d %H:%M:%S UTC")


def _grouped(number: Decimal) -> str:
    whole, dot, part = plain(number).partition(".")
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
    body = _template(template).render(**values).strip() + "\n"
    # A lone surrogate has no UTF-8; a reader sees a question mark.
    return Cached(body.encode(errors="replace"), "text/html; charset=utf-8", headers)

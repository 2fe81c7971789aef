"""The pages: drawn once for a catalogue, self-contained, under a strict content policy."""

from __future__ import annotations

from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader

from tallystick.core.currency import CODES
from tallystick.core.price_list import price_list
from tallystick.http.cached import Cached

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.catalog import Catalog

__all__ = ["assets", "docs_page", "price_words", "pricing_page"]

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


def pricing_page(catalogs: Mapping[str, Catalog[Any, Any]], *, docs: bool = True) -> Cached:
    """Draw the page of prices: an element for each catalogue, by the path of its price list.

    Inside each element stands a plain list for when scripts are off.
    """
    lists = [
        {
            "src": quote(path.removeprefix("/")),
            "products": price_list(catalog, "full")["data"]["products"],
        }
        for path, catalog in catalogs.items()
    ]
    return _page("pricing.html", lists=lists, docs=docs, price_words=price_words)


def docs_page(described: Mapping[str, Any]) -> Cached:
    """Draw the description of the service as a page that needs no script and no network."""
    return _page("docs.html", **described)


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


def _page(template: str, **values: object) -> Cached:
    # Drawn when the service starts, so the templates are not kept.
    pages = Environment(
        loader=PackageLoader(__name__), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    body = pages.get_template(template).render(**values).strip() + "\n"
    # A lone surrogate has no UTF-8; a reader sees a question mark.
    return Cached(body.encode(errors="replace"), "text/html; charset=utf-8", _PAGE)

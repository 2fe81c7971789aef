"""`GET /api/v1/plans` for programs that answer it by themselves: Flask, Django."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.core.currency import currency as currency_of
from tallystick.core.price_list import VIEWS, price_list_body
from tallystick.core.property import shown
from tallystick.core.text import refused_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.catalog import Catalog

__all__ = ["PLANS", "price_list"]

PLANS: Final = "/api/v1/plans"
"""Where it is asked for."""

_MAX_AGE: Final = 300


def price_list(
    book: Catalog[str, str], asked: Callable[[str], list[str]]
) -> tuple[bytes, dict[str, str]]:
    """Give the body of the price list and its headers; `asked` gives what the query says of a name.

    Raises InvalidInput for a view or a currency that is none, or is given twice.
    """
    found = {name: asked(name) for name in ("view", "currency")}
    for name, values in found.items():
        if len(values) > 1:
            raise refused_at(name, "is given more than once; give it once")
    view = (found["view"] or ["compact"])[0]
    if view not in VIEWS:
        raise refused_at("view", f"is one of {', '.join(VIEWS)}, not {shown(view)}")
    currency = currency_of(found["currency"][0]) if found["currency"] else None
    headers = {
        "Content-Type": "application/json",
        "Cache-Control": f"public, max-age={_MAX_AGE}",
        "Access-Control-Allow-Origin": "*",
        **({} if currency is None else {"Vary": "Authorization"}),
    }
    return price_list_body(book, view, currency=currency), headers

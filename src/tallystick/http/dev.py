"""The page of `tallystick dev`: buy a plan, pay, see what it unlocks, change it, read the invoices.

For this machine only, without a key.  An act is a form of the page itself: one that another site
sends is refused.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tallystick import problems
from tallystick.errors import (
    BadRequest,
    ForbiddenError,
    InvalidInput,
    OutcomeUnknown,
    RuleError,
    TallystickError,
)
from tallystick.http.dev_shop import PATH, RETURN, DevShop
from tallystick.http.here import only_here
from tallystick.http.pages import dev_page
from tallystick.http.query import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from tallystick.http.cached import Cached

__all__ = ["DevPage"]

_MOST_FIELDS: Final = 10
_MOST_SEATS: Final = 1_000_000
_LOOKS: Final = 20
"""How often the page looks again for what is under way, a second apart."""


class DevPage:
    """The page, and where its forms are sent."""

    def __init__(self, shop: DevShop, pays_at: str) -> None:
        """Draw a shop whose pages to pay on are at an origin of their own."""
        self._shop, self._pays_at = shop, pays_at
        self.address = PATH

    def routes(self) -> list[Route]:
        """Give the routes of the page, of its acts and of the invoices."""
        acts = (Route(f"{PATH}/{name}", _Act(self, name), methods=["POST"]) for name in _ACTS)
        return [
            Route(PATH, _Drawn(self.page), methods=["GET"]),
            Route(RETURN, _Drawn(self.page_again), methods=["GET"]),
            *acts,
            *self._shop.invoices.routes(),
        ]

    def addresses(self) -> dict[str, str]:
        """Give what a person may open first, by its name."""
        return {"Buy": PATH, "Invoices": self._shop.invoices.address}

    def page(self, _: Request) -> Cached:
        """Draw the page as things stand."""
        return dev_page(self._shop.shown(), pays_at=self._pays_at)

    def page_again(self, request: Request) -> Cached:
        """Draw the page so that it looks again, as long as something is under way."""
        self._shop.come_back()
        looks = request.query_params.get("n", "1")
        number = (
            int(looks) if looks.isascii() and looks.isdigit() and len(looks) < len("100") else 1
        )
        again = f"{RETURN}?n={number + 1}" if number < _LOOKS else None
        return dev_page(self._shop.shown(again=again), pays_at=self._pays_at)

    def refused(self, error: TallystickError) -> Cached:
        """Draw the page with why an act was refused, under the status that it has in the API."""
        shown = self._shop.shown(problem=str(error))
        return dev_page(shown, pays_at=self._pays_at, status=problems.of(error).status)

    def act(self, name: str, pairs: list[tuple[str, str]]) -> str:
        """Do what a form asks for, and give the address that comes next.

        Raises InvalidInput, NotFound, UnknownPlan, Conflict, and what the ledger raises besides.
        """
        needed, act = _ACTS[name]
        with_seats = name in _WITH_SEATS
        form = Query(pairs, known=(*needed, *(("seats",) if with_seats else ())), needed=needed)
        if form.bad:
            said = "; ".join(text for texts in form.bad.values() for text in texts)
            raise InvalidInput(f"the form cannot be read: {said}", form.bad)
        seats = (_seats(form),) if with_seats else ()
        return act(self._shop, *map(form.text, needed), *seats)


def _seats(form: Query) -> int | None:
    if "seats" not in form:
        return None
    text = form.text("seats")
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MOST_SEATS))):
        raise InvalidInput(f"seats is a whole number up to {_MOST_SEATS:,}", {"seats": ["is none"]})
    return int(text)


_ACTS: Final[Mapping[str, tuple[tuple[str, ...], Callable[..., str]]]] = {
    "buy": (("plan",), DevShop.buy),
    "change": (("subscription", "plan"), DevShop.change),
    "cancel": (("subscription",), DevShop.cancel),
    "keep": (("subscription",), DevShop.keep),
    "portal": ((), DevShop.portal),
    "later": ((), DevShop.later),
}
"""Each act: the fields that its form needs, and the call that takes them."""

_WITH_SEATS: Final = frozenset({"buy", "change"})


class _Drawn:
    """An ASGI app that draws a page for a browser on this machine."""

    def __init__(self, draw: Callable[[Request], Cached]) -> None:
        self._draw = draw

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Draw it in a thread: it reads the database."""
        only_here(scope)
        page = await asyncio.to_thread(self._draw, Request(scope))
        await page(scope, receive, send)


class _Act:
    """An ASGI app that does what a form of the page asks for."""

    def __init__(self, page: DevPage, name: str) -> None:
        self._page, self._name = page, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do it in a thread, and lead on; a refusal is shown on the page."""
        only_here(scope)
        request = Request(scope, receive)
        _only_from_here(request)
        pairs = _pairs(await request.body())
        answer = await asyncio.to_thread(self._answer, pairs)
        await answer(scope, receive, send)

    def _answer(self, pairs: list[tuple[str, str]]) -> ASGIApp:
        try:
            address = self._page.act(self._name, pairs)
        except (RuleError, OutcomeUnknown) as refused:
            return self._page.refused(refused)
        return Response(status_code=303, headers={"Location": address, "Cache-Control": "no-store"})


def _only_from_here(request: Request) -> None:
    """Let a form pass that our own page sent.  Raises ForbiddenError.

    Every browser says from where a form is sent; a page elsewhere may send one here, and cannot
    say that it is ours.
    """
    if request.headers.get("origin") != f"http://{request.headers.get('host')}":
        raise ForbiddenError("this form was not sent by the page of this program: open it and try")


def _pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        text = body.decode("ascii")
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise BadRequest("the body is no form that a browser sends") from None

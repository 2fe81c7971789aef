"""The service as one ASGI app: prices, usage, access, checkout, its description, pages."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route

from tallystick import problems
from tallystick.core.catalog import Catalog
from tallystick.errors import InvalidInput, TallystickError
from tallystick.http import plans
from tallystick.http.cached import Cached
from tallystick.http.checkout import MOST_BYTES as MOST_CHECKOUT
from tallystick.http.checkout import RESOLVE, CheckoutRoutes
from tallystick.http.checkout_open import CHECKOUT, CheckoutPageRoutes
from tallystick.http.checkout_open import MOST_BYTES as MOST_PAGE
from tallystick.http.decode import MOST_BYTES
from tallystick.http.entitlements import CHECK, ENTITLEMENTS, EntitlementRoutes
from tallystick.http.guard import BodyBound, Guard, internal_error, problem_response
from tallystick.http.keys import Keys
from tallystick.http.openapi import describe
from tallystick.http.pages import assets, docs_page, pricing_page
from tallystick.http.usage import EVENTS, USAGE, UsageRoutes
from tallystick.http.webhooks import LARGEST, STRIPE, WebhookRoutes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from tallystick.http.demo import DemoPage
    from tallystick.http.dev import DevPage
    from tallystick.wiring import Tallystick

__all__ = ["answer_errors", "create_app"]

MAX_BODY: Final = 1_048_576
_INTERNAL: Final = problems.STATUS["INTERNAL_ERROR"]


def create_app(  # noqa: PLR0913 - what is served, how, and what stands beside it
    catalog: Catalog[Any, Any],
    *,
    beside: Mapping[str, Catalog[Any, Any]] | None = None,
    docs: bool = True,
    max_age: int = 300,
    max_body: int = MAX_BODY,
    tally: Tallystick | None = None,
    keys: Keys | None = None,
    demo: DemoPage | None = None,
    dev: DevPage | None = None,
) -> ASGIApp:
    """Build the service of a catalogue.

    Catalogues `beside` it, by name, are drawn on the same page and answered under
    `/catalogs/NAME/api/v1/plans`.  `docs` False switches `/docs` and `/openapi.json` off.  A price
    list may be kept by a cache for `max_age` seconds; a request body over `max_body` bytes is
    refused with 413; one of usage events over 10 MB is.

    Usage is recorded in and read from the ledger `tally`, and access asked of it, by callers who
    have one of the `keys`.  Without either, these routes answer 503.  Where the ledger expects
    events of Stripe, they are taken at `/api/v1/webhooks/stripe`.  A `demo` page shows a
    customer's usage and invoices to anyone on this machine; a `dev` page lets them buy.

    Raises InvalidInput for what is no catalogue or one whose price list cannot be written.
    """
    catalogs = {plans.PATH: catalog}
    catalogs |= {plans.path_beside(name): other for name, other in (beside or {}).items()}
    _check(catalogs.values(), max_age=max_age, max_body=max_body)
    lists = {path: plans.PriceLists(each, max_age=max_age) for path, each in catalogs.items()}
    app = FastAPI(
        title="Tallystick",
        version=version("tallystick"),
        summary="Prices of one catalogue, and what they entitle to.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    answer_errors(app)
    _add(app, "/healthz", _probe("alive"))
    _add(app, "/readyz", _probe("ready"))
    usage = None if demo is None else demo.address.removeprefix("/")
    bought = None if dev is None else dev.address.removeprefix("/")
    _add(app, "/", pricing_page(catalogs, docs=docs, usage=usage, dev=bought))
    for name, asset in assets().items():
        _add(app, f"/static/{name}", asset)
    keys = keys or Keys()
    _add_usage(app, UsageRoutes(tally, keys))
    _add_entitlements(app, EntitlementRoutes(tally, keys))
    _add_checkout(app, CheckoutRoutes(tally, keys))
    _add_pages(app, CheckoutPageRoutes(tally, keys))
    webhooks = tally is not None and tally.event_source is not None
    if webhooks:
        route = WebhookRoutes(tally).stripe
        app.router.routes.append(Route(STRIPE, route, methods=["POST"]))
    for pages in (demo, dev):
        if pages is not None:
            app.router.routes.extend(pages.routes())
    if docs:
        described = describe(app.openapi(), usage=tally is not None, webhooks=webhooks)
        _add(app, "/openapi.json", _json(described, {"Cache-Control": "no-cache"}))
        _add(app, "/docs", docs_page(described))
    bounds = {EVENTS: MOST_BYTES, RESOLVE: MOST_CHECKOUT, CHECKOUT: MOST_PAGE, STRIPE: LARGEST}
    bounded = Guard(BodyBound(app, max_body, bounds=bounds))
    return plans.PlansLayer(bounded, lists, max_body=max_body)


def _check(catalogs: Iterable[object], **bounds: object) -> None:
    for catalog in catalogs:
        if not isinstance(catalog, Catalog):
            raise InvalidInput(f"a service shows a Catalog, not {type(catalog).__name__}")
    for name, bound in bounds.items():
        if type(bound) is not int or bound < 0:
            raise InvalidInput(f"{name} is a whole number from 0, not {bound!r}")


def _add(app: FastAPI, path: str, answer: Cached) -> None:
    """Answer a path with bytes that are ready; other methods than GET and HEAD get 405."""
    app.router.routes.append(Route(path, answer, methods=["GET"]))


def _add_usage(app: FastAPI, usage: UsageRoutes) -> None:
    app.router.routes.append(Route(EVENTS, usage.record, methods=["POST"]))
    app.router.routes.append(Route(USAGE, usage.read, methods=["GET"]))


def _add_entitlements(app: FastAPI, entitlements: EntitlementRoutes) -> None:
    app.router.routes.append(Route(CHECK, entitlements.check, methods=["GET"]))
    app.router.routes.append(Route(ENTITLEMENTS, entitlements.all, methods=["GET"]))


def _add_checkout(app: FastAPI, checkout: CheckoutRoutes) -> None:
    app.router.routes.append(Route(RESOLVE, checkout.resolve, methods=["POST"]))


def _add_pages(app: FastAPI, pages: CheckoutPageRoutes) -> None:
    app.router.routes.append(Route(CHECKOUT, pages.open, methods=["POST"]))
    app.router.routes.append(Route(CHECKOUT + "/{id}", pages.show, methods=["GET"]))


def _probe(word: str) -> Cached:
    return _json({"ok": True, "data": {"status": word}}, {"Cache-Control": "no-store"})


def _json(value: object, headers: dict[str, str]) -> Cached:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Cached(text.encode(), "application/json", headers)


def answer_errors(app: FastAPI) -> None:
    """Give every failure the one envelope, whoever raised it."""
    app.add_exception_handler(TallystickError, _of_rules)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(Exception, _of_anything)


async def _of_rules(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the shape of a handler
    answer = problems.of(error)
    if answer.status == _INTERNAL:
        raise error  # what the operator has to cure is logged and answered without a word of it
    return problem_response(answer)


async def _of_framework(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    status, path = error.status_code, request.scope["path"]
    headers = dict(error.headers or {})
    text = str(error.detail) if status < _INTERNAL else problems.NEUTRAL
    if status == problems.STATUS["NOT_FOUND"]:
        text = f"nothing is at {path[:200]}"
    elif status == problems.STATUS["METHOD_NOT_ALLOWED"]:
        headers["Allow"] = ", ".join(sorted(headers.get("Allow", "").split(", ")))
        text = f"{request.method} is not answered here; ask with {headers['Allow']}"
    body = problems.envelope(problems.code_for(status), text)
    return problem_response(problems.Answer(status, body), headers)


async def _of_validation(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the shape of a handler
    if not isinstance(error, RequestValidationError):
        raise error
    fields: dict[str, list[str]] = {}
    for problem in error.errors():
        fields.setdefault(".".join(map(str, problem["loc"])), []).append(problem["msg"])
    text = "the request has fields that cannot be read"
    return problem_response(problems.of(InvalidInput(text, fields)))


async def _of_anything(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the shape of a handler
    return internal_error(request.scope)

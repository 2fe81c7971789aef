"""FastAPI: gates as dependencies, the price list as a router, a lifespan that sets all of it up."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Generic

from tallystick.errors import (
    ForbiddenError,
    MissingExtra,
    QuotaExceeded,
    SetupError,
    TallystickError,
    Unauthorized,
    UnknownPlan,
)

try:
    from fastapi import APIRouter, Depends, FastAPI, Request
    from fastapi.params import Depends as Dependency
    from starlette.responses import Response
except ImportError as error:
    raise MissingExtra("tallystick.integrations.fastapi", "fastapi") from error

from tallystick.facade.keys import Key
from tallystick.integrations.answers import log_denial
from tallystick.integrations.asgi import asked_customer, asked_plan
from tallystick.integrations.fastapi_openapi import Shown, describe_gates
from tallystick.integrations.fastapi_routes import add_routes
from tallystick.integrations.holds import Holds
from tallystick.integrations.needs import check_feature, included, need_of, seconds_held
from tallystick.integrations.worker import run_worker, seconds_between, set_up
from tallystick.problems import refusal_of
from tallystick.tenancy.scopes import check_scopes, scopes_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from tallystick.facade.reservation import Quantity
    from tallystick.integrations.asgi import CustomerOf
    from tallystick.integrations.needs import Amount, Need
    from tallystick.wiring import Tallystick

__all__ = ["Billing", "requires_scopes"]

_KEY: Final = "tallystick.billing"
_HOLDS: Final = "tallystick.holds"
_DENIED: Final = (401, 402, 403, 429)
_DENIALS: Final = (QuotaExceeded, ForbiddenError, Unauthorized, UnknownPlan)


class Billing(Generic[Key]):
    """Limits and prices of one ledger in a FastAPI program.

    `FastAPI(lifespan=billing.lifespan)` sets it up; a program with a lifespan of its own calls
    `async with billing.lifespan(app)` inside it.  `app.include_router(billing.router)` answers
    `GET /api/v1/plans`, and for callers with a key of TALLYSTICK_API_KEY `/api/v1/usage` and
    `/api/v1/entitlements`.
    """

    def __init__(
        self,
        tally: Tallystick[Key],
        *,
        customer: CustomerOf,
        plan: CustomerOf | None = None,
        principal: CustomerOf | None = None,
        expires_in: int | None = None,
        worker_every: int | None = 60,
        author: str = "fastapi",
    ) -> None:
        """Stand on a ledger.

        `customer` names who is billed for a request: an id, or None for nobody; it may be async.
        `plan` names their plan where you keep it yourself; None leaves it to the subscription.
        `principal` names who asks, with their `scopes`, for `requires_scopes`.  What is held for a
        request goes back by itself after `expires_in` seconds (60).  The worker bills what is due
        every so many seconds; None leaves it out.  `author` stands at the catalogues that the
        lifespan publishes.

        Raises SetupError.
        """
        if not callable(customer) or not all(f is None or callable(f) for f in (plan, principal)):
            raise SetupError("customer, plan and principal are functions of a request")
        self.tally = tally
        self._customer, self._plan, self._principal = customer, plan, principal
        self._expires_in = seconds_held(expires_in)
        self._every, self._author = seconds_between(worker_every), author
        self.router = add_routes(APIRouter(), tally)

    # --- setting up -------------------------------------------------------------------------------

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Migrate, publish the catalogue and run the worker for as long as the program runs.

        Raises MigrationRefused, StorageUnavailable, Conflict: the program then does not start.
        """
        self.init_app(app)
        await set_up(self.tally, self._author)
        worker = (
            None
            if self._every is None
            else asyncio.ensure_future(run_worker(self.tally, self._every))
        )
        try:
            yield
        finally:
            if worker is not None:
                worker.cancel()
                with suppress(asyncio.CancelledError):
                    await worker

    def init_app(self, app: FastAPI) -> None:
        """Have gates work in a program, errors answered, and both in its OpenAPI; once is enough.

        The lifespan does it.  Raises SetupError where another Billing is there already.
        """
        known = getattr(app.state, "tallystick", self)
        if known is not self:
            raise SetupError("this program has another Billing already")
        if hasattr(app.state, "tallystick"):
            return
        app.state.tallystick = self
        app.middleware_stack = None  # it is built anew at the next request, with what is added here
        app.add_middleware(_HoldsLayer, billing=self)
        app.add_exception_handler(TallystickError, self._answer)
        describe_gates(app)

    async def _answer(self, request: Request, error: Exception) -> Response:
        logged = getattr(request.state, "tallystick_denied", None) is error
        if isinstance(error, _DENIALS) and not logged:
            await self._log(request, error)
        refusal = refusal_of(error, self.tally.clock.now())
        if refusal.internal:
            raise error  # for the log: the answer says not a word of it
        return Response(refusal.body, refusal.status, headers=refusal.headers)

    async def _log(self, request: Request, error: TallystickError) -> None:
        """Write down a denial that is no gate's: what a handler raised, or a scope that lacks."""
        owner = None
        with suppress(Exception):  # whoever it is, the denial is what is answered
            owner = await asked_customer(self._customer, request)
        _log_denial(error, owner, getattr(error, "feature", "-"), request)

    # --- gates ------------------------------------------------------------------------------------

    def use(
        self,
        feature: Key,
        quantity: Amount = 1,
        *,
        count: Callable[[str], Quantity] | None = None,
    ) -> Any:  # noqa: ANN401 - as FastAPI's own Depends
        """Use so much of a feature for each request that succeeds: `dependencies=[billing.use(…)]`.

        It is reserved before the handler runs, committed as a 2xx or 3xx answer begins, and
        released where the answer is another or the handler fails.  `quantity` may be a function of
        the request; `count` gives the host's own count of a customer.

        Raises SetupError for what the catalogue cannot give.
        """
        return self._held(need_of(self.tally, feature, quantity, count))

    def quota(
        self,
        feature: Key,
        quantity: Amount = 1,
        *,
        count: Callable[[str], Quantity] | None = None,
    ) -> Any:  # noqa: ANN401 - as FastAPI's own Depends
        """Use so much of a quota, as `use` does.

        Raises SetupError where the feature has no `reset` and there is no `count` of the host.
        """
        return self._held(need_of(self.tally, feature, quantity, count, quota=True))

    def require_feature(self, feature: Key) -> Any:  # noqa: ANN401 - as FastAPI's own Depends
        """Let only those pass whose plan includes a feature; uses nothing.  Raises SetupError."""
        check_feature(self.tally, feature)

        async def ask(request: Request, owner: str) -> None:
            plan = await asked_plan(self._plan, request)
            included(await self.tally.aio.check(owner, feature, plan=plan))

        return self._gate(feature, ask)

    def _held(self, need: Need) -> Dependency:
        async def reserve(request: Request, owner: str) -> None:
            holds: Holds | None = request.scope.get(_HOLDS)
            if holds is None:
                raise SetupError(
                    "the gates of this program are not set up: FastAPI(lifespan=billing.lifespan), "
                    "and in tests `with TestClient(app)`"
                )
            plan = await asked_plan(self._plan, request)
            await holds.reserve(owner, need, need.of(request), self._expires_in, plan)

        return self._gate(need.feature, reserve)

    def _gate(self, feature: str, ask: Callable[[Request, str], Awaitable[None]]) -> Dependency:
        async def gate(request: Request, _: None = Depends(Shown(_DENIED))) -> None:
            owner = None
            try:
                owner = await asked_customer(self._customer, request)
                await ask(request, owner)
            except TallystickError as error:
                _log_denial(error, owner, feature, request)
                raise

        return _dependency(gate)

    async def scopes(self, request: Request) -> Any:  # noqa: ANN401 - checked where they are compared
        """Give the scopes of who asks, None for nobody.  Raises SetupError without `principal`."""
        if self._principal is None:
            raise SetupError("who asks is not known: give Billing a principal= with scopes")
        try:
            found = self._principal(request)
            if inspect.isawaitable(found):
                found = await found
        except KeyError:
            return None
        return None if found is None else found.scopes


def requires_scopes(*scopes: str) -> Any:  # noqa: ANN401 - as FastAPI's own Depends
    """Let only those pass who have all of these scopes; who that is, `Billing(principal=…)` says.

    Nobody is answered 401, who lacks one 403.  Raises SetupError for a scope that is no word.
    """
    wanted = scopes_of(scopes)

    async def gate(request: Request, _: None = Depends(Shown(_DENIED[:1] + _DENIED[2:3]))) -> None:
        billing: Billing | None = request.scope.get(_KEY)
        if billing is None:
            raise SetupError("no Billing is set up in this program: see Billing.lifespan")
        check_scopes(wanted, await billing.scopes(request) if wanted else None)

    return _dependency(gate)


def _log_denial(error: TallystickError, owner: str | None, feature: str, request: Request) -> None:
    request.state.tallystick_denied = error  # one line for each
    log_denial(error, owner, feature, f"{request.method} {request.url.path}")


def _dependency(gate: Callable[..., Awaitable[None]]) -> Dependency:
    found = Depends(gate, use_cache=False)  # each gate of a route counts
    assert isinstance(found, Dependency)  # noqa: S101 - FastAPI types it as anything
    return found


class _HoldsLayer:
    """Commits or releases what a request holds as its answer begins."""

    def __init__(self, app: ASGIApp, billing: Billing) -> None:
        self._app, self._billing = app, billing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        holds = Holds(self._billing.tally, send)
        try:
            await self._app({**scope, _KEY: self._billing, _HOLDS: holds}, receive, holds.send)
        finally:
            await holds.release()

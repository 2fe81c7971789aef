"""Tenancy and quotas for ASGI: Starlette, FastAPI, Litestar, or a bare application.

Plain classes: `app.add_middleware(TenantMiddleware, config=…, lookup_tenant=…)`.  What was decided
stands in the request's state: `request.state.tenant`, `.principal` and `.tenancy` (an Admission).
Functions of the host's that are not asynchronous run in a thread beside the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias, Unpack

from tallystick.errors import SetupError, TallystickError
from tallystick.problems import refusal_of
from tallystick.tenancy.denials import log_denial, request_id_of
from tallystick.tenancy.facts import RequestFacts
from tallystick.tenancy.order import quota_outside, refuse_quota_outside
from tallystick.tenancy.quota import Hold, Quota, QuotaOptions, read_quota
from tallystick.tenancy.settings import Options, TenancyConfig, read_config
from tallystick.tenancy.steps import run_async
from tallystick.wiring import SystemClock

if TYPE_CHECKING:
    from datetime import datetime

    from tallystick.ports import Clock
    from tallystick.tenancy.admission import Admission
    from tallystick.tenancy.lookup import TenantLookup

__all__ = ["App", "QuotaMiddleware", "TenantMiddleware", "admission_of", "facts_of"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI application."""

_INSIDE: Final = "tallystick.tenancy"
_POLICY: Final = 1008  # the code by which a websocket is closed for a rule
_FAILED: Final = 400


class TenantMiddleware:
    """Finds out which tenant asks, and lets nobody else in."""

    tells_tenants: Final = True

    def __init__(
        self,
        app: App,
        *,
        config: TenancyConfig | Mapping[str, Any],
        lookup_tenant: Callable[..., Any] | TenantLookup,
        **options: Unpack[Options],
    ) -> None:
        """Stand in front of `app`; see `settings.TenancyConfig` and `settings.Options`.

        `lookup_tenant(name)` gives a Tenant or None for an id or a slug; it may be asynchronous.

        Raises SetupError, MissingExtra.
        """
        self.app = app
        self._clock: Clock = options.get("clock") or SystemClock()
        self._tenancy = read_config(config, lookup_tenant, options, self._clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on who comes in, answer the others."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app({**scope, _INSIDE: True}, receive, send)
            return
        request = facts_of(scope)
        try:
            admission = await run_async(self._tenancy.admit(request))
        except SetupError:
            raise
        except TallystickError as error:
            log_denial(error, request, None)
            await _refuse(error, self._clock.now(), scope, receive, send)
            return
        await self.app(_admitted(scope, admission), receive, send)


class QuotaMiddleware:
    """Lets a tenant's requests pass while there is room; stands inside a TenantMiddleware.

    A request that is answered below 400 counts; any other, or one that fails, does not.
    """

    def __init__(self, app: App, **options: Unpack[QuotaOptions]) -> None:
        """Stand in front of `app`; see `quota.QuotaOptions`.

        Raises SetupError, also where a TenantMiddleware stands inside: then nobody has said yet
        who asks.  Where the server is already running, that ends its start-up.
        """
        self.app = app
        self._clock: Clock = options.get("clock") or SystemClock()
        self._quota = read_quota(options, self._clock)
        if not _is_running():  # a framework that builds its stack late is told by its lifespan
            refuse_quota_outside(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on while there is room, answer 429 else."""
        if scope["type"] == "lifespan":
            await self._start(scope, receive, send)
        elif scope["type"] in {"http", "websocket"}:
            await self._count(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _start(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get(_INSIDE) and not quota_outside(self.app):
            await self.app(scope, receive, send)
            return
        error = SetupError(_WITHOUT)
        await receive()
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        raise error

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        admission = admission_of(scope)
        held = self._quota.take_at_once(admission)
        if held is None:
            try:
                held = await run_async(self._quota.take(admission))
            except SetupError:
                raise
            except TallystickError as error:
                await self._deny(error, admission, scope, receive, send)
                return
        answer = _Answer(self._quota, held, send)
        try:
            await self.app(scope, receive, answer.send)
        except BaseException as error:
            if answer.refused is None:
                await answer.settle(succeeded=False)
                raise
            if not isinstance(error, Exception):
                raise
        if answer.refused is None:
            await answer.settle(succeeded=scope["type"] == "websocket")
        if answer.refused is not None:
            await self._deny(answer.refused, admission, scope, receive, send)

    async def _deny(
        self,
        error: TallystickError,
        admission: Admission,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        tenant = None if admission.tenant is None else admission.tenant.id
        log_denial(error, facts_of(scope), tenant, self._quota.quota_key)
        await _refuse(error, self._clock.now(), scope, receive, send)


_WITHOUT: Final = (
    "a QuotaMiddleware stands inside a TenantMiddleware: add the TenantMiddleware outside of it "
    "(with add_middleware: after it), so that it is known who asks"
)


class _Answer:
    """The answer of a handler: what was held is settled before the first byte of it is sent.

    Where that fails nothing of the answer goes out: what is not counted is not given.
    """

    __slots__ = ("_held", "_quota", "_send", "_settled", "refused")

    def __init__(self, quota: Quota, held: Hold | None, send: Send) -> None:
        self._quota, self._held, self._send = quota, held, send
        self._settled = False
        self.refused: TallystickError | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self.settle(succeeded=message["status"] < _FAILED)
        if self.refused is None:
            await self._send(message)

    async def settle(self, *, succeeded: bool) -> None:
        if self._settled:
            return
        self._settled = True
        if self._quota.settle_at_once(self._held, succeeded=succeeded):
            return
        settling = asyncio.ensure_future(
            run_async(self._quota.settle(self._held, succeeded=succeeded))
        )
        try:
            await asyncio.shield(settling)  # a caller who hangs up does not stop the counting
        except TallystickError as error:
            self.refused = error


def admission_of(scope: Mapping[str, Any]) -> Admission:
    """Give what a TenantMiddleware decided about a request.  Raises SetupError without one."""
    found = scope.get("state", {}).get("tenancy")
    if found is None:
        raise SetupError(_WITHOUT)
    admission: Admission = found
    return admission


def facts_of(scope: Scope) -> RequestFacts:
    """Read an ASGI scope."""
    headers = tuple(
        (bytes(name).decode("latin-1").lower(), bytes(value).decode("latin-1"))
        for name, value in scope["headers"]
    )
    known = scope.get("state", {}).get("request_id")
    sent = next((value for name, value in headers if name == "x-request-id"), None)
    root: str = scope.get("root_path", "")
    path: str = scope["path"]
    if root and (path == root or path.startswith(root + "/")):
        path = path[len(root) :]
    client = scope.get("client")
    return RequestFacts(
        method=scope.get("method", "WEBSOCKET"),
        path=path,
        query=bytes(scope.get("query_string", b"")).decode("latin-1"),
        headers=headers,
        peer=None if client is None else str(client[0]),
        request_id=known or request_id_of(sent),
        raw=scope,
    )


def _admitted(scope: Scope, admission: Admission) -> Scope:
    state = {
        **scope.get("state", {}),
        "tenancy": admission,
        "tenant": admission.tenant,
        "principal": admission.principal,
    }
    root = scope.get("root_path", "") + admission.prefix
    return {**scope, "state": state, "root_path": root}


async def _refuse(
    error: TallystickError, at: datetime, scope: Scope, receive: Receive, send: Send
) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": _POLICY, "reason": error.code})
        return
    refusal = refusal_of(error, at)
    headers = [(name.encode(), value.encode("latin-1")) for name, value in refusal.headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": refusal.body})


def _is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True

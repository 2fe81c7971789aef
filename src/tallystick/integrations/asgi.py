"""Gates as plain ASGI classes: for Starlette, Litestar, and whatever else speaks ASGI."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias
from urllib.parse import parse_qsl

from tallystick.errors import BadRequest, SetupError, TallystickError
from tallystick.integrations.answers import log_denial
from tallystick.integrations.holds import Holds, send_refusal
from tallystick.integrations.needs import (
    check_feature,
    customer_from,
    included,
    need_of,
    seconds_held,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from tallystick.facade.reservation import Quantity
    from tallystick.integrations.needs import Amount
    from tallystick.wiring import Tallystick

__all__ = [
    "App",
    "Caller",
    "CustomerOf",
    "Quota",
    "RequireFeature",
    "Use",
    "asked_customer",
    "asked_plan",
]

Message: TypeAlias = "MutableMapping[str, Any]"
App: TypeAlias = Callable[
    [Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]
"""An ASGI application."""

CustomerOf: TypeAlias = Callable[[Any], Any]
"""Names the customer of a request: an id, None for nobody, or an awaitable of either."""


class _Headers(Mapping[str, str]):
    """The headers of a request, by name in any case."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in raw:
            key = bytes(name).decode("latin-1").lower()
            self._values.setdefault(key, []).append(bytes(value).decode("latin-1"))

    def __getitem__(self, name: str) -> str:
        values = self._values[name.lower()]
        if len(values) > 1:  # two readers could believe two different ones
            raise BadRequest(f"the header {name} is sent {len(values)} times: send it once")
        return values[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Caller:
    """Who asks, as far as the request says: its headers, method, path and query."""

    def __init__(self, scope: MutableMapping[str, Any]) -> None:
        """Read an ASGI scope, which stays at hand as `scope`."""
        self.scope = scope
        self.method: str = scope.get("method", "")
        self.path: str = scope["path"]
        self.headers: Mapping[str, str] = _Headers(scope.get("headers", []))

    @property
    def query(self) -> dict[str, str]:
        """Give the parameters of the address; of one that is given twice, the last."""
        return dict(parse_qsl(self.scope.get("query_string", b"").decode("latin-1")))


async def asked_customer(customer: CustomerOf, request: object) -> str:
    """Give the customer that a host names for a request.

    A KeyError of the host (a header, a field of a session that is not there) is nobody.
    Raises Unauthorized.
    """
    try:
        found = customer(request)
        if inspect.isawaitable(found):
            found = await found
    except KeyError:
        found = None
    return customer_from(found)


async def asked_plan(plan: CustomerOf | None, request: object) -> str | None:
    """Give the plan that a host names for a request; where it keeps none, None."""
    found = None if plan is None else plan(request)
    if inspect.isawaitable(found):
        found = await found
    return None if found is None else str(found)


class Use:
    """Uses so much of a feature for each request that succeeds: 2xx and 3xx.

    It is reserved before the application is asked, committed as its answer begins, and released
    where the answer is another or there is none.  Who may not use it is answered 401, 402, 403 or
    429 in the one envelope.
    """

    _quota: ClassVar = False

    def __init__(
        self,
        app: App,
        tally: Tallystick,
        feature: str,
        quantity: Amount = 1,
        *,
        customer: CustomerOf,
        plan: CustomerOf | None = None,
        count: Callable[[str], Quantity] | None = None,
        expires_in: int | None = None,
    ) -> None:
        """Stand in front of `app`; `customer` names who asks from a `Caller`.

        `plan` names their plan where you keep it yourself; None leaves it to the subscription.
        `count` gives the host's own count of a customer.  What is held goes back by itself
        `expires_in` seconds later (60), so choose more than the slowest answer takes.

        Raises SetupError.
        """
        self._app, self._tally, self._customer, self._plan = app, tally, customer, plan
        self._need = need_of(tally, feature, quantity, count, quota=self._quota)
        self._expires_in = seconds_held(expires_in)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - the shape of every ASGI app
        """Let a request pass, or answer it."""
        if _passes(scope):
            await self._app(scope, receive, send)
            return
        caller, owner, holds = Caller(scope), None, Holds(self._tally, send)
        try:
            owner = await asked_customer(self._customer, caller)
            plan = await asked_plan(self._plan, caller)
            await holds.reserve(owner, self._need, self._need.of(caller), self._expires_in, plan)
        except TallystickError as error:
            log_denial(error, owner, self._need.feature, f"{caller.method} {caller.path}")
            await send_refusal(error, self._tally, send)
            return
        try:
            await self._app(scope, receive, holds.send)
        finally:
            await holds.release()


class Quota(Use):
    """Uses so much of a quota, which starts again.

    Raises SetupError where the feature has no `reset` and there is no `count` of the host.
    """

    _quota: ClassVar = True


class RequireFeature:
    """Lets only those pass whose plan includes a feature; uses nothing."""

    def __init__(
        self,
        app: App,
        tally: Tallystick,
        feature: str,
        *,
        customer: CustomerOf,
        plan: CustomerOf | None = None,
    ) -> None:
        """Stand in front of `app`; `customer` and `plan` are those of `Use`.

        Raises SetupError.
        """
        check_feature(tally, feature)
        self._app, self._tally, self._feature = app, tally, feature
        self._customer, self._plan = customer, plan

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - the shape of every ASGI app
        """Let a request pass, or answer it."""
        if not _passes(scope):
            caller, owner = Caller(scope), None
            try:
                owner = await asked_customer(self._customer, caller)
                plan = await asked_plan(self._plan, caller)
                included(await self._tally.aio.check(owner, self._feature, plan=plan))
            except TallystickError as error:
                log_denial(error, owner, self._feature, f"{caller.method} {caller.path}")
                await send_refusal(error, self._tally, send)
                return
        await self._app(scope, receive, send)


def _passes(scope: Mapping[str, Any]) -> bool:
    """Whether it is no request at all.  Raises SetupError for what a gate cannot count."""
    if scope["type"] == "websocket":
        raise SetupError("a gate counts answers to requests; a websocket has none: ask tally.aio")
    return bool(scope["type"] != "http")

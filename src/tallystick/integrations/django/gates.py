"""Gates of a Django project: decorators for views, async ones too."""

from __future__ import annotations

import asyncio
from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import markcoroutinefunction, sync_to_async

from tallystick.errors import (
    RuleError,
    SetupError,
    StorageUnavailable,
    TallystickError,
    Unauthorized,
)
from tallystick.integrations.answers import log_denial, succeeded
from tallystick.integrations.django.ledger import tally
from tallystick.integrations.django.settings import NAME
from tallystick.integrations.holding import holding
from tallystick.integrations.needs import check_feature, customer_from, included, need_of
from tallystick.tenancy.scopes import check_scopes, scopes_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from django.http import HttpRequest

    from tallystick.core.entitlement import Access
    from tallystick.facade.reservation import Quantity, Reservation
    from tallystick.integrations.holding import Work
    from tallystick.integrations.needs import Amount, Need

    R = TypeVar("R")
    View = TypeVar("View", bound=Callable[..., Any])

__all__ = [
    "access",
    "customer_of",
    "has_feature",
    "passes",
    "plan_of",
    "quota",
    "require_feature",
    "requires_scopes",
    "reserve",
    "use",
]


# --- who asks -------------------------------------------------------------------------------------


def customer_of(request: HttpRequest) -> str:
    """Give the customer of a request, as `TALLYSTICK["CUSTOMER"]` names it.

    Raises Unauthorized for nobody, SetupError where the project names none.
    """
    customer = tally.settings.customer
    if customer is None:
        raise SetupError(
            f'who is billed is not known: give {NAME}["CUSTOMER"], a function of a request'
        )
    try:
        found = customer(request)
    except KeyError:  # a header, a field of the session that is not there
        found = None
    return customer_from(found)


def plan_of(request: HttpRequest) -> str | None:
    """Give the plan that `TALLYSTICK["PLAN"]` names; None leaves it to the subscription."""
    found = None if tally.settings.plan is None else tally.settings.plan(request)
    return None if found is None else str(found)


def access(request: HttpRequest, feature: str) -> Access:
    """Answer for the customer of a request.  Raises Unauthorized for nobody."""
    return tally.check(customer_of(request), feature, plan=plan_of(request))


def has_feature(request: HttpRequest, feature: str) -> bool:
    """Whether the plan of a request's customer includes a feature; nobody has none."""
    try:
        included(access(request, feature))
    except (RuleError, Unauthorized, StorageUnavailable):
        return False
    return True


def passes(request: HttpRequest, feature: str) -> None:
    """Let a request pass whose customer's plan includes a feature; uses nothing.

    Raises AccessDenied, PaymentNeeded, UnknownPlan, Unauthorized, StorageUnavailable.
    """

    def ask(owner: str) -> None:
        included(tally.check(owner, feature, plan=plan_of(request)))

    _gate(request, feature, ask)


def reserve(request: HttpRequest, need: Need) -> Reservation:
    """Hold what a request needs.  Raises what `tally.reserve` does, and Unauthorized."""

    def ask(owner: str) -> Reservation:
        return tally.reserve(
            owner,
            need.feature,
            need.of(request),
            expires_in=tally.settings.expires_in,
            used=need.counted(owner),
            plan=plan_of(request),
        )

    return _gate(request, need.feature, ask)


def _gate(request: HttpRequest, feature: str, ask: Callable[[str], R]) -> R:
    """Ask for the customer of a request, and write down who is not let through."""
    owner = None
    try:
        owner = customer_of(request)
        return ask(owner)
    except TallystickError as error:
        log_denial(error, owner, feature, f"{request.method} {request.path}")
        raise


# --- decorators -----------------------------------------------------------------------------------


def use(
    feature: str, quantity: Amount = 1, *, count: Callable[[str], Quantity] | None = None
) -> Callable[[View], View]:
    """Use so much of a feature for each request that succeeds: a decorator for a view.

    It is reserved before the view runs, committed where it answers 2xx or 3xx, and released where
    it answers anything else or raises.  `quantity` may be a function of the request; `count` gives
    the host's own count of a customer.

    Raises SetupError for what the catalogue cannot give.
    """
    return _held(need_of(tally, feature, quantity, count))


def quota(
    feature: str, quantity: Amount = 1, *, count: Callable[[str], Quantity] | None = None
) -> Callable[[View], View]:
    """Use so much of a quota, as `use` does.

    Raises SetupError where the feature has no `reset` and there is no `count` of the host.
    """
    return _held(need_of(tally, feature, quantity, count, quota=True))


def require_feature(feature: str) -> Callable[[View], View]:
    """Let only those pass whose plan includes a feature; uses nothing.  Raises SetupError."""
    check_feature(tally, feature)
    return _asking(lambda request: passes(request, feature))


def requires_scopes(*scopes: str) -> Callable[[View], View]:
    """Let only those pass who have all of these scopes, as `TALLYSTICK["PRINCIPAL"]` says.

    Nobody is answered 401, who lacks one 403.  Raises SetupError for a scope that is no word.
    """
    wanted = scopes_of(scopes)
    return _asking(lambda request: check_scopes(wanted, _scopes(request) if wanted else None))


def _scopes(request: HttpRequest) -> Any:  # noqa: ANN401 - checked where they are compared
    principal = tally.settings.principal
    if principal is None:
        raise SetupError(f'who asks is not known: give {NAME}["PRINCIPAL"], with scopes')
    try:
        found = principal(request)
    except KeyError:
        return None
    return None if found is None else found.scopes


def _asking(ask: Callable[[HttpRequest], None]) -> Callable[[View], View]:
    def around(view: View) -> View:
        async def later(request: HttpRequest, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - of every view
            await sync_to_async(ask)(request)
            return await view(request, *args, **named)

        def now(request: HttpRequest, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - of every view
            ask(request)
            return view(request, *args, **named)

        return _like(view, now, later)

    return around


def _held(need: Need) -> Callable[[View], View]:
    def around(view: View) -> View:
        async def later(request: HttpRequest, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - of every view
            block = holding(await sync_to_async(reserve)(request, need))
            work = block.__enter__()
            try:
                answer = await view(request, *args, **named)
            except BaseException as error:
                await _left(block, error)
                raise
            work.succeeded = succeeded(answer.status_code)
            await _left(block, None)
            return answer

        def now(request: HttpRequest, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - of every view
            with holding(reserve(request, need)) as work:
                answer = view(request, *args, **named)
                work.succeeded = succeeded(answer.status_code)
            return answer

        return _like(view, now, later)

    return around


async def _left(block: AbstractContextManager[Work], error: BaseException | None) -> None:
    """Leave the block where Django's connection is, also where the request is cancelled."""
    kind = None if error is None else type(error)
    await asyncio.shield(sync_to_async(block.__exit__)(kind, error, None))


def _like(view: View, now: Callable[..., Any], later: Callable[..., Any]) -> View:
    """Give the gate that is called as the view is."""
    if iscoroutinefunction(view):
        return markcoroutinefunction(wraps(view)(later))  # type: ignore[return-value]  # a view
    return wraps(view)(now)  # type: ignore[return-value]  # what Django takes for a view

"""Flask: an extension with decorators for views, and features in templates."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from tallystick.errors import (
    MissingExtra,
    RuleError,
    SetupError,
    StorageUnavailable,
    TallystickError,
    Unauthorized,
)
from tallystick.facade.keys import Key
from tallystick.integrations.answers import log_denial, succeeded
from tallystick.integrations.holding import holding
from tallystick.integrations.needs import (
    check_feature,
    customer_from,
    included,
    need_of,
    seconds_held,
)
from tallystick.integrations.price_list import PLANS, price_list
from tallystick.problems import refusal_of
from tallystick.tenancy.scopes import check_scopes, scopes_of

try:
    from flask import Flask, Response, current_app, make_response, request
except ImportError as error:
    raise MissingExtra("tallystick.integrations.flask", "flask") from error

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.entitlement import Access
    from tallystick.facade.reservation import Quantity
    from tallystick.integrations.needs import Amount, Need
    from tallystick.wiring import Tallystick

    View = TypeVar("View", bound=Callable[..., Any])

__all__ = ["Billing", "require_feature", "requires_scopes"]

_NAME: Final = "tallystick"


class Billing(Generic[Key]):
    """Limits and prices of one ledger in a Flask program: `billing.init_app(app)`.

    `@billing.use("projects")` and `@billing.quota("apiRequests")` stand below `@app.route`.  In
    templates `{% if "customDomains" is feature %}` asks whether the plan includes a feature, and
    `feature("projects")` gives the whole answer.
    """

    def __init__(
        self,
        tally: Tallystick[Key],
        app: Flask | None = None,
        *,
        customer: Callable[[Any], object],
        plan: Callable[[Any], object] | None = None,
        principal: Callable[[Any], Any] | None = None,
        expires_in: int | None = None,
        author: str = "flask",
    ) -> None:
        """Stand on a ledger.

        `customer` names who is billed for a request: an id, or None for nobody.  `plan` names their
        plan where you keep it yourself; None leaves it to the subscription.  `principal` names who
        asks, with their `scopes`, for `requires_scopes`.  What is held for a request goes back by
        itself after `expires_in` seconds (60).

        Raises SetupError.
        """
        if not callable(customer) or not all(f is None or callable(f) for f in (plan, principal)):
            raise SetupError("customer, plan and principal are functions of a request")
        self.tally = tally
        self._customer, self._plan, self._principal = customer, plan, principal
        self._expires_in, self._author = seconds_held(expires_in), author
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, *, migrate: bool = True) -> None:
        """Have a program answer errors and `GET /api/v1/plans`, and know features in templates.

        `migrate` also applies our migrations and publishes the ledger's catalogue, where it is a
        new one.

        Raises SetupError for another Billing; MigrationRefused, StorageUnavailable, Conflict.
        """
        if app.extensions.get(_NAME) is self:
            return
        if app.extensions.setdefault(_NAME, self) is not self:
            raise SetupError("this program has another Billing already")
        if migrate:
            self.tally.migrate()
            if self.tally.price_book is not None:
                self.tally.publish(author=self._author)
        app.register_error_handler(TallystickError, self._answer)
        app.jinja_env.tests["feature"] = self._has
        app.jinja_env.globals["feature"] = self.check
        if self.tally.price_book is not None:
            app.add_url_rule(PLANS, "tallystick_plans", self._plans)

    # --- gates ------------------------------------------------------------------------------------

    def use(
        self,
        feature: Key,
        quantity: Amount = 1,
        *,
        count: Callable[[str], Quantity] | None = None,
    ) -> Callable[[View], View]:
        """Use so much of a feature for each request that succeeds.

        It is reserved before the view runs, committed where it answers 2xx or 3xx, and released
        where it answers anything else or raises.  `quantity` may be a function of the request;
        `count` gives the host's own count of a customer.

        Raises SetupError for what the catalogue cannot give.
        """
        return self._held(need_of(self.tally, feature, quantity, count))

    def quota(
        self,
        feature: Key,
        quantity: Amount = 1,
        *,
        count: Callable[[str], Quantity] | None = None,
    ) -> Callable[[View], View]:
        """Use so much of a quota, as `use` does.

        Raises SetupError where the feature has no `reset` and there is no `count` of the host.
        """
        return self._held(need_of(self.tally, feature, quantity, count, quota=True))

    def require_feature(self, feature: Key) -> Callable[[View], View]:
        """Let only those pass whose plan includes a feature; uses nothing.  Raises SetupError."""
        check_feature(self.tally, feature)
        return require_feature(feature)

    def check(self, feature: Key) -> Access:
        """Answer for the customer of this request.  Raises Unauthorized for nobody."""
        return self.tally.check(self._owner(), feature, plan=self._plan_of())

    def scopes(self) -> Any:  # noqa: ANN401 - checked where they are compared
        """Give the scopes of who asks, None for nobody.  Raises SetupError without `principal`."""
        if self._principal is None:
            raise SetupError("who asks is not known: give Billing a principal= with scopes")
        try:
            found = self._principal(request)
        except KeyError:
            return None
        return None if found is None else found.scopes

    def _held(self, need: Need) -> Callable[[View], View]:
        tally: Tallystick = self.tally  # the key was read when the need was

        def around(view: View) -> View:
            @wraps(view)
            def gated(*args: Any, **named: Any) -> Response:  # noqa: ANN401 - of every view
                owner = None
                try:
                    owner = self._owner()
                    held = tally.reserve(
                        owner,
                        need.feature,
                        need.of(request),
                        expires_in=self._expires_in,
                        used=need.counted(owner),
                        plan=self._plan_of(),
                    )
                except TallystickError as error:
                    log_denial(error, owner, need.feature, f"{request.method} {request.path}")
                    raise
                with holding(held) as work:
                    answer = make_response(current_app.ensure_sync(view)(*args, **named))
                    work.succeeded = succeeded(answer.status_code)
                return answer

            return gated  # type: ignore[return-value]  # what Flask takes for a view

        return around

    def _owner(self) -> str:
        try:
            found = self._customer(request)
        except KeyError:  # a header, a field of the session that is not there
            found = None
        return customer_from(found)

    def _plan_of(self) -> str | None:
        """Ask the host for the plan; where it keeps none, the subscription says."""
        found = None if self._plan is None else self._plan(request)
        return None if found is None else str(found)

    def _has(self, feature: Key) -> bool:
        try:
            included(self.check(feature))
        except (RuleError, Unauthorized, StorageUnavailable):
            return False
        return True

    # --- answers ----------------------------------------------------------------------------------

    def _answer(self, error: Exception) -> Response:
        refusal = refusal_of(error, self.tally.clock.now())
        if refusal.internal:
            raise error  # for the log: the answer says not a word of it
        return Response(refusal.body, refusal.status, headers=refusal.headers)

    def _plans(self) -> Response:
        book = self.tally.price_book
        assert book is not None  # noqa: S101 - the route is added only where there is one
        body, headers = price_list(book, request.args.getlist)
        answer = Response(body, 200, headers=headers)
        answer.add_etag()
        answer.make_conditional(request)
        return answer


def require_feature(feature: str) -> Callable[[View], View]:
    """Let only those pass whose plan includes a feature, by the Billing of the program."""

    def ask() -> None:
        billing, owner = _billing(), None
        try:
            owner = billing._owner()  # noqa: SLF001 - of the same file
            plan = billing._plan_of()  # noqa: SLF001 - the same
            included(billing.tally.check(owner, feature, plan=plan))
        except TallystickError as error:
            log_denial(error, owner, feature, f"{request.method} {request.path}")
            raise

    return _asking(ask)


def requires_scopes(*scopes: str) -> Callable[[View], View]:
    """Let only those pass who have all of these scopes; who that is, `Billing(principal=…)` says.

    Nobody is answered 401, who lacks one 403.  Raises SetupError for a scope that is no word.
    """
    wanted = scopes_of(scopes)
    return _asking(lambda: check_scopes(wanted, _billing().scopes() if wanted else None))


def _asking(ask: Callable[[], None]) -> Callable[[View], View]:
    def around(view: View) -> View:
        @wraps(view)
        def gated(*args: Any, **named: Any) -> Any:  # noqa: ANN401 - of every view
            ask()
            return current_app.ensure_sync(view)(*args, **named)

        return gated  # type: ignore[return-value]  # what Flask takes for a view

    return around


def _billing() -> Billing:
    found = current_app.extensions.get(_NAME)
    if not isinstance(found, Billing):
        raise SetupError("no Billing is set up in this program: call billing.init_app(app)")
    return found

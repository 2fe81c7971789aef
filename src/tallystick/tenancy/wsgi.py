"""Tenancy and quotas for WSGI: Flask, Django, Pyramid, or a bare application.

`app.wsgi_app = TenantMiddleware(app.wsgi_app, config=…, lookup_tenant=…)`.  What was decided stands
in the environment, as an Admission: `admission_of(environ)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeAlias, Unpack

from tallystick.errors import SetupError, TallystickError
from tallystick.problems import refusal_of
from tallystick.tenancy.denials import log_denial, request_id_of
from tallystick.tenancy.facts import RequestFacts
from tallystick.tenancy.order import refuse_quota_outside
from tallystick.tenancy.quota import QuotaOptions, read_quota
from tallystick.tenancy.settings import Options, TenancyConfig, read_config
from tallystick.tenancy.steps import run
from tallystick.wiring import SystemClock

if TYPE_CHECKING:
    from datetime import datetime

    from tallystick.ports import Clock
    from tallystick.tenancy.admission import Admission
    from tallystick.tenancy.lookup import TenantLookup

__all__ = ["App", "QuotaMiddleware", "TenantMiddleware", "admission_of", "facts_of"]

Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Any]
App: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]
"""A WSGI application."""

_ADMISSION: Final = "tallystick.tenancy"
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

        Raises SetupError, MissingExtra.
        """
        self.app = app
        self._clock: Clock = options.get("clock") or SystemClock()
        self._tenancy = read_config(config, lookup_tenant, options, self._clock)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Hand on who comes in, answer the others."""
        request = facts_of(environ)
        try:
            admission = run(self._tenancy.admit(request))
        except SetupError:
            raise
        except TallystickError as error:
            log_denial(error, request, None)
            return _refuse(error, self._clock.now(), start_response)
        return self.app(_admitted(environ, admission), start_response)


class QuotaMiddleware:
    """Lets a tenant's requests pass while there is room; stands inside a TenantMiddleware.

    A request that is answered below 400 counts; any other, or one that fails, does not.
    """

    def __init__(self, app: App, **options: Unpack[QuotaOptions]) -> None:
        """Stand in front of `app`; see `quota.QuotaOptions`.

        Raises SetupError, also where a TenantMiddleware stands inside: then nobody has said yet
        who asks.
        """
        self.app = app
        self._clock: Clock = options.get("clock") or SystemClock()
        self._quota = read_quota(options, self._clock)
        refuse_quota_outside(app)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Hand on while there is room, answer 429 else."""
        admission = admission_of(environ)
        try:
            held = self._quota.take_at_once(admission) or run(self._quota.take(admission))
        except SetupError:
            raise
        except TallystickError as error:
            return self._refuse(error, environ, admission, start_response)
        answer = _Answer()
        try:
            chunks = answer.read(self.app(environ, answer.start))
        except BaseException:
            run(self._quota.settle(held, succeeded=False))
            raise
        try:
            run(self._quota.settle(held, succeeded=answer.status < _FAILED))
        except TallystickError as error:
            chunks.close()
            return self._refuse(error, environ, admission, start_response)
        answer.begin(start_response)
        return chunks

    def _refuse(
        self,
        error: TallystickError,
        environ: Environ,
        admission: Admission,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        tenant = None if admission.tenant is None else admission.tenant.id
        log_denial(error, facts_of(environ), tenant, self._quota.quota_key)
        return _refuse(error, self._clock.now(), start_response)


class _Answer:
    """The answer of a handler, held back until what was held for it is settled."""

    def __init__(self) -> None:
        self._started: tuple[Any, ...] = ()
        self._written: list[bytes] = []
        self._server: StartResponse | None = None

    @property
    def status(self) -> int:
        """Give the status; an answer that never began has failed."""
        return int(self._started[0][:3]) if self._started else 500

    def start(self, *arguments: Any) -> Callable[[bytes], Any]:  # noqa: ANN401 - as WSGI says
        """Take the place of the server's `start_response`."""
        if self._server is not None:
            return self._server(*arguments)  # type: ignore[no-any-return]  # as WSGI says
        self._started = arguments
        return self._written.append

    def begin(self, start_response: StartResponse) -> None:
        """Let the answer go out."""
        self._server = start_response
        if self._started:
            start_response(*self._started)

    def read(self, body: Iterable[bytes]) -> _Chunks:
        """Read up to the first chunk, by which the handler has to have begun its answer."""
        return _Chunks(body, self._written)


class _Chunks:
    """The body of an answer; to be closed, as the handler's is."""

    def __init__(self, body: Iterable[bytes], written: list[bytes]) -> None:
        self._body, self._rest = body, iter(body)
        try:
            first = next(self._rest, b"")
        except BaseException:
            self.close()
            raise
        self._first = [*written, first]

    def __iter__(self) -> Iterator[bytes]:
        yield from self._first
        yield from self._rest

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


def admission_of(environ: Mapping[str, Any]) -> Admission:
    """Give what a TenantMiddleware decided about a request.  Raises SetupError without one."""
    found = environ.get(_ADMISSION)
    if found is None:
        raise SetupError(
            "a QuotaMiddleware stands inside a TenantMiddleware: wrap the application in the "
            "quota first and in the tenancy then, so that it is known who asks"
        )
    admission: Admission = found
    return admission


def facts_of(environ: Mapping[str, Any]) -> RequestFacts:
    """Read a WSGI environment."""
    headers = tuple(
        (name[5:].replace("_", "-").lower(), str(value))
        for name, value in environ.items()
        if name.startswith("HTTP_")
    )
    return RequestFacts(
        method=environ.get("REQUEST_METHOD", "GET"),
        path=environ.get("PATH_INFO", "") or "/",
        query=environ.get("QUERY_STRING", ""),
        headers=headers,
        peer=environ.get("REMOTE_ADDR") or None,
        request_id=request_id_of(environ.get("HTTP_X_REQUEST_ID")),
        raw=environ,
    )


def _admitted(environ: Environ, admission: Admission) -> Environ:
    inner = {**environ, _ADMISSION: admission}
    if admission.prefix:
        inner["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + admission.prefix
        inner["PATH_INFO"] = environ.get("PATH_INFO", "")[len(admission.prefix) :]
    return inner


def _refuse(error: TallystickError, at: datetime, start_response: StartResponse) -> Iterable[bytes]:
    refusal = refusal_of(error, at)
    start_response(
        f"{refusal.status} {HTTPStatus(refusal.status).phrase}", list(refusal.headers.items())
    )
    return [refusal.body]

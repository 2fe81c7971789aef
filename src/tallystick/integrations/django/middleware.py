"""What a Django project answers where a request is not let through."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import markcoroutinefunction, sync_to_async
from django.http import HttpResponse

from tallystick.errors import SetupError, TallystickError
from tallystick.integrations.answers import succeeded
from tallystick.integrations.django.ledger import tally
from tallystick.integrations.holding import holding
from tallystick.problems import refusal_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

    from tallystick.facade.reservation import Reservation

__all__ = ["MIDDLEWARE", "BillingMiddleware", "held_for"]

MIDDLEWARE: Final = "tallystick.integrations.django.middleware.BillingMiddleware"
"""Its name among the settings."""

_HELD: Final = "_tallystick_held"


class BillingMiddleware:
    """Answers our errors in the one envelope: 401, 402, 403, 429 with what would help.

    It stands last in MIDDLEWARE, next to the views, and ends what throttles hold for a request.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        """Stand in front of the views."""
        self._get_response = get_response
        self._later = iscoroutinefunction(get_response)
        if self._later:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:  # noqa: ANN401 - an answer, or what gives one
        """Hand on, and commit or release what was held meanwhile."""
        setattr(request, _HELD, [])
        if self._later:
            return self._call_later(request)
        return _settled(held_for(request), self._get_response(request))

    async def _call_later(self, request: HttpRequest) -> HttpResponse:
        answer = await self._get_response(request)
        held = held_for(request)
        return await sync_to_async(_settled)(held, answer) if held else answer

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:  # noqa: ARG002 - the shape of a middleware
        """Answer our errors; what is ours to cure is left to Django, which logs it."""
        return _answer(error) if isinstance(error, TallystickError) else None


def held_for(request: HttpRequest) -> list[Reservation]:
    """Give what is held until a request is answered, to be added to.

    Raises SetupError where no middleware would end it.
    """
    found: list[Reservation] | None = getattr(request, _HELD, None)
    if found is None:
        raise SetupError(f"nothing would commit what is held: add {MIDDLEWARE!r} to MIDDLEWARE")
    return found


def _settled(held: list[Reservation], answer: HttpResponse) -> HttpResponse:
    """Commit what a request used, or release it; give the answer, a refusal if it cannot be."""
    good = succeeded(answer.status_code)
    for each in held:
        try:
            with holding(each) as work:
                work.succeeded = good
        except TallystickError as error:
            good, refused = False, _answer(error)
            if refused is None:
                raise
            answer = refused
    return answer


def _answer(error: TallystickError) -> HttpResponse | None:
    refusal = refusal_of(error, tally.clock.now())
    if refusal.internal:
        return None
    return HttpResponse(refusal.body, status=refusal.status, headers=refusal.headers)

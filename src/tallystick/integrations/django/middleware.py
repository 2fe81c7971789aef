"""What a Django project answers where a request is not let through."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from asgiref.sync import markcoroutinefunction
from django.http import HttpResponse

from tallystick.errors import TallystickError
from tallystick.integrations.answers import refusal_of
from tallystick.integrations.django.ledger import tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

__all__ = ["BillingMiddleware"]


class BillingMiddleware:
    """Answers our errors in the one envelope: 401, 402, 403, 429 with what would help.

    It stands last in MIDDLEWARE, next to the views.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        """Stand in front of the views."""
        self._get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:  # noqa: ANN401 - an answer, or what gives one
        """Hand on."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:  # noqa: ARG002 - the shape of a middleware
        """Answer our errors; what is ours to cure is left to Django, which logs it."""
        if not isinstance(error, TallystickError):
            return None
        refusal = refusal_of(error, tally.clock.now())
        if refusal.internal:
            return None
        return HttpResponse(refusal.body, status=refusal.status, headers=refusal.headers)

"""`GET /api/v1/plans`: `path("", include("tallystick.integrations.django.urls"))`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404, HttpResponse
from django.urls import path
from django.views.decorators.http import conditional_page, require_safe

from tallystick.integrations.django.ledger import tally
from tallystick.integrations.price_list import PLANS, price_list

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = ["plans", "urlpatterns"]


@require_safe
@conditional_page
def plans(request: HttpRequest) -> HttpResponse:
    """Answer with the price list of the project's catalogue.

    Raises InvalidInput, which the middleware answers, and Http404 where there is no catalogue.
    """
    book = tally.price_book
    if book is None:
        raise Http404("this project has no catalogue")
    body, headers = price_list(book, request.GET.getlist)
    return HttpResponse(body, headers=headers)


urlpatterns = [path(PLANS.removeprefix("/"), plans, name="tallystick_plans")]
"""The one address there is."""

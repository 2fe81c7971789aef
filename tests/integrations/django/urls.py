"""The views of the tests' project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import connection, transaction
from django.http import HttpResponse, JsonResponse
from django.template import engines
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views import View
from rest_framework.response import Response
from rest_framework.views import APIView

from tallystick.integrations.django import quota, require_feature, requires_scopes, tally, use
from tallystick.integrations.django.rest import FeaturePermission, QuotaThrottle

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request

PAGE = (
    '{% load tallystick %}{% if_feature "customDomains" %}yes{% else %}no{% endif_feature %}'
    ' {% feature "projects" as projects %}{{ projects.remaining }}'
)


def atomic() -> dict[str, str]:
    """Say whether the view is in a transaction."""
    return {"x-atomic": str(connection.in_atomic_block)}


def answered(request: HttpRequest) -> HttpResponse:
    """Answer as the query says; how much is held meanwhile stands in the answer."""
    status = int(request.GET.get("status", "200"))
    if status == 500:
        raise RuntimeError("the view failed")
    body = {"held": str(tally.check("acme", "projects").reserved)}
    return JsonResponse(body, status=status, headers=atomic())


@use("projects")
def create_project(request: HttpRequest) -> HttpResponse:
    return answered(request)


@use("projects")
@transaction.atomic
def create_atomic(request: HttpRequest) -> HttpResponse:
    return answered(request)


@use("projects")
async def create_later(request: HttpRequest) -> HttpResponse:
    access = await tally.aio.check("acme", "projects")
    status = int(request.GET.get("status", "200"))
    if status == 500:
        raise RuntimeError("the view failed")
    return JsonResponse({"held": str(access.reserved)}, status=status)


@quota("apiRequests", lambda request: request.GET["n"])
def search(request: HttpRequest) -> HttpResponse:
    return HttpResponse("found")


@require_feature("customDomains")
async def domains_later(request: HttpRequest) -> HttpResponse:
    return HttpResponse("yours")


@method_decorator(require_feature("customDomains"), name="dispatch")
class Domains(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("yours")


@requires_scopes("projects.write")
def delete_project(request: HttpRequest) -> HttpResponse:
    return HttpResponse("gone")


def page(request: HttpRequest) -> HttpResponse:
    template = engines["django"].from_string(PAGE)
    return HttpResponse(template.render({}, request))


def raised(request: HttpRequest) -> Any:
    tally.use("acme", "projects", 3)


class CustomDomains(FeaturePermission):
    feature = "customDomains"


class Searches(QuotaThrottle):
    feature = "apiRequests"

    @staticmethod
    def quantity(request: Any) -> Any:
        return request.query_params.get("n", 1)


class MoreSearches(Searches):
    """Takes its quantity from its parent."""


class RestDomains(APIView):
    permission_classes = (CustomDomains,)

    def get(self, request: Request) -> Response:
        return Response("yours")


class RestSearch(APIView):
    throttle_classes = (MoreSearches,)

    def get(self, request: Request) -> Response:
        status = int(request.query_params.get("status", 200))
        if status == 500:
            raise RuntimeError("the view failed")
        held = tally.check("acme", "apiRequests").reserved
        return Response({"held": str(held)}, status=status, headers=atomic())


urlpatterns = [
    path("rest/domains", RestDomains.as_view()),
    path("rest/search", RestSearch.as_view()),
    path("rest/atomic", transaction.atomic(RestSearch.as_view())),
    path("projects", create_project),
    path("atomic", create_atomic),
    path("later", create_later),
    path("search", search),
    path("domains", Domains.as_view()),
    path("domains/later", domains_later),
    path("scopes", delete_project),
    path("page", page),
    path("raised", raised),
    path("admin/", admin.site.urls),
    path("", include("tallystick.integrations.django.urls")),
]

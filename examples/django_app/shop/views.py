"""The views of the shop."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from django.db import transaction
from django.http import HttpResponse, JsonResponse
from django.template import engines
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from rest_framework.response import Response
from rest_framework.views import APIView

from tallystick.integrations.django import quota, require_feature, tally
from tallystick.integrations.django.rest import QuotaThrottle

from .billing import customer
from .models import Project

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request

PAGE = """\
{% load tallystick %}{% feature "projects" as projects %}
{% if_feature "customDomains" %}Your domain{% else %}Domains come with Pro{% endif_feature %},
{{ projects.remaining }} projects left
"""


@csrf_exempt
@require_http_methods(["POST", "DELETE"])
def projects(request: HttpRequest) -> HttpResponse:
    owner, name = customer(request), json.loads(request.body or "{}").get("name", "first")
    with transaction.atomic():  # both, or neither
        if request.method == "DELETE":
            gone, _ = Project.objects.filter(owner=owner, name=name).delete()
            if gone:
                tally.give_back(owner, "projects", gone)
            return JsonResponse({"left": tally.check(owner, "projects").remaining})
        Project.objects.create(owner=owner, name=name)
        left = tally.use(owner, "projects").remaining
    return JsonResponse({"left": left}, status=201)


@quota("apiRequests")
async def search(_request: HttpRequest) -> HttpResponse:
    return JsonResponse({"ok": True})


@csrf_exempt
@require_feature("customDomains")
def add_domain(_request: HttpRequest) -> HttpResponse:
    return JsonResponse({"ok": True})


class Searches(QuotaThrottle):
    """One search of the quota, as the decorator `quota` counts it."""

    feature = "apiRequests"


class RestSearch(APIView):
    """A search by Django REST framework."""

    throttle_classes = (Searches,)

    def get(self, _request: Request) -> Response:
        """Answer."""
        return Response({"ok": True})


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(engines["django"].from_string(PAGE).render({}, request))

"""The addresses of the shop."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from . import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("projects", views.projects),
    path("search", views.search),
    path("rest/search", views.RestSearch.as_view()),
    path("domains", views.add_domain),
    path("", views.page),
    path("", include("tallystick.integrations.django.urls")),
]

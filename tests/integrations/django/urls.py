"""The addresses of the tests' project."""

from __future__ import annotations

urlpatterns: list[object] = []

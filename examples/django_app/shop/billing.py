"""Who is billed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest


def customer(request: HttpRequest) -> str:
    return request.headers["x-org"]

"""A small shop for the tests of the host frameworks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tallystick import define_plans

__all__ = ["NOON", "PLANS"]

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


def plan(id_: str, price: int, projects: int, calls: int, *, domains: bool) -> dict[str, Any]:
    return {
        "id": id_,
        "name": id_.title(),
        "price": price,
        "currency": "USD",
        "interval": "month",
        "features": [
            {"featureKey": "projects", "enabled": True, "limit": projects},
            {"featureKey": "apiRequests", "enabled": True, "limit": calls, "reset": "month"},
            {"featureKey": "customDomains", "enabled": domains},
        ],
    }


PLANS = define_plans(
    [plan("free", 0, 2, 3, domains=False), plan("pro", 2900, 50, 1_000, domains=True)]
)

"""A small host for the tests of tenancy: its tenants, its plans, an app that says what it saw."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tallystick.core.dialects import define_plans
from tallystick.tenancy.steps import run
from tallystick.tenancy.tenant import Tenant
from tallystick.testing.clock import FrozenClock

if TYPE_CHECKING:
    from tallystick.tenancy.asgi import Receive, Scope, Send

__all__ = ["AT", "TENANTS", "app", "clock", "find", "plans", "run", "wsgi_app"]

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
TENANTS = {
    "acme": Tenant("t-1", "acme", metadata={"plan": "free"}),
    "umbra": Tenant("t-2", "umbra", metadata={"plan": "pro"}),
    "late": Tenant("t-3", "late", "suspended"),
    "gone": Tenant("t-4", "gone", "inactive"),
    "odd": Tenant("t-5", "odd", metadata={"plan": "no-such-plan"}),
    "bare": Tenant("t-6", "bare"),
}


def find(name: str) -> Tenant | None:
    by_id = {each.id: each for each in TENANTS.values()}
    return TENANTS.get(name) or by_id.get(name)


def clock() -> FrozenClock:
    return FrozenClock(AT)


def plans() -> Any:
    def plan(name: str, price: int, calls: int) -> dict[str, object]:
        features = [
            {"featureKey": "projects", "enabled": True, "limit": 3},
            {"featureKey": "apiRequests", "enabled": True, "limit": calls, "reset": "month"},
            {"featureKey": "domains", "enabled": price > 0},
        ]
        return {
            "id": name,
            "name": name.title(),
            "price": price,
            "currency": "USD",
            "interval": "month",
            "active": True,
            "features": features,
        }

    return define_plans([plan("free", 0, 5), plan("pro", 2900, 1000)])


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the tenant, who asks, and the path inside."""
    if scope["type"] == "lifespan":
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})
        return
    state = scope.get("state", {})
    said = {
        "tenant": state["tenant"].id if state.get("tenant") else None,
        "principal": state["principal"].id if state.get("principal") else None,
        "path": scope["path"].removeprefix(scope.get("root_path", "")),
    }
    status = 500 if said["path"] == "/fails" else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(said).encode()})


def wsgi_app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    admission = environ["tallystick.tenancy"]
    said = {
        "tenant": admission.tenant.id if admission.tenant else None,
        "principal": admission.principal.id if admission.principal else None,
        "path": environ["PATH_INFO"],
    }
    fails = environ["PATH_INFO"] == "/fails"
    start_response("500 Internal Server Error" if fails else "200 OK", [])
    return [json.dumps(said).encode()]

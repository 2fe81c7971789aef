"""Tenants over WSGI: by the same decision, so here is what is WSGI's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.errors import SetupError
from tallystick.tenancy import Principal, Tenant
from tallystick.tenancy.wsgi import QuotaMiddleware, TenantMiddleware, admission_of, facts_of
from tests.tenancy.shop import app as asgi_app
from tests.tenancy.shop import clock, find, wsgi_app

if TYPE_CHECKING:
    from tallystick.tenancy.facts import RequestFacts


def ask(config: dict[str, Any], environ: dict[str, Any], **options: Any) -> tuple[str, Any]:
    """Ask as a server would; give the status and what was said."""
    app = TenantMiddleware(wsgi_app, config=config, lookup_tenant=find, clock=clock(), **options)
    told: list[tuple[str, list[tuple[str, str]]]] = []
    body = b"".join(app({"REQUEST_METHOD": "GET", **environ}, lambda *a: told.append(a[:2])))
    ((status, headers),) = told
    if headers:
        assert dict(headers)["content-length"] == str(len(body))
    return status, json.loads(body)


def test_the_prefix_of_a_path_goes_to_where_the_application_is_mounted() -> None:
    seen: list[str] = []

    def inner(environ: dict[str, Any], start: Any) -> list[bytes]:
        seen.extend((environ["SCRIPT_NAME"], environ["PATH_INFO"]))
        return wsgi_app(environ, start)

    app = TenantMiddleware(
        inner, config={"strategy": "shared", "resolution": "path"}, lookup_tenant=find
    )
    environ = {"SCRIPT_NAME": "/api", "PATH_INFO": "/t/acme/projects"}
    (body,) = app(environ, lambda *_: None)
    assert json.loads(body)["tenant"] == "t-1"
    assert seen == ["/api/t/acme", "/projects"]
    assert environ == {"SCRIPT_NAME": "/api", "PATH_INFO": "/t/acme/projects"}


def test_statuses_and_strangers_are_answered_as_over_asgi() -> None:
    by_header = {"strategy": "shared", "resolution": "header"}
    status, said = ask(by_header, {"PATH_INFO": "/", "HTTP_X_TENANT_ID": "late"})
    assert (status, said["error"]["code"]) == ("403 Forbidden", "TENANT_SUSPENDED")

    def principal(request: RequestFacts) -> Principal | None:
        return Principal("me", customer_id=request.header("x-key"))

    own = {"PATH_INFO": "/", "HTTP_X_TENANT_ID": "acme", "HTTP_X_KEY": "t-1"}
    assert ask(by_header, own, principal=principal)[1]["principal"] == "me"
    stolen = ask(by_header, {**own, "HTTP_X_KEY": "t-2"}, principal=principal)
    missing = ask(by_header, {**own, "HTTP_X_TENANT_ID": "nobody"}, principal=principal)
    assert stolen == missing
    assert stolen[0] == "404 Not Found"


@pytest.mark.parametrize(
    ("config", "environ"),
    [
        ({"resolution": "subdomain"}, {"HTTP_HOST": "acme.example.com:8080"}),
        ({"resolution": "query"}, {"QUERY_STRING": "tenant=acme"}),
        (
            {"resolution": "subdomain", "trusted_proxies": ["10.0.0.1"]},
            {
                "HTTP_HOST": "umbra.example.com",
                "HTTP_X_FORWARDED_HOST": "acme.example.com",
                "REMOTE_ADDR": "10.0.0.1",
            },
        ),
        (
            {"resolution": "subdomain", "trusted_proxies": ["10.0.0.1"]},
            {
                "HTTP_HOST": "acme.example.com",
                "HTTP_X_FORWARDED_HOST": "umbra.example.com",
                "REMOTE_ADDR": "10.0.0.2",
            },
        ),
    ],
)
def test_the_environment_names_the_tenant(config: dict[str, Any], environ: dict[str, Any]) -> None:
    said = ask({"strategy": "shared", **config}, {"PATH_INFO": "/", **environ})[1]
    assert said["tenant"] == "t-1"


def test_two_values_that_a_server_has_joined_name_nobody() -> None:
    config = {"strategy": "shared", "resolution": "header"}
    status, _ = ask(config, {"PATH_INFO": "/", "HTTP_X_TENANT_ID": "acme,umbra"})
    assert status == "404 Not Found"


def test_a_quota_alone_and_an_asynchronous_lookup_are_refused() -> None:
    alone = QuotaMiddleware(wsgi_app, quota_key="calls", check_usage=len, limit=1)
    with pytest.raises(SetupError, match="stands inside"):
        alone({"PATH_INFO": "/"}, lambda *_: None)
    with pytest.raises(SetupError, match="stands inside"):
        admission_of({})

    async def lookup(name: str) -> Tenant | None:
        return find(name)

    config = {"strategy": "shared", "resolution": "header"}
    app = TenantMiddleware(wsgi_app, config=config, lookup_tenant=lookup)
    with pytest.raises(SetupError, match="WSGI needs a plain function"):
        app({"PATH_INFO": "/", "HTTP_X_TENANT_ID": "acme"}, lambda *_: None)
    assert asgi_app is not wsgi_app


def test_an_environment_is_read_as_it_is() -> None:
    facts = facts_of({"HTTP_X_REQUEST_ID": "a b", "HTTP_HOST": "h", "PATH_INFO": ""})
    assert (facts.path, facts.request_id, facts.peer) == ("/", "-", None)
    assert facts.header("Host") == "h"

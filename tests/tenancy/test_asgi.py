"""Tenants over ASGI: every way of naming one, every answer, and the attacks on both."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from tallystick.errors import SetupError
from tallystick.tenancy import Principal, Tenant, TenantLookup, TenantMiddleware
from tests.tenancy.shop import TENANTS, app, clock, find

if TYPE_CHECKING:
    from httpx2 import Response

    from tallystick.tenancy.facts import RequestFacts


def client(config: dict[str, Any], peer: str = "203.0.113.9", **options: Any) -> TestClient:
    lookup = options.pop("lookup_tenant", find)
    asked = TenantMiddleware(app, config=config, lookup_tenant=lookup, clock=clock(), **options)
    return TestClient(asked, base_url="http://api.example.com", client=(peer, 5000))


def code(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def by_header(**options: Any) -> TestClient:
    return client({"strategy": "shared", "resolution": "header"}, **options)


WAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "subdomain": ({"resolution": "subdomain"}, {"headers": {"host": "acme.example.com:8080"}}),
    "subdomain of localhost": (
        {"resolution": "subdomain"},
        {"headers": {"host": "acme.localhost"}},
    ),
    "subdomain of a domain": (
        {"resolution": "subdomain", "domain": "eu.example.co.uk"},
        {"headers": {"host": "ACME.eu.example.co.uk."}},
    ),
    "path": ({"resolution": "path"}, {"url": "/t/acme/projects"}),
    "another path": ({"resolution": "path", "path_prefix": "/org"}, {"url": "/org/acme/projects"}),
    "header": ({"resolution": "header"}, {"headers": {"X-Tenant-ID": "t-1"}}),
    "another header": ({"resolution": "header", "header": "X-Org"}, {"headers": {"x-org": "acme"}}),
    "query": ({"resolution": "query"}, {"url": "/projects?a=1&tenant=acme"}),
    "second of a list": ({"resolution": ["header", "query"]}, {"url": "/projects?tenant=acme"}),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_names_the_tenant_and_leaves_the_path_inside(way: str) -> None:
    config, request = WAYS[way]
    asked = {"url": "/projects", **request}
    answer = client({"strategy": "shared", **config}).get(**asked)
    assert answer.json() == {"tenant": "t-1", "principal": None, "path": "/projects"}


def test_a_custom_domain_and_a_function_name_it_too_and_may_be_asynchronous() -> None:
    async def domain(host: str) -> str | None:
        return {"app.acme.test": "acme"}.get(host)

    def custom(request: RequestFacts) -> str | None:
        return request.header("x-key-of")

    async def looked_up(name: str) -> Tenant | None:
        return find(name)

    config = {"strategy": "shared", "resolution": ["custom_domain", "custom"]}
    with client(config, domain_lookup=domain, custom=custom, lookup_tenant=looked_up) as asked:
        assert asked.get("/", headers={"host": "app.acme.test"}).json()["tenant"] == "t-1"
        assert asked.get("/", headers={"x-key-of": "umbra"}).json()["tenant"] == "t-2"
        assert code(asked.get("/")) == (404, "TENANT_NOT_FOUND")


@pytest.mark.parametrize(
    ("config", "headers"),
    [
        ({"resolution": "subdomain"}, {"host": "example.com"}),
        ({"resolution": "subdomain"}, {"host": "www.example.com"}),
        ({"resolution": "subdomain"}, {"host": "10.0.0.1"}),
        ({"resolution": "subdomain"}, {"host": "[::1]:80"}),
        (
            {"resolution": "subdomain", "domain": "example.com"},
            {"host": "acme.example.com.evil.org"},
        ),
        ({"resolution": "subdomain", "domain": "example.com"}, {"host": "x.acme.example.com"}),
        ({"resolution": "subdomain", "domain": "example.com"}, {"host": "acmeexample.com"}),
        ({"resolution": "header"}, {"X-Tenant-ID": "nobody"}),
        ({"resolution": "header"}, {"X-Tenant-ID": ""}),
        ({"resolution": "header"}, {"X-Tenant-ID": "x" * 201}),
        ({"resolution": "header"}, {}),
    ],
)
def test_who_names_no_tenant_gets_one_answer_that_says_nothing_else(
    config: dict[str, Any], headers: dict[str, str]
) -> None:
    answer = client({"strategy": "shared", **config}).get("/", headers=headers)
    assert answer.status_code == 404
    assert answer.json() == {
        "ok": False,
        "error": {"code": "TENANT_NOT_FOUND", "message": "there is no such tenant", "details": {}},
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [("late", (403, "TENANT_SUSPENDED")), ("gone", (403, "TENANT_INACTIVE"))],
)
def test_a_tenant_that_is_not_active_is_told_so(name: str, expected: tuple[int, str]) -> None:
    assert code(by_header().get("/", headers={"X-Tenant-ID": name})) == expected


def test_two_names_in_one_request_are_refused() -> None:
    twice = [("X-Tenant-ID", "acme"), ("X-Tenant-ID", "umbra")]
    assert code(by_header().get("/", headers=twice)) == (400, "BAD_REQUEST")
    query = client({"strategy": "shared", "resolution": "query"})
    assert code(query.get("/?tenant=acme&tenant=umbra")) == (400, "BAD_REQUEST")
    assert code(query.get("/?" + "a&" * 1500)) == (400, "BAD_REQUEST")


def test_two_ways_have_to_name_the_same_tenant() -> None:
    both = client({"strategy": "shared", "resolution": ["subdomain", "header"]})
    host = {"host": "acme.example.com"}
    assert both.get("/", headers={**host, "X-Tenant-ID": "t-1"}).json()["tenant"] == "t-1"
    for other in ("umbra", "nobody"):
        answer = both.get("/", headers={**host, "X-Tenant-ID": other})
        assert code(answer) == (404, "TENANT_NOT_FOUND")


def test_forwarded_hosts_count_from_declared_proxies_alone() -> None:
    config = {
        "strategy": "shared",
        "resolution": "subdomain",
        "domain": "example.com",
        "trusted_proxies": ["10.0.0.0/8", "::1"],
    }
    headers = {"host": "acme.example.com", "x-forwarded-host": "umbra.example.com"}
    seen = {
        peer: client(config, peer).get("/", headers=headers).json()["tenant"]
        for peer in ("10.1.2.3", "::ffff:10.1.2.3", "::1", "203.0.113.9", "testclient")
    }
    assert seen == {
        "10.1.2.3": "t-2",
        "::ffff:10.1.2.3": "t-2",
        "::1": "t-2",
        "203.0.113.9": "t-1",
        "testclient": "t-1",
    }
    assert code(client(config).get("/", headers={"host": "a/b@c"})) == (400, "BAD_REQUEST")


def test_who_speaks_for_another_tenant_is_answered_as_if_it_were_not_there() -> None:
    def principal(request: RequestFacts) -> Principal | None:
        key = request.header("x-key")
        return Principal(f"key-{key}", customer_id=key) if key else None

    asked = by_header(principal=principal)
    own = asked.get("/", headers={"X-Tenant-ID": "acme", "x-key": "t-1"})
    assert own.json() == {"tenant": "t-1", "principal": "key-t-1", "path": "/"}
    stolen = asked.get("/", headers={"X-Tenant-ID": "acme", "x-key": "t-2"})
    missing = asked.get("/", headers={"X-Tenant-ID": "nobody", "x-key": "t-2"})
    suspended = asked.get("/", headers={"X-Tenant-ID": "late", "x-key": "t-2"})
    assert stolen.status_code == missing.status_code == suspended.status_code == 404
    assert stolen.content == missing.content == suspended.content


def test_public_paths_need_no_tenant() -> None:
    asked = by_header(public=["/", "/static/*"])
    assert asked.get("/").json()["tenant"] is None
    assert asked.get("/static/a.css").json()["tenant"] is None
    assert code(asked.get("/static")) == (404, "TENANT_NOT_FOUND")
    assert code(asked.get("/other")) == (404, "TENANT_NOT_FOUND")


def test_a_tenant_is_kept_for_its_time_and_no_longer() -> None:
    asked_for: list[str] = []
    now = clock()

    def lookup(name: str) -> Tenant | None:
        asked_for.append(name)
        return find(name)

    kept = TenantLookup(lookup, now, seconds=30, most=1)
    client_ = TestClient(
        TenantMiddleware(
            app,
            config={"strategy": "shared", "resolution": "header"},
            lookup_tenant=kept,
            clock=now,
        )
    )

    def ask(name: str) -> int:
        return int(client_.get("/", headers={"X-Tenant-ID": name}).status_code)

    assert [ask("acme"), ask("acme"), len(asked_for)] == [200, 200, 1]
    now.set(now.now().replace(second=29))
    assert [ask("acme"), len(asked_for)] == [200, 1]
    now.set(now.now().replace(second=30))
    assert [ask("acme"), len(asked_for)] == [200, 2]
    kept.forget("t-1")
    assert [ask("acme"), len(asked_for)] == [200, 3]
    assert [ask("umbra"), ask("acme"), len(asked_for)] == [200, 200, 5]
    assert [ask("x"), ask("x"), len(asked_for)] == [404, 404, 7]
    now.set(now.now().replace(hour=1))  # a clock that was set back trusts nothing
    assert [ask("acme"), len(asked_for)] == [200, 8]


def test_each_denial_is_logged_without_what_is_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tallystick.tenancy")
    headers = {
        "X-Tenant-ID": "late",
        "Authorization": "Bearer s3cret",
        "X-Request-ID": "req-7",
    }
    by_header().get("/a?token=s3cret", headers=headers)
    by_header().get("/", headers={"X-Tenant-ID": "nobody"})
    first, second = [each for each in caplog.records if each.name == "tallystick.tenancy"]
    assert first.getMessage() == (
        "denied: tenant=- feature=- reason=TENANT_SUSPENDED request=req-7 GET /a"
    )
    assert "tenant=nobody feature=- reason=TENANT_NOT_FOUND" in second.getMessage()
    assert not any("s3cret" in each.getMessage() for each in (first, second))


def test_a_websocket_is_closed_for_who_does_not_come_in() -> None:
    from starlette.websockets import WebSocketDisconnect  # noqa: PLC0415 - of this test alone

    with (
        pytest.raises(WebSocketDisconnect) as closed,
        by_header().websocket_connect("/", headers={"X-Tenant-ID": "nobody"}),
    ):
        pass
    assert closed.value.code == 1008


@pytest.mark.parametrize("answer", ["acme", 7, TENANTS])
def test_what_is_no_tenant_is_an_error_of_the_host(answer: object) -> None:
    with pytest.raises(SetupError, match="lookup_tenant gives a Tenant or None"):
        by_header(lookup_tenant=lambda _name: answer).get("/", headers={"X-Tenant-ID": "acme"})
    with pytest.raises(SetupError, match="principal gives a Principal or None"):
        by_header(principal=lambda _request: answer).get("/", headers={"X-Tenant-ID": "acme"})


@pytest.mark.parametrize(
    ("config", "options", "told"),
    [
        ({"resolution": "subdomian"}, {}, "resolution is one of"),
        ({}, {}, "resolution is one of"),
        ({"resolution": ["path", "path"]}, {}, "each once"),
        ({"resolution": "path", "strategy": "none"}, {}, "strategy is one of"),
        ({"resolution": "path", "strategy": "schema"}, {}, "needs isolation="),
        ({"resolution": "path", "hedder": "X"}, {}, "knows no 'hedder'; did you mean 'header'"),
        ({"resolution": "path"}, {"principle": 1}, "did you mean 'principal'"),
        ({"resolution": "custom_domain"}, {}, "go together"),
        ({"resolution": "path"}, {"custom": find}, "go together"),
        ({"resolution": "jwt"}, {}, "go together"),
        ({"resolution": "header", "header": "X Org"}, {}, "header cannot be"),
        ({"resolution": "path", "path_prefix": "t/"}, {}, "path_prefix cannot be"),
        ({"resolution": "path", "trusted_proxies": "10.0.0.0/8"}, {}, "a list of addresses"),
        ({"resolution": "path", "trusted_proxies": ["ten"]}, {}, "trusted_proxies"),
        ({"resolution": "path"}, {"public": ["/*"]}, "would open every path"),
        ({"resolution": "path"}, {"public": ["x"]}, "from the first /"),
        ({"resolution": "path"}, {"cache_seconds": -1}, "cache_seconds"),
        ({"resolution": "path"}, {"cache_size": 0}, "cache_size"),
        ({"resolution": "path"}, {"lookup_tenant": None}, "lookup_tenant is a function"),
        ({"resolution": "path"}, {"principal": "me"}, "principal= is a function"),
    ],
)
def test_settings_are_refused_at_the_start(
    config: dict[str, Any], options: dict[str, Any], told: str
) -> None:
    with pytest.raises(SetupError, match="(?s).*" + told.replace("*", r"\*")):
        client(config, **options)

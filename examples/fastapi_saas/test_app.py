"""The tests of the product: `pytest examples/fastapi_saas`, on the database of DATABASE_URL."""

from __future__ import annotations

import logging
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from . import app as product
from . import store

if TYPE_CHECKING:
    from collections.abc import Iterator


class Caller:
    """A tenant's program, which has a key."""

    def __init__(self, client: TestClient, slug: str, key: str) -> None:
        self.slug, self._client = slug, client
        self.headers = {"host": f"{slug}.localhost", "x-api-key": key}

    def __call__(self, method: str, path: str, **more: Any) -> Any:
        headers = self.headers | more.pop("headers", {})
        return self._client.request(method, path, headers=headers, **more)

    def all_of(self, count: int, method: str, path: str) -> list[int]:
        """Ask many times at once, `{}` of the path being the number; give the statuses."""
        with ThreadPoolExecutor(8) as threads:
            asked = [threads.submit(self, method, path.format(n)) for n in range(count)]
        return sorted(each.result().status_code for each in asked)

    def moved_to(self, plan: str) -> None:
        tenant = store.load_tenant(self.slug)
        assert tenant is not None
        product.change_plan(tenant, plan)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with ExitStack() as stack:
        yield stack.enter_context(TestClient(product.app))


@pytest.fixture
def acme(client: TestClient) -> Caller:
    slug = f"acme-{secrets.token_hex(4)}"
    signed_up = client.post(f"/signup/{slug}")
    assert signed_up.status_code == 201
    assert signed_up.json()["limits"] == {"projects": 3, "apiRequests": 100}
    return Caller(client, slug, signed_up.json()["key"])


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_the_project_limit_is_reached_at_equality(acme: Caller) -> None:
    made = [acme("POST", f"/projects/p{n}") for n in range(4)]
    assert [each.status_code for each in made] == [201, 201, 201, 429]
    assert [each.json()["left"] for each in made[:3]] == [2, 1, 0]
    assert made[3].json()["error"]["details"]["upgrade_to"] == "pro"
    assert acme("GET", "/projects").json() == ["p0", "p1", "p2"]


def test_exactly_the_limit_is_made_however_many_ask_at_once(acme: Caller) -> None:
    assert acme.all_of(16, "POST", "/projects/p{}") == [201] * 3 + [429] * 13
    assert len(acme("GET", "/projects").json()) == 3


def test_a_project_and_its_count_are_made_together_and_go_together(acme: Caller) -> None:
    assert acme("POST", "/projects/one").json()["left"] == 2
    assert code_of(acme("POST", "/projects/one")) == (409, "CONFLICT")
    assert acme("DELETE", "/projects/one").json() == {"left": 3}
    assert code_of(acme("DELETE", "/projects/one")) == (404, "NOT_FOUND")
    assert acme("POST", "/projects/two").json()["left"] == 2


def test_custom_domains_come_with_pro(acme: Caller) -> None:
    host = f"www.{acme.slug}.example"
    refused = acme("POST", f"/domains/{host}")
    assert code_of(refused) == (403, "FORBIDDEN")
    assert refused.json()["error"]["details"]["upgrade_to"] == "pro"
    acme.moved_to("pro")
    assert acme("POST", f"/domains/{host}").status_code == 201
    answer = acme("GET", "/me", headers={"host": host})
    assert answer.json()["plan"] == "pro", "the domain names its tenant from now on"


def test_the_quota_is_the_tenant_s_and_counts_what_succeeded(acme: Caller) -> None:
    assert acme("GET", "/me").json()["apiRequestLimit"] == 100
    assert acme("DELETE", "/projects/none").status_code == 404  # not counted
    assert acme.all_of(110, "GET", "/projects") == [200] * 99 + [429] * 11
    full = acme("GET", "/me")
    assert code_of(full) == (429, "QUOTA_EXCEEDED")
    details = full.json()["error"]["details"]
    assert (details["limit"], details["used"], details["upgrade_to"]) == ("100", "100", "pro")
    assert int(full.headers["retry-after"]) >= 1
    acme.moved_to("pro")
    assert acme("GET", "/me").json()["apiRequestLimit"] == 10_000


def test_what_is_used_becomes_lines(acme: Caller) -> None:
    acme("POST", "/projects/one")
    acme("POST", "/files/a.txt", content=b"x" * 1_000)
    assert acme("GET", "/usage").json() == [
        {"feature": "projects", "used": "1", "amount": "0.00 USD"},
        {"feature": "storage", "used": "1000", "amount": "0.00 USD"},
        {"feature": "apiRequests", "used": "2", "amount": "0.00 USD"},
    ]


def test_storage_is_counted_in_bytes_and_given_back(acme: Caller) -> None:
    assert acme("POST", "/files/big", content=b"x" * 999_999).json()["left"] == 1
    assert code_of(acme("POST", "/files/more", content=b"xx")) == (429, "QUOTA_EXCEEDED")
    assert acme("POST", "/files/last", content=b"x").json()["left"] == 0
    assert acme("DELETE", "/files/big").json() == {"left": 999_999}
    assert code_of(acme("DELETE", "/files/big")) == (404, "NOT_FOUND")
    assert acme("POST", "/files/empty", content=b"").status_code == 422


def test_an_unlimited_plan_has_no_end(acme: Caller) -> None:
    acme.moved_to("enterprise")
    assert acme("GET", "/me").json()["apiRequestLimit"] == -1
    assert acme.all_of(6, "POST", "/projects/p{}") == [201] * 6


def test_a_plan_that_nobody_knows_is_403_and_gives_nothing(
    acme: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    known = store.tenants.c.slug == acme.slug
    with store.engine.begin() as connection:
        connection.execute(update(store.tenants).where(known).values(facts={"plan": "gold"}))
    with caplog.at_level(logging.WARNING, "tallystick.tenancy"):
        assert code_of(acme("POST", "/projects/one")) == (403, "UNKNOWN_PLAN")
    assert "feature=apiRequests reason=UNKNOWN_PLAN" in caplog.text


def test_each_denial_is_logged_with_who_and_why(
    acme: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    for n in range(3):
        acme("POST", f"/projects/p{n}")
    tenant = store.load_tenant(acme.slug)
    assert tenant is not None
    with caplog.at_level(logging.WARNING, "tallystick"):
        acme("POST", "/projects/four")
        acme("POST", "/domains/acme.example")
        acme("GET", "/me", headers={"x-api-key": "wrong"})
    said = [each.getMessage() for each in caplog.records if each.getMessage()[:6] == "denied"]
    assert [each.removeprefix("denied: ") for each in said] == [
        f"customer={tenant.id} feature=projects reason=QUOTA_EXCEEDED POST /projects/four",
        f"customer={tenant.id} feature=customDomains reason=FORBIDDEN POST /domains/acme.example",
        f"customer={tenant.id} feature=- reason=UNAUTHORIZED GET /me",
    ]


def test_who_asks_must_speak_for_the_tenant(client: TestClient, acme: Caller) -> None:
    other = f"other-{secrets.token_hex(4)}"
    client.post(f"/signup/{other}")
    strange = acme("GET", "/projects", headers={"host": f"{other}.localhost"})
    nobody = acme("GET", "/projects", headers={"host": "nobody.localhost"})
    assert code_of(strange) == code_of(nobody) == (404, "TENANT_NOT_FOUND")
    assert code_of(acme("GET", "/me", headers={"x-api-key": "wrong"})) == (401, "UNAUTHORIZED")
    assert code_of(client.post(f"/signup/{acme.slug}")) == (409, "CONFLICT")
    assert client.get("/api/v1/plans").status_code == 200


def test_a_key_needs_the_scope(acme: Caller) -> None:
    keys = store.api_keys
    digest = store.digest(acme.headers["x-api-key"])
    with store.engine.begin() as connection:
        connection.execute(update(keys).where(keys.c.digest == digest).values(scopes=["api.read"]))
    assert acme("GET", "/projects").status_code == 200
    assert code_of(acme("POST", "/projects/one")) == (403, "FORBIDDEN")

"""Gates of a Django project, driven through the project itself."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync
from django.core import checks
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.template import Context, Template, TemplateSyntaxError
from django.test import AsyncClient, Client, RequestFactory, override_settings

from tallystick.errors import SetupError, StorageUnavailable
from tallystick.integrations.django import quota, require_feature, use
from tallystick.tenancy import Tenant
from tallystick.tenancy.wsgi import TenantMiddleware, admission_of
from tests.integrations.django.project import CLOCK, by_header, undone
from tests.integrations.shop import PLANS

if TYPE_CHECKING:
    from tallystick.integrations.django.ledger import Ledger

ACME = {"x-org": "acme"}


def signed_in(request: Any) -> SimpleNamespace:
    return SimpleNamespace(scopes=frozenset(request.headers["x-scopes"].split()))


def shop(**more: Any) -> Any:
    """Have the settings of the project, and more."""
    given = {"CATALOG": PLANS, "DEFAULT_PLAN": "free", "CUSTOMER": by_header, "CLOCK": CLOCK}
    return override_settings(TALLYSTICK=given | more)


def error_of(answer: Any) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(answer.content)["error"]
    return error


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize("path", ["/projects", "/atomic", "/later"])
@pytest.mark.parametrize(("status", "used"), [(200, 1), (302, 1), (404, 0), (500, 0)])
def test_what_succeeds_is_used_and_what_fails_is_not(
    client: Client, tally: Ledger, path: str, status: int, used: int
) -> None:
    answer = client.post(f"{path}?status={status}", headers=ACME)
    assert answer.status_code == status
    if status < 500:
        assert json.loads(answer.content) == {"held": "1"}
    access = tally.check("acme", "projects")
    assert (access.used, access.reserved) == (used, 0)


@pytest.mark.parametrize("path", ["/projects", "/later"])
def test_at_the_limit_the_answer_is_429_in_the_envelope(
    client: Client, tally: Ledger, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [client.post(path, headers=ACME) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert error_of(answers[2])["code"] == "QUOTA_EXCEEDED"
    assert error_of(answers[2])["details"]["upgrade_to"] == "pro"
    assert tally.check("acme", "projects").used == 2
    logged = [each.getMessage() for each in caplog.records if each.name.startswith("tallystick")]
    assert logged == [f"denied: customer=acme feature=projects reason=QUOTA_EXCEEDED POST {path}"]


def test_a_quota_says_when_it_starts_again(client: Client, tally: Ledger) -> None:
    assert client.get("/search?n=3", headers=ACME).content == b"found"
    answer = client.get("/search?n=1", headers=ACME)
    assert answer.status_code == 429
    assert int(answer["retry-after"]) > 86_400
    assert client.get("/search?n=nothing", headers=ACME).status_code == 422


def test_who_is_nobody_is_answered_401(client: Client, tally: Ledger) -> None:
    for path in ("/projects", "/later", "/domains", "/domains/later"):
        answer = client.get(path)
        assert (answer.status_code, error_of(answer)["code"]) == (401, "UNAUTHORIZED")
    assert client.get("/page").status_code == 401


def test_features_are_asked_for(client: Client, tally: Ledger) -> None:
    for path in ("/domains", "/domains/later"):
        assert client.get(path, headers=ACME).status_code == 403
    assert client.get("/page", headers=ACME).content == b"no 2"
    tally.customers.create("acme", name="Acme", currency="USD")
    tally.subscriptions.start("acme", "pro")
    for path in ("/domains", "/domains/later"):
        assert client.get(path, headers=ACME).content == b"yours"
    assert client.get("/page", headers=ACME).content == b"yes 50"


def test_scopes_are_asked_for(client: Client, tally: Ledger) -> None:
    assert client.get("/scopes").status_code == 500  # nobody says who asks
    with shop(PRINCIPAL=signed_in):
        assert client.get("/scopes").status_code == 401
        assert client.get("/scopes", headers={"x-scopes": "projects"}).status_code == 403
        answer = client.get("/scopes", headers={"x-scopes": "projects.write"})
        assert answer.content == b"gone"


def test_our_errors_are_answered_wherever_a_view_raises_them(client: Client, tally: Ledger) -> None:
    answer = client.get("/raised")
    assert (answer.status_code, answer["cache-control"]) == (429, "no-store")


def test_the_price_list_is_answered(client: Client, tally: Ledger) -> None:
    answer = client.get("/api/v1/plans")
    products = json.loads(answer.content)["data"]["products"]
    assert [each["id"] for each in products] == ["free", "pro"]
    etag = answer["etag"]
    assert client.get("/api/v1/plans", headers={"if-none-match": etag}).status_code == 304
    assert client.post("/api/v1/plans").status_code == 405
    for query in ("view=other", "view=full&view=full", "currency=nothing"):
        bad = client.get(f"/api/v1/plans?{query}")
        assert (bad.status_code, error_of(bad)["code"]) == (422, "VALIDATION_ERROR")
    with shop(CATALOG=None, DEFAULT_PLAN=None):
        assert client.get("/api/v1/plans").status_code == 404


def test_what_could_not_be_committed_is_not_answered_as_done(
    client: Client, tally: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StorageUnavailable("the database does not answer")

    monkeypatch.setattr("tallystick.integrations.django.ledger.Ledger.commit", away)
    assert client.post("/projects", headers=ACME).status_code == 503
    access = tally.check("acme", "projects")
    assert (access.used, access.reserved) == (0, 0)


def test_a_view_in_the_hosts_transaction_is_counted_with_it(client: Client, tally: Ledger) -> None:
    with undone():
        assert client.post("/projects", headers=ACME).status_code == 200
        assert tally.check("acme", "projects").used == 1
    assert tally.check("acme", "projects").used == 0


def test_an_async_request_is_counted_and_one_that_is_cancelled_is_not(tally: Ledger) -> None:
    begun = asyncio.Event()

    async def slow(request: Any) -> None:
        begun.set()
        await asyncio.sleep(60)

    async def play() -> None:
        answer = await AsyncClient().post("/later", headers=ACME)
        assert answer.status_code == 200
        request = RequestFactory().get("/", headers=ACME)
        asked = asyncio.ensure_future(use("projects")(slow)(request))
        await begun.wait()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    async_to_sync(play)()
    access = tally.check("acme", "projects")
    assert (access.used, access.reserved) == (1, 0)


def test_what_cannot_work_is_refused_when_the_program_starts() -> None:
    for wrong in ("project", "customDomains"):
        with pytest.raises(SetupError):
            use(wrong)
    with pytest.raises(SetupError, match="never starts again"):
        quota("projects")
    with pytest.raises(SetupError, match="no plan"):
        require_feature("nothing")
    with pytest.raises(TemplateSyntaxError, match="one feature"):
        Template("{% load tallystick %}{% if_feature %}{% endif_feature %}")
    page = Template("{% load tallystick %}{% if_feature 'projects' %}{% endif_feature %}")
    with pytest.raises(SetupError, match="no request"):
        page.render(Context())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"CATALOGUE": PLANS}, "did you mean 'CATALOG'"),
        ({"CUSTOMER": "no.such.thing"}, "cannot be imported"),
        ({"CUSTOMER": 5}, "function of a request"),
        ({"CATALOG": "no/such/file.toml"}, "no/such/file.toml"),
        ({"DATABASE": "billing"}, "DATABASES has no 'billing'"),
        ({"DATABASE": 5}, "name of DATABASES"),
        ({"EXPIRES_IN": 0}, "whole seconds"),
        ({"DEFAULT_PLAN": "fre"}, "fre"),
        (5, "a dict of settings"),
    ],
)
def test_settings_that_cannot_be_are_named_by_the_check(given: Any, said: str) -> None:
    with override_settings(TALLYSTICK=given if given == 5 else {"CATALOG": PLANS} | given):
        found = [
            each for each in checks.run_checks(tags=["tallystick"]) if each.id == "tallystick.E001"
        ]
    assert len(found) == 1
    assert said in found[0].msg


def test_a_forgotten_middleware_is_named_by_the_check() -> None:
    assert [each.id for each in checks.run_checks()] == []
    with override_settings(MIDDLEWARE=[]):
        assert "tallystick.W001" in {each.id for each in checks.run_checks()}


def test_a_project_without_a_customer_is_told_so(client: Client, tally: Ledger) -> None:
    with shop(CUSTOMER=None):
        assert client.post("/projects", headers=ACME).status_code == 500
    with shop(CUSTOMER="tests.integrations.django.project.by_header"):
        assert client.post("/projects", headers=ACME).status_code == 200


@pytest.mark.parametrize(("status", "used"), [(200, 1), (404, 0), (500, 0)])
@pytest.mark.parametrize("path", ["/projects", "/rest/search"])
def test_where_each_request_is_a_transaction_a_use_is_part_of_it(
    client: Client, tally: Ledger, path: str, status: int, used: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
        answer = client.get(f"{path}?status={status}", headers=ACME)
    assert answer.status_code == status
    assert status == 500 or answer["x-atomic"] == "True"
    access = tally.check("acme", "projects" if path == "/projects" else "apiRequests")
    assert (access.used, access.reserved) == (used, 0)


def test_exactly_the_limit_passes_of_many_requests_at_once(shared: Ledger) -> None:
    shared.customers.create("acme", name="Acme", currency="USD")
    shared.subscriptions.start("acme", "pro")

    def ask(_: int) -> list[int]:
        try:
            return [Client().post("/projects", headers=ACME).status_code for _ in range(8)]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        statuses = [each for found in threads.map(ask, range(8)) for each in found]
    assert sorted(statuses) == [200] * 50 + [429] * 14
    access = shared.check("acme", "projects")
    assert (access.used, access.reserved) == (50, 0)


def test_the_plan_may_be_kept_by_the_project(client: Client, tally: Ledger) -> None:
    def by_plan(request: Any) -> object:
        return request.headers.get("x-plan")

    def answers(method: str, path: str, **more: str) -> int:
        return int(client.generic(method, path, headers=ACME | more).status_code)

    with shop(PLAN=by_plan):
        assert [answers("POST", "/projects", **{"x-plan": "pro"}) for _ in range(3)] == [200] * 3
        assert answers("POST", "/projects") == 429, "the default plan"
        assert answers("POST", "/projects", **{"x-plan": "gold"}) == 403
        assert answers("GET", "/domains", **{"x-plan": "pro"}) == 200
        assert answers("GET", "/domains") == 403
    assert tally.check("acme", "projects", plan="pro").used == 3


def test_who_is_billed_may_be_the_tenant_of_a_middleware_in_front(tally: Ledger) -> None:
    def find(name: str) -> Tenant | None:
        return Tenant(id="acme", slug="acme") if name == "acme" else None

    def of_tenant(request: Any) -> object:
        return admission_of(request.environ).customer_id

    config = {"strategy": "shared", "resolution": "header"}
    app = TenantMiddleware(get_wsgi_application(), config=config, lookup_tenant=find)

    def ask(tenant: str) -> str:
        told: list[str] = []
        environ = RequestFactory().post("/projects", headers={"x-tenant-id": tenant}).environ
        answer = app(environ, lambda status, *_: told.append(status))
        b"".join(answer)
        getattr(answer, "close", bool)()
        return told[0]

    with shop(CUSTOMER=of_tenant):
        assert [ask("acme")[:3] for _ in range(3)] == ["200", "200", "429"]
        assert ask("nobody") == "404 Not Found"
    assert tally.check("acme", "projects").used == 2

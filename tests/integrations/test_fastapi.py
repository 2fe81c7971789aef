"""Limits in a FastAPI program, driven through the program itself."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from tallystick import Tallystick
from tallystick.app.billing import Run
from tallystick.errors import Conflict, SetupError, StorageUnavailable
from tallystick.integrations import worker
from tallystick.integrations.fastapi import Billing, requires_scopes
from tests.integrations.shop import PLANS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tallystick.testing.clock import FrozenClock

ACME = {"x-org": "acme"}


def by_header(request: Request) -> str:
    return request.headers["x-org"]


async def signed_in(request: Request) -> SimpleNamespace:
    return SimpleNamespace(scopes=frozenset(request.headers["x-scopes"].split()))


def program(tally: Tallystick) -> tuple[FastAPI, Billing]:
    billing = Billing(tally, customer=by_header, principal=signed_in, worker_every=None)
    app = FastAPI(lifespan=billing.lifespan)
    app.include_router(billing.router)

    @app.post("/projects", dependencies=[billing.use("projects")])
    def create_project(status: int = 200) -> Any:
        if status == 500:
            raise RuntimeError("the handler failed")
        if status == 404:
            raise HTTPException(404)
        return JSONResponse({"used": tally.check("acme", "projects").reserved}, status)

    @app.get("/search", dependencies=[billing.quota("apiRequests", lambda r: r.query_params["n"])])
    async def search() -> StreamingResponse:
        return StreamingResponse(iter(["a", "b"]))

    @app.get("/domains", dependencies=[billing.require_feature("customDomains")])
    def domains() -> None: ...

    @app.delete("/projects", dependencies=[requires_scopes("projects.write", "api.read")])
    def delete_project() -> None: ...

    @app.post(
        "/both", dependencies=[billing.use("projects"), billing.use("apiRequests", quantity=2)]
    )
    def both() -> None: ...

    return app, billing


@pytest.fixture
def client(tally: Tallystick) -> Iterator[TestClient]:
    app, _ = program(tally)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_a_unit_is_held_while_the_handler_runs_and_counts_after_it(
    client: TestClient, tally: Tallystick
) -> None:
    answer = client.post("/projects", headers=ACME)
    assert (answer.status_code, answer.json()) == (200, {"used": 1})
    access = tally.check("acme", "projects")
    assert (access.used, access.reserved) == (1, 0)


@pytest.mark.parametrize(
    ("status", "used"), [(201, 1), (303, 1), (400, 0), (404, 0), (418, 0), (500, 0), (503, 0)]
)
def test_only_what_succeeded_is_used(
    client: TestClient, tally: Tallystick, status: int, used: int
) -> None:
    answer = client.post("/projects", params={"status": status}, headers=ACME)
    assert answer.status_code == status
    access = tally.check("acme", "projects")
    assert (access.used, access.reserved) == (used, 0)


def test_at_the_limit_the_answer_is_429_in_the_envelope(
    client: TestClient, tally: Tallystick
) -> None:
    for _ in range(2):
        assert client.post("/projects", headers=ACME).status_code == 200
    answer = client.post("/projects", headers=ACME)
    assert answer.status_code == 429
    error = answer.json()["error"]
    assert error["code"] == "QUOTA_EXCEEDED"
    assert (error["details"]["limit"], error["details"]["used"]) == ("2", "2")
    assert error["details"]["upgrade_to"] == "pro"
    assert answer.headers["retry-after"] == "1"
    assert tally.check("acme", "projects").used == 2
    assert client.post("/projects", headers={"x-org": "other"}).status_code == 200


def test_a_quota_says_when_it_starts_again(client: TestClient, tally: Tallystick) -> None:
    assert client.get("/search?n=3", headers=ACME).text == "ab"
    answer = client.get("/search?n=1", headers=ACME)
    assert answer.status_code == 429
    resets_at = tally.check("acme", "apiRequests").resets_at
    assert resets_at is not None
    wait = int((resets_at - tally.clock.now()).total_seconds())
    assert 86_400 < wait == int(answer.headers["retry-after"])
    refused = client.get("/search?n=-1", headers=ACME)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "VALIDATION_ERROR")
    assert tally.check("acme", "apiRequests").used == 3


def test_exactly_the_limit_passes_however_many_ask(client: TestClient, tally: Tallystick) -> None:
    def one(_: int) -> int:
        return client.post("/projects", headers=ACME).status_code

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(one, range(16)))
    assert (answers.count(200), answers.count(429)) == (2, 14)
    assert tally.check("acme", "projects").used == 2


def test_what_two_gates_hold_is_released_where_one_denies(
    client: TestClient, tally: Tallystick
) -> None:
    assert client.post("/both", headers=ACME).status_code == 200
    assert client.post("/both", headers=ACME).status_code == 429
    found = {key: tally.check("acme", key) for key in ("projects", "apiRequests")}
    assert [(each.used, each.reserved) for each in found.values()] == [(1, 0), (2, 0)]


def test_who_is_nobody_is_answered_401(client: TestClient) -> None:
    for headers in ({}, {"x-org": ""}, {"x-org": "x" * 500}):
        answer = client.post("/projects", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_feature_is_asked_for(client: TestClient, tally: Tallystick) -> None:
    answer = client.get("/domains", headers=ACME)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert answer.json()["error"]["details"]["upgrade_to"] == "pro"
    tally.customers.create("acme", name="Acme", currency="USD")
    tally.subscriptions.start("acme", "pro")
    assert client.get("/domains", headers=ACME).status_code == 200


def test_scopes_are_compared_whole(client: TestClient) -> None:
    def status(scopes: str | None) -> int:
        headers = {} if scopes is None else {"x-scopes": scopes}
        return client.delete("/projects", headers=headers).status_code

    assert status("projects.write api.read more") == 200
    assert status("projects api.read") == 403
    assert status("") == 403
    assert status(None) == 401


def test_the_router_answers_the_price_list_and_guards_usage(client: TestClient) -> None:
    answer = client.get("/api/v1/plans")
    assert [each["id"] for each in answer.json()["data"]["products"]] == ["free", "pro"]
    same = client.get("/api/v1/plans", headers={"if-none-match": answer.headers["etag"]})
    assert same.status_code == 304
    assert client.post("/api/v1/plans").status_code == 405
    assert client.get("/api/v1/usage").json()["error"]["code"] == "SERVICE_UNAVAILABLE"
    assert client.get("/api/v1/usage/events").status_code == 405
    for path in ("/api/v1/entitlements/check", "/api/v1/entitlements"):
        assert client.get(path).json()["error"]["code"] == "SERVICE_UNAVAILABLE"


def test_the_router_answers_entitlements_to_callers_with_a_key(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_API_KEY", "a-key-of-the-tests")
    billing = Billing(tally, customer=by_header, worker_every=None)
    app = FastAPI(lifespan=billing.lifespan)
    app.include_router(billing.router)
    with TestClient(app) as client:
        asked = {"customer": "acme", "feature": "projects"}
        assert client.get("/api/v1/entitlements/check", params=asked).status_code == 401
        key = {"Authorization": "Bearer a-key-of-the-tests"}
        answer = client.get("/api/v1/entitlements/check", params=asked, headers=key)
        assert answer.json()["data"]["remaining"] == 2
        found = client.get("/api/v1/entitlements", params={"customer": "acme"}, headers=key)
        assert len(found.json()["data"]["entitlements"]) == 3


def test_the_router_may_stand_under_a_prefix(tally: Tallystick) -> None:
    billing = Billing(tally, customer=by_header, worker_every=None)
    app = FastAPI(lifespan=billing.lifespan)
    app.include_router(billing.router, prefix="/billing")
    with TestClient(app) as client:
        assert client.get("/billing/api/v1/plans").json()["ok"] is True


def test_the_openapi_of_the_host_shows_what_gates_answer(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    paths = document["paths"]
    gated = paths["/projects"]["post"]
    assert {"200", "401", "402", "403", "429"} <= set(gated["responses"])
    assert "Retry-After" in gated["responses"]["429"]["headers"]
    assert "security" not in gated
    assert "429" not in paths["/projects"]["delete"]["responses"]
    assert {"401", "403"} <= set(paths["/projects"]["delete"]["responses"])
    assert "securitySchemes" not in document["components"]
    assert client.get("/openapi.json").json() == document


def test_a_gate_of_a_program_that_was_not_set_up_lets_nobody_pass(
    tally: Tallystick, caplog: pytest.LogCaptureFixture
) -> None:
    app, _ = program(tally)
    client = TestClient(app, raise_server_exceptions=False)
    assert client.post("/projects", headers=ACME).status_code == 500
    assert client.delete("/projects", headers={"x-scopes": "projects.write"}).status_code == 500


def test_what_could_not_be_committed_is_not_answered_as_done(
    client: TestClient, tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StorageUnavailable("the database does not answer")

    monkeypatch.setattr(type(tally), "commit", away)
    answer = client.post("/projects", headers=ACME)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    access = tally.check("acme", "projects")
    assert (access.used, access.reserved) == (0, 0)


def test_an_answer_that_came_too_late_is_refused(
    tally: Tallystick,
) -> None:
    clock: FrozenClock = tally.clock  # type: ignore[assignment]  # as the fixture made it
    billing = Billing(tally, customer=by_header, expires_in=5, worker_every=None)
    app = FastAPI(lifespan=billing.lifespan)

    @app.post("/slow", dependencies=[billing.use("projects")])
    def slow() -> None:
        clock.advance(timedelta(seconds=6))

    with TestClient(app) as client:
        answer = client.post("/slow", headers=ACME)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONFLICT")
    assert tally.check("acme", "projects").used == 0


def test_a_denial_is_logged_with_who_and_why(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "tallystick.integrations"):
        client.get("/domains?token=secret", headers={"x-org": "acme"})
    assert "customer=acme feature=customDomains reason=FORBIDDEN GET /domains" in caplog.text
    assert "secret" not in caplog.text


def test_a_denial_that_a_handler_raises_is_logged_once(
    tally: Tallystick, caplog: pytest.LogCaptureFixture
) -> None:
    billing = Billing(tally, customer=by_header, principal=signed_in, worker_every=None)
    app = FastAPI(lifespan=billing.lifespan)

    @app.post("/projects")
    def create(request: Request) -> None:
        tally.use(by_header(request), "projects", 3)

    @app.get("/mine", dependencies=[requires_scopes("projects.read")])
    def mine() -> None: ...

    @app.post("/gated", dependencies=[billing.use("projects", 3)])
    def gated() -> None: ...

    with TestClient(app) as client, caplog.at_level(logging.WARNING, "tallystick.integrations"):
        assert client.post("/projects", headers=ACME).status_code == 429
        assert client.get("/mine", headers=ACME | {"x-scopes": "none"}).status_code == 403
        assert client.get("/mine").status_code == 401
        assert client.post("/gated", headers=ACME).status_code == 429
    ours = [each for each in caplog.records if each.name == "tallystick.integrations"]
    assert [each.getMessage() for each in ours] == [
        "denied: customer=acme feature=projects reason=QUOTA_EXCEEDED POST /projects",
        "denied: customer=acme feature=- reason=FORBIDDEN GET /mine",
        "denied: customer=- feature=- reason=UNAUTHORIZED GET /mine",
        "denied: customer=acme feature=projects reason=QUOTA_EXCEEDED POST /gated",
    ]


def test_the_plan_may_be_kept_by_the_host(tally: Tallystick) -> None:
    async def plan(request: Request) -> str | None:
        return request.headers.get("x-plan")

    billing = Billing(tally, customer=by_header, plan=plan, worker_every=None)
    app = FastAPI(lifespan=billing.lifespan)

    @app.post("/projects", dependencies=[billing.use("projects", 3)])
    def create() -> None: ...

    @app.get("/domains", dependencies=[billing.require_feature("customDomains")])
    def domains() -> None: ...

    with TestClient(app) as client:

        def answers(path: str, method: str, **headers: str) -> int:
            return client.request(method, path, headers=ACME | headers).status_code

        assert answers("/projects", "POST") == 429, "the default plan"
        assert answers("/domains", "GET") == 403
        assert answers("/projects", "POST", **{"x-plan": "pro"}) == 200
        assert answers("/domains", "GET", **{"x-plan": "pro"}) == 200
        assert answers("/domains", "GET", **{"x-plan": "gold"}) == 403
        assert answers("/projects", "POST", **{"x-plan": "gold"}) == 403
    assert tally.check("acme", "projects", plan="pro").used == 3


def test_the_lifespan_migrates_publishes_and_runs_the_worker(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = threading.Event()

    def run(_: object, *, limit: int) -> Run:
        ran.set()
        return Run(at=tally.clock.now())

    monkeypatch.setattr(type(tally.invoices), "run", run)
    billing = Billing(tally, customer=by_header, author="ops")
    with TestClient(FastAPI(lifespan=billing.lifespan)):
        assert ran.wait(30)
        assert [each.author for each in tally.catalogs()] == ["ops"]
    with TestClient(FastAPI(lifespan=billing.lifespan)):
        assert len(tally.catalogs()) == 1, "the same catalogue is published once"


def test_a_worker_s_run_that_fails_does_not_end_it(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A run that fails waits for the next; one that had more to do than a run does goes on."""
    runs: list[Exception | int] = [StorageUnavailable("away"), RuntimeError("a fault"), 500, 2]
    waits: list[float] = []

    def run(_: object, *, limit: int) -> Run:
        found = runs.pop(0)
        if isinstance(found, Exception):
            raise found
        assert limit == 500
        return Run(at=tally.clock.now(), documents=found)

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        if not runs:
            raise asyncio.CancelledError

    monkeypatch.setattr(type(tally.invoices), "run", run)
    monkeypatch.setattr(asyncio, "sleep", wait)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(worker.run_worker(tally, 60))
    assert waits == [60, 60, 0, 60]
    assert caplog.text.count("not billed") == 2


def test_a_customer_that_is_no_text_is_the_program_s_fault(tally: Tallystick) -> None:
    billing = Billing(tally, customer=lambda _: 7, worker_every=None)
    app = FastAPI(lifespan=billing.lifespan)

    @app.post("/projects", dependencies=[billing.use("projects")])
    def create() -> None: ...

    with TestClient(app) as client, pytest.raises(SetupError, match="id as a text"):
        client.post("/projects")


def test_what_cannot_work_is_refused_when_the_program_starts(tally: Tallystick) -> None:
    billing = Billing(tally, customer=by_header)
    with pytest.raises(SetupError, match="did you mean 'projects'"):
        billing.use("project")
    with pytest.raises(SetupError, match="never starts again"):
        billing.quota("projects")
    billing.quota("projects", count=lambda _: 1)
    with pytest.raises(SetupError, match="use require_feature"):
        billing.use("customDomains")
    with pytest.raises(SetupError, match="quantity"):
        billing.use("projects", "many")
    with pytest.raises(SetupError, match="no plan has a feature"):
        billing.require_feature("nothing")
    with pytest.raises(SetupError, match="a scope is a word"):
        requires_scopes("two words")
    for wrong in ({"expires_in": 0}, {"worker_every": 1.5}, {"principal": "me"}, {"plan": "pro"}):
        with pytest.raises(SetupError):
            Billing(tally, customer=by_header, **wrong)
    app = FastAPI()
    billing.init_app(app)
    billing.init_app(app)
    with pytest.raises(SetupError, match="another Billing"):
        Billing(tally, customer=by_header).init_app(app)


def test_a_gate_lets_so_many_pass_while_the_database_is_away(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine = tally.storage.engine
    ledger = Tallystick(
        engine,
        catalog=PLANS,
        default_plan="free",
        clock=tally.clock,
        offline_units=2,
        offline_spool=tmp_path,
    )
    app, _ = program(ledger)

    def gone(*_: object, **__: object) -> None:
        raise OperationalError("connect", None, Exception("nobody is there"))

    with ledger, TestClient(app, raise_server_exceptions=False) as client:
        with monkeypatch.context() as patch:
            patch.setattr(engine, "connect", gone)
            answers = [client.get("/search?n=1", headers=ACME) for _ in range(3)]
        assert [each.status_code for each in answers] == [200, 200, 503]
        assert ledger.offline is not None
        ledger.offline.reconcile()
        assert ledger.check("acme", "apiRequests").used == 2


def test_the_host_s_own_count_is_asked(tally: Tallystick) -> None:
    counts = {"acme": 2, "small": 1}
    billing = Billing(tally, customer=by_header, worker_every=None)
    app = FastAPI(lifespan=billing.lifespan)

    @app.post("/projects", dependencies=[billing.use("projects", count=counts.__getitem__)])
    def create() -> None: ...

    with TestClient(app) as client:
        assert client.post("/projects", headers=ACME).status_code == 429
        assert client.post("/projects", headers={"x-org": "small"}).status_code == 200


def test_a_host_may_raise_our_errors_itself(tally: Tallystick) -> None:
    billing = Billing(tally, customer=by_header, worker_every=None)
    app = FastAPI(lifespan=billing.lifespan)

    @app.get("/taken")
    def taken() -> None:
        raise Conflict("it is taken", id="a")

    with TestClient(app) as client:
        answer = client.get("/taken")
    assert (answer.status_code, answer.json()["error"]["details"]) == (409, {"id": "a"})

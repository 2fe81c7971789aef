"""Gates as plain ASGI classes, in Starlette and in Litestar."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from litestar import Litestar, post
from litestar.middleware import DefineMiddleware
from litestar.testing import TestClient as LitestarClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient

from tallystick.errors import SetupError
from tallystick.integrations.asgi import Caller, Quota, RequireFeature, Use

if TYPE_CHECKING:
    from starlette.requests import Request

    from tallystick import Tallystick

ACME = {"x-org": "acme"}


def by_header(caller: Caller) -> str:
    return caller.headers["X-Org"]


def gate(kind: Any, tally: Tallystick, feature: str, *more: Any) -> Middleware:
    return Middleware(kind, tally, feature, *more, customer=by_header)


@pytest.fixture
def client(tally: Tallystick) -> TestClient:
    tally.migrate()
    tally.publish(author="ops")

    async def answer(request: Request) -> JSONResponse:
        status = int(request.query_params.get("status", 200))
        if status == 500:
            raise RuntimeError("the endpoint failed")
        return JSONResponse({}, status)

    async def listen(socket: Any) -> None:
        await socket.accept()

    by_query = lambda caller: caller.query["n"]  # noqa: E731 - as a program would write it
    routes = [
        Route("/projects", answer, middleware=[gate(Use, tally, "projects")]),
        Route("/search", answer, middleware=[gate(Quota, tally, "apiRequests", by_query)]),
        Route("/domains", answer, middleware=[gate(RequireFeature, tally, "customDomains")]),
        WebSocketRoute("/live", listen, middleware=[gate(Use, tally, "projects")]),
    ]
    return TestClient(Starlette(routes=routes), raise_server_exceptions=False)


@pytest.mark.parametrize(("status", "used"), [(200, 1), (303, 1), (404, 0), (500, 0)])
def test_only_what_succeeded_is_used(
    client: TestClient, tally: Tallystick, status: int, used: int
) -> None:
    assert client.get(f"/projects?status={status}", headers=ACME).status_code == status
    access = tally.check("acme", "projects")
    assert (access.used, access.reserved) == (used, 0)


def test_a_limit_a_quota_and_a_feature_in_starlette(client: TestClient) -> None:
    answers = [client.get("/projects", headers=ACME) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert answers[2].json()["error"]["code"] == "QUOTA_EXCEEDED"
    assert client.get("/search?n=3", headers=ACME).status_code == 200
    assert int(client.get("/search?n=1", headers=ACME).headers["retry-after"]) > 86_400
    assert client.get("/domains", headers=ACME).status_code == 403
    assert client.get("/domains").status_code == 401


def test_the_plan_may_be_kept_by_the_host(tally: Tallystick) -> None:
    tally.migrate()
    tally.publish(author="ops")

    async def plan(caller: Caller) -> str | None:
        return caller.headers.get("x-plan")

    async def answer(_: Request) -> JSONResponse:
        return JSONResponse({})

    def kept(kind: Any, feature: str, *more: Any) -> Middleware:
        return Middleware(kind, tally, feature, *more, customer=by_header, plan=plan)

    routes = [
        Route("/projects", answer, middleware=[kept(Use, "projects", 3)]),
        Route("/domains", answer, middleware=[kept(RequireFeature, "customDomains")]),
    ]
    client = TestClient(Starlette(routes=routes))

    def answers(path: str, **more: str) -> int:
        return client.get(path, headers=ACME | more).status_code

    assert (answers("/projects"), answers("/domains")) == (429, 403), "the default plan"
    pro, gold = {"x-plan": "pro"}, {"x-plan": "gold"}
    assert (answers("/projects", **pro), answers("/domains", **pro)) == (200, 200)
    assert (answers("/projects", **gold), answers("/domains", **gold)) == (403, 403)
    assert tally.check("acme", "projects", plan="pro").used == 3


def test_a_header_that_is_sent_twice_names_nobody(client: TestClient) -> None:
    answer = client.get("/projects", headers=[("x-org", "acme"), ("x-org", "other")])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BAD_REQUEST")


def test_a_request_that_is_cut_off_gives_back_what_it_held(tally: Tallystick) -> None:
    tally.migrate()
    tally.publish(author="ops")
    held: list[int] = []

    async def cut_off() -> None:
        asked = asyncio.Event()

        async def waits_for_ever(*_: object) -> None:
            held.append(int((await tally.aio.check("acme", "projects")).reserved))
            asked.set()
            await asyncio.Event().wait()

        app = Use(waits_for_ever, tally, "projects", customer=by_header)
        scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"x-org", b"acme")]}
        asking = asyncio.ensure_future(app(scope, None, None))
        await asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

    asyncio.run(cut_off())
    assert held == [1]
    access = tally.check("acme", "projects")
    assert (access.used, access.reserved) == (0, 0)


def test_a_websocket_is_not_let_pass_uncounted(client: TestClient) -> None:
    with pytest.raises(SetupError, match="websocket"), client.websocket_connect("/live"):
        pass


def test_a_limit_in_litestar(tally: Tallystick) -> None:
    tally.migrate()
    tally.publish(author="ops")
    counted = DefineMiddleware(Use, tally=tally, feature="projects", customer=by_header)

    @post("/projects", middleware=[counted])
    async def create() -> dict[str, bool]:
        return {"ok": True}

    with LitestarClient(Litestar([create])) as client:
        answers = [client.post("/projects", headers=ACME) for _ in range(3)]
    assert [each.status_code for each in answers] == [201, 201, 429]
    assert answers[2].json()["error"]["details"]["upgrade_to"] == "pro"
    assert tally.check("acme", "projects").used == 2


def test_what_cannot_work_is_refused_when_the_program_starts(tally: Tallystick) -> None:
    async def nothing(*_: object) -> None: ...

    with pytest.raises(SetupError, match="never starts again"):
        Quota(nothing, tally, "projects", customer=by_header)
    with pytest.raises(SetupError, match="no plan"):
        RequireFeature(nothing, tally, "nothing", customer=by_header)
    with pytest.raises(SetupError, match="expires_in"):
        Use(nothing, tally, "projects", customer=by_header, expires_in=-1)

"""Quotas on requests: whose count, which limit, what is answered, and what a request costs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tallystick.core.entitlement import Access
from tallystick.errors import (
    AccessDenied,
    Conflict,
    ForbiddenError,
    QuotaExceeded,
    SetupError,
    StorageUnavailable,
    Unauthorized,
)
from tallystick.tenancy import Principal, QuotaMiddleware, TenantMiddleware, requires_scopes, wsgi
from tests.tenancy.shop import app, clock, find, plans, wsgi_app

if TYPE_CHECKING:
    from httpx2 import Response

CONFIG = {"strategy": "shared", "resolution": "header"}


class Hold:
    """A unit of a counted tally."""

    def __init__(self, tally: Counted) -> None:
        self.tally = tally

    def commit(self) -> None:
        self.tally.settle(used=1)

    def release(self) -> None:
        self.tally.settle(used=0)


class Counted:
    """What stands in for the ledger: a limit of its own, counted under a lock."""

    price_book: Any = None

    def __init__(self, limit: int) -> None:
        self.limit, self.used, self.reserved = limit, 0, 0
        self.lock = threading.Lock()
        self.asked: list[tuple[str, str, int, dict[str, Any]]] = []
        self.fails: Exception | None = None

    def reserve(self, customer: str, feature: str, quantity: int = 1, **options: Any) -> Hold:
        with self.lock:
            self.asked.append((customer, feature, quantity, options))
            if self.used + self.reserved + quantity > self.limit:
                raise QuotaExceeded(
                    "no more",
                    feature=feature,
                    limit=str(self.limit),
                    used=str(self.used),
                    resets_at="2026-12-01T00:00:00Z",
                    upgrade_to="pro",
                )
            self.reserved += quantity
        return Hold(self)

    def settle(self, *, used: int) -> None:
        with self.lock:
            if self.fails is not None:
                raise self.fails
            self.reserved -= 1
            self.used += used


def asgi_client(inner: Any = app, **quota: Any) -> TestClient:
    counted = QuotaMiddleware(inner, quota_key="apiRequests", clock=clock(), **quota)
    asked = TenantMiddleware(counted, config=CONFIG, lookup_tenant=find, clock=clock())
    return TestClient(asked, raise_server_exceptions=False)


class WsgiClient:
    """Asks a WSGI application, as a server would."""

    def __init__(self, inner: Any, **quota: Any) -> None:
        counted = wsgi.QuotaMiddleware(inner, quota_key="apiRequests", clock=clock(), **quota)
        self.app = wsgi.TenantMiddleware(counted, config=CONFIG, lookup_tenant=find, clock=clock())

    def get(self, path: str, headers: dict[str, str]) -> Any:
        import httpx2  # noqa: PLC0415 - of this test alone

        with httpx2.Client(
            transport=httpx2.WSGITransport(app=self.app, raise_app_exceptions=False),
            base_url="http://testserver",
        ) as asked:
            return asked.get(path, headers=headers)


def wsgi_client(inner: Any = wsgi_app, **quota: Any) -> WsgiClient:
    return WsgiClient(inner, **quota)


both = pytest.mark.parametrize("client", [asgi_client, wsgi_client], ids=["asgi", "wsgi"])


def get(client: Any, path: str = "/", tenant: str = "acme") -> Response:
    answer: Response = client.get(path, headers={"X-Tenant-ID": tenant})
    return answer


# --- the ledger counts --------------------------------------------------------------------------


@both
def test_exactly_the_limit_passes_and_the_next_is_told_when_and_how(client: Any) -> None:
    tally = Counted(3)
    asked = client(tally=tally)
    assert [get(asked).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert (tally.used, tally.reserved) == (3, 0)
    answer = get(asked)
    assert answer.json()["error"]["code"] == "QUOTA_EXCEEDED"
    assert answer.json()["error"]["details"] == {
        "feature": "apiRequests",
        "limit": "3",
        "used": "3",
        "reserved": "0",
        "resets_at": "2026-12-01T00:00:00Z",
        "upgrade_to": "pro",
    }
    assert answer.headers["retry-after"] == str(9 * 86_400 + 12 * 3_600)
    assert tally.asked[0] == ("t-1", "apiRequests", 1, {"expires_in": 60, "plan": "free"})


@both
def test_a_plan_that_the_host_does_not_keep_is_left_to_the_subscription(client: Any) -> None:
    tally = Counted(3)
    assert get(client(tally=tally, hold_seconds=5), tenant="bare").status_code == 200
    assert tally.asked == [("t-6", "apiRequests", 1, {"expires_in": 5})]


@both
def test_a_request_that_fails_gives_its_unit_back(client: Any) -> None:
    tally = Counted(1)
    asked = client(tally=tally)
    assert [get(asked, "/fails").status_code for _ in range(3)] == [500, 500, 500]
    assert (tally.used, tally.reserved) == (0, 0)
    assert get(asked).status_code == 200


def raises_asgi(*_: Any) -> Any:
    raise ValueError("a bug")


async def silent_asgi(*_: Any) -> None:
    """Answer nothing at all."""


def raises_late(_environ: Any, start: Any) -> Any:
    start("200 OK", [])
    raise ValueError("a bug")
    yield b""  # type: ignore[unreachable]  # what makes it a generator


@pytest.mark.parametrize(
    "client",
    [
        lambda tally: asgi_client(raises_asgi, tally=tally),
        lambda tally: wsgi_client(raises_asgi, tally=tally),
        lambda tally: wsgi_client(raises_late, tally=tally),
    ],
)
def test_an_exception_gives_the_unit_back_and_goes_on(client: Any) -> None:
    tally = Counted(1)
    try:
        assert get(client(tally)).status_code == 500
    except ValueError as error:
        assert str(error) == "a bug"  # noqa: PT017 - a client may hand it on or answer it
    assert (tally.used, tally.reserved) == (0, 0)


def test_an_answer_that_never_begins_costs_nothing() -> None:
    tally = Counted(1)
    with pytest.raises(AssertionError):
        TestClient(
            TenantMiddleware(
                QuotaMiddleware(silent_asgi, quota_key="apiRequests", tally=tally),
                config=CONFIG,
                lookup_tenant=find,
            )
        ).get("/", headers={"X-Tenant-ID": "acme"})
    assert (tally.used, tally.reserved) == (0, 0)


@both
@pytest.mark.parametrize(
    ("error", "status"),
    [(StorageUnavailable("away"), 503), (Conflict("the reservation has expired"), 409)],
)
def test_what_cannot_be_counted_is_not_given(client: Any, error: Exception, status: int) -> None:
    tally = Counted(3)
    tally.fails = error
    answer = get(client(tally=tally))
    assert answer.status_code == status
    assert "tenant" not in answer.text.replace("tenancy", "")


@both
def test_a_ledger_that_is_away_lets_nobody_pass(client: Any) -> None:
    class Away(Counted):
        def reserve(self, *_: Any, **__: Any) -> Hold:
            raise StorageUnavailable("away")

    assert get(client(tally=Away(3))).status_code == 503


def test_a_streamed_answer_is_counted_once_before_its_first_byte() -> None:
    tally = Counted(3)
    seen: list[int] = []

    async def chunks() -> Any:
        for chunk in (b"a", b"b"):
            seen.append(tally.used)
            yield chunk

    inner = Starlette(routes=[Route("/", lambda _request: StreamingResponse(chunks()))])
    assert get(asgi_client(inner, tally=tally)).text == "ab"
    assert (seen, tally.used) == ([1, 1], 1)


def test_a_wsgi_answer_may_be_written_and_is_closed() -> None:
    closed: list[bool] = []

    class Body:
        def __iter__(self) -> Any:
            return iter([b"b", b"c"])

        def close(self) -> None:
            closed.append(True)

    def inner(_environ: Any, start: Any) -> Any:
        start("200 OK", [("content-type", "text/plain")])(b"a")
        return Body()

    answer = get(wsgi_client(inner, tally=Counted(3)))
    assert (answer.text, answer.headers["content-type"], closed) == ("abc", "text/plain", [True])


def test_many_at_once_get_exactly_the_limit() -> None:
    tally = Counted(20)
    asked = wsgi_client(tally=tally)
    with ThreadPoolExecutor(8) as workers:
        codes = list(workers.map(lambda _: get(asked).status_code, range(60)))
    assert (codes.count(200), codes.count(429), tally.used, tally.reserved) == (20, 40, 20, 0)


# --- the host counts ----------------------------------------------------------------------------


@both
def test_the_hosts_own_count_is_compared_with_its_plan(client: Any) -> None:
    used = {"t-1": 4, "t-2": 999}
    asked = client(check_usage=lambda tenant: used[tenant], catalog=plans())
    assert get(asked).status_code == 200
    used["t-1"] = 5
    answer = get(asked)
    assert answer.status_code == 429
    assert answer.json()["error"]["details"] == {
        "feature": "apiRequests",
        "limit": "5",
        "used": "5",
        "reserved": "0",
        "resets_at": "2026-12-01T00:00:00Z",
        "upgrade_to": "pro",
    }
    assert answer.headers["retry-after"] == str(9 * 86_400 + 12 * 3_600)
    assert get(asked, tenant="umbra").status_code == 200


@both
def test_a_plan_that_is_not_known_is_answered_403_and_never_lets_pass(client: Any) -> None:
    asked = client(check_usage=lambda _tenant: 0, catalog=plans())
    for tenant in ("odd", "bare"):
        answer = get(asked, tenant=tenant)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "UNKNOWN_PLAN")
    with_default = client(check_usage=lambda _tenant: 0, catalog=plans(), default_plan="free")
    assert get(with_default, tenant="bare").status_code == 200
    assert get(with_default, tenant="odd").status_code == 403


@both
def test_a_limit_of_the_hosts_own_wins_over_the_plan(client: Any) -> None:
    used = [1]
    asked = client(check_usage=lambda _tenant: used[0], limit=2)
    assert get(asked).status_code == 200
    used[0] = 2
    assert get(asked).status_code == 429
    assert get(client(check_usage=lambda _tenant: 10**9, limit=-1)).status_code == 200
    assert get(client(check_usage=lambda _tenant: 0, limit=0)).status_code == 429


@both
@pytest.mark.parametrize("count", [1.5, "many", None, -1, True])
def test_a_count_that_is_no_number_lets_nobody_pass(client: Any, count: object) -> None:
    assert get(client(check_usage=lambda _tenant: count, limit=5)).status_code == 422


def test_a_count_may_be_asynchronous_with_asgi_and_not_with_wsgi() -> None:
    async def count(_tenant: str) -> int:
        return 1

    assert get(asgi_client(check_usage=count, limit=2)).status_code == 200
    with pytest.raises(SetupError, match="WSGI needs a plain function"):
        wsgi_client(check_usage=count, limit=2).app(
            {"HTTP_X_TENANT_ID": "acme", "PATH_INFO": "/"}, lambda *_: None
        )


@both
def test_the_ledger_may_judge_the_hosts_count(client: Any) -> None:
    class Judge(Counted):
        def check(self, customer: str, feature: str, requested: int = 1, **options: Any) -> Access:
            self.asked.append((customer, feature, requested, options))

            return Access(
                allowed=False,
                plan="free",
                feature=feature,
                reason="not_in_plan",
                text="the plan has no such thing",
                upgrade_to="pro",
            )

    tally = Judge(0)
    answer = get(client(check_usage=lambda _tenant: 7, tally=tally))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert answer.json()["error"]["details"]["upgrade_to"] == "pro"
    assert tally.asked == [("t-1", "apiRequests", 1, {"used": 7, "plan": "free"})]


@both
def test_a_denial_names_tenant_feature_and_reason_in_the_log(
    client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    get(client(check_usage=lambda _tenant: 9, limit=2))
    (record,) = [each for each in caplog.records if each.name == "tallystick.tenancy"]
    assert "tenant=t-1 feature=apiRequests reason=QUOTA_EXCEEDED" in record.getMessage()


# --- at the start -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [QuotaMiddleware, wsgi.QuotaMiddleware])
@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"quota_key": "apiRequests"}, "needs a count"),
        ({"quota_key": "apiRequests", "tally": Counted(1), "limit": 5}, "the limit is the plan's"),
        ({"quota_key": "apiRequests", "check_usage": len}, "goes with one of"),
        ({"quota_key": "apiRequests", "check_usage": 5, "limit": 5}, "check_usage is a function"),
        ({"quota_key": "apiRequests", "check_usage": len, "limit": 1.5}, "limit is a whole"),
        ({"quota_key": "apiRequests", "check_usage": len, "limit": -2}, "limit is a whole"),
        ({"quota_key": "apiRequest", "check_usage": len, "catalog": plans()}, "did you mean"),
        ({"quota_key": "apiRequests", "tally": Counted(1), "hold_seconds": 0}, "hold_seconds"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    kind: Any, settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(SetupError, match=told):
        kind(app, **settings)


def test_a_feature_that_never_resets_needs_the_hosts_count() -> None:
    tally = Counted(3)
    tally.price_book = plans()
    with pytest.raises(SetupError, match="would never start again"):
        QuotaMiddleware(app, quota_key="projects", tally=tally)
    asked = QuotaMiddleware(app, quota_key="projects", check_usage=len, catalog=plans())
    assert asked.app is app


def tenancy(inner: Any, kind: Any = TenantMiddleware) -> Any:
    return kind(inner, config=CONFIG, lookup_tenant=find)


def test_a_quota_outside_of_the_tenancy_is_refused_at_the_start() -> None:
    for kind, tenant in (
        (QuotaMiddleware, TenantMiddleware),
        (wsgi.QuotaMiddleware, wsgi.TenantMiddleware),
    ):
        with pytest.raises(SetupError, match="swap the two"):
            kind(tenancy(app, tenant), quota_key="apiRequests", tally=Counted(1))


def test_a_server_does_not_start_with_a_quota_outside_or_alone() -> None:
    quota: dict[str, Any] = {"quota_key": "apiRequests", "tally": Counted(1)}
    outside = Starlette(routes=[Route("/", lambda _: PlainTextResponse("in"))])
    outside.add_middleware(TenantMiddleware, config=CONFIG, lookup_tenant=find)
    outside.add_middleware(QuotaMiddleware, **quota)
    alone = QuotaMiddleware(app, **quota)
    for wrong in (outside, alone):
        with pytest.raises(SetupError, match="stands inside"), TestClient(wrong):
            pass
        with pytest.raises(SetupError, match="stands inside"):
            TestClient(wrong).get("/", headers={"X-Tenant-ID": "acme"})


def test_in_their_order_they_work_in_starlette() -> None:
    right = Starlette(routes=[Route("/p", lambda r: PlainTextResponse(r.state.tenant.id))])
    tally = Counted(1)
    right.add_middleware(QuotaMiddleware, quota_key="apiRequests", tally=tally)
    right.add_middleware(
        TenantMiddleware,
        config={"strategy": "shared", "resolution": "path"},
        lookup_tenant=find,
    )
    with TestClient(right) as asked:
        assert asked.get("/t/acme/p").text == "t-1"
        assert asked.get("/t/acme/p").status_code == 429
        assert asked.get("/t/acme/none").status_code == 429


# --- scopes -------------------------------------------------------------------------------------

ANN = Principal("ann", frozenset({"projects.write", "api.read"}))


@pytest.mark.parametrize(
    ("scopes", "who", "refused"),
    [
        ((), None, None),
        (("api.read",), ANN, None),
        (("api.read", "projects.write"), ANN, None),
        (("projects",), ANN, ForbiddenError),
        (("projects.write", "api.write"), ANN, ForbiddenError),
        (("PROJECTS.WRITE",), ANN, ForbiddenError),
        (("api.read",), None, Unauthorized),
        (("api.read",), Principal("bob"), ForbiddenError),
    ],
)
def test_scopes_are_compared_whole(
    scopes: tuple[str, ...], who: Principal | None, refused: type[Exception] | None
) -> None:
    check = requires_scopes(*scopes)
    if refused is None:
        check(who)
        assert who is None or set(scopes) <= who.scopes
    else:
        with pytest.raises(refused):
            check(who)


@pytest.mark.parametrize("scope", ["", "a b", 5, None, ["api.read"]])
def test_a_scope_is_a_word(scope: Any) -> None:
    with pytest.raises(SetupError, match="a scope is a word"):
        requires_scopes(scope)
    assert not issubclass(SetupError, AccessDenied)

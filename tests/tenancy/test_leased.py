"""Quotas from memory: a lease for each customer, no statement for most requests, the limit held."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from tallystick import QuotaExceeded, Tallystick
from tallystick.errors import SetupError, StorageUnavailable
from tallystick.tenancy import QuotaMiddleware, TenantMiddleware, wsgi
from tallystick.tenancy.leased import Leased
from tallystick.testing.ids import CountedIds
from tests.tenancy.shop import app, clock, find, plans, wsgi_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.storage.unit import Storage

CONFIG = {"strategy": "shared", "resolution": "header"}
ACME = {"X-Tenant-ID": "acme"}  # five requests a month
UMBRA = {"X-Tenant-ID": "umbra"}  # a thousand


@pytest.fixture
def tally(storage: Storage) -> Iterator[Tallystick]:
    """A ledger on each database, whose plans the tenants name themselves."""
    with Tallystick(storage.engine, catalog=plans(), clock=clock(), ids=CountedIds()) as ledger:
        ledger.publish(author="anna")
        yield ledger
        assert not ledger.verify().broken


def middleware(tally: Any, lease: int) -> QuotaMiddleware:
    return QuotaMiddleware(app, quota_key="apiRequests", tally=tally, lease=lease, clock=clock())


def client(quota: QuotaMiddleware) -> TestClient:
    stack = TenantMiddleware(quota, config=CONFIG, lookup_tenant=find, clock=clock())
    return TestClient(stack, raise_server_exceptions=False)


def used(tally: Tallystick, who: str, plan: str) -> Any:
    return tally.check(who, "apiRequests", plan=plan).used


def test_exactly_the_limit_passes_and_is_counted(tally: Tallystick) -> None:
    quota = middleware(tally, 3)
    asked = client(quota)
    statuses = [asked.get("/", headers=ACME).status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    assert asked.get("/", headers=ACME).json()["error"]["code"] == "QUOTA_EXCEEDED"
    leased(quota).close()
    assert used(tally, "t-1", "free") == 5
    assert [each.properties["quantity"] for each in tally.usage.export(customer="t-1")] == [3, 2]


def leased(quota: QuotaMiddleware) -> Leased:
    found = quota._quota.leased
    assert found is not None
    return found


def test_most_requests_ask_nobody(tally: Tallystick) -> None:
    quota = middleware(tally, 50)
    asked = client(quota)
    asked.get("/", headers=UMBRA)
    told: list[str] = []
    event.listen(tally.storage.engine, "before_cursor_execute", lambda *said: told.append(said[2]))
    assert {asked.get("/", headers=UMBRA).status_code for _ in range(40)} == {200}
    # The thread of the lease reports once a second: that is no part of a request.
    assert len([each for each in told if "tallystick_gates" in each]) <= 5
    leased(quota).close()
    assert used(tally, "t-2", "pro") == 41


def test_a_request_that_fails_gives_its_unit_back(tally: Tallystick) -> None:
    quota = middleware(tally, 2)
    asked = client(quota)
    for _ in range(9):
        assert asked.get("/fails", headers=ACME).status_code == 500
    assert [asked.get("/", headers=ACME).status_code for _ in range(6)] == [200] * 5 + [429]
    leased(quota).close()
    assert used(tally, "t-1", "free") == 5


def test_two_tenants_have_leases_of_their_own(tally: Tallystick) -> None:
    quota = middleware(tally, 4)
    asked = client(quota)
    for _ in range(6):
        asked.get("/", headers=ACME)
        assert asked.get("/", headers=UMBRA).status_code == 200
    leased(quota).close()
    assert (used(tally, "t-1", "free"), used(tally, "t-2", "pro")) == (5, 6)


def test_only_so_many_leases_are_held(tally: Tallystick) -> None:
    source = Leased(tally, 10, most=2)
    for number in range(5):
        source.reserve(f"c{number}", "apiRequests", plan="pro").commit()
        source.reserve("busy", "apiRequests", plan="pro").commit()
    assert len(source._leases) == 2
    source.close()
    assert [used(tally, f"c{number}", "pro") for number in range(5)] == [1] * 5
    assert used(tally, "busy", "pro") == 5


def test_threads_that_ask_at_once_get_exactly_the_limit(tally: Tallystick) -> None:
    source = Leased(tally, 2)

    def one(number: int) -> bool:
        try:
            held = source.at_once("acme", "apiRequests", "free")
            held = held or source.reserve("acme", "apiRequests", plan="free")
        except QuotaExceeded:
            return False
        if number % 3 == 0:
            held.release()
            return False
        held.commit()
        return True

    with ThreadPoolExecutor(8) as pool:
        got = sum(pool.map(one, range(40)))
    source.close()
    so_far = used(tally, "acme", "free")
    assert got <= so_far <= 5  # what was held when its block ended counts, too
    for _ in range(5 - so_far):  # all of it can be used
        source.reserve("acme", "apiRequests", plan="free").commit()
    with pytest.raises(QuotaExceeded):
        source.reserve("acme", "apiRequests", plan="free")
    source.close()
    assert used(tally, "acme", "free") == 5


def test_a_lease_that_another_thread_has_closed_is_taken_anew(tally: Tallystick) -> None:
    source = Leased(tally, 3)
    source.reserve("acme", "apiRequests", plan="pro").commit()
    (lease,) = source._leases.values()
    lease.close()
    assert source.at_once("acme", "apiRequests", "pro") is None
    source.reserve("acme", "apiRequests", plan="pro").commit()
    source.close()
    assert used(tally, "acme", "pro") == 2


def test_a_ledger_that_is_away_lets_only_pass_what_is_leased(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota = middleware(tally, 2)
    asked = client(quota)
    assert asked.get("/", headers=UMBRA).status_code == 200

    def away(*_: object, **__: object) -> None:
        raise StorageUnavailable("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(tally.storage, "attempt", away)
        assert asked.get("/", headers=UMBRA).status_code == 200
        assert asked.get("/", headers=UMBRA).status_code in {429, 503}
    leased(quota).close()
    assert used(tally, "t-2", "pro") == 2


def test_the_middleware_of_wsgi_leases_too(tally: Tallystick) -> None:
    quota = wsgi.QuotaMiddleware(
        wsgi_app, quota_key="apiRequests", tally=tally, lease=2, clock=clock()
    )
    stack = wsgi.TenantMiddleware(quota, config=CONFIG, lookup_tenant=find, clock=clock())
    told: list[str] = []

    def begun(status: str, *_: object) -> Any:
        told.append(status[:3])

    for _ in range(6):
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_X_TENANT_ID": "acme"}
        list(stack(environ, begun))
    assert told == ["200"] * 5 + ["429"]
    source = quota._quota.leased
    assert source is not None
    source.close()
    assert used(tally, "t-1", "free") == 5


@pytest.mark.parametrize("size", [0, -1, True, 1.5, "3", 1_000_001])
def test_a_lease_has_a_size(size: Any) -> None:
    with (
        Tallystick("sqlite://", catalog=plans()) as tally,
        pytest.raises(SetupError, match="lease"),
    ):
        QuotaMiddleware(app, quota_key="apiRequests", tally=tally, lease=size)


def test_a_hosts_own_count_is_not_leased() -> None:
    with pytest.raises(SetupError, match="check_usage"):
        QuotaMiddleware(
            app, quota_key="apiRequests", check_usage=lambda _: 0, limit=3, lease=5, clock=clock()
        )


def test_an_event_loop_is_not_held_up(tally: Tallystick) -> None:
    """Where a block has to be taken, that happens beside the loop."""
    quota = middleware(tally, 1)
    stack = TenantMiddleware(quota, config=CONFIG, lookup_tenant=find, clock=clock())
    seen: list[Any] = []

    async def ask() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            seen.append(message.get("status"))

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "headers": [(b"x-tenant-id", b"acme")],
        }
        await stack(scope, receive, send)

    async def all_at_once() -> None:
        await asyncio.gather(*(ask() for _ in range(8)))

    asyncio.run(all_at_once())
    statuses = [each for each in seen if each is not None]
    assert sorted(statuses) == [200] * 5 + [429] * 3
    leased(quota).close()
    assert used(tally, "t-1", "free") == 5

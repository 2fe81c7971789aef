"""Two tenants with equal ids, e-mails, event ids and keys never meet, whatever they ask.

A host over the real ledger answers both, turn by turn.  What each is told must be what it would be
told alone, byte for byte; and on SQLite each statement names whose rows it is about.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tallystick import Tallystick, define_plans, problems
from tallystick.app.customer import export_page
from tallystick.core.number import plain
from tallystick.core.period import Period
from tallystick.errors import Conflict, QuotaExceeded, TallystickError
from tallystick.http.api import create_app
from tallystick.http.keys import Keys
from tallystick.storage.owned import kind_of, owned_tables
from tallystick.tenancy import QuotaMiddleware, Tenant, TenantMiddleware
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.storage.roles import fill
from tests.storage.test_one_customer import Watch, names_customer

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from tallystick.app.customer import ExportedRecord
    from tallystick.storage.unit import Storage

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
MONTH = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
A, B = Tenant("ten-a", "acme"), Tenant("ten-b", "umbra")


def ledger(storage: Storage) -> Tallystick:
    features = [
        {"featureKey": "projects", "enabled": True, "limit": 3},
        {"featureKey": "apiRequests", "enabled": True, "limit": 12, "reset": "month"},
    ]
    plans = define_plans(
        [
            {
                "id": "free",
                "name": "Free",
                "price": 0,
                "currency": "USD",
                "interval": "month",
                "active": True,
                "features": features,
            }
        ]
    )
    tally = Tallystick(
        storage.engine,
        catalog=plans,
        default_plan="free",
        clock=FrozenClock(AT),
        ids=CountedIds(),
        signing_keys=["k" * 32],
        return_origins=["https://app.example"],
    )
    tally.publish(author="ops")
    return tally


def record(tally: Tallystick, who: str, quantity: int, key: str = "evt-1") -> str:
    return tally.usage.record(who, "apiRequests", id=key, quantity=quantity, occurred_at=AT)


ACTS: dict[str, Callable[[Tallystick, str], Any]] = {
    "register": lambda t, who: t.customers.create(who, email="same@example.org").email,
    "register again": lambda t, who: t.customers.create(who, email="same@example.org").email,
    "rename": lambda t, who: t.customers.update(who, name="Same").name,
    "record": lambda t, who: record(t, who, 2),
    "record again": lambda t, who: record(t, who, 2),
    "record another under the id": lambda t, who: record(t, who, 9),
    "use": lambda t, who: t.use(who, "projects", idempotency_key="key-1").used,
    "use again": lambda t, who: t.use(who, "projects", idempotency_key="key-1").used,
    "use another": lambda t, who: t.use(who, "projects", idempotency_key="key-2").used,
    "reserve": lambda t, who: t.reserve(who, "projects", idempotency_key="r-1").commit().used,
    "use what is not left": lambda t, who: t.use(who, "projects").used,
    "give back": lambda t, who: t.give_back(who, "projects", idempotency_key="g-1").used,
    "set": lambda t, who: t.set(who, "projects", 2, idempotency_key="s-1").used,
    "grant": lambda t, who: (
        t.credits.grant(who, units=2, feature="apiRequests", idempotency_key="u-1").remaining
    ),
    "check": lambda t, who: str(t.check(who, "apiRequests").used),
    "check all": lambda t, who: {k: str(v.used) for k, v in t.check_all(who).items()},
    "read": lambda t, who: plain(t.usage.quantity(who, "apiRequests", MONTH)),
    "export": lambda t, who: len(list(t.usage.export(customer=who))),
    "forget": lambda t, who: t.customers.forget(who).email,
    "read what is left": lambda t, who: plain(t.usage.quantity(who, "apiRequests", MONTH)),
}


def host(tally: Tallystick, **quota: Any) -> TestClient:
    """Answer each act under a path of its own, for whoever the middleware says is asking."""

    def route(name: str) -> Route:
        def answer(request: Request) -> JSONResponse:
            try:
                said = ACTS[name](tally, request.state.tenancy.customer_id)
            except TallystickError as error:
                refused = problems.of(error)
                return JSONResponse(refused.body, refused.status)
            return JSONResponse({"said": str(said)})

        return Route("/" + name.replace(" ", "-"), answer)

    app: Any = Starlette(routes=[route(name) for name in ACTS])
    if quota:
        app = QuotaMiddleware(app, tally=tally, clock=tally.clock, **quota)
    by_name = {each.slug: each for each in (A, B)}
    config = {"strategy": "shared", "resolution": "path"}
    return TestClient(TenantMiddleware(app, config=config, lookup_tenant=by_name.get))


def ask(client: TestClient, tenant: Tenant, name: str) -> tuple[int, str]:
    answer = client.get(f"/t/{tenant.slug}/{name.replace(' ', '-')}")
    # The digest of an event covers whose it is.
    text = re.sub("[0-9a-f]{64}", "DIGEST", answer.text)
    return answer.status_code, text.replace(tenant.id, "WHO")


def test_each_is_told_what_it_would_be_told_alone(storage: Storage) -> None:
    together = host(ledger(storage))
    told: dict[str, list[tuple[int, str]]] = {each.id: [] for each in (A, B)}
    for name in ACTS:
        for tenant in (A, B):
            told[tenant.id].append(ask(together, tenant, name))
    lonely = Tallystick("sqlite://")
    lonely.migrate()
    alone = host(ledger(lonely.storage))
    expected = [ask(alone, A, name) for name in ACTS]
    lonely.close()
    assert told[A.id] == told[B.id] == expected
    assert [status for status, _ in expected].count(200) >= 15
    assert {409, 429} <= {status for status, _ in expected}


def test_at_the_limit_each_gets_all_of_its_own_and_nothing_of_the_others(storage: Storage) -> None:
    client = host(ledger(storage), quota_key="apiRequests")
    turns = [(tenant, "check") for _ in range(15) for tenant in (A, B)]
    with ThreadPoolExecutor(4) as workers:
        codes = list(workers.map(lambda turn: (turn[0].id, ask(client, *turn)[0]), turns))
    for tenant in (A, B):
        own = [code for who, code in codes if who == tenant.id]
        assert (own.count(200), own.count(429)) == (12, 3)
    refused = client.get("/t/acme/check")
    assert refused.json()["error"]["details"]["used"] == "12"
    assert refused.headers["retry-after"] == str(9 * 86_400 + 12 * 3_600)


def test_a_handler_that_fails_leaves_the_count_as_it_was(storage: Storage) -> None:
    tally = ledger(storage)
    client = host(tally, quota_key="apiRequests")
    assert ask(client, A, "no such path")[0] == 404
    assert (tally.check(A.id, "apiRequests").used, tally.check(A.id, "apiRequests").reserved) == (
        0,
        0,
    )


def test_a_plan_that_the_host_keeps_and_nobody_knows_is_403(storage: Storage) -> None:
    tally = ledger(storage)
    app = QuotaMiddleware(Starlette(), quota_key="apiRequests", tally=tally)
    lost = Tenant("ten-a", metadata={"plan": "no-such-plan"})
    config = {"strategy": "shared", "resolution": "header"}
    asked = TestClient(TenantMiddleware(app, config=config, lookup_tenant=lambda _name: lost))
    answer = asked.get("/", headers={"X-Tenant-ID": "ten-a"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "UNKNOWN_PLAN")


# --- every route of the service -----------------------------------------------------------------

KEY = "key-of-the-tests-0123456789"
EVENTS, USAGE = "/api/v1/usage/events", "/api/v1/usage"
CHECK, ENTITLEMENTS = "/api/v1/entitlements/check", "/api/v1/entitlements"
CHECKOUT, RESOLVE = "/api/v1/checkout", "/api/v1/checkout/resolve"
BACK = {"success_url": "https://app.example/ok", "cancel_url": "https://app.example/no"}


def event(who: str, quantity: int, id_: str = "evt-1", **more: object) -> dict[str, Any]:
    body = {"id": id_, "customer": who, "type": "apiRequests", "occurred_at": AT.isoformat()}
    return {**body, "properties": {"quantity": quantity}, **more}


def sent(*events: dict[str, Any]) -> dict[str, Any]:
    return {"json": list(events) if len(events) > 1 else events[0]}


def asked(who: str, **more: str) -> dict[str, Any]:
    return {"params": {"customer": who, **more}}


def used(who: str, meter: str = "apiRequests", **more: str) -> dict[str, Any]:
    period = {"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}
    return asked(who, meter=meter, **period, **more)


REQUESTS: list[tuple[str, str, Callable[[str], dict[str, Any]]]] = [
    ("POST", EVENTS, lambda who: sent(event(who, 2))),
    ("POST", EVENTS, lambda who: sent(event(who, 2))),
    ("POST", EVENTS, lambda who: sent(event(who, 9))),
    ("POST", EVENTS, lambda who: sent(event(who, 3, "evt-2"), event(who, -1, "evt-3"))),
    ("GET", USAGE, used),
    ("GET", USAGE, lambda who: used(who, window="day")),
    ("GET", CHECK, lambda who: asked(who, feature="apiRequests", requested="7")),
    ("GET", CHECK, lambda who: asked(who, feature="apiRequests", requested="8")),
    ("GET", CHECK, lambda who: asked(who, feature="projects")),
    ("GET", ENTITLEMENTS, asked),
    ("POST", EVENTS, lambda who: sent({"id": "fix-1", "customer": who, "void": "evt-1"})),
    ("GET", USAGE, used),
    ("GET", ENTITLEMENTS, asked),
    ("POST", RESOLVE, lambda who: sent({"customer": who, "plans": ["free"], "codes": ["x"]})),
    ("GET", f"{CHECKOUT}/{{id}}", asked),
    ("POST", CHECKOUT, lambda who: sent({"customer": who, "plans": ["free"], **BACK})),
    ("GET", USAGE, lambda who: used(who, "nothing")),
]
"""Each route that asks whose rows are meant, with what it is asked, one after the other."""

PUBLIC = {("GET", path) for path in ("/api/v1/plans", "/healthz", "/readyz")}
PUBLIC |= {("OPTIONS", "/api/v1/plans")}


def service(tally: Tallystick) -> TestClient:
    assert tally.price_book is not None
    app = create_app(tally.price_book, tally=tally, keys=Keys(KEY))
    headers = {"Authorization": f"Bearer {KEY}"}
    return TestClient(app, headers=headers, raise_server_exceptions=False)


def registered(tally: Tallystick) -> Tallystick:
    for tenant in (A, B):
        tally.customers.create(tenant.id)
    return tally


def told(client: TestClient, who: str, place: int) -> tuple[int, str]:
    method, path, request = REQUESTS[place]
    answer = client.request(method, path, **request(who))
    text = re.sub("[0-9a-f]{64}", "DIGEST", answer.text)
    text = re.sub(r"tsq1[.\w-]+", "QUOTE", text)  # signed, under its own id
    return answer.status_code, text.replace(who, "WHO")


def test_every_route_of_the_service_tells_each_what_it_would_be_told_alone(
    storage: Storage,
) -> None:
    together = service(registered(ledger(storage)))
    found: dict[str, list[tuple[int, str]]] = {each.id: [] for each in (A, B)}
    for place in range(len(REQUESTS)):
        for tenant in (A, B):
            found[tenant.id].append(told(together, tenant.id, place))
    with Tallystick("sqlite://") as lonely:
        lonely.migrate()
        alone = service(registered(ledger(lonely.storage)))
        expected = [told(alone, A.id, place) for place in range(len(REQUESTS))]
    assert found[A.id] == found[B.id] == expected
    assert [status for status, _ in expected].count(200) >= 11
    assert {404, 409} <= {status for status, _ in expected}


def test_no_route_of_the_service_is_left_out(storage_sqlite_file: Storage) -> None:
    """A new route must say here whose rows it is about."""
    described = service(ledger(storage_sqlite_file)).get("/openapi.json").json()["paths"]
    routes = {(method.upper(), path) for path, each in described.items() for method in each}
    assert routes == {(method, path) for method, path, _ in REQUESTS} | PUBLIC


@pytest.mark.parametrize("method_and_path", sorted(PUBLIC), ids=" ".join)
def test_what_everyone_may_see_is_the_same_for_everyone(
    storage_sqlite_file: Storage, method_and_path: tuple[str, str]
) -> None:
    tally = ledger(storage_sqlite_file)
    client = service(tally)
    before = client.request(*method_and_path)
    tally.customers.create(A.id, name="Acme")
    record(tally, A.id, 5)
    after = client.request(*method_and_path, headers={"X-Tenant-ID": A.id})
    assert (before.status_code, before.content) == (after.status_code, after.content)


@pytest.mark.parametrize("place", range(len(REQUESTS)), ids=lambda n: f"{n} {REQUESTS[n][1]}")
def test_on_sqlite_each_statement_of_a_route_names_the_customer(
    storage_sqlite_file: Storage, place: int
) -> None:
    tally = ledger(storage_sqlite_file)
    client = service(tally)
    for who in (A.id, B.id):
        record(tally, who, 1, "evt-0")
        tally.use(who, "projects", idempotency_key="key-0")
        tally.customers.create(who)
    with Watch(storage_sqlite_file) as watch:
        told(client, A.id, place)
    if place < len(REQUESTS) - 2:  # the last ask for a provider and a meter that there are not
        assert watch.of_customers() != []
    assert [each for each in watch.said if strays(watch, each)] == []


# --- every table --------------------------------------------------------------------------------


def test_two_customers_with_equal_ids_never_meet_in_any_table(storage: Storage) -> None:
    with storage.begin() as unit:
        meter = {"key": "calls", "digest": "d", "definition": {}, "state": "ready"}
        unit.connection.execute(insert(unit.tables.meters).values(meter))
        for customer in ("a", "b"):
            fill(unit, customer)
        unit.commit()
    kinds = {kind_of(storage.tables, table) for table in owned_tables(storage.tables)}
    for customer, other in (("a", "b"), ("b", "a")):
        found = exported(storage, customer)
        assert {each.kind for each in found} >= kinds
        assert all(each.values.get("customer_id", customer) == customer for each in found)
        assert other not in {each.values.get("customer_id") for each in found}


def exported(storage: Storage, customer: str) -> list[ExportedRecord]:
    with storage.look() as unit:
        page = export_page(unit, customer)
        found = [*page.records]
        while page.place is not None:
            page = export_page(unit, customer, page.place)
            found += page.records
    return found


ON_ONE: list[str] = [name for name in ACTS if name != "export"]


@pytest.mark.parametrize("name", ON_ONE)
def test_on_sqlite_each_statement_of_an_act_names_the_customer(
    storage_sqlite_file: Storage, name: str
) -> None:
    tally = ledger(storage_sqlite_file)
    for who in (A.id, B.id):
        tally.customers.create(who, email="same@example.org")
        record(tally, who, 1, "evt-0")
        tally.use(who, "projects", idempotency_key="key-0")
    with Watch(storage_sqlite_file) as watch, suppress(Conflict, QuotaExceeded):
        ACTS[name](tally, A.id)
    assert watch.of_customers() != []
    assert [each for each in watch.said if strays(watch, each)] == []


WATERMARK = "SELECT max(tallystick_usage_events.seq) AS max_1 \nFROM tallystick_usage_events"
"""How far the log goes: a number that no answer shows."""


def strays(watch: Watch, said: tuple[str, Any]) -> bool:
    """Tell whether a statement on a table of customers could speak of another than the one.

    Questions for many at once carry a list of keys as one parameter: the one alone is in it.
    """
    statement, bound = said
    if said not in watch.of_customers() or statement == WATERMARK:
        return False
    if "tallystick_trials.identity IN" in statement:  # a trial is given once, to whoever comes
        return False
    lists = [each for each in bound if isinstance(each, str) and each.startswith("[[")]
    if lists and "customer_id" in statement.partition("FROM")[2]:
        return any(A.id not in each or B.id in each for each in lists)
    return not names_customer(statement, bound, A.id)


def test_a_statement_about_another_customer_is_caught(storage_sqlite_file: Storage) -> None:
    forgetful: list[tuple[str, tuple[Any, ...]]] = [
        ("SELECT count(*) FROM tallystick_usage_events", ()),
        ("SELECT id FROM tallystick_usage_events WHERE customer_id = ?", (B.id,)),
        (
            "SELECT 1 FROM tallystick_usage_events WHERE (customer_id, id) IN (SELECT v FROM j)",
            (f'[["{A.id}", "1"], ["{B.id}", "1"]]',),
        ),
    ]
    with Watch(storage_sqlite_file) as watch:
        watch.said += forgetful
        assert [strays(watch, each) for each in watch.said] == [True, True, True]

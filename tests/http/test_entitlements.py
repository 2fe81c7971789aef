"""`/api/v1/entitlements`: answers of the ledger, as they are described, for callers with a key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from starlette.testclient import TestClient

from tallystick import Tallystick
from tallystick.core.dialects import read_catalog
from tallystick.errors import StorageUnavailable
from tallystick.http.api import create_app
from tallystick.http.keys import Keys
from tallystick.http.wire import schemas
from tallystick.testing.clock import FrozenClock
from tests.databases import database, storage, storage_sqlite_file

if TYPE_CHECKING:
    from tallystick.storage.unit import Storage

__all__ = ["database", "storage", "storage_sqlite_file"]

KEY = "key-of-the-tests-0123456789"
CHECK, ALL = "/api/v1/entitlements/check", "/api/v1/entitlements"
NOW = datetime(2027, 2, 14, 9, 30, tzinfo=UTC)


def number(key: str, limit: int, **more: Any) -> dict[str, Any]:
    return {"feature_key": key, "enabled": True, "limit": limit, **more}


def plan(id_: str, cost: str, many: int) -> dict[str, Any]:
    limits = [
        number("projects", 3 * many),
        number("calls", 10 * many, reset="month"),
        number("soft", many, reset="month", unit_price="0.0002"),
        number("files", -1),
        {"feature_key": "sso", "enabled": many > 1},
        {"feature_key": "theme", "enabled": True, "value": {"ratio": "0.5", "steps": [1, None]}},
    ]
    price = {"id": id_, "type": "flat", "cost": cost}
    base = {"id": id_, "name": id_.title(), "interval": "month", "interval_count": 1}
    return {**base, "prices": [price], "limits": limits}


CATALOG = read_catalog(
    {
        "currency": "USD",
        "products": [
            {
                "id": "app",
                "name": "App",
                "currency": "USD",
                "plans": [plan("free", "0", 1), plan("pro", "29.00", 10)],
            }
        ],
    }
)


def ledger(storage: Storage) -> Tallystick:
    tally = Tallystick(storage.engine, catalog=CATALOG, default_plan="free", clock=FrozenClock(NOW))
    tally.publish(author="ops")
    return tally


def make_client(tally: Tallystick | None, keys: str = KEY) -> TestClient:
    app = create_app(CATALOG, tally=tally, keys=Keys(keys))
    headers = {"Authorization": f"Bearer {KEY}"}
    return TestClient(app, raise_server_exceptions=False, headers=headers)


@pytest.fixture
def tally(storage: Storage) -> Tallystick:
    return ledger(storage)


@pytest.fixture
def client(tally: Tallystick) -> TestClient:
    return make_client(tally)


@pytest.fixture
def sqlite(storage_sqlite_file: Storage) -> TestClient:
    return make_client(ledger(storage_sqlite_file))


def described(body: Any, name: str) -> Any:
    document = {"$ref": f"#/components/schemas/{name}"}
    components = {"schemas": schemas(usage=True)}
    jsonschema.Draft202012Validator({**document, "components": components}).validate(body)
    return body


def check(client: TestClient, feature: str, **more: str) -> Any:
    answer = client.get(CHECK, params={"customer": "acme", "feature": feature, **more})
    assert answer.status_code == 200, answer.text
    return described(answer.json(), "CheckedAccess")["data"]


def test_an_answer_is_the_ledgers(client: TestClient, tally: Tallystick) -> None:
    tally.use("acme", "calls", 9)
    assert check(client, "calls") == {
        "customer": "acme",
        "allowed": True,
        "feature": "calls",
        "plan": "free",
        "reason": "ok",
        "text": "9 of 10 calls used",
        "limit": 10,
        "unlimited": False,
        "used": 9,
        "reserved": 0,
        "requested": 1,
        "remaining": 1,
        "overage": 0,
        "overage_price": None,
        "warning": 80,
        "resets_at": "2027-03-01T00:00:00Z",
        "value": None,
        "upgrade_to": None,
        "unlocks": [],
    }
    assert tally.check("acme", "calls").used == 9, "asking uses nothing"


def test_a_no_is_an_answer_too(client: TestClient, tally: Tallystick) -> None:
    tally.use("acme", "calls", 9)
    told = check(client, "calls", requested="2")
    assert (told["allowed"], told["reason"], told["remaining"]) == (False, "limit_reached", 1)
    assert told["upgrade_to"] == "pro"
    assert told["unlocks"] == [
        {
            "kind": "plan",
            "plan": "pro",
            "name": "Pro",
            "seats": 1,
            "price": {"minor": 2900, "currency": "USD"},
        }
    ]
    assert check(client, "sso")["reason"] == "feature_disabled"
    assert check(client, "nothing")["reason"] == "not_in_plan"


def test_counts_are_exact(client: TestClient, tally: Tallystick) -> None:
    tally.use("acme", "calls", "0.1")
    told = check(client, "calls", requested="0.000000000001")
    assert (told["used"], told["remaining"]) == ("0.1", "9.9")
    assert told["requested"] == "0.000000000001"
    tally.use("acme", "soft", 2)
    assert check(client, "soft")["overage_price"] == {"minor": "0.0002", "currency": "USD"}
    assert check(client, "files")["limit"] == -1
    assert check(client, "theme")["value"] == {"ratio": "0.5", "steps": [1, None]}


def test_all_features_are_listed_in_the_order_of_the_plan(
    client: TestClient, tally: Tallystick
) -> None:
    tally.use("acme", "projects")
    answer = client.get(ALL, params={"customer": "acme"})
    data = described(answer.json(), "Entitlements")["data"]
    assert data["customer"] == "acme"
    keys = [each["feature"] for each in data["entitlements"]]
    assert keys == ["projects", "calls", "soft", "files", "sso", "theme"]
    for each in data["entitlements"]:
        assert {"customer": "acme", **each} == check(client, each["feature"])


def test_who_has_nothing_has_an_empty_list(storage_sqlite_file: Storage) -> None:
    with Tallystick(storage_sqlite_file.engine, catalog=CATALOG) as bare:
        client = make_client(bare)
        assert client.get(ALL, params={"customer": "acme"}).json()["data"]["entitlements"] == []
        assert check(client, "calls")["reason"] == "no_subscription"
        assert check(client, "calls")["plan"] is None


def test_an_answer_is_kept_by_nobody(sqlite: TestClient) -> None:
    for path, asked in ((CHECK, {"customer": "a", "feature": "calls"}), (ALL, {"customer": "a"})):
        answer = sqlite.get(path, params=asked)
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers
        assert sqlite.head(path, params=asked).status_code == 200


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        (CHECK, "feature=calls", "customer"),
        (CHECK, "customer=&feature=calls", "customer"),
        (CHECK, "customer=acme", "feature"),
        (CHECK, "customer=acme&feature=calls&feature=sso", "feature"),
        (CHECK, "customer=acme&feature=calls&at=now", "at"),
        (CHECK, "customer=acme&feature=calls&used=0", "used"),
        (CHECK, "customer=acme&feature=calls&plan=pro", "plan"),
        (CHECK, "customer=%20acme&feature=calls", "customer"),
        (CHECK, "customer=a%00b&feature=calls", "customer"),
        (CHECK, "customer=acme&feature=%0a", "feature"),
        (CHECK, f"customer={'x' * 201}&feature=calls", "customer"),
        (CHECK, f"customer=acme&feature={'x' * 201}", "feature"),
        (ALL, "", "customer"),
        (ALL, "customer=acme&customer=umbra", "customer"),
        (ALL, "customer=acme&tenant_id=umbra", "tenant_id"),
        (ALL, "customer=%ff%fe%0a", "customer"),
    ],
)
def test_a_bad_parameter_is_422_and_named(
    sqlite: TestClient, path: str, query: str, field: str
) -> None:
    answer = sqlite.get(f"{path}?{query}")
    assert answer.status_code == 422
    assert field in described(answer.json(), "ErrorEnvelope")["error"]["details"]["fields"]


@pytest.mark.parametrize(
    "requested",
    [
        "-1",
        "NaN",
        "Infinity",
        "1e3",
        "1e999999",
        "1_000",
        "١٢",
        "true",
        "[]",
        "",
        " 1",
        "9" * 5_000,
    ],
)
def test_what_is_no_quantity_is_422(sqlite: TestClient, requested: str) -> None:
    asked = {"customer": "acme", "feature": "calls", "requested": requested}
    answer = sqlite.get(CHECK, params=asked)
    assert answer.status_code == 422
    assert "requested" in answer.json()["error"]["details"]["fields"]


@pytest.mark.parametrize("name", ["'; DROP TABLE tallystick_customers; --", 'a" OR 1=1', "%", "*"])
def test_a_name_is_never_more_than_a_name(sqlite: TestClient, name: str) -> None:
    told = sqlite.get(CHECK, params={"customer": name, "feature": name}).json()["data"]
    assert (told["customer"], told["feature"], told["reason"]) == (name, name, "not_in_plan")
    assert sqlite.get(ALL, params={"customer": name}).status_code == 200


@pytest.mark.parametrize("path", [CHECK, ALL])
@pytest.mark.parametrize(
    "sent", ["", "Bearer", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x", KEY, "Bearer é"]
)
def test_without_a_key_nothing_is_said(sqlite: TestClient, path: str, sent: str) -> None:
    asked = {"customer": "acme", "feature": "calls"}
    answer = sqlite.get(path, params=asked, headers={b"Authorization": sent.encode("latin-1")})
    assert answer.status_code == 401
    assert "acme" not in answer.text


def test_without_a_key_or_a_database_the_routes_are_closed(storage_sqlite_file: Storage) -> None:
    for client, word in (
        (make_client(None), "--database"),
        (make_client(ledger(storage_sqlite_file), keys=""), "TALLYSTICK_API_KEY"),
    ):
        for path in (CHECK, ALL):
            answer = client.get(path, params={"customer": "acme"})
            assert answer.status_code == 503
            assert word in answer.json()["error"]["message"]


def test_where_the_database_does_not_answer_it_is_no(
    sqlite: TestClient, storage_sqlite_file: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> Any:
        raise StorageUnavailable("away")

    monkeypatch.setattr(type(storage_sqlite_file), "attempt", away)
    told = check(sqlite, "files")
    assert (told["allowed"], told["reason"]) == (False, "dependency_away")
    assert sqlite.get(ALL, params={"customer": "acme"}).status_code == 503


def test_another_method_is_405(sqlite: TestClient) -> None:
    for path in (CHECK, ALL):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = sqlite.request(method, path)
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_the_routes_are_described_where_there_is_a_ledger(sqlite: TestClient) -> None:
    paths = sqlite.get("/openapi.json").json()["paths"]
    for path in (CHECK, ALL):
        assert paths[path]["get"]["security"] == [{"apiKey": []}]
        assert path not in make_client(None).get("/openapi.json").json()["paths"]
    assert "checkAccess" in sqlite.get("/docs").text

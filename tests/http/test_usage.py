from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import logging
import sqlite3
import threading
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from tallystick.core.catalog import Catalog
from tallystick.core.meter import Meter
from tallystick.errors import StorageUnavailable
from tallystick.http.api import create_app
from tallystick.http.keys import Keys
from tallystick.http.wire import schemas
from tallystick.testing.clock import FrozenClock
from tallystick.wiring import Tallystick
from tests.databases import database, storage, storage_sqlite_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2 as httpx
    from starlette.types import ASGIApp

    from tallystick.storage.unit import Storage

__all__ = ["database", "storage", "storage_sqlite_file"]

KEY = "key-of-the-tests-0123456789"
EVENTS, USAGE = "/api/v1/usage/events", "/api/v1/usage"
NOW = datetime(2027, 2, 14, 9, 30, tzinfo=UTC)
CATALOG: Catalog[str, str] = Catalog(
    products=(),
    meters={
        "requests": Meter(key="requests", group_by=("region",)),
        "refunds": Meter(key="refunds", allow_negative=True),
        "old": Meter(key="old", late_after=30, late="refuse"),
        "old_too": Meter(key="old_too", event_type="partly_old", late_after=30, late="refuse"),
        "any_age": Meter(key="any_age", event_type="partly_old"),
    },
)


def make_client(tally: Tallystick | None, keys: str = KEY, **headers: str) -> TestClient:
    app = create_app(CATALOG, tally=tally, keys=Keys(keys))
    headers = {"Authorization": f"Bearer {KEY}", **headers}
    return TestClient(app, raise_server_exceptions=False, headers=headers)


def ledger(storage: Storage) -> Tallystick:
    return Tallystick(storage.engine, catalog=CATALOG, clock=FrozenClock(NOW))


@pytest.fixture
def client(storage: Storage) -> TestClient:
    return make_client(ledger(storage))


@pytest.fixture
def sqlite(storage_sqlite_file: Storage) -> TestClient:
    return make_client(ledger(storage_sqlite_file))


def event(id: str = "e1", quantity: object = 1, **more: object) -> dict[str, Any]:  # noqa: A002 - the field's word
    tree = {"id": id, "customer": "acme", "type": "requests", "properties": {"quantity": quantity}}
    return {**tree, **more}


def raw(token: str) -> bytes:
    return json.dumps([event("bad", "TOKEN"), event("good", 2)]).replace('"TOKEN"', token).encode()


def send(client: TestClient, body: object, kind: str = "application/json", **more: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post(EVENTS, content=content, headers={"Content-Type": kind, **more})
    if answer.status_code == 200:
        described = {"$ref": "#/components/schemas/RecordedUsage"}
        components = {"schemas": schemas(usage=True)}
        jsonschema.validate(answer.json(), {**described, "components": components})
    return answer


def used(client: TestClient, **more: str) -> Any:
    asked = {
        "customer": "acme",
        "meter": "requests",
        "from": "2027-02-01T00:00:00Z",
        "to": "2027-03-01T00:00:00Z",
    }
    return client.get(USAGE, params={**asked, **more})


def quantity(client: TestClient, **more: str) -> str:
    (figure,) = used(client, **more).json()["data"]["figures"]
    return str(figure["quantity"])


# --- ways in --------------------------------------------------------------------------------------


def test_a_list_is_counted_once_however_often_it_is_sent(client: TestClient) -> None:
    body = [event(f"e{n}", n) for n in range(4)]
    answer = send(client, body)
    assert answer.status_code == 200
    assert answer.json() == {"ok": True, "data": {"accepted": 4, "duplicates": 0, "rejected": []}}
    assert answer.headers["cache-control"] == "no-store"
    again = send(client, [*body, event("new", "0.5")]).json()["data"]
    assert again == {"accepted": 1, "duplicates": 4, "rejected": []}
    assert quantity(client) == "6.5"


CLOUD = {
    "specversion": "1.0",
    "id": "c1",
    "source": "gateway",
    "subject": "acme",
    "type": "requests",
    "data": {"quantity": 3},
}


@pytest.mark.parametrize(
    ("body", "kind", "count", "total"),
    [
        (event(quantity=3), "application/json", 1, "3"),
        ([event(quantity=3)], "application/json", 1, "3"),
        (CLOUD, "application/cloudevents+json", 1, "3"),
        ([CLOUD, {**CLOUD, "id": "c2"}], "application/cloudevents-batch+json", 2, "6"),
        (
            b"\n".join(json.dumps(e).encode() for e in (event("l1", 3), {}, CLOUD)),
            "application/x-ndjson",
            2,
            "6",
        ),
        ([], "application/json", 0, "0"),
    ],
    ids=["one", "list", "cloudevent", "cloudevents", "lines", "none"],
)
def test_each_form_is_read(
    sqlite: TestClient, body: object, kind: str, count: int, total: str
) -> None:
    assert send(sqlite, body, kind).json()["data"]["accepted"] == count
    assert quantity(sqlite) == total


def test_gzip_is_unpacked(sqlite: TestClient) -> None:
    packed = gzip.compress(json.dumps([event(quantity=3)]).encode())
    answer = send(sqlite, packed, "application/json", **{"Content-Encoding": "gzip"})
    assert answer.json()["data"]["accepted"] == 1


def test_a_correction_is_an_event_like_any_other(client: TestClient) -> None:
    void = {"id": "v1", "customer": "acme", "void": "e1"}
    amend = {"id": "a1", "customer": "acme", "amend": "e2", "properties": {"quantity": 7}}
    body = [event("e1", 100), event("e2", 5), void, amend]
    assert send(client, body).json()["data"]["accepted"] == 4
    assert quantity(client) == "7"


def test_ten_thousand_events_are_stored_in_one_request(sqlite: TestClient) -> None:
    body = [event(f"e{n}") for n in range(10_000)]
    body[7777] = event("bad", -1)
    data = send(sqlite, body).json()["data"]
    assert data["accepted"] == 9_999
    assert [each["index"] for each in data["rejected"]] == [7777]
    assert quantity(sqlite) == "9999"


# --- what is refused ------------------------------------------------------------------------------

BAD_QUANTITIES = [
    "-5",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999999",
    '"1e999999"',
    "1e40",
    "1" + "0" * 40,
    "1e-400",
    "0." + "0" * 399 + "1",
    '"1_000"',
    '"\\u0661\\u0662"',
    '"NaN"',
    "true",
    "[]",
    "{}",
    "9" * 5000,
    '"' + "9" * 5000 + '"',
    '"0x10"',
    '"+1"',
    '" 1"',
    '""',
]


@pytest.mark.parametrize("token", BAD_QUANTITIES, ids=range(len(BAD_QUANTITIES)))
def test_a_bad_quantity_is_rejected_and_the_event_beside_it_counts(
    sqlite: TestClient, token: str
) -> None:
    answer = send(sqlite, raw(token))
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert data["accepted"] == 1
    (rejection,) = data["rejected"]
    assert (rejection["index"], rejection["code"]) == (0, "VALIDATION_ERROR")
    assert len(rejection["message"]) < 500
    assert quantity(sqlite) == "2"


@pytest.mark.parametrize("token", BAD_QUANTITIES, ids=range(len(BAD_QUANTITIES)))
def test_a_bad_event_sent_alone_is_422(sqlite: TestClient, token: str) -> None:
    body = json.dumps(event("bad", "TOKEN")).replace('"TOKEN"', token).encode()
    answer = send(sqlite, body)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "VALIDATION_ERROR"
    assert answer.json()["error"]["details"]["fields"]


def test_a_quantity_below_zero_is_for_meters_that_allow_it(sqlite: TestClient) -> None:
    assert send(sqlite, [event(quantity="-1.5", type="refunds")]).json()["data"]["accepted"] == 1
    assert quantity(sqlite, meter="refunds") == "-1.5"


@pytest.mark.parametrize(
    "at",
    [
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "2077-02-14T09:30:00Z",
        "2027-02-14T10:30:01Z",
        "1000-02-14T09:30:00Z",
        "2027-02-14T09:30:00",
        "2027-02-14",
        "2027-02-14T09:30:60Z",
        "2027-02-30T09:30:00Z",
        "10000000000",
        10**18,
        1.5e9,
        True,
        "",
    ],
)
def test_a_bad_time_is_rejected(sqlite: TestClient, at: object) -> None:
    data = send(sqlite, [event(occurred_at=at), event("good")]).json()["data"]
    assert data["accepted"] == 1
    assert data["rejected"][0]["code"] == "VALIDATION_ERROR"
    assert send(sqlite, event(occurred_at=at)).status_code == 422


def test_an_old_event_is_stored_in_its_own_period_and_in_no_other(client: TestClient) -> None:
    send(client, [event(occurred_at="1977-02-14T09:30:00+05:45", quantity=3)])
    assert quantity(client) == "0"
    asked = {"from": "1977-02-14T03:45:00Z", "to": "1977-02-14T03:45:01Z"}
    assert quantity(client, **asked) == "3"


def test_events_too_late_for_every_meter_are_rejected_and_for_some_are_told(
    sqlite: TestClient,
) -> None:
    long_ago = "2026-12-31T00:00:00Z"
    body = [
        event("e1", type="old", occurred_at=long_ago),
        event("e2", type="partly_old", occurred_at=long_ago),
    ]
    data = send(sqlite, body).json()["data"]
    assert data["accepted"] == 1
    assert [each["index"] for each in data["rejected"]] == [0]
    assert data["late"] == [{"index": 1, "meters": ["old_too"]}]


def test_half_a_batch_may_be_bad_and_the_request_may_be_sent_again(client: TestClient) -> None:
    body = [event(f"e{n}", n if n % 2 else -1) for n in range(10)]
    for accepted, duplicates in ((5, 0), (0, 5)):
        data = send(client, body).json()["data"]
        assert (data["accepted"], data["duplicates"]) == (accepted, duplicates)
        assert [each["index"] for each in data["rejected"]] == [0, 2, 4, 6, 8]
    assert quantity(client) == "25"


def test_the_same_id_with_another_body_is_a_conflict_that_names_both(client: TestClient) -> None:
    send(client, [event(quantity=1)])
    data = send(client, [event(quantity=2), event("e2")]).json()["data"]
    (rejection,) = data["rejected"]
    assert rejection["code"] == "CONFLICT"
    assert rejection["message"].count("sha256:") == 2
    alone = send(client, event(quantity=2))
    assert alone.status_code == 409
    assert alone.json()["error"]["details"].keys() == {"stored", "sent"}


def test_a_correction_of_nothing_is_not_found(sqlite: TestClient) -> None:
    void = {"id": "v1", "customer": "acme", "void": "never"}
    assert send(sqlite, [void]).json()["data"]["rejected"][0]["code"] == "NOT_FOUND"
    assert send(sqlite, void).status_code == 404


@pytest.mark.parametrize(
    "tree",
    [
        5,
        None,
        "text",
        [],
        {},
        event(tenant="other"),
        {**event(), "id": "x" * 201},
        {**event(), "customer": "\x00"},
        event(properties={"a": {"b": 1}}),
        event(properties={f"p{n}": n for n in range(51)}),
        event(properties={"a": "x" * 1001}),
    ],
    ids=range(11),
)
def test_what_is_no_event_is_rejected_by_itself(sqlite: TestClient, tree: object) -> None:
    data = send(sqlite, [tree, event("good")]).json()["data"]
    assert data["accepted"] == 1
    assert data["rejected"][0]["code"] == "VALIDATION_ERROR"


OURS = ("tenant_id", "status", "paid", "total", "number", "role", "balance", "created_at")


@pytest.mark.parametrize("name", [*OURS, "is_admin", "customer_id", "received_at", "seq"])
def test_what_only_we_say_is_not_taken_from_a_caller(sqlite: TestClient, name: str) -> None:
    answer = send(sqlite, event(**{name: "paid"}))
    assert answer.status_code == 422
    assert name in answer.text
    assert quantity(sqlite) == "0"
    query = used(sqlite, **{name: "other"})
    assert query.status_code in {200, 422}
    assert "other" not in query.text


@pytest.mark.parametrize("body", [b"", b"[", b"null", b"7", b'{"a":1}]', b"\xff\xfe[]"])
def test_what_is_no_list_of_events_is_422(sqlite: TestClient, body: bytes) -> None:
    answer = send(sqlite, body)
    assert answer.status_code == 422
    assert answer.json()["ok"] is False


def test_events_under_a_key_are_no_form_of_ours(sqlite: TestClient) -> None:
    answer = send(sqlite, {"events": [event()]})
    assert answer.status_code == 422
    assert "events is not a field of an event" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json", "Content-Encoding": "br"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_what_is_packed_or_written_in_another_way_is_400(
    sqlite: TestClient, headers: dict[str, str]
) -> None:
    answer = sqlite.post(EVENTS, content=b"[]", headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "BAD_REQUEST"


# --- bounds ---------------------------------------------------------------------------------------


def test_one_event_too_many_is_413_and_stores_nothing(sqlite: TestClient) -> None:
    answer = send(sqlite, [event(f"e{n}") for n in range(10_001)])
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "PAYLOAD_TOO_LARGE"
    assert quantity(sqlite) == "0"


def test_a_body_over_ten_megabytes_is_413_before_it_is_read(sqlite: TestClient) -> None:
    def huge() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 1_000_000

    headers = {"Content-Type": "application/json"}
    declared = sqlite.post(EVENTS, content=b" " * 10_000_001, headers=headers)
    chunked = sqlite.post(EVENTS, content=huge(), headers=headers)
    assert (declared.status_code, chunked.status_code) == (413, 413)


def test_a_zip_bomb_is_413(sqlite: TestClient) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b" " * 1_000_000) for _ in range(200)) + packer.flush()
    answer = send(sqlite, bomb, "application/json", **{"Content-Encoding": "gzip"})
    assert answer.status_code == 413


def test_other_routes_keep_their_smaller_bound(sqlite: TestClient) -> None:
    assert sqlite.post("/api/v1/plans", content=b"x" * 2_000_000).status_code == 413


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {KEY}"},
        {"X-Api-Key": KEY},
        {"Authorization": "Bearer \xff"},
    ],
)
def test_without_a_key_nothing_is_read_or_stored(
    storage_sqlite_file: Storage, headers: dict[str, str]
) -> None:
    client = make_client(ledger(storage_sqlite_file))
    del client.headers["Authorization"]
    raw_headers = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    for answer in (
        client.post(EVENTS, content=b"[]", headers=raw_headers),
        client.get(USAGE, headers=raw_headers),
    ):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["error"]["code"] == "UNAUTHORIZED"


def test_two_authorization_headers_are_not_chosen_from(sqlite: TestClient) -> None:
    headers = [(b"Authorization", f"Bearer {KEY}".encode()), (b"Authorization", b"Bearer other")]
    del sqlite.headers["Authorization"]
    assert sqlite.get(USAGE, headers=headers).status_code == 401


def test_without_a_key_or_a_database_the_routes_are_closed(storage_sqlite_file: Storage) -> None:
    for client, word in (
        (make_client(None), "--database"),
        (make_client(ledger(storage_sqlite_file), keys=""), "TALLYSTICK_API_KEY"),
    ):
        for answer in (client.post(EVENTS, json=[event()]), used(client)):
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            assert word in answer.json()["error"]["message"]


def test_the_key_is_in_no_answer_and_no_log(
    storage_sqlite_file: Storage,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    tally = ledger(storage_sqlite_file)
    client = make_client(tally)
    answers = [send(client, [event()]), send(client, b"["), used(client, window="x")]
    monkeypatch.setattr(tally.usage, "record_many", lambda _: 1 / 0)
    answers.append(send(client, [event("e2")]))
    assert answers[-1].status_code == 500
    assert all(KEY not in answer.text + str(answer.headers) for answer in answers)
    assert "ZeroDivisionError" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("name", ["X-Tenant", "Host", "X-Forwarded-Host"])
def test_no_header_a_caller_chooses_changes_whose_usage_it_is(
    sqlite: TestClient, name: str
) -> None:
    assert send(sqlite, [event()], **{name: "other.example"}).json()["data"]["accepted"] == 1
    assert quantity(sqlite) == "1"


def test_one_id_is_free_for_each_customer_and_source(client: TestClient) -> None:
    body = [event(), event(customer="other"), event(source="elsewhere")]
    assert send(client, body).json()["data"]["accepted"] == 3
    assert (quantity(client), quantity(client, customer="other")) == ("2", "1")


# --- the database ---------------------------------------------------------------------------------


def test_a_database_that_cannot_answer_is_503_and_nothing_is_acknowledged(
    storage_sqlite_file: Storage,
) -> None:
    client = make_client(ledger(storage_sqlite_file))
    engine = storage_sqlite_file.engine

    def refuse(*_: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = 13
        raise OperationalError("INSERT", None, error)

    sqlalchemy_event.listen(engine, "before_cursor_execute", refuse)
    answer = send(client, [event()])
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["error"]["code"] == "SERVICE_UNAVAILABLE"
    sqlalchemy_event.remove(engine, "before_cursor_execute", refuse)
    assert send(client, [event()]).json()["data"]["accepted"] == 1


def test_a_commit_whose_answer_was_lost_says_so(
    storage_sqlite_file: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = ledger(storage_sqlite_file)

    def lose(_: object) -> None:
        raise StorageUnavailable("lost", unknown=True)

    monkeypatch.setattr(tally.usage, "record_many", lose)
    answer = send(make_client(tally), [event()])
    assert answer.status_code == 503
    assert answer.json()["error"]["details"] == {"outcome": "unknown"}


def test_more_than_can_be_stored_at_once_is_told_to_come_back(
    storage_sqlite_file: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick.http.usage._MOST_WAITING", 100)
    answer = send(make_client(ledger(storage_sqlite_file)), [event("x" * 150)])
    assert answer.status_code == 503


def test_storing_never_stands_on_the_event_loop(
    storage_sqlite_file: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = ledger(storage_sqlite_file)
    seen: list[bool] = []
    store = tally.usage.record_many

    def watched(events: Any) -> Any:
        with contextlib.suppress(RuntimeError):
            seen.append(asyncio.get_running_loop() is None)
        seen.append(threading.current_thread().name.startswith("tallystick-usage"))
        return store(events)

    monkeypatch.setattr(tally.usage, "record_many", watched)
    assert send(make_client(tally), [event()]).status_code == 200
    assert seen == [True]


# --- reading --------------------------------------------------------------------------------------


def fill(client: TestClient) -> None:
    body = [
        event(f"e{n}", occurred_at=f"2027-02-{day:02}T12:00:00Z")
        | {"properties": {"quantity": "0.1", **({"region": region} if region else {})}}
        for n, (day, region) in enumerate([(1, "eu"), (1, "us"), (2, "eu"), (2, None), (13, "eu")])
    ]
    assert send(client, body).json()["data"]["accepted"] == 5


def test_quantities_are_exact_texts_and_times_rfc_3339(client: TestClient) -> None:
    fill(client)
    answer = used(client)
    assert answer.json() == {
        "ok": True,
        "data": {
            "customer": "acme",
            "meter": "requests",
            "from": "2027-02-01T00:00:00Z",
            "to": "2027-03-01T00:00:00Z",
            "figures": [
                {
                    "from": "2027-02-01T00:00:00Z",
                    "to": "2027-03-01T00:00:00Z",
                    "quantity": "0.5",
                }
            ],
        },
    }
    described = {"$ref": "#/components/schemas/UsageFigures"}
    jsonschema.validate(answer.json(), described | {"components": {"schemas": schemas(usage=True)}})


def test_groups_and_windows_are_told_apart(client: TestClient) -> None:
    fill(client)
    figures = used(client, group_by="region").json()["data"]["figures"]
    found = {each["group"]["region"]: each["quantity"] for each in figures}
    assert found == {"eu": "0.3", "us": "0.1", None: "0.1"}
    days = used(client, window="day", to="2027-02-03T06:00:00Z").json()["data"]["figures"]
    assert [each["quantity"] for each in days] == ["0.2", "0.2", "0"]
    assert days[-1]["to"] == "2027-02-03T06:00:00Z"


def test_as_of_looks_back(client: TestClient) -> None:
    fill(client)
    assert quantity(client, as_of="2027-02-14T09:29:59Z") == "0"
    assert quantity(client, as_of="2027-02-14T09:30:00Z") == "0.5"


def test_a_customer_nobody_knows_has_used_nothing(sqlite: TestClient) -> None:
    assert quantity(sqlite, customer="nobody") == "0"


def test_a_meter_that_there_is_not_is_404(sqlite: TestClient) -> None:
    answer = used(sqlite, meter="nothing")
    assert answer.status_code == 404
    assert answer.json()["error"]["details"] == {"kind": "meter", "id": "nothing"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"customer": ""}, "customer"),
        ({"meter": ""}, "meter"),
        ({"from": "2027-02-01"}, "from"),
        ({"from": "2027-02-01T00:00:00"}, "from"),
        ({"to": "yesterday"}, "to"),
        ({"to": "2027-02-01T00:00:00Z"}, "to"),
        ({"to": "2026-02-01T00:00:00Z"}, "to"),
        ({"window": "week"}, "window"),
        ({"as_of": "now"}, "as_of"),
        ({"limit": "5"}, "limit"),
        ({"customer": "x" * 201}, "customer"),
    ],
)
def test_a_bad_parameter_is_422_and_named(
    sqlite: TestClient, change: dict[str, str], field: str
) -> None:
    answer = used(sqlite, **change)
    assert answer.status_code == 422
    assert field in answer.json()["error"]["details"]["fields"]


@pytest.mark.parametrize(
    "change", [{"group_by": "country"}, {"window": "hour", "from": "1990-01-01T00:00:00Z"}]
)
def test_a_question_the_meter_cannot_answer_is_422(
    sqlite: TestClient, change: dict[str, str]
) -> None:
    assert used(sqlite, **change).status_code == 422


def test_a_parameter_given_twice_is_422(sqlite: TestClient) -> None:
    answer = sqlite.get(f"{USAGE}?customer=a&customer=b")
    assert answer.json()["error"]["details"]["fields"]["customer"] == [
        "customer is given 2 times; give it once"
    ]


# --- the description ------------------------------------------------------------------------------


def test_the_routes_are_described_where_there_is_a_ledger(sqlite: TestClient) -> None:
    described = sqlite.get("/openapi.json").json()
    assert described["paths"][EVENTS]["post"]["security"] == [{"apiKey": []}]
    assert described["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    assert EVENTS not in make_client(None).get("/openapi.json").json()["paths"]
    assert "recordUsage" in sqlite.get("/docs").text


@pytest.mark.parametrize(("path", "allow"), [(EVENTS, "POST"), (USAGE, "GET, HEAD")])
def test_another_method_is_405(sqlite: TestClient, path: str, allow: str) -> None:
    answer: httpx.Response = sqlite.request("DELETE", path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allow


def test_a_mounted_service_takes_large_bodies_too(storage_sqlite_file: Storage) -> None:
    from starlette.applications import Starlette  # noqa: PLC0415 - a host of this test only
    from starlette.routing import Mount  # noqa: PLC0415 - the same

    app: ASGIApp = create_app(CATALOG, tally=ledger(storage_sqlite_file), keys=Keys(KEY))
    client = TestClient(Starlette(routes=[Mount("/billing", app)]))
    body = json.dumps([event(f"e{n}") for n in range(20)]).encode() + b" " * 2_000_000
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    answer = client.post(f"/billing{EVENTS}", content=body, headers=headers)
    assert answer.status_code == 200

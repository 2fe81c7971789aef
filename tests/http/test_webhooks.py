"""`POST /api/v1/webhooks/stripe`: verified, kept, answered at once; everything else refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import stripe
from fastapi import FastAPI
from sqlalchemy import func, select
from starlette.testclient import TestClient

from tallystick import Tallystick
from tallystick.errors import SetupError
from tallystick.http.api import create_app
from tallystick.http.webhooks import LARGEST, STRIPE, WebhookRoutes
from tallystick.http.wire import schemas
from tallystick.integrations.fastapi_routes import add_routes
from tallystick.providers.stripe.events import StripeEvents
from tallystick.providers.stripe.settings import StripeSettings
from tallystick.testing.clock import FrozenClock
from tests.databases import database, storage, storage_sqlite_file
from tests.http.conftest import make_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.storage.unit import Storage

__all__ = ["database", "storage", "storage_sqlite_file"]

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
SECRET = "whsec_0123456789abcdef"
SETTINGS = StripeSettings(key="sk_test_abcd", account="acct_1", secrets=(SECRET,))
EVENT: dict[str, Any] = {
    "id": "evt_1",
    "object": "event",
    "type": "payment_intent.succeeded",
    "api_version": "2026-10-28.endive",
    "created": int(NOW.timestamp()),
    "livemode": False,
    "data": {"object": {"id": "pi_1", "object": "payment_intent"}},
}


def ledger(storage: Storage, **more: Any) -> Tallystick:
    return Tallystick(
        storage.engine, clock=FrozenClock(NOW), event_source=StripeEvents(SETTINGS), **more
    )


@pytest.fixture
def tally(storage: Storage) -> Tallystick:
    return ledger(storage)


@pytest.fixture
def client(tally: Tallystick) -> Iterator[TestClient]:
    with TestClient(create_app(make_shop(), tally=tally)) as found:
        yield found


@pytest.fixture
def sqlite(storage_sqlite_file: Storage) -> Tallystick:
    return ledger(storage_sqlite_file)


def send(client: TestClient, body: bytes | None = None, **headers: str) -> Any:
    body = json.dumps(EVENT).encode() if body is None else body
    at = int(NOW.timestamp())
    text = body.decode(errors="replace")
    signed = stripe.WebhookSignature.generate_signature_header(text, SECRET, at)
    return client.post(STRIPE, content=body, headers={"stripe-signature": signed} | headers)


def rows(tally: Tallystick) -> int:
    with tally.begin() as unit:
        query = select(func.count()).select_from(unit.tables.provider_events)
        return int(unit.connection.execute(query).scalar_one())


def test_an_event_is_kept_and_answered_at_once(client: TestClient, tally: Tallystick) -> None:
    for _ in range(3):
        answer = send(client)
        assert answer.status_code == 200
        assert answer.json() == {"ok": True, "data": {"id": "evt_1", "state": "new"}}
        jsonschema.validate(answer.json(), schemas(webhooks=True)["ReceivedEvent"] | defs())
    assert rows(tally) == 1
    kept = tally.provider_events.get("evt_1")
    assert (kept.body, kept.received_at) == (json.dumps(EVENT), NOW)


def defs() -> dict[str, Any]:
    return {"components": {"schemas": schemas(webhooks=True)}}


def test_s8_an_event_that_is_ignored_is_answered_with_200(
    client: TestClient, tally: Tallystick
) -> None:
    answer = send(client, json.dumps(EVENT | {"livemode": True}).encode())
    assert (answer.status_code, answer.json()["data"]["state"]) == (200, "ignored")
    assert rows(tally) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"stripe-signature": ""},
        {"stripe-signature": "t=1,v1=" + "0" * 64},
        {"stripe-signature": "t=" + "9" * 3_000},
        {"content-encoding": "gzip"},
        {"content-encoding": "br"},
    ],
    ids=["none", "wrong", "long", "gzip", "br"],
)
def test_s1_s4_s7_what_is_not_verified_is_400_and_not_kept(
    client: TestClient, tally: Tallystick, headers: dict[str, str]
) -> None:
    answer = send(client, None, **headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "BAD_REQUEST"
    assert SECRET not in answer.text
    assert rows(tally) == 0


def test_s1_two_signature_headers_are_none(sqlite: Tallystick) -> None:
    with TestClient(create_app(make_shop(), tally=sqlite)) as client:
        headers = [("stripe-signature", "t=1"), ("stripe-signature", "v1=0")]
        answer = client.post(STRIPE, content=b"{}", headers=headers)
    assert (answer.status_code, rows(sqlite)) == (400, 0)


def test_s11_a_large_body_is_refused_before_it_is_read(sqlite: Tallystick) -> None:
    with TestClient(create_app(make_shop(), tally=sqlite)) as client:
        assert send(client, b" " * 5_000_000).status_code == 413
        assert send(client, b" " * (LARGEST + 1)).status_code == 413

        def endless() -> Iterator[bytes]:
            for _ in range(100):
                yield b" " * 65_536

        answer = client.post(STRIPE, content=endless(), headers={"stripe-signature": "t=1"})
        assert answer.status_code == 413
        deep = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
        answer = send(client, deep)
        assert (answer.status_code, "deeper" in answer.text) == (400, True)
    assert rows(sqlite) == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_nothing_is_shown_there(sqlite: Tallystick, method: str) -> None:
    with TestClient(create_app(make_shop(), tally=sqlite)) as client:
        assert client.request(method, STRIPE).status_code == 405


def test_while_the_database_is_away_stripe_keeps_the_event(storage_sqlite_file: Storage) -> None:
    tally = Tallystick(
        "postgresql://127.0.0.1:1/none?connect_timeout=2",
        clock=FrozenClock(NOW),
        event_source=StripeEvents(SETTINGS),
    )
    with TestClient(create_app(make_shop(), tally=tally)) as client:
        assert send(client).status_code == 503


def test_s2_the_route_is_only_there_with_a_secret(storage_sqlite_file: Storage) -> None:
    without = Tallystick(storage_sqlite_file.engine)
    for tally in (without, None):
        with pytest.raises(SetupError, match="TALLYSTICK_STRIPE_WEBHOOK_SECRETS"):
            WebhookRoutes(tally)
        with TestClient(create_app(make_shop(), tally=tally)) as client:
            assert client.post(STRIPE).status_code == 404
            assert STRIPE not in client.get("/openapi.json").json()["paths"]


def test_s2_a_ledger_does_not_open_with_a_placeholder(
    storage_sqlite_file: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_STRIPE_KEY", "sk_test_abcd")
    monkeypatch.setenv("TALLYSTICK_STRIPE_ACCOUNT", "acct_1")
    for said in ("", "whsec_xxxxxxxxxx", f"{SECRET},"):
        monkeypatch.setenv("TALLYSTICK_STRIPE_WEBHOOK_SECRETS", said)
        with pytest.raises(SetupError, match="TALLYSTICK_STRIPE_WEBHOOK_SECRETS"):
            Tallystick(storage_sqlite_file.engine)
    monkeypatch.setenv("TALLYSTICK_STRIPE_WEBHOOK_SECRETS", SECRET)
    assert Tallystick(storage_sqlite_file.engine).event_source is not None
    with pytest.raises(SetupError, match="no source of events"):
        Tallystick(storage_sqlite_file.engine, event_source=object())  # type: ignore[arg-type]  # that is what is refused


def test_it_is_described_where_it_is(client: TestClient) -> None:
    described = client.get("/openapi.json").json()["paths"][STRIPE]["post"]
    assert described["operationId"] == "receiveStripeEvent"


def test_a_host_s_own_program_has_it_too(sqlite: Tallystick) -> None:
    app = FastAPI()
    add_routes(app.router, sqlite)
    with TestClient(app) as client:
        assert send(client).status_code == 200
        assert send(client, b" " * 5_000_000).status_code == 413
    assert rows(sqlite) == 1

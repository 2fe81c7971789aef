"""Django REST framework: features as permissions, quotas as throttles."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client, override_settings

from tallystick.errors import SetupError, StorageUnavailable
from tallystick.integrations.django.rest import FeaturePermission, QuotaThrottle

if TYPE_CHECKING:
    from tallystick.integrations.django.ledger import Ledger

ACME = {"x-org": "acme"}


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def left(tally: Ledger) -> tuple[object, object]:
    access = tally.check("acme", "apiRequests")
    return access.used, access.reserved


@pytest.mark.parametrize("path", ["/rest/search", "/rest/atomic"])
@pytest.mark.parametrize(("status", "used"), [(200, 2), (302, 2), (404, 0), (500, 0)])
def test_a_throttle_counts_what_succeeds(
    client: Client, tally: Ledger, path: str, status: int, used: int
) -> None:
    answer = client.get(f"{path}?n=2&status={status}", headers=ACME)
    assert answer.status_code == status
    if status < 500:
        assert json.loads(answer.content) == {"held": "2"}
    assert left(tally) == (used, 0)


def test_at_the_limit_the_answer_is_429_in_the_envelope(client: Client, tally: Ledger) -> None:
    statuses = [client.get("/rest/search", headers=ACME).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    answer = client.get("/rest/search", headers=ACME)
    assert json.loads(answer.content)["error"]["code"] == "QUOTA_EXCEEDED"
    assert int(answer["retry-after"]) > 86_400
    assert client.get("/rest/search").status_code == 401
    assert left(tally) == (3, 0)


def test_a_throttle_counts_where_django_is_async(tally: Ledger) -> None:
    async def play() -> list[int]:
        asked = [AsyncClient().get("/rest/search", headers=ACME) for _ in range(5)]
        return sorted(each.status_code for each in await asyncio.gather(*asked))

    assert async_to_sync(play)() == [200, 200, 200, 429, 429]
    assert left(tally) == (3, 0)


def test_a_permission_asks_for_a_feature(client: Client, tally: Ledger) -> None:
    assert client.get("/rest/domains", headers=ACME).status_code == 403
    assert client.get("/rest/domains").status_code == 401
    tally.customers.create("acme", name="Acme", currency="USD")
    tally.subscriptions.start("acme", "pro")
    assert client.get("/rest/domains", headers=ACME).status_code == 200


@pytest.mark.parametrize("error", [StorageUnavailable("away"), SetupError("wrong")])
def test_what_could_not_be_committed_is_not_answered_as_done(
    client: Client, tally: Ledger, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("tallystick.integrations.django.ledger.Ledger.commit", away)
    answer = client.get("/rest/search", headers=ACME)
    assert answer.status_code == (503 if isinstance(error, StorageUnavailable) else 500)
    assert left(tally) == (0, 0)


def test_without_the_middleware_nothing_is_held(client: Client, tally: Ledger) -> None:
    with override_settings(MIDDLEWARE=[]):
        assert (
            Client(raise_request_exception=False).get("/rest/search", headers=ACME).status_code
            == 500
        )
    assert left(tally) == (0, 0)


def test_what_cannot_work_is_refused_when_the_program_starts() -> None:
    def throttle(**named: Any) -> type:
        return type("Wrong", (QuotaThrottle,), named)

    with pytest.raises(SetupError, match="never starts again"):
        throttle(feature="projects")
    with pytest.raises(SetupError, match="no plan"):
        throttle(feature="nothing")
    with pytest.raises(SetupError, match="quantity"):
        throttle(feature="apiRequests", quantity="much")
    with pytest.raises(SetupError, match="no plan"):
        type("Wrong", (FeaturePermission,), {"feature": "nothing"})

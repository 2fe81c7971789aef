from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from tallystick.app.catalog import load_catalog
from tallystick.core.period import Period
from tallystick.http.api import create_app
from tallystick.http.demo import DemoPage
from tallystick.testing.clock import FrozenClock
from tallystick.wiring import Tallystick
from tests.conftest import ROOT
from tests.databases import storage_sqlite_file

if TYPE_CHECKING:
    from tallystick.storage.unit import Storage

__all__ = ["storage_sqlite_file"]

PERIOD = Period(datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC))


@pytest.fixture
def demo(storage_sqlite_file: Storage) -> DemoPage:
    catalog = load_catalog(ROOT / "examples" / "shapes.yaml")
    clock = FrozenClock(datetime(2027, 2, 1, tzinfo=UTC))
    tally = Tallystick(storage_sqlite_file.engine, catalog=catalog, clock=clock)
    sent = [
        ("seats", "2027-01-01T00:00:00Z", {"quantity": 5}),
        ("payments", "2027-01-05T00:00:00Z", {"quantity": 1, "amount": "100"}),
        ("payments", "2027-01-06T00:00:00Z", {"quantity": 1, "amount": 200}),
        ("payments", "2027-01-07T00:00:00Z", {"quantity": 1, "amount": "300.50"}),
        ("payments", "2027-02-01T00:00:00Z", {"quantity": 1, "amount": "9000"}),
    ]
    tally.usage.record_many(
        {"id": str(n), "customer": "<i>", "type": t, "occurred_at": at, "properties": properties}
        for n, (t, at, properties) in enumerate(sent)
    )
    return DemoPage(tally, catalog["cloud-monthly"], "<i>", PERIOD)


def test_each_transaction_of_the_period_is_rated_by_its_own_amount(demo: DemoPage) -> None:
    rated = demo.rated()
    amounts = {line.feature_key: line.amount.minor for line in rated.lines}
    assert amounts["base"] == 9900
    assert amounts["seats"] == 3000  # three are free, two at 15
    assert amounts["payments"] == 446  # two are free; 1.4 % of 300.50 and 0.25
    assert rated.total.minor == sum(amounts.values())


def test_the_page_shows_what_is_stored_by_now_and_escapes_it(demo: DemoPage) -> None:
    client = TestClient(
        create_app(load_catalog(ROOT / "examples/products.yaml"), demo=demo),
        base_url="http://localhost:8000",
    )
    page = client.get("/usage/%3Ci%3E")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "4.46 EUR" in page.text
    assert "Usage of &lt;i&gt;" in page.text
    assert "<i>" not in page.text
    assert 'href="usage/%3Ci%3E"' in client.get("/").text
    assert client.get("/usage/other").status_code == 404
    assert client.post("/usage/%3Ci%3E").status_code == 405


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", ""])
def test_a_page_elsewhere_cannot_point_its_own_name_here(demo: DemoPage, host: str) -> None:
    client = TestClient(create_app(load_catalog(ROOT / "examples/products.yaml"), demo=demo))
    assert client.get("/usage/%3Ci%3E", headers={"Host": host}).status_code == 404


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000"])
def test_this_machine_may_call_itself_by_its_names(demo: DemoPage, host: str) -> None:
    client = TestClient(create_app(load_catalog(ROOT / "examples/products.yaml"), demo=demo))
    assert client.get("/usage/%3Ci%3E", headers={"Host": host}).status_code == 200


def test_there_is_no_page_of_usage_unless_it_was_asked_for() -> None:
    client = TestClient(create_app(load_catalog(ROOT / "examples/products.yaml")))
    assert client.get("/usage/acme").status_code == 404
    assert "usage" not in client.get("/").text.lower()

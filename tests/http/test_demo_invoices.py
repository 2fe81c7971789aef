from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from tallystick.app.catalog import load_catalog
from tallystick.core.event import parse_event
from tallystick.core.period import Period
from tallystick.http import demo_invoices
from tallystick.http.api import create_app
from tallystick.http.demo import DemoPage
from tallystick.wiring import Tallystick
from tests.conftest import ROOT
from tests.databases import storage_sqlite_file

if TYPE_CHECKING:
    from tallystick.storage.unit import Storage

__all__ = ["storage_sqlite_file"]

PERIOD = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
WHO = "<i>"


def at(month: int, day: int = 1) -> datetime:
    return datetime(2026, month, day, tzinfo=UTC)


@pytest.fixture
def tally(storage_sqlite_file: Storage) -> Tallystick:
    catalog = load_catalog(ROOT / "examples" / "shapes.yaml")
    made = Tallystick(storage_sqlite_file.engine, catalog=catalog)
    made.publish(author="anna", at=at(9))
    return made


@pytest.fixture
def client(tally: Tallystick) -> TestClient:
    catalog = load_catalog(ROOT / "examples" / "products.yaml")
    page = DemoPage(tally, tally.catalog()["cloud-monthly"], WHO, PERIOD)
    return TestClient(create_app(catalog, demo=page), base_url="http://localhost:8000")


def bill(tally: Tallystick, customer: str = WHO) -> None:
    tally.customers.create(customer, name=f"{customer} & Co")
    tally.subscriptions.start(customer, "cloud-starter", id=f"s-{customer}", at=at(9))
    tally.subscriptions.change(f"s-{customer}", seats=3, at=at(9, 16))
    sent = {"id": "e", "customer": customer, "type": "requests", "occurred_at": at(9, 3)}
    used = parse_event({**sent, "properties": {"quantity": 150_000}}, received_at=at(9, 3))
    assert tally.usage.record_many([used]).accepted == 1
    tally.invoices.run(at(10, 2))


def test_who_was_never_billed_has_an_empty_list(
    client: TestClient,
) -> None:
    page = client.get("/invoices/%3Ci%3E")
    assert page.status_code == 200
    assert "Nothing was issued yet." in page.text


def test_the_list_shows_each_document_in_its_order_and_escapes_it(
    tally: Tallystick, client: TestClient
) -> None:
    bill(tally)
    tally.invoices.pay("INV-000001", at=at(9, 9))
    page = client.get("/invoices/%3Ci%3E")
    assert page.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<i>" not in page.text
    first, second = page.text.index("INV-000001"), page.text.index("INV-000002")
    assert first < page.text.index("paid") < second < page.text.index("open")
    assert "2026-09-01 up to 2026-10-01" in page.text
    assert 'href="../invoices/%3Ci%3E/INV-000001"' in page.text
    assert 'href="../invoices/%3Ci%3E"' in client.get("/usage/%3Ci%3E").text


def test_an_invoice_is_shown_as_its_customer_reads_it_and_may_run_nothing(
    tally: Tallystick, client: TestClient
) -> None:
    bill(tally)
    page = client.get("/invoices/%3Ci%3E/INV-000001")
    assert page.status_code == 200
    assert page.text == tally.invoices.html("INV-000001")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src")
    assert "script" not in page.headers["content-security-policy"]


def test_each_line_is_explained_by_the_sums_of_the_command(
    tally: Tallystick, client: TestClient
) -> None:
    bill(tally)
    page = client.get("/invoices/%3Ci%3E/INV-000002/explained")
    assert page.status_code == 200
    trace = tally.invoices.explain("INV-000002")
    for line in trace.lines:
        assert f"{line.position}. {line.line.description}" in page.text
        assert all(text in page.text for text in line.sums)
    assert all(text in page.text for text in trace.sums)
    assert "cloud-starter@1 of catalogue 1" in page.text
    assert "1 counted that arrived before 2026-10-01 01:00:00 UTC" in page.text
    assert "requests: sum of requests" in page.text
    assert "<i>" not in page.text


@pytest.mark.parametrize("path", ["INV-000099", "INV-000099/explained", "x/y", "no", "%00"])
def test_what_is_no_document_is_not_found(tally: Tallystick, client: TestClient, path: str) -> None:
    bill(tally)
    assert client.get(f"/invoices/%3Ci%3E/{path}").status_code == 404


def test_another_customers_document_is_not_found(tally: Tallystick, client: TestClient) -> None:
    bill(tally)
    bill(tally, "other")
    (theirs, *_) = tally.invoices.list(customer="other")
    number = theirs.invoice.number or ""
    assert client.get(f"/invoices/%3Ci%3E/{number}").status_code == 404
    assert client.get(f"/invoices/%3Ci%3E/{number}/explained").status_code == 404
    assert number not in client.get("/invoices/%3Ci%3E").text
    assert client.get("/invoices/other").status_code == 404


def test_a_number_with_a_slash_in_it_is_found(tally: Tallystick, client: TestClient) -> None:
    tally.seller.set(invoice_prefix="2026/")
    bill(tally)
    assert "/2026%2F000001" in client.get("/invoices/%3Ci%3E").text
    assert client.get("/invoices/%3Ci%3E/2026%2F000001").status_code == 200
    page = client.get("/invoices/%3Ci%3E/2026%2F000001/explained")
    assert page.status_code == 200
    assert 'href="../../../static/page.css"' in page.text


@pytest.mark.parametrize("path", ["", "/INV-000001", "/INV-000001/explained"])
def test_a_page_elsewhere_cannot_point_its_own_name_here(
    tally: Tallystick, client: TestClient, path: str
) -> None:
    bill(tally)
    assert client.get(f"/invoices/%3Ci%3E{path}").status_code == 200
    there = {"Host": "evil.example"}
    assert client.get(f"/invoices/%3Ci%3E{path}", headers=there).status_code == 404
    assert client.post(f"/invoices/%3Ci%3E{path}").status_code == 405


def test_without_the_extra_the_list_says_what_to_install(
    tally: Tallystick, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill(tally)
    monkeypatch.setattr(demo_invoices, "_DOCUMENTS", False)
    page = client.get("/invoices/%3Ci%3E").text
    assert "tallystick[documents]" in page
    assert 'href="../invoices/%3Ci%3E/INV-000001"' not in page
    assert 'href="../invoices/%3Ci%3E/INV-000001/explained"' in page


def test_there_are_no_invoices_unless_they_were_asked_for() -> None:
    client = TestClient(create_app(load_catalog(ROOT / "examples/products.yaml")))
    assert client.get("/invoices/acme").status_code == 404

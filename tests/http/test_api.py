from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from fastapi import FastAPI, HTTPException
from starlette.testclient import TestClient

from tallystick import problems
from tallystick.core.catalog import Catalog
from tallystick.errors import InvalidInput, StorageUnavailable
from tallystick.http.api import answer_errors, create_app
from tallystick.http.wire import schemas

ROUTES = ["/", "/docs", "/openapi.json", "/healthz", "/readyz", "/static/page.css"]


def test_probes_say_how_the_service_is_and_are_never_cached(client: TestClient) -> None:
    for path, word in (("/healthz", "alive"), ("/readyz", "ready")):
        answer = client.get(path)
        assert answer.json() == {"ok": True, "data": {"status": word}}
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ROUTES)
def test_every_route_answers_head_and_304(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert client.head(path).headers["content-length"] == str(len(answer.content))
    held = client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert held.status_code == 304


@pytest.mark.parametrize("path", ROUTES)
def test_another_method_gets_405_with_the_envelope(client: TestClient, path: str) -> None:
    answer = client.post(path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert answer.json() == {
        "ok": False,
        "error": {
            "code": "METHOD_NOT_ALLOWED",
            "message": "POST is not answered here; ask with GET, HEAD",
            "details": {},
        },
    }


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/api/v1/plans/",
        "/api/v1",
        "/static/",
        "/static/../api.py",
        "/static/%2e%2e/api.py",
        "/static/__init__.py",
        "/favicon.ico",
        "/" + "x" * 10_000,
        "/%00",
        "/%ff",
    ],
)
def test_what_is_not_there_gets_404_with_the_envelope(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NOT_FOUND"
    assert len(answer.content) < 1000


def test_a_large_body_gets_413_on_every_route(shop: Catalog) -> None:
    client = TestClient(create_app(shop, max_body=10))
    for path in [*ROUTES, "/api/v1/plans", "/nowhere"]:
        answer = client.post(path, content=b"x" * 11)
        assert answer.status_code == 413, path
        assert answer.json()["error"]["code"] == "PAYLOAD_TOO_LARGE"


def test_every_answer_of_the_application_carries_a_request_id(client: TestClient) -> None:
    ids = {client.get(path).headers["x-request-id"] for path in [*ROUTES, "/nowhere"]}
    assert len(ids) == len(ROUTES) + 1


def test_nothing_may_be_sniffed(client: TestClient) -> None:
    for path in [*ROUTES, "/api/v1/plans", "/api/v1/plans?view=x", "/nowhere"]:
        assert client.get(path).headers["x-content-type-options"] == "nosniff", path


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_stand_under_a_strict_policy(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_ask_nothing_of_other_hosts_and_hold_no_inline_code(
    client: TestClient, path: str
) -> None:
    html = client.get(path).text
    for link in re.findall(r'(?:src|href)="([^"]*)"', html):
        assert not re.match(r"[a-z]+:|//", link), link
    assert "style=" not in html
    assert not re.search(r"<script(?![^>]* src=)", html)
    assert not re.search(r"\son\w+=", html)


@pytest.mark.parametrize(
    ("catalog", "settings"),
    [
        (None, {}),
        ({"products": []}, {}),
        (Catalog(products=()), {"max_age": -1}),
        (Catalog(products=()), {"max_body": "1 MB"}),
        (Catalog(products=()), {"max_body": True}),
    ],
)
def test_a_service_that_cannot_be_made_is_refused(catalog: Any, settings: Any) -> None:
    with pytest.raises(InvalidInput):
        create_app(catalog, **settings)


def test_docs_can_be_switched_off(shop: Catalog) -> None:
    client = TestClient(create_app(shop, docs=False))
    for path in ("/docs", "/openapi.json", "/redoc"):
        assert client.get(path).status_code == 404
    assert "docs" not in client.get("/").text


def test_the_description_is_openapi_3_1_and_its_references_resolve(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    assert list(described["paths"]) == ["/api/v1/plans", "/healthz", "/readyz"]
    for reference in re.findall(r'"\$ref":\s*"#/([^"]+)"', json.dumps(described)):
        place: Any = described
        for step in reference.split("/"):
            place = place[step]
    for schema in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_operation_declares_the_errors_it_can_answer(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths["/api/v1/plans"]["get"]["responses"]) == {
        "200",
        "304",
        "405",
        "413",
        "422",
        "500",
    }
    for path in ("/healthz", "/readyz"):
        assert set(paths[path]["get"]["responses"]) == {"200", "405", "413", "500"}


def test_every_code_has_its_place_among_the_described_errors(client: TestClient) -> None:
    responses = client.get("/openapi.json").json()["components"]["responses"]
    for code, status in problems.STATUS.items():
        assert code in responses[f"Error{status}"]["description"]


def matches(body: Any, name: str) -> None:
    document = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas()}}
    jsonschema.Draft202012Validator(document).validate(body)


@pytest.mark.parametrize("query", ["", "?view=full", "?currency=EUR", "?currency=JPY"])
def test_the_price_list_has_the_shape_that_is_described(client: TestClient, query: str) -> None:
    matches(client.get(f"/api/v1/plans{query}").json(), "PriceList")


def test_probes_and_errors_have_the_shapes_that_are_described(client: TestClient) -> None:
    matches(client.get("/healthz").json(), "Health")
    for path in ("/nowhere", "/api/v1/plans?view=x"):
        matches(client.get(path).json(), "ErrorEnvelope")


def test_the_described_shapes_are_exact() -> None:
    """An optional key is left out, never null; a key nobody described is a fault."""
    plan = schemas()["PlanEntry"]
    assert plan["additionalProperties"] is False
    assert plan["properties"]["trialDays"]["type"] == "integer"
    assert {"type": "null"} in plan["properties"]["price"]["anyOf"]
    with pytest.raises(jsonschema.ValidationError):
        matches({"ok": True, "data": {"products": [], "more": 1}}, "PriceList")


def failing(error: Exception) -> TestClient:
    """Give a service with one route, which fails."""
    app = FastAPI()
    answer_errors(app)

    @app.get("/")
    def fail() -> None:
        raise error

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("error", "status", "wait"),
    [
        (StorageUnavailable("the database is locked"), 503, "1"),
        (HTTPException(429), 429, "1"),
        (HTTPException(503), 503, "1"),
        (HTTPException(503, headers={"retry-after": "30"}), 503, "30"),
        (HTTPException(429, headers={"Retry-After": "60"}), 429, "60"),
        (HTTPException(403), 403, None),
        (ValueError("no"), 500, None),
    ],
)
def test_who_may_come_again_is_told_when_once(
    error: Exception, status: int, wait: str | None
) -> None:
    answer = failing(error).get("/")
    assert answer.status_code == status
    assert answer.headers.get_list("retry-after") == ([] if wait is None else [wait])
    assert answer.headers["content-type"] == "application/json"

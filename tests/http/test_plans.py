from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from tallystick.core.catalog import Catalog
from tallystick.core.currency import currency
from tallystick.core.dialects import read_catalog
from tallystick.core.price_list import price_list_body
from tallystick.errors import InvalidInput
from tallystick.http.api import create_app
from tallystick.http.plans import PriceLists
from tallystick.http.wire import PriceList

if TYPE_CHECKING:
    from starlette.types import Message, Scope

PATH = "/api/v1/plans"


def test_the_body_is_the_price_list_byte_for_byte(client: TestClient, shop: Catalog) -> None:
    answer = client.get(PATH)
    assert answer.status_code == 200
    assert answer.content == price_list_body(shop)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.content))


def test_the_etag_is_strong_and_the_bodys_digest(client: TestClient) -> None:
    answer = client.get(PATH)
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert "vary" not in answer.headers


def test_the_age_of_a_cached_list_can_be_set(shop: Catalog) -> None:
    answer = TestClient(create_app(shop, max_age=7)).get(PATH)
    assert answer.headers["cache-control"] == "public, max-age=7"


@pytest.mark.parametrize("view", ["compact", "full"])
def test_each_view_is_answered_with_its_own_bytes(
    client: TestClient, shop: Catalog, view: Any
) -> None:
    answer = client.get(PATH, params={"view": view})
    assert answer.content == price_list_body(shop, view)


@pytest.mark.parametrize("pattern", ["{}", "W/{}", '"x", {}', '"x,y" ,W/{}', "*", " * "])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_caller_who_holds_the_bytes_gets_304(
    client: TestClient, pattern: str, method: str
) -> None:
    etag = client.get(PATH).headers["etag"]
    answer = client.request(method, PATH, headers={"If-None-Match": pattern.format(etag)})
    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["etag"] == etag
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("held", ['"x"', "", '"', "W/", 'w/"x"', "x" * 5000, '""' * 2000])
def test_a_caller_who_holds_something_else_gets_the_bytes(client: TestClient, held: str) -> None:
    assert client.get(PATH, headers={"If-None-Match": held}).status_code == 200


def test_the_tag_of_one_view_is_not_that_of_another(client: TestClient) -> None:
    etag = client.get(PATH).headers["etag"]
    answer = client.get(PATH, params={"view": "full"}, headers={"If-None-Match": etag})
    assert answer.status_code == 200


def test_head_answers_as_get_without_the_body(client: TestClient) -> None:
    head, get = client.head(PATH), client.get(PATH)
    assert head.content == b""
    assert dict(head.headers) == dict(get.headers)


def test_a_currency_leaves_the_others_out_and_says_that_it_varies(client: TestClient) -> None:
    answer = client.get(PATH, params={"currency": "EUR"})
    assert [product["id"] for product in answer.json()["data"]["products"]] == ["big"]
    assert answer.headers["vary"] == "Authorization"
    full = client.get(PATH, params={"currency": "USD", "view": "full"}).json()["data"]["products"]
    assert [product["id"] for product in full] == ["pro"]
    assert "prices" in full[0]["plans"][0]


def test_a_currency_nothing_is_sold_in_gives_an_empty_list(client: TestClient) -> None:
    answer = client.get(PATH, params={"currency": "JPY"})
    assert answer.json() == {"ok": True, "data": {"products": []}}
    assert answer.content == price_list_body(Catalog(products=()), currency=currency("JPY"))


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("view=", ["view"]),
        ("view=FULL", ["view"]),
        ("view=full&view=full", ["view"]),
        ("currency=", ["currency"]),
        ("currency=usd", ["currency"]),
        ("currency=XXX", ["currency"]),
        ("currency=USD&currency=EUR", ["currency"]),
        ("view=x&currency=y", ["view", "currency"]),
        ("view=%00", ["view"]),
        ("view=%FF%FE", ["view"]),
        ("view=" + "x" * 10_000, ["view"]),
        ("currency=" + "x" * 10_000, ["currency"]),
        ("&".join("a=b" for _ in range(51)), [""]),
    ],
)
def test_a_query_that_cannot_be_read_is_refused_by_field(
    client: TestClient, query: str, fields: list[str]
) -> None:
    answer = client.get(f"{PATH}?{query}")
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert list(error["details"]["fields"]) == fields
    assert len(answer.content) < 1000
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "no-store"


def test_unknown_parameters_are_ignored(client: TestClient, shop: Catalog) -> None:
    answer = client.get(f"{PATH}?utm_source=mail&_=123&view=full&=&x")
    assert answer.content == price_list_body(shop, "full")


def test_a_preflight_opens_the_route_to_every_origin(client: TestClient) -> None:
    answer = client.options(
        PATH, headers={"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    )
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    assert "access-control-allow-credentials" not in answer.headers


def test_only_prices_and_the_element_are_open_to_other_origins(client: TestClient) -> None:
    for path in (PATH, "/static/tallystick-pricing-table.js"):
        assert client.get(path).headers["access-control-allow-origin"] == "*", path
    for path in (
        "/",
        "/static/page.js",
        "/docs",
        "/openapi.json",
        "/healthz",
        "/readyz",
        "/nowhere",
    ):
        assert "access-control-allow-origin" not in client.get(path).headers, path


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_another_method_gets_405_and_is_told_which_there_are(
    client: TestClient, method: str
) -> None:
    answer = client.request(method, PATH, content=b"{}")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert answer.json()["error"]["code"] == "METHOD_NOT_ALLOWED"


def test_the_route_is_found_where_a_host_has_mounted_the_service(shop: Catalog) -> None:
    host = Starlette(routes=[Mount("/billing", create_app(shop))])
    client = TestClient(host)
    assert client.get(f"/billing{PATH}").content == price_list_body(shop)
    assert client.get("/billing/healthz").status_code == 200
    assert client.get(PATH).status_code == 404


def test_headers_added_in_place_do_not_show_up_in_the_next_answer(shop: Catalog) -> None:
    seen: list[int] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            seen.append(len(message["headers"]))
            message["headers"].append((b"x-added", b"1"))

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": PATH,
        "query_string": b"",
        "headers": [],
    }
    app = create_app(shop)

    async def ask_three_times() -> None:
        for _ in range(3):
            await app(scope, receive, send)

    asyncio.run(ask_three_times())
    assert len(set(seen)) == 1


def test_a_catalogue_that_cannot_be_written_is_refused_before_anything_is_served() -> None:
    from tests.core.test_price_list import fee, plan, product  # noqa: PLC0415 - its builders

    bad = Catalog(products=(product(plan(fee("1"), business_rules=object())),))
    with pytest.raises(InvalidInput):
        create_app(bad)


def test_the_bytes_of_a_list_are_built_once(shop: Catalog) -> None:
    lists = PriceLists(shop, max_age=1)
    assert lists.asked(b"view=full") is lists.asked(b"view=full&x=1")
    assert lists.asked(b"") is lists.asked(b"view=compact")


def test_catalogues_beside_the_first_have_their_own_lists_on_one_page(shop: Catalog) -> None:
    other = replace(shop, products=shop.products[:1])
    client = TestClient(create_app(shop, beside={"a b": other}))
    listed = client.get("/catalogs/a%20b/api/v1/plans")
    assert listed.content == price_list_body(other)
    assert listed.headers["access-control-allow-origin"] == "*"
    assert client.get(PATH).content == price_list_body(shop)
    assert client.get("/catalogs/nosuch/api/v1/plans").status_code == 404
    page = client.get("/").text
    assert page.count("<tallystick-pricing-table") == 2
    assert 'src="catalogs/a%20b/api/v1/plans?view=full"' in page


def test_a_plan_in_several_currencies_is_answered_in_the_one_that_is_asked_for() -> None:
    price = {"id": "p", "type": "flat", "cost": 10, "currencies": {"JPY": {"cost": 1500}}}
    dear = {"id": "l", "type": "flat", "cost": 90}
    lab = {"id": "lab", "name": "L", "interval": "month", "prices": [dear]}
    plans = [{"id": "p", "name": "P", "interval": "month", "prices": [price]}, lab]
    product = {"id": "x", "name": "X", "currency": "USD", "plans": plans}
    several = read_catalog({"dialect": "tallystick", "products": [product]})
    client = TestClient(create_app(several))
    found = client.get(PATH, params={"currency": "JPY"})
    [shown] = found.json()["data"]["products"]
    assert (shown["currency"], shown["plans"][0]["price"]) == ("JPY", 1500)
    assert (shown["plans"][1]["currency"], shown["plans"][1]["price"]) == ("USD", 90)
    assert found.headers["vary"] == "Authorization"
    assert client.get(PATH).content == price_list_body(several)
    assert "vary" not in client.get(PATH).headers
    PriceList.model_validate(found.json())
    full = client.get(PATH, params={"currency": "JPY", "view": "full"})
    PriceList.model_validate(full.json())

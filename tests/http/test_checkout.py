"""`/api/v1/checkout/resolve`: answers of the ledger, as described; nobody says a price but it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from starlette.testclient import TestClient

from tallystick.core.canonical import to_tree
from tallystick.core.dialects import read_catalog
from tallystick.http.api import create_app
from tallystick.http.keys import Keys
from tallystick.http.wire import schemas
from tests.databases import database
from tests.facade.billing import START, catalog, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick import Tallystick
    from tests.databases import Database

__all__ = ["database"]

KEY = "key-of-the-tests-0123456789"
PATH = "/api/v1/checkout/resolve"


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    with opened(database.url) as ledger:
        ledger.signing_keys = (b"k" * 32,)
        tree: Any = to_tree(catalog())
        tree["products"][0]["plans"][0] |= {"trial_days": 14}
        secret = {"id": "secret", "name": "Secret", "currency": "USD", "hidden": True}
        price = {"id": "vip", "type": "flat", "cost": "1"}
        vip = {"id": "vip", "name": "Vip", "interval": "month", "prices": [price]}
        tree["products"].append({**secret, "plans": [{**vip, "interval_count": 1}]})
        coupons = [{"id": "half", "name": "Half", "percent_off": "50", "codes": ["HALF"]}]
        ledger.publish(read_catalog({**tree, "coupons": coupons}), author="anna", at=START)
        yield ledger


@pytest.fixture
def client(tally: Tallystick) -> TestClient:
    return client_of(tally)


@pytest.fixture
def sqlite() -> Iterator[TestClient]:
    with opened("sqlite://") as ledger:
        ledger.signing_keys = (b"k" * 32,)
        yield client_of(ledger)


def client_of(tally: Tallystick | None, keys: str = KEY) -> TestClient:
    app = create_app(catalog(), tally=tally, keys=Keys(keys))
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    return TestClient(app, raise_server_exceptions=False, headers=headers)


def ask(client: TestClient, *plans: Any, **more: Any) -> Any:
    sent = {"customer": "acme", "plans": list(plans), **more}
    answer = client.post(PATH, json=sent)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    components = {"schemas": schemas(usage=True)}
    document = {"$ref": "#/components/schemas/ResolvedCheckout", "components": components}
    jsonschema.Draft202012Validator(document).validate(answer.json())
    sent_document = {**document, "$ref": "#/components/schemas/SentCheckout"}
    jsonschema.Draft202012Validator(sent_document).validate(sent)
    return answer.json()["data"]["plans"]


def fields(client: TestClient, body: str, status: int = 422) -> list[str]:
    answer = client.post(PATH, content=body.encode(errors="surrogatepass"))
    assert answer.status_code == status, answer.text
    return sorted(answer.json()["error"]["details"].get("fields", {}))


def test_an_answer_is_the_ledgers(client: TestClient, tally: Tallystick) -> None:
    [found] = ask(client, {"plan": "pro", "quantity": 2}, codes=[" half", "gone"])
    quote = tally.quotes.read(found.pop("quote"))
    assert (quote.customer, quote.move.offer, quote.move.seats) == ("acme", "pro@1", 2)
    dollars = {"currency": "USD"}
    zero = {"minor": 0, **dollars}
    assert found["today"]["lines"][1] == {
        "description": "Pro Seats",
        "price": "seat",
        "quantity": "2",
        "amount": {"minor": 1000, **dollars},
        "discount": {"minor": 500, **dollars},
        "credit": zero,
        "tax": zero,
    }
    assert (found["today"]["total"], found["renewal"]["total"]) == (
        {"minor": 2000, **dollars},
        {"minor": 4000, **dollars},
    )
    del found["today"], found["renewal"]
    assert found == {
        "plan": "pro",
        "version": 1,
        "quantity": 2,
        "add_ons": [],
        "currency": "USD",
        "available": True,
        "reasons": [],
        "trial": "none",
        "trial_days": None,
        "biller": "tallystick",
        "discounts": [
            {
                "coupon": "half",
                "name": "Half",
                "source": "code",
                "code": "HALF",
                "today": {"minor": 2000, **dollars},
                "renewal": zero,
            }
        ],
        "left_out": [
            {
                "coupon": None,
                "code": "gone",
                "reasons": ["unknown_code"],
                "text": "this code is not known, or not valid here",
            }
        ],
        "expires_at": "2026-10-01T00:30:00Z",
    }


def test_a_no_is_an_answer_too(client: TestClient) -> None:
    old, basic = ask(client, "old", {"plan": "basic", "add_ons": ["sms"]}, identities=["card/1"])
    assert (old["available"], old["quote"], old["today"]) == (False, None, None)
    assert [each["code"] for each in old["reasons"]] == ["not_offered"]
    assert (basic["available"], basic["trial"], basic["trial_days"]) == (True, "given", 14)


def test_a_currency_is_asked_for_as_of_the_price_list(client: TestClient) -> None:
    sent = {"customer": "acme", "plans": ["pro"]}
    answer = client.post(PATH, params={"currency": "EUR"}, json=sent).json()
    [found] = answer["data"]["plans"]
    assert (found["available"], found["currency"]) == (False, "EUR")
    assert client.post(PATH, params={"currency": "eur"}, json=sent).status_code == 422
    assert client.post(PATH, params={"price": "1"}, json=sent).status_code == 422


# --- S13 ------------------------------------------------------------------------------------------

PRICED = ["amount", "price", "currency", "unit_amount", "tax", "discount_total", "price_id", "at"]


@pytest.mark.parametrize("name", PRICED)
def test_what_the_catalogue_says_nobody_else_says(sqlite: TestClient, name: str) -> None:
    sent = {"customer": "acme", "plans": ["pro"]}
    assert fields(sqlite, json.dumps({**sent, name: "1"})) == [name]
    inside = {"plan": "pro", name: 1}
    assert fields(sqlite, json.dumps({**sent, "plans": [inside]})) == [f"plans[0].{name}"]
    beside = {"plan": "pro", "add_ons": [{"plan": "sms", name: 1}]}
    place = f"plans[0].add_ons[0].{name}"
    assert fields(sqlite, json.dumps({**sent, "plans": [beside]})) == [place]


# --- S14 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vip", "nothing", "pro@1", "basic@2", "app", "seat", "%", "Pro"])
def test_what_is_not_sold_here_is_no_plan(client: TestClient, name: str) -> None:
    body = {"customer": "acme", "plans": ["pro", {"plan": name}]}
    assert fields(client, json.dumps(body)) == ["plans[1].plan"]
    body = {"customer": "acme", "plans": [{"plan": "pro", "add_ons": [{"plan": name}]}]}
    assert fields(client, json.dumps(body)) == ["plans[0].add_ons[0].plan"]


# --- S15 ------------------------------------------------------------------------------------------

NO_QUANTITIES = [
    *("0", "-1", "1.5", "1.0", "1000000000000", '"1e3"', "true", "null", "NaN", "1e3", "-0"),
    *('"1"', "[]", "{}", "Infinity", "1000001", "9" * 5000, "1E400", '"١٢"', "false"),
]


@pytest.mark.parametrize("quantity", NO_QUANTITIES)
def test_what_is_no_quantity_is_422(sqlite: TestClient, quantity: str) -> None:
    body = '{"customer":"acme","plans":["pro",{"plan":"pro","quantity":%s}]}'
    assert fields(sqlite, body % quantity) == ["plans[1].quantity"]
    body = '{"customer":"acme","plans":[{"plan":"pro","add_ons":[{"plan":"sms","quantity":%s}]}]}'
    assert fields(sqlite, body % quantity) == ["plans[0].add_ons[0].quantity"]


# --- bodies ---------------------------------------------------------------------------------------


def with_(name: str, value: Any) -> str:
    return json.dumps({"customer": "acme", "plans": ["pro"], name: value})


@pytest.mark.parametrize(
    ("body", "status", "bad"),
    [
        ("", 400, []),
        ("{", 400, []),
        ("[" * 50_000, 400, []),
        ('{"customer":"acme","customer":"b","plans":["pro"]}', 400, []),
        ("[]", 422, ["body"]),
        ('"acme"', 422, ["body"]),
        ("{}", 422, ["customer"]),
        ('{"customer":"acme"}', 422, ["plans"]),
        ('{"customer":7,"plans":["pro"]}', 422, ["customer"]),
        ('{"customer":"acme","plans":[]}', 422, ["plans"]),
        ('{"customer":"acme","plans":"pro"}', 422, ["plans"]),
        ('{"customer":"acme","plans":[null, 1e9]}', 422, ["plans[0]", "plans[1]"]),
        ('{"customer":"acme","plans":["pro"],"codes":null}', 422, ["codes"]),
        ('{"customer":"acme","plans":["pro"],"codes":[1]}', 422, ["codes[0]"]),
        (with_("codes", ["x"] * 11), 422, ["codes"]),
        (with_("plans", ["pro"] * 21), 422, ["plans"]),
        ('{"customer":"acme","plans":["pro"],"stated":{"a":1}}', 422, ["stated.a"]),
        ('{"customer":"acme","plans":["pro"],"context":["a"]}', 422, ["context"]),
        (with_("identities", ["x"] * 11), 422, ["identities"]),
        (with_("codes", ["\0"]), 400, []),
        (with_("codes", ["\ud800"]), 400, []),
        (
            '{"customer":"acme","plans":[{"plan":"pro","add_ons":["sms","sms"]}]}',
            422,
            ["plans[0].add_ons"],
        ),
        (
            '{"customer":"acme","plans":[{"plan":"pro","add_ons":["pro"]}]}',
            422,
            ["plans[0].add_ons"],
        ),
    ],
)
def test_what_is_refused(sqlite: TestClient, body: str, status: int, bad: list[str]) -> None:
    assert fields(sqlite, body, status) == bad


def test_a_body_that_is_too_large_or_of_another_kind_is_refused(sqlite: TestClient) -> None:
    assert sqlite.post(PATH, content=b"x" * 65_537).status_code == 413
    sent = b'{"customer":"acme","plans":["pro"]}'
    for headers in (
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/x-ndjson"},
        {"Content-Encoding": "gzip"},
    ):
        assert sqlite.post(PATH, content=sent, headers=headers).status_code == 400
    assert sqlite.post(PATH, content=b'{"customer":"\xff"}').status_code == 400


def test_a_code_is_never_more_than_a_code(sqlite: TestClient) -> None:
    codes = ["'; DROP TABLE x; --", "%", "Ωß😀", "a" * 400, "", " "]
    [found] = ask(sqlite, "pro", codes=codes)
    assert {tuple(each["reasons"]) for each in found["left_out"]} == {("unknown_code",)}
    assert len(found["left_out"]) == len(codes)


def test_after_many_codes_in_vain_nothing_is_told_of_any(client: TestClient) -> None:
    for number in range(5):
        ask(client, "pro", codes=[f"{number}-{each}" for each in range(10)])
    for codes in (["HALF"], ["gone"]):
        answer = client.post(PATH, json={"customer": "acme", "plans": ["pro"], "codes": codes})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "86400")
        assert answer.json()["error"]["code"] == "RATE_LIMITED"
    assert ask(client, "pro")[0]["available"]


# --- who asks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x"])
def test_without_a_key_nothing_is_said(sqlite: TestClient, sent: str) -> None:
    answer = sqlite.post(
        PATH, json={"customer": "acme", "plans": ["pro"]}, headers={"Authorization": sent}
    )
    assert answer.status_code == 401
    assert "acme" not in answer.text


def test_another_customers_quote_is_none_of_ours(client: TestClient, tally: Tallystick) -> None:
    tally.customers.create("globex")
    [found] = ask(client, "pro")
    with pytest.raises(Exception, match="no quote of ours"):
        tally.quotes.accept(found["quote"], customer="globex")
    answer = client.post(PATH, json={"customer": "nobody", "plans": ["pro"]})
    assert answer.status_code == 404


def test_without_what_it_needs_the_route_is_closed() -> None:
    with opened("sqlite://") as ledger:
        for client, word in (
            (client_of(None), "--database"),
            (client_of(ledger, keys=""), "TALLYSTICK_API_KEY"),
            (client_of(ledger), "TALLYSTICK_SIGNING_KEYS"),
        ):
            answer = client.post(PATH, json={"customer": "acme", "plans": ["pro"]})
            assert answer.status_code == 503
            assert word in answer.json()["error"]["message"]


def test_another_method_is_405(sqlite: TestClient) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        answer = sqlite.request(method, PATH)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")

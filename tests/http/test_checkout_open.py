"""`/api/v1/checkout`: opened for a quote, paid on a page; no price is said by who asks."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from starlette.testclient import TestClient

from tallystick.http.api import create_app
from tallystick.http.keys import Keys
from tallystick.http.wire import schemas
from tests.databases import database
from tests.facade.billing import catalog, usd
from tests.facade.paying import BACK, Shop, shop_at
from tests.facade.selling_by_stripe import StripeShop, stripe_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database

__all__ = ["database"]

KEY = "key-of-the-tests-0123456789"
PATH = "/api/v1/checkout"


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    with shop_at(database.url) as found:
        yield found


@pytest.fixture
def sqlite() -> Iterator[Shop]:
    with shop_at("sqlite://") as found:
        yield found


def client_of(shop: Shop | StripeShop | None, sent: str = KEY) -> TestClient:
    app = create_app(catalog(), tally=None if shop is None else shop.tally, keys=Keys(KEY))
    headers = {"Authorization": f"Bearer {sent}"}
    return TestClient(app, raise_server_exceptions=False, headers=headers)


def body(**more: Any) -> dict[str, Any]:
    return {"customer": "acme", **BACK, **more}


def valid(name: str, document: Any) -> None:
    shape = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas(usage=True)}}
    jsonschema.Draft202012Validator(shape).validate(document)


def opened(shop: Shop | StripeShop, headers: Any = None, **more: Any) -> Any:
    valid("SentCheckoutPage", body(**more))
    answer = client_of(shop).post(PATH, json=body(**more), headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    valid("ShownCheckout", answer.json())
    return answer.json()["data"]


def shown(shop: Shop | StripeShop, id_: str) -> Any:
    answer = client_of(shop).get(f"{PATH}/{id_}")
    assert answer.status_code == 200, answer.text
    valid("ShownCheckout", answer.json())
    return answer.json()["data"]


def refused(shop: Shop | StripeShop, sent: str, status: int = 422) -> list[str]:
    answer = client_of(shop).post(PATH, content=sent.encode())
    assert answer.status_code == status, answer.text
    return sorted(answer.json()["error"]["details"].get("fields", {}))


def test_from_the_answer_of_the_resolver_to_a_subscription(shop: Shop) -> None:
    asked = {"customer": "acme", "plans": [{"plan": "pro", "quantity": 3}]}
    found = client_of(shop).post(f"{PATH}/resolve", json=asked).json()["data"]["plans"][0]
    page = opened(shop, quote=found["quote"])
    assert (page["state"], page["amount"]) == ("open", found["today"]["amount_due"])
    assert (page["plan"], page["quantity"], page["subscription"]) == ("pro", 3, None)
    assert page["url"].startswith(shop.fake.account.site)
    assert shown(shop, page["id"]) == page  # the success page, and nobody has paid
    shop.pay(shop.tally.checkouts.get(page["id"]))
    done = shown(shop, page["id"])
    assert (done["state"], done["url"]) == ("complete", None)
    assert shop.tally.subscriptions.get(done["subscription"]).plan == "pro@1"
    assert shop.moved() == page["amount"]["minor"] == 4500
    assert shop.tally.verify().ok


def test_a_plan_is_sold_at_what_it_costs(shop: Shop) -> None:
    wish = {"plan": "pro", "quantity": 2, "add_ons": [{"plan": "sms", "quantity": 1}]}
    page = opened(shop, plans=[wish])
    assert page["amount"] == {"minor": 4400, "currency": "USD"}
    assert opened(shop, plans=["basic"])["amount"]["minor"] == 1000
    assert shown(shop, page["id"])["state"] == "expired"  # another took its place


def test_a_repeat_with_its_key_opens_one_page(sqlite: Shop) -> None:
    key = {"Idempotency-Key": "k"}
    page = opened(sqlite, key, plans=["basic"])
    assert opened(sqlite, key, plans=["basic"]) == page
    assert len(sqlite.sessions()) == 1
    answer = client_of(sqlite).post(PATH, json=body(plans=["pro"]), headers=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONFLICT")


@pytest.mark.parametrize(
    "name",
    [
        *("amount", "price", "price_id", "currency", "unit_amount", "tax", "discount_total"),
        *("line_items", "mode", "Plans", "id", "state", "payer", "biller"),
    ],
)
def test_nobody_says_what_it_costs(sqlite: Shop, name: str) -> None:
    assert refused(sqlite, json.dumps(body(plans=["basic"], **{name: "1"}))) == [name]
    assert not sqlite.tally.checkouts.list()


@pytest.mark.parametrize("quantity", ["0", "-1", "1.5", "1000000000000", '"1e3"', "true", "null"])
def test_a_quantity_is_a_whole_number(sqlite: Shop, quantity: str) -> None:
    sent = json.dumps(body(plans=[{"plan": "pro", "quantity": "HERE"}]))
    assert refused(sqlite, sent.replace('"HERE"', quantity)) == ["plans[0].quantity"]


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({}, ["quote"]),
        ({"plans": ["basic"], "quote": "tsq1.a.b"}, ["quote"]),
        ({"quote": "tsq1.a.b"}, ["quote"]),
        ({"quote": "tsq1.a.b", "codes": ["HALF"]}, ["codes"]),
        ({"quote": 7}, ["quote"]),
        ({"plans": []}, ["plans"]),
        ({"plans": ["basic", "pro"]}, ["plans"]),
        ({"plans": [None]}, ["plans[0]"]),
        ({"plans": ["price_1Fake"]}, ["plans[0].plan"]),
        ({"plans": [{"plan": "basic", "price": "1"}]}, ["plans[0].price"]),
        ({"plans": ["basic"], "codes": 0}, ["codes"]),
        ({"plans": ["basic"], "codes": None}, ["codes"]),
        ({"plans": ["basic"], "success_url": "//evil.example"}, ["success_url"]),
        ({"plans": ["basic"], "cancel_url": "javascript:alert(1)"}, ["cancel_url"]),
        ({"plans": ["basic"], "cancel_url": None}, ["cancel_url"]),
        ({"plans": ["basic"], "customer": 7}, ["customer"]),
    ],
)
def test_what_cannot_be_read_is_named(sqlite: Shop, sent: Any, fields: list[str]) -> None:
    assert refused(sqlite, json.dumps(body(**sent))) == fields
    assert not sqlite.tally.checkouts.list()


def test_what_is_missing_is_named(sqlite: Shop) -> None:
    for name in ("customer", "success_url", "cancel_url"):
        sent = body(plans=["basic"])
        del sent[name]
        assert refused(sqlite, json.dumps(sent)) == [name]
    for text, status in (("[]", 422), ("{", 400), ('{"a":1,"a":2}', 400), ("", 400)):
        refused(sqlite, text, status)


def test_what_is_not_there(sqlite: Shop) -> None:
    client = client_of(sqlite)
    sent = body(plans=["basic"])
    assert client.post(PATH, json={**sent, "customer": "nobody"}).status_code == 404
    assert client.post(PATH, json={**sent, "provider": "nobody"}).status_code == 404
    assert client.get(f"{PATH}/chk_nothing").status_code == 404
    assert client.get(PATH).status_code == 405
    sqlite.tally.customers.create("globex")
    page = opened(sqlite, plans=["basic"])
    assert client.get(f"{PATH}/{page['id']}?customer=globex").status_code == 404
    assert client.get(f"{PATH}/{page['id']}?customer=acme").status_code == 200
    assert client.get(f"{PATH}/{page['id']}?session_id=cs_1").status_code == 422


def test_who_has_no_key_is_told_nothing(sqlite: Shop) -> None:
    page = opened(sqlite, plans=["basic"])
    client = client_of(sqlite, "another")
    for answer in (client.post(PATH, json=body()), client.get(f"{PATH}/{page['id']}")):
        assert answer.status_code == 401


def test_it_is_closed_without_a_ledger_keys_or_origins(sqlite: Shop) -> None:
    assert client_of(None).post(PATH, json=body()).status_code == 503
    sqlite.tally.return_origins = frozenset()
    assert client_of(sqlite).post(PATH, json=body(plans=["basic"])).status_code == 503


def test_an_expired_quote_and_another_price_are_told_apart(sqlite: Shop) -> None:
    quote = sqlite.tally.quotes.make("acme", "basic", valid_for=timedelta(hours=1))
    sqlite.tally.invoices.add_item("acme", "Set-up", usd("5.00"))
    codes = []
    for _ in range(2):
        answer = client_of(sqlite).post(PATH, json=body(quote=quote))
        codes.append((answer.status_code, answer.json()["error"]["code"]))
        sqlite.tally.clock.advance(timedelta(hours=2))  # type: ignore[attr-defined]  # a frozen one
    assert codes == [(409, "PRICE_CHANGED"), (409, "QUOTE_EXPIRED")]


def test_what_the_provider_bills_is_bought_by_its_own_prices() -> None:
    with stripe_shop("sqlite://") as shop:
        told = opened(shop, plans=["basic"], biller="provider")
        assert (told["biller"], told["quoted_by"], told["subscription"]) == (
            "provider",
            "provider",
            None,
        )
        assert told["amount"] == {"minor": 1000, "currency": "USD"}
        shop.fake.pay(shop.sessions()[0]["id"])
        done = shown(shop, told["id"])
        assert done["state"] == "complete"
        assert shop.tally.subscriptions.get(done["subscription"]).biller == "provider"
        assert "biller" in "".join(refused(shop, json.dumps(body(plans=["basic"], biller="me"))))

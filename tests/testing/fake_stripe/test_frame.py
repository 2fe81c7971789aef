"""The frame of the fake Stripe: forms, keys, pages, errors and faults, through the official SDK."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
import stripe

from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, Fault, Seen, running
from tallystick.testing.fake_stripe.form import read_form
from tallystick.testing.fake_stripe.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable


def products(client: Any, *names: str) -> list[str]:
    return [client.v1.products.create({"name": name}).id for name in names]


# --- forms and types ----------------------------------------------------------------------------


def test_a_form_becomes_a_tree() -> None:
    assert read_form("a[b][0][c]=x&a[b][1][c]=y&d=&e[]=1&e[]=2") == {
        "a": {"b": {"0": {"c": "x"}, "1": {"c": "y"}}},
        "d": "",
        "e": {"0": "1", "1": "2"},
    }


@pytest.mark.parametrize(
    "form",
    ["a=1&a=2", "a=1&a[b]=2", "a[b]=1&a=2", "[a]=1", "a[b=1", "a" + "[x]" * 12 + "=1", "%ff=1"],
)
def test_a_form_that_is_none_is_refused(form: str) -> None:
    with pytest.raises(Refused):
        read_form(form)


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"nme": "x"}, "parameter_unknown", "nme"),
        ({}, "parameter_missing", "name"),
        ({"name": ""}, "parameter_invalid_empty", "name"),
        ({"name": "a" * 5_001}, None, "name"),
        ({"name": {"a": "b"}}, None, "name"),
        ({"name": "x", "active": "yes"}, None, "active"),
        ({"name": "x", "images": "one"}, None, "images"),
        ({"name": "x", "package_dimensions": {"height": "1"}}, "parameter_missing", None),
        ({"name": "x", "metadata": {"a" * 41: "b"}}, None, None),
    ],
)
def test_parameters_are_held_to_the_types_of_the_sdk(
    client: Any, fake: FakeStripe, params: Any, code: str | None, param: str | None
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.products.create(params)
    assert caught.value.http_status == 400
    assert caught.value.code == code
    assert param is None or caught.value.param == param
    assert fake.account.objects.get("product", {}) == {}


def test_what_is_not_supported_is_named_and_never_invented(client: Any) -> None:
    with pytest.raises(stripe.APIError, match="POST /v1/quotes") as caught:
        client.v1.quotes.create({"customer": "cus_1"})
    assert caught.value.http_status == 501
    with pytest.raises(stripe.APIError, match="with source") as caught:
        client.v1.customers.create({"source": "tok_visa"})
    assert caught.value.http_status == 501


# --- who asks -----------------------------------------------------------------------------------


def test_another_key_is_refused(fake: FakeStripe) -> None:
    with running(fake) as address:
        stranger = stripe.StripeClient("sk_test_other", base_addresses={"api": address})
        with pytest.raises(stripe.AuthenticationError):
            stranger.v1.products.list()


def test_another_version_and_another_account_are_not_supported(client: Any) -> None:
    with pytest.raises(stripe.APIError, match="version 2024-06-20"):
        client.v1.products.list(options={"stripe_version": "2024-06-20"})
    with pytest.raises(stripe.APIError, match="another account"):
        client.v1.products.list(options={"stripe_account": "acct_other"})


# --- lists and searches -------------------------------------------------------------------------


def test_pages_run_in_both_directions_without_gaps(client: Any) -> None:
    made = products(client, *"abcde")[::-1]
    first = client.v1.products.list({"limit": 2})
    assert [p.id for p in first.data] == made[:2]
    assert first.has_more
    assert [p.id for p in first.auto_paging_iter()] == made
    back = client.v1.products.list({"limit": 2, "ending_before": made[3]})
    assert [p.id for p in back.data] == made[1:3]
    last = client.v1.products.list({"limit": 3, "starting_after": made[1]})
    assert [p.id for p in last.data] == made[2:]
    assert not last.has_more


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": 101}, {"starting_after": "prod_gone"}])
def test_a_page_that_cannot_be_is_refused(client: Any, params: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.products.list(params)


def test_a_search_reads_metadata_texts_and_numbers(client: Any) -> None:
    found = client.v1.products.create({"name": "Pro plan", "metadata": {"plan": "pro"}}).id
    products(client, "Other")

    def search(query: str) -> list[str]:
        return [p.id for p in client.v1.products.search({"query": query}).data]

    assert search('metadata["plan"]:"pro" AND active:"true"') == [found]
    assert search("name~'pro pl'") == [found]
    assert search('-metadata["plan"]:null') == [found]
    assert search('name:"Other" OR metadata["plan"]:"pro"') != [found]
    assert len(search("created>0")) == 2
    for query in ("", "name", 'colour:"red"', 'name:"a" AND name:"b" OR name:"c"', 'name~"p"'):
        with pytest.raises(stripe.InvalidRequestError):
            search(query or " ")


# --- keys ---------------------------------------------------------------------------------------


def test_a_key_answers_the_same_once_more(client: Any, fake: FakeStripe) -> None:
    first = client.v1.products.create({"name": "a"}, {"idempotency_key": "k"})
    again = client.v1.products.create({"name": "a"}, {"idempotency_key": "k"})
    assert first.id == again.id
    assert len(fake.account.of("product")) == 1
    with pytest.raises(stripe.IdempotencyError):
        client.v1.products.create({"name": "b"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.InvalidRequestError, match="255"):
        client.v1.products.create({"name": "b"}, {"idempotency_key": "k" * 256})


def test_a_key_is_forgotten_after_a_day_and_not_used_up_by_a_bad_parameter() -> None:
    fake = FakeStripe()
    clock = fake.account.clock
    assert isinstance(clock, FrozenClock)
    with running(fake) as address:
        client: Any = stripe.StripeClient("sk_test_fake", base_addresses={"api": address})
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.products.create({}, {"idempotency_key": "k"})
        client.v1.products.create({"name": "a"}, {"idempotency_key": "k"})
        clock.advance(timedelta(hours=24))
        client.v1.products.create({"name": "b"}, {"idempotency_key": "k"})
    assert len(fake.account.of("product")) == 2


def test_many_callers_with_one_key_have_one_effect(client: Any, fake: FakeStripe) -> None:
    def create(_number: int) -> str:
        return str(client.v1.products.create({"name": "a"}, {"idempotency_key": "k"}).id)

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(create, range(16)))
    assert len(found) == 1
    assert set(fake.account.of("product")) == found


def test_a_refusal_by_rule_is_kept_for_its_key(client: Any) -> None:
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError, match="No such product"):
            client.v1.prices.create(
                {"currency": "usd", "unit_amount": 5, "product": "prod_later"},
                {"idempotency_key": "k"},
            )
        if "prod_later" not in {p.id for p in client.v1.products.list().data}:
            client.v1.products.create({"id": "prod_later", "name": "Later"})


# --- faults -------------------------------------------------------------------------------------


def created(client: Any, **more: Any) -> Callable[[], Any]:
    return lambda: client.v1.products.create({"name": "a"}, {"idempotency_key": "k", **more})


@pytest.mark.parametrize(
    ("fault", "error", "counts"),
    [
        (Fault(Seen.LIMITED), stripe.RateLimitError, (0, 1)),
        (Fault(Seen.BROKEN), stripe.APIError, (0, 0)),
        (Fault(Seen.BROKEN, after=True), stripe.APIError, (1, 1)),
        (Fault(Seen.CUT), stripe.APIConnectionError, (0, 1)),
        (Fault(Seen.CUT, after=True), stripe.APIConnectionError, (1, 1)),
    ],
)
def test_a_fault_strikes_before_or_after_and_the_key_tells_the_same(
    client: Any, fake: FakeStripe, fault: Fault, error: Any, counts: tuple[int, int]
) -> None:
    fake.account.faults.add(fault)
    with pytest.raises(error):
        created(client)()
    assert len(fake.account.of("product")) == counts[0]
    if fault.seen is Seen.BROKEN:  # an error of Stripe's own is what the key answers from then on
        with pytest.raises(stripe.APIError):
            created(client)()
    else:
        created(client)()
    assert len(fake.account.of("product")) == counts[1]


@pytest.mark.parametrize("after", [False, True])
def test_silence_lasts_until_the_caller_gives_up(fake: FakeStripe, after: bool) -> None:
    fake.account.faults.add(Fault(Seen.SILENCE, after=after))
    with running(fake) as address:
        http = stripe.RequestsClient(timeout=1)
        client: Any = stripe.StripeClient(
            "sk_test_fake",
            base_addresses={"api": address},
            http_client=http,
            max_network_retries=0,
        )
        with pytest.raises(stripe.APIConnectionError):
            client.v1.products.create({"name": "a"})
        cast("Any", http).close()
    assert len(fake.account.of("product")) == after


def test_faults_count_their_own_calls(client: Any, fake: FakeStripe) -> None:
    fake.account.faults.add(Fault(Seen.LIMITED, "POST /v1/prod*", first=2, times=2))
    seen = []
    for name in "abcd":
        client.v1.products.list()
        try:
            seen.append(client.v1.products.create({"name": name}).name)
        except stripe.RateLimitError:
            seen.append("429")
    assert seen == ["a", "429", "429", "d"]
    fake.account.faults.add(Fault(Seen.LIMITED))
    fake.account.faults.clear()
    assert len(client.v1.products.list().data) == 2


def test_a_rate_limit_counts_by_the_clock_of_the_account(client: Any, fake: FakeStripe) -> None:
    fake.account.most_per_second = 2
    products(client, "a", "b")
    with pytest.raises(stripe.RateLimitError):
        products(client, "c")
    clock = fake.account.clock
    assert isinstance(clock, FrozenClock)
    clock.advance(timedelta(seconds=1))
    products(client, "c")
    assert [call for call, status in fake.account.calls if status == 429] == ["POST /v1/products"]


def test_expand_puts_an_object_for_its_id(client: Any) -> None:
    product = products(client, "a")[0]
    price = client.v1.prices.create(
        {"product": product, "currency": "usd", "unit_amount": 5, "expand": ["product"]}
    )
    assert isinstance(price.product, stripe.Product)
    assert client.v1.prices.retrieve(price.id).product == product
    listed = client.v1.prices.list({"expand": ["data.product"]}).data[0]
    assert isinstance(listed.product, stripe.Product)
    for path in ("colour", "currency", "product.name", "data.product"):
        with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
            client.v1.prices.retrieve(price.id, {"expand": [path]})


@pytest.mark.parametrize(
    ("body", "status"), [(b"\xff=1", 400), (b"a=1&a=2", 400), (b"x" * 1_000_001, 413)]
)
def test_a_body_that_is_no_form_is_refused(fake: FakeStripe, body: bytes, status: int) -> None:
    with running(fake) as address:
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{address}/v1/products", body, {"Authorization": "Bearer sk_test_fake"}
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)  # noqa: S310 - the same
        with caught.value:
            assert json.loads(caught.value.read())["error"]["type"] == "invalid_request_error"
            assert caught.value.code == status

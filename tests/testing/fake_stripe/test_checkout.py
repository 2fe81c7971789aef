"""Checkout, portal and webhooks of the fake Stripe: through the SDK, and as a browser does it."""

from __future__ import annotations

import threading
import urllib.error
import urllib.parse
import urllib.request
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import send
from tallystick.testing.fake_stripe.refusal import Refused
from tests.testing.fake_stripe.raw import raw
from tests.testing.fake_stripe.shapes import misfits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.testing.fake_stripe import FakeStripe

BACK = {
    "success_url": "http://shop.example/done?s={CHECKOUT_SESSION_ID}",
    "cancel_url": "http://shop.example/",
}
MONTHLY = {"currency": "usd", "unit_amount": 999, "recurring": {"interval": "month"}}


class Browser(urllib.request.HTTPRedirectHandler):
    """A browser that says where it is sent instead of going there."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def browse(url: str, **form: str) -> tuple[int, str, str | None]:
    """Open a page, or send its form: the status, the page, and where it leads."""
    body = urllib.parse.urlencode(form).encode() if form else None
    try:
        with urllib.request.build_opener(Browser).open(url, body) as answer:
            return answer.status, answer.read().decode(), None
    except urllib.error.HTTPError as other:
        with other:
            return other.code, other.read().decode(), other.headers["location"]


@pytest.fixture
def monthly(client: Any) -> str:
    product = client.v1.products.create({"name": "Zovi <Daily>"}).id
    price = client.v1.prices.create({"product": product, **MONTHLY})
    return str(price.id)


@pytest.fixture
def once(client: Any) -> str:
    product = client.v1.products.create({"name": "Book"}).id
    price = client.v1.prices.create({"product": product, "currency": "usd", "unit_amount": 2000})
    return str(price.id)


@pytest.fixture
def prices(monthly: str, once: str) -> dict[str, str]:
    return {"subscription": monthly, "payment": once}


def open_session(client: Any, price: str, mode: str = "subscription", **more: Any) -> Any:
    items = [{"price": price, "quantity": 1}]
    return client.v1.checkout.sessions.create({"mode": mode, "line_items": items, **BACK, **more})


def kinds(fake: FakeStripe) -> list[str]:
    return [event["type"] for event in fake.account.of("event").values()]


# --- paying -------------------------------------------------------------------------------------


def test_a_subscription_is_bought_on_the_page(client: Any, monthly: str) -> None:
    session = open_session(
        client,
        monthly,
        metadata={"order": "o1"},
        subscription_data={"metadata": {"ours": "sub_1"}},
        customer_email="a@example.com",
    )
    assert misfits(raw(session)) == []
    assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 999)
    status, page, _ = browse(session.url)
    assert status == 200
    assert "Zovi &lt;Daily&gt;" in page
    status, _, location = browse(session.url, card="pm_card_visa")
    assert (status, location) == (303, f"http://shop.example/done?s={session.id}")
    done = client.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["subscription", "line_items"]}
    )
    assert misfits(raw(done)) == []
    assert (done.status, done.payment_status) == ("complete", "paid")
    assert done.subscription.status == "active"
    assert done.subscription.metadata.to_dict() == {"ours": "sub_1"}
    assert client.v1.customers.retrieve(done.customer).email == "a@example.com"
    assert client.v1.invoices.retrieve(done.invoice).amount_paid == 999
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.expire(session.id)


def test_a_payment_is_made_and_a_customer_with_it(client: Any, fake: FakeStripe, once: str) -> None:
    session = open_session(client, once, "payment", payment_intent_data={"metadata": {"a": "b"}})
    fake.pay(session.id)
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert done.payment_intent.amount_received == 2000
    assert done.payment_intent.metadata.to_dict() == {"a": "b"}
    assert done.customer is not None
    with pytest.raises(Refused, match="complete"):
        fake.pay(session.id)


def test_a_price_is_described_in_the_line_and_the_card_is_kept(
    client: Any, fake: FakeStripe, once: str
) -> None:
    customer = client.v1.customers.create({"email": "a@example.com"}).id
    data = {"currency": "usd", "unit_amount": 1234, "product_data": {"name": "Pro, 3 seats"}}
    lines: Any = [{"price_data": data, "quantity": 1}, {"price": once, "quantity": 2}]
    keep: Any = {"setup_future_usage": "off_session"}
    session = open_session(
        client, once, "payment", line_items=lines, payment_intent_data=keep, customer=customer
    )
    assert misfits(raw(session)) == []
    assert session.amount_total == 1234 + 2 * 2000
    shown = client.v1.checkout.sessions.line_items.list(session.id).data[0]
    assert (shown.description, shown.price.active) == ("Pro, 3 seats", False)
    fake.pay(session.id)
    (kept,) = client.v1.customers.payment_methods.list(customer).data
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert done.payment_intent.payment_method == kept.id
    small: Any = [{"price_data": {**data, "unit_amount": 49}, "quantity": 1}]
    with pytest.raises(stripe.InvalidRequestError, match="at least 50"):
        open_session(client, once, "payment", line_items=small)
    both: Any = [{"price_data": data, "price": once, "quantity": 1}]
    with pytest.raises(stripe.InvalidRequestError, match="not both"):
        open_session(client, once, "payment", line_items=both)


@pytest.mark.parametrize("card", ["pm_card_chargeDeclined", "pm_card_chargeCustomerFail"])
@pytest.mark.parametrize("mode", ["subscription", "payment"])
def test_a_declined_card_leaves_the_session_open(
    client: Any, fake: FakeStripe, prices: dict[str, str], card: str, mode: str
) -> None:
    session = open_session(client, prices[mode], mode)
    status, page, _ = browse(session.url, card=card)
    assert status == 402
    assert "declined" in page
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert client.v1.subscriptions.list({"status": "all"}).data == []
    fake.pay(session.id)
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("mode", ["subscription", "payment"])
def test_a_payment_that_takes_days(
    client: Any, fake: FakeStripe, prices: dict[str, str], mode: str, arrives: bool
) -> None:
    session = open_session(client, prices[mode], mode)
    fake.pay(session.id, "pm_usBankAccount_success")
    meanwhile = client.v1.checkout.sessions.retrieve(session.id)
    assert (meanwhile.status, meanwhile.payment_status) == ("complete", "unpaid")
    (intent,) = fake.account.of("payment_intent")
    fake.settle(intent, arrives=arrives)
    after = client.v1.checkout.sessions.retrieve(session.id)
    assert after.payment_status == ("paid" if arrives else "unpaid")
    word = "succeeded" if arrives else "failed"
    assert kinds(fake)[-1] == f"checkout.session.async_payment_{word}"
    if mode == "subscription":
        subscription = client.v1.subscriptions.retrieve(after.subscription)
        assert subscription.status == ("active" if arrives else "past_due")
    with pytest.raises(Refused, match="not processing"):
        fake.settle(intent, arrives=arrives)


def test_a_card_that_asks_is_confirmed_on_the_page(
    client: Any, fake: FakeStripe, monthly: str
) -> None:
    session = open_session(client, monthly)
    fake.pay(session.id, "pm_card_authenticationRequired")
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
    assert (done.payment_status, done.subscription.status) == ("paid", "active")


def test_a_trial_costs_nothing_today(client: Any, fake: FakeStripe, monthly: str) -> None:
    session = open_session(client, monthly, subscription_data={"trial_period_days": 7})
    assert session.amount_total == 0
    fake.pay(session.id)
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
    assert (done.payment_status, done.subscription.status) == ("no_payment_required", "trialing")


def test_what_is_sold_once_is_due_in_a_trial_too(
    client: Any, fake: FakeStripe, prices: dict[str, str]
) -> None:
    items = [{"price": price, "quantity": 1} for price in prices.values()]
    trial: Any = {"line_items": items, "subscription_data": {"trial_period_days": 7}}
    session = open_session(client, prices["subscription"], **trial)
    assert session.amount_total == 2000
    fake.pay(session.id)
    (invoice,) = fake.account.of("invoice").values()
    assert invoice["amount_paid"] == 2000
    (subscription,) = fake.account.of("subscription").values()
    assert subscription["status"] == "trialing"


def test_a_trial_needs_no_card_where_none_is_required(
    client: Any, fake: FakeStripe, monthly: str
) -> None:
    trial: dict[str, Any] = {"subscription_data": {"trial_period_days": 7}}
    session = open_session(client, monthly, payment_method_collection="if_required", **trial)
    fake.pay(session.id, "")
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
    assert done.subscription.status == "trialing"
    assert done.subscription.default_payment_method is None
    for needs in (open_session(client, monthly, **trial), open_session(client, monthly)):
        with pytest.raises(Refused, match="No such payment method"):
            fake.pay(needs.id, "")


def test_a_declined_checkout_leaves_nothing_but_the_payment(
    client: Any, fake: FakeStripe, monthly: str
) -> None:
    client.v1.coupons.create({"percent_off": 10, "id": "Q", "max_redemptions": 1})
    session = open_session(client, monthly, discounts=[{"coupon": "Q"}])
    with pytest.raises(Refused, match="declined"):
        fake.pay(session.id, "pm_card_chargeCustomerFail")
    assert client.v1.coupons.retrieve("Q").times_redeemed == 0
    assert fake.account.of("invoice") == {}
    assert fake.account.of("customer") == {}
    assert not [kind for kind in kinds(fake) if kind.startswith(("customer", "invoice"))]
    fake.pay(session.id)
    assert client.v1.coupons.retrieve("Q").valid is False


def test_what_is_shown_with_a_coupon_is_what_is_charged(
    client: Any, fake: FakeStripe, monthly: str
) -> None:
    client.v1.coupons.create({"percent_off": 33, "id": "Q", "duration": "once"})
    code = client.v1.promotion_codes.create(
        {"promotion": {"type": "coupon", "coupon": "Q"}, "code": "FALL"}
    )
    fixed = open_session(client, monthly, discounts=[{"coupon": "Q"}])
    typed = open_session(client, monthly, allow_promotion_codes=True)
    assert (fixed.amount_total, fixed.total_details.amount_discount) == (669, 330)
    assert client.v1.coupons.retrieve("Q").times_redeemed == 0
    assert "Promotion code" in browse(typed.url)[1]
    with pytest.raises(Refused, match="not valid"):
        fake.pay(typed.id, code="WRONG")
    fake.pay(fixed.id)
    fake.pay(typed.id, code="fall")
    paid = [i["amount_paid"] for i in fake.account.of("invoice").values()]
    assert paid == [669, 669]
    assert client.v1.coupons.retrieve("Q").times_redeemed == 2
    assert client.v1.promotion_codes.retrieve(code.id).times_redeemed == 1


def test_a_session_runs_out_after_a_day(client: Any, fake: FakeStripe, monthly: str) -> None:
    session = open_session(client, monthly)
    clock = fake.account.clock
    assert isinstance(clock, FrozenClock)
    clock.advance(timedelta(days=1))
    assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert kinds(fake)[-1] == "checkout.session.expired"
    with pytest.raises(Refused, match="expired"):
        fake.pay(session.id)
    assert client.v1.subscriptions.list({"status": "all"}).data == []


@pytest.mark.parametrize(
    "change",
    [
        {"line_items": []},
        {"line_items": [{"price": "price_gone", "quantity": 1}]},
        {"line_items": [{"price": "P"}]},
        {"line_items": [{"price": "P", "quantity": 0}]},
        {"mode": "payment"},
        {"customer": "cus_gone"},
        {"discounts": [{"coupon": "a"}, {"coupon": "b"}]},
        {"discounts": [{"coupon": "gone"}]},
        {"expires_at": 5},
        {"payment_intent_data": {"description": "x"}},
        {"colour": "red"},
    ],
    ids=str,
)
def test_a_session_that_stripe_does_not_take_is_refused(
    client: Any, fake: FakeStripe, monthly: str, change: Any
) -> None:
    params = {
        "mode": "subscription",
        "line_items": [{"price": "P", "quantity": 1}],
        **BACK,
        **change,
    }
    for item in params["line_items"]:
        item["price"] = monthly if item["price"] == "P" else item["price"]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.create(params)
    assert fake.account.of("checkout.session") == {}


# --- other pages --------------------------------------------------------------------------------


def test_an_invoice_is_paid_on_its_page(client: Any) -> None:
    customer = client.v1.customers.create({}).id
    client.v1.invoice_items.create({"customer": customer, "amount": 900, "currency": "usd"})
    made = client.v1.invoices.create(
        {
            "customer": customer,
            "collection_method": "send_invoice",
            "days_until_due": 14,
            "pending_invoice_items_behavior": "include",
        }
    )
    url = client.v1.invoices.finalize_invoice(made.id).hosted_invoice_url
    assert browse(url, card="pm_card_chargeDeclined")[0] == 402
    assert browse(url, card="pm_card_visa")[0] == 303
    assert client.v1.invoices.retrieve(made.id).status == "paid"
    assert browse(url, card="pm_card_visa")[0] == 400


def test_a_customer_ends_a_subscription_in_the_portal(
    client: Any, fake: FakeStripe, monthly: str
) -> None:
    session = open_session(client, monthly)
    fake.pay(session.id)
    done = client.v1.checkout.sessions.retrieve(session.id)
    portal = client.v1.billing_portal.sessions.create(
        {"customer": done.customer, "return_url": "http://shop.example/"}
    )
    assert misfits(raw(portal)) == []
    assert done.subscription in browse(portal.url)[1]
    assert browse(portal.url, cancel="sub_of_another")[0] == 400
    assert browse(portal.url, cancel=done.subscription)[0] == 303
    assert client.v1.subscriptions.retrieve(done.subscription).cancel_at_period_end
    assert browse(portal.url + "x")[0] == 404


# --- webhooks -----------------------------------------------------------------------------------


class Receiver:
    """A server that keeps what it is sent, and answers with a status of choice."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, str]] = []
        self.status = 200
        outer = self

        class Taker(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.got.append((body, self.headers["stripe-signature"]))
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Taker)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    taking = Receiver()
    thread = threading.Thread(target=taking.server.serve_forever, args=(0.01,))
    thread.start()
    yield taking
    taking.server.shutdown()
    thread.join()
    taking.server.server_close()


def test_events_are_signed_and_wait_until_they_are_taken(
    client: Any, fake: FakeStripe, receiver: Receiver
) -> None:
    endpoint = client.v1.webhook_endpoints.create(
        {"url": receiver.url, "enabled_events": ["product.created"]}
    )
    assert misfits(raw(endpoint)) == []
    product = client.v1.products.create({"name": "a"})
    client.v1.products.update(product.id, {"name": "b"})
    receiver.status = 500
    assert fake.deliver() == [500]
    receiver.status = 200
    assert fake.deliver() == [200]
    assert fake.deliver() == []
    body, signature = receiver.got[-1]
    at = int(signature.split(",")[0].removeprefix("t="))
    assert at == fake.account.now()
    expected = stripe.WebhookSignature.generate_signature_header(body.decode(), endpoint.secret, at)
    assert signature == expected
    event = client.v1.events.list({"types": ["product.created"]}).data[0]
    assert misfits(raw(client.v1.events.retrieve(event.id))) == []
    assert event["data"]["object"]["name"] == "a"
    assert "secret" not in raw(client.v1.webhook_endpoints.retrieve(endpoint.id))


def test_deliveries_can_be_repeated_reordered_and_dropped(
    client: Any, fake: FakeStripe, receiver: Receiver
) -> None:
    client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})
    for name in "abc":
        client.v1.products.create({"name": name})
    first, _dropped, last = fake.deliveries()
    assert [send(delivery) for delivery in (last, first, last)] == [200] * 3
    assert [body for body, _ in receiver.got] == [last.body, first.body, last.body]
    assert fake.deliver() == []


def test_an_endpoint_that_is_off_or_gone_is_sent_nothing(client: Any, fake: FakeStripe) -> None:
    url = "http://127.0.0.1:9/none"
    one = client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["*"]}).id
    client.v1.products.create({"name": "a"})
    assert fake.deliver() == [0]
    client.v1.webhook_endpoints.update(one, {"disabled": True})
    client.v1.products.create({"name": "b"})
    assert len(fake.account.pending) == 1
    client.v1.webhook_endpoints.delete(one)
    assert fake.deliveries() == []
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.webhook_endpoints.create({"url": "ftp://x", "enabled_events": ["*"]})

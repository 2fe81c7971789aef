"""The fake beside `localstripe`, a stand-in that others wrote: what both do, both do alike.

localstripe knows an API of 2017: no prices, no checkout, no idempotency keys.  Where it is not
installed, only ours is asked.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import stripe

from tallystick.system import SystemClock
from tallystick.testing.fake_stripe import FakeStripe, running

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk_test_fake1"
SECRET = "whsec_of_these_tests"
PATIENCE = 20  # seconds
FOREIGN = pytest.param(
    "localstripe",
    marks=pytest.mark.skipif(
        find_spec("localstripe") is None or not socket.has_ipv6,
        reason="needs localstripe, which needs IPv6",
    ),
)


class Side:
    """One of the two: a client of the official SDK, and how to hear of what happens."""

    def __init__(self, address: str, fake: FakeStripe | None = None) -> None:
        self.address, self.fake = address, fake
        self.client = stripe.StripeClient(
            KEY, base_addresses={"api": address}, max_network_retries=0
        )

    def tells(self, url: str) -> str:
        """Have it send its events to an address, and give the secret they are signed with."""
        if self.fake is not None:
            wanted: Any = {"url": url, "enabled_events": ["*"]}
            return str(self.client.v1.webhook_endpoints.create(wanted).secret)
        told = urllib.parse.urlencode({"url": url, "secret": SECRET}).encode()
        urllib.request.urlopen(f"{self.address}/_config/webhooks/tests", told).close()  # noqa: S310 - our own server
        return SECRET

    def send(self) -> None:
        if self.fake is not None:
            self.fake.deliver()

    def customer(self, card: str | None = None) -> str:
        """Make a customer, who pays by a card of that number."""
        made = self.client.v1.customers.create({"email": "anna@example.com"}).id
        if card is not None:
            self.keep(card, made)
        return made

    def keep(self, card: str, customer: str) -> str:
        given: Any = {"number": card, "exp_month": 12, "exp_year": 2040, "cvc": "123"}
        method = self.client.v1.payment_methods.create({"type": "card", "card": given}).id
        self.client.v1.payment_methods.attach(method, {"customer": customer})
        return method

    def pays(self, customer: str, method: str, amount: int) -> stripe.PaymentIntent:
        return self.client.v1.payment_intents.create(
            {
                "amount": amount,
                "currency": "usd",
                "customer": customer,
                "payment_method": method,
                "confirm": True,
                "off_session": True,
            }
        )


@contextmanager
def localstripe(folder: Any) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "localstripe", "--from-scratch", "--port", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=folder, stdout=quiet, stderr=quiet) as process:
        try:
            end = time.monotonic() + PATIENCE
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    assert time.monotonic() < end, "localstripe does not answer"
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture(params=["fake", FOREIGN])
def side(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Side]:
    if request.param == "fake":
        fake = FakeStripe(SystemClock(), api_key=KEY)
        with running(fake) as address:
            yield Side(address, fake)
    else:
        with localstripe(tmp_path) as address:
            yield Side(address)


def missing(look: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        look()
    assert caught.value.http_status == 404


def texts(thing: Any) -> Any:
    return thing.metadata.to_dict()


def test_products_are_made_found_and_renamed(side: Side) -> None:
    products = side.client.v1.products
    made = products.create({"name": "Zovi Daily", "metadata": {"plan": "pro"}})
    assert (made.name, made.active, made.livemode) == ("Zovi Daily", True, False)
    assert texts(products.retrieve(made.id)) == {"plan": "pro"}
    assert products.update(made.id, {"name": "Zovi Weekly"}).name == "Zovi Weekly"
    assert [each.id for each in products.list().data] == [made.id]
    missing(lambda: products.retrieve("prod_none"))


def test_customers_are_made_changed_and_deleted(side: Side) -> None:
    customers = side.client.v1.customers
    made = customers.create({"name": "Anna", "email": "anna@example.com", "metadata": {"a": "1"}})
    assert (made.name, made.email) == ("Anna", "anna@example.com")
    assert texts(made) == {"a": "1"}
    changed = customers.update(made.id, {"name": "Anna B", "metadata": {"b": "2"}})
    assert (changed.name, changed.email) == ("Anna B", "anna@example.com")
    assert texts(changed) == {"a": "1", "b": "2"}
    assert customers.delete(made.id).deleted is True
    missing(lambda: customers.retrieve("cus_none"))


def test_a_card_is_kept_and_charged(side: Side) -> None:
    customer = side.customer()
    method = side.keep("4242424242424242", customer)
    found = side.client.v1.payment_methods.retrieve(method)
    assert (found.type, found.customer) == ("card", customer)
    assert found.card is not None
    assert found.card.last4 == "4242"
    paid = side.pays(customer, method, 999)
    assert (paid.status, paid.amount, paid.currency) == ("succeeded", 999, "usd")
    assert paid.customer == customer
    assert side.client.v1.payment_intents.retrieve(paid.id).status == "succeeded"
    missing(lambda: side.client.v1.payment_intents.retrieve("pi_none"))


def test_a_card_that_is_declined_pays_nothing(side: Side) -> None:
    customer = side.customer()
    method = side.keep("4000000000000341", customer)
    with pytest.raises(stripe.CardError) as caught:
        side.pays(customer, method, 999)
    assert (caught.value.http_status, caught.value.code) == (402, "card_declined")


def test_money_goes_back_in_parts(side: Side) -> None:
    customer = side.customer()
    paid = side.pays(customer, side.keep("4242424242424242", customer), 999)
    refunds = side.client.v1.refunds
    for amount in (100, 899):  # localstripe would give back more still, and ours would not
        made = refunds.create({"payment_intent": paid.id, "amount": amount})
        assert (made.amount, made.currency, made.status) == (amount, "usd", "succeeded")


def test_coupons_are_made_found_and_deleted(side: Side) -> None:
    coupons = side.client.v1.coupons
    made = coupons.create({"id": "TEN", "percent_off": 10, "duration": "once"})
    assert (made.id, made.duration, made.valid) == ("TEN", "once", True)
    assert coupons.retrieve("TEN").percent_off == 10
    assert coupons.delete("TEN").deleted is True
    missing(lambda: coupons.retrieve("TEN"))


class Hook(BaseHTTPRequestHandler):
    """Who hears of events."""

    heard: ClassVar[list[tuple[bytes, str]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.heard.append((body, self.headers["stripe-signature"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the library
        """Say nothing."""


def test_events_are_signed_so_that_the_official_sdk_takes_them(side: Side) -> None:
    Hook.heard.clear()
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        secret = side.tells(f"http://127.0.0.1:{server.server_port}/hook")
        product = side.client.v1.products.create({"name": "Zovi Daily"}).id
        end = time.monotonic() + PATIENCE
        while not Hook.heard:
            assert time.monotonic() < end, "no event came"
            side.send()
            time.sleep(0.1)
        server.shutdown()
    body, signature = Hook.heard[0]
    assert stripe.WebhookSignature.verify_header(body.decode(), signature, secret, tolerance=300)
    event = json.loads(body)
    assert (event["type"], event["data"]["object"]["id"]) == ("product.created", product)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body.decode(), signature, f"{secret}x", tolerance=300)

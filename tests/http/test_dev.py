"""The page of `tallystick dev`: who may send its forms, what they may say, and what is sold."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from tallystick.app.catalog import load_catalog
from tallystick.http.api import create_app
from tallystick.http.dev import DevPage
from tallystick.http.dev_shop import YOU, DevShop
from tallystick.providers.stripe.provider import Stripe
from tallystick.providers.stripe.settings import StripeSettings
from tallystick.system import SystemClock
from tallystick.testing.clock import AheadClock
from tallystick.testing.fake_stripe import FakeStripe, running
from tallystick.testing.fake_stripe.refusal import Refused
from tallystick.wiring import Tallystick
from tests.databases import storage_sqlite_file
from tests.shop import SHOP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from httpx2 import Response

    from tallystick.storage.unit import Storage

__all__ = ["storage_sqlite_file"]

ORIGIN = "http://localhost:8000"
KEY = "sk_test_fake1"


class Buyer:
    """A browser at the page, the ledger behind it, and the fake beside it."""

    def __init__(self, tally: Tallystick, fake: FakeStripe, clock: AheadClock) -> None:
        self.tally, self.fake = tally, fake
        assert tally.price_book is not None
        shop = DevShop(tally, tally.price_book, ORIGIN, lambda: clock.skip(timedelta(days=31)))
        app = create_app(tally.price_book, tally=tally, dev=DevPage(shop, fake.account.site))
        self.client = TestClient(app, base_url=ORIGIN, follow_redirects=False)

    def sends(self, act: str, *, origin: str | None = ORIGIN, **fields: str) -> Response:
        headers = {} if origin is None else {"origin": origin}
        return self.client.post(f"/dev/{act}", data=fields, headers=headers)

    def sees(self, path: str = "/dev") -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200
        return str(answer.text)

    def pays(self, address: str, card: str = "pm_card_visa") -> None:
        self.fake.pay(address.rpartition("/")[2], card)

    def has(self) -> list[tuple[str, str]]:
        found = self.tally.subscriptions.list(customer=YOU)
        return [(each.items[0].offer, each.state) for each in found]

    def bought(self, plan: str = "pro", **fields: str) -> str:
        """Buy a plan, pay for it, and give the id of the subscription."""
        self.pays(self.sends("buy", plan=plan, **fields).headers["location"])
        assert "<strong>Paid.</strong>" in self.sees("/dev/back")
        (held,) = self.tally.subscriptions.list(customer=YOU)
        return held.id


@pytest.fixture
def buyer(storage_sqlite_file: Storage, tmp_path: Path) -> Iterator[Buyer]:
    path = tmp_path / "billing.yaml"
    path.write_text(SHOP, "utf-8")
    clock = AheadClock(SystemClock())
    fake = FakeStripe(clock, api_key=KEY)
    with running(fake) as address:
        account = fake.account.id
        settings = StripeSettings(
            key=KEY, account=account, address=address, return_url=f"{ORIGIN}/dev"
        )
        tally = Tallystick(
            storage_sqlite_file.engine,
            catalog=load_catalog(path),
            clock=clock,
            providers=[Stripe(settings)],
            signing_keys=["a key of a test, and long enough for it"],
            return_origins=[ORIGIN],
        )
        tally.publish(author="tests")
        tally.customers.create(YOU, name="You")
        yield Buyer(tally, fake, clock)


# --- who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin", [None, "", "null", "http://evil.example", "https://localhost:8000", f"{ORIGIN}0"]
)
def test_a_form_of_another_page_does_nothing(buyer: Buyer, origin: str | None) -> None:
    for act in ("buy", "change", "cancel", "keep", "portal", "later"):
        answer = buyer.sends(act, origin=origin, plan="free")
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert buyer.has() == []
    assert not any(name.startswith("POST") for name, _ in buyer.fake.account.calls)


def test_a_page_that_points_its_own_name_here_sees_nothing(buyer: Buyer) -> None:
    headers = {"host": "evil.example", "origin": "http://evil.example"}
    for path in ("/dev", "/dev/back", "/invoices/you"):
        assert buyer.client.get(path, headers=headers).status_code == 404
    assert buyer.client.post("/dev/later", headers=headers).status_code == 404


def test_a_form_may_lead_here_and_to_the_page_to_pay_on_alone(buyer: Buyer) -> None:
    policy = buyer.client.get("/dev").headers["content-security-policy"]
    assert f"form-action 'self' {buyer.fake.account.site};" in policy
    assert "default-src 'none'" in policy


def test_the_pricing_page_leads_there(buyer: Buyer) -> None:
    assert '<a href="dev">Buy one</a>' in buyer.sees("/")


def test_a_refusal_is_never_taken_for_the_page_that_is_held(buyer: Buyer) -> None:
    refused = buyer.sends("buy", plan="none")
    assert refused.headers["cache-control"] == "no-store"
    headers = {"origin": ORIGIN, "if-none-match": refused.headers["etag"]}
    again = buyer.client.post("/dev/buy", data={"plan": "none"}, headers=headers)
    assert again.status_code == 422


# --- what a form may say ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({}, 422, "plan is missing"),
        ({"plan": "none"}, 422, "none"),
        ({"plan": "pro", "seats": "0"}, 422, "seats"),
        ({"plan": "pro", "seats": "-1"}, 422, "seats is a whole number"),
        ({"plan": "pro", "seats": "1.5"}, 422, "seats is a whole number"),
        ({"plan": "pro", "seats": "٣"}, 422, "seats is a whole number"),
        ({"plan": "pro", "seats": "9" * 400}, 422, "seats is a whole number"),
        ({"plan": "pro", "amount": "1"}, 422, "amount is no parameter here"),
        ({"plan": "pro", "provider": "manual"}, 422, "provider is no parameter here"),
        ({"plan": "talk"}, 409, "talk"),
    ],
)
def test_what_cannot_be_bought_is_told_on_the_page(
    buyer: Buyer, fields: dict[str, str], status: int, said: str
) -> None:
    answer = buyer.sends("buy", **fields)
    assert answer.status_code == status
    assert '<p class="told" role="alert"' in answer.text
    assert said in answer.text
    assert buyer.has() == []
    assert buyer.fake.account.of("checkout.session") == {}


@pytest.mark.parametrize("body", [b"\xff", b"plan=%ff", b"&".join([b"a=1"] * 50)])
def test_what_is_no_form_is_refused(buyer: Buyer, body: bytes) -> None:
    headers = {"origin": ORIGIN}
    assert buyer.client.post("/dev/buy", content=body, headers=headers).status_code == 400
    assert buyer.has() == []


def test_the_subscription_of_another_is_not_found(buyer: Buyer) -> None:
    buyer.tally.customers.create("other")
    theirs = buyer.tally.subscriptions.start("other", "pro").subscription.id
    for act in ("cancel", "keep"):
        assert buyer.sends(act, subscription=theirs).status_code == 404
    assert buyer.sends("change", subscription=theirs, plan="team").status_code == 404
    assert buyer.tally.subscriptions.get(theirs).items[0].offer == "pro@1"


# --- what is sold -------------------------------------------------------------------------------


def test_nothing_is_unlocked_before_it_is_paid(buyer: Buyer) -> None:
    assert "No plan yet." in buyer.sees()
    address = buyer.sends("buy", plan="pro").headers["location"]
    assert address.startswith(buyer.fake.account.site)
    page = buyer.sees("/dev/back")
    assert '<meta http-equiv="refresh" content="1; url=/dev/back?n=2">' in page
    assert "has not been confirmed yet" in page
    assert buyer.has() == []
    assert "Nothing is bought yet." in buyer.sees()
    buyer.pays(address)
    page = buyer.sees("/dev/back")
    assert "<strong>Paid.</strong> You have" in page
    assert "refresh" not in page
    assert buyer.has() == [("pro@1", "active")]


@pytest.mark.parametrize(
    ("looks", "again"),
    [("", 2), ("?n=5", 6), ("?n=20", None), ("?n=99", None), ("?n=100", 2), ("?n=x", 2)],
)
def test_it_looks_again_for_a_while_only(buyer: Buyer, looks: str, again: int | None) -> None:
    buyer.sends("buy", plan="pro")
    page = buyer.sees(f"/dev/back{looks}")
    assert ("http-equiv" in page) == (again is not None)
    assert again is None or f"url=/dev/back?n={again}" in page


def test_what_costs_nothing_is_had_at_once(buyer: Buyer) -> None:
    assert buyer.sends("buy", plan="free").headers["location"] == "/dev/back"
    assert buyer.has() == [("free@1", "active")]
    assert "<strong>Nothing is due today.</strong> You have" in buyer.sees("/dev/back")


def test_features_stand_in_the_order_of_the_catalogue(buyer: Buyer) -> None:
    found = re.findall('<tr><th scope="row" dir="auto">([^<]+)<', buyer.sees())
    assert found == ["Projects", "Reports", "Audit log"]


def test_a_trial_begins_without_a_page(buyer: Buyer) -> None:
    assert buyer.sends("buy", plan="tried").headers["location"] == "/dev/back"
    assert buyer.has() == [("tried@1", "trialing")]
    assert "trial ends at" in buyer.sees()


def test_what_is_bought_once_is_invoiced_once(buyer: Buyer) -> None:
    buyer.bought("once")
    assert "199.00 USD" in buyer.sees()


def test_seats_are_bought_and_changed(buyer: Buyer) -> None:
    held = buyer.bought("team", seats="3")
    assert "3 seats: active" in buyer.sees()
    assert buyer.sends("change", subscription=held, plan="team", seats="5").status_code == 303
    assert "5 seats: active" in buyer.sees()
    buyer.tally.invoices.run()
    totals = {str(each.invoice.total) for each in buyer.tally.invoices.list(customer=YOU)}
    assert totals == {"36.00 USD", "24.00 USD"}  # two more for the whole month, to the second


def test_an_upgrade_is_billed_at_once_and_a_downgrade_waits(buyer: Buyer) -> None:
    held = buyer.bought("pro")
    buyer.sends("change", subscription=held, plan="max")
    assert buyer.has() == [("max@1", "active")]
    buyer.tally.invoices.run()
    assert len(buyer.tally.invoices.list(customer=YOU)) == 2
    buyer.sends("change", subscription=held, plan="pro")
    assert buyer.has() == [("max@1", "active")]
    assert "changes to Pro at" in buyer.sees()


def test_it_is_canceled_and_kept(buyer: Buyer) -> None:
    held = buyer.bought("pro")
    assert buyer.sends("cancel", subscription=held).headers["location"] == "/dev"
    assert "cancels at" in buyer.sees()
    buyer.sends("keep", subscription=held)
    assert "renews at" in buyer.sees()
    assert buyer.sends("keep", subscription=held).status_code == 409


def test_a_month_later_the_next_invoice_is_due(buyer: Buyer) -> None:
    buyer.bought("pro")
    assert buyer.sends("later").headers["location"] == "/dev/back"
    assert "refresh" in buyer.sees("/dev/back")
    buyer.tally.invoices.run()
    assert len(buyer.tally.invoices.list(customer=YOU)) == 2


def test_the_page_at_the_provider(buyer: Buyer) -> None:
    assert "Your page at the provider" not in buyer.sees()
    assert buyer.sends("portal").status_code == 409
    buyer.bought("pro")
    assert "Your page at the provider" in buyer.sees()
    address = buyer.sends("portal").headers["location"]
    assert address.startswith(f"{buyer.fake.account.site}/portal/")


def test_what_the_kept_card_does_not_pay_can_be_paid_on_a_page(buyer: Buyer) -> None:
    buyer.tally.customers.update(YOU, provider="stripe")
    address = buyer.sends("buy", plan="pro").headers["location"]
    buyer.pays(address, "pm_card_authenticationRequired")
    assert "<strong>Paid.</strong>" in buyer.sees("/dev/back")
    (held,) = buyer.tally.subscriptions.list(customer=YOU)
    buyer.sends("change", subscription=held.id, plan="max")
    assert "refresh" in buyer.sees("/dev/back")
    buyer.tally.invoices.run()
    assert "70.00 USD left to pay, not asked for yet" in buyer.sees()
    buyer.tally.payments.run()
    page = buyer.sees("/dev/back")
    assert "refresh" not in page
    assert "70.00 USD left to pay, waiting" in page
    (address,) = re.findall('<a href="([^"]+)">Pay it</a>', page)
    buyer.pays(address)
    (intent,) = buyer.tally.payments.list(customer=YOU, state="waiting")
    buyer.tally.payments.run(at=intent.next_at)
    assert "left to pay" not in buyer.sees()


def test_two_pages_for_one_plan_sell_one(buyer: Buyer) -> None:
    first = buyer.sends("buy", plan="pro").headers["location"]
    second = buyer.sends("buy", plan="max").headers["location"]
    with pytest.raises(Refused, match="expired"):
        buyer.pays(first)
    buyer.pays(second)
    assert "<strong>Paid.</strong>" in buyer.sees("/dev/back")
    assert buyer.has() == [("max@1", "active")]


def test_its_invoices_can_be_opened_and_explained(buyer: Buyer) -> None:
    buyer.bought("pro")
    assert '<a href="/invoices/you/INV-000001/explained"' in buyer.sees()
    assert "29.00 USD" in buyer.sees("/invoices/you/INV-000001/explained")
    assert "INV-000001" in buyer.sees("/invoices/you/INV-000001")

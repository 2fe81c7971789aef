"""Subscriptions and invoices of the fake Stripe in the time of a test clock, through the SDK."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tests.testing.fake_stripe.raw import raw
from tests.testing.fake_stripe.shapes import misfits

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe import FakeStripe

DAY = 86_400


def day(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


class Shop:
    """A customer with a card in a test clock, and prices to subscribe to."""

    def __init__(self, client: Any, start: str, card: str | None = "pm_card_visa") -> None:
        self.v1: Any = client.v1
        self.clock = self.v1.test_helpers.test_clocks.create({"frozen_time": day(start)}).id
        self.customer = self.v1.customers.create({"test_clock": self.clock}).id
        if card is not None:
            self.pay_with(card)
        self.product = self.v1.products.create({"name": "Zovi"}).id

    def pay_with(self, card: str) -> None:
        method = self.v1.payment_methods.attach(card, {"customer": self.customer}).id
        self.v1.customers.update(
            self.customer, {"invoice_settings": {"default_payment_method": method}}
        )

    def price(self, amount: int, interval: Any = "month", **more: Any) -> str:
        recurring = {"interval": interval, **more}
        params: Any = {"product": self.product, "currency": "usd", "unit_amount": amount}
        return str(self.v1.prices.create({**params, "recurring": recurring}).id)

    def subscribe(self, *prices: str, **more: Any) -> Any:
        items: Any = [{"price": price} for price in prices]
        return self.v1.subscriptions.create({"customer": self.customer, "items": items, **more})

    def until(self, text: str) -> None:
        answered = self.v1.test_helpers.test_clocks.advance(self.clock, {"frozen_time": day(text)})
        assert answered.status == "advancing"
        assert self.v1.test_helpers.test_clocks.retrieve(self.clock).status == "ready"

    def invoices(self) -> Any:
        return self.v1.invoices.list({"customer": self.customer, "limit": 100}).data[::-1]

    def again(self, subscription: Any) -> Any:
        return self.v1.subscriptions.retrieve(subscription.id)


def period(subscription: Any) -> tuple[int, int]:
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def item_of(subscription: Any) -> str:
    return str(subscription["items"]["data"][0]["id"])


# --- the periods --------------------------------------------------------------------------------


def test_a_subscription_is_paid_and_has_the_shape_of_the_sdk(client: Any) -> None:
    shop = Shop(client, "2026-01-31")
    started = shop.subscribe(
        shop.price(1000), metadata={"ours": "1"}, expand=["latest_invoice.payments"]
    )
    answer = raw(started)
    assert misfits(answer) == []
    assert started.status == "active"
    assert misfits(answer["latest_invoice"]) == []
    assert (answer["latest_invoice"]["status"], answer["latest_invoice"]["amount_paid"]) == (
        "paid",
        1000,
    )
    details = answer["latest_invoice"]["parent"]["subscription_details"]
    assert details == {"metadata": {"ours": "1"}, "subscription": started.id}
    (payment,) = answer["latest_invoice"]["payments"]["data"]
    assert client.v1.payment_intents.retrieve(payment["payment"]["payment_intent"]).amount == 1000


def test_a_short_month_ends_on_its_last_day_and_the_day_comes_back(client: Any) -> None:
    shop = Shop(client, "2026-01-31")
    subscription = shop.subscribe(shop.price(1000))
    assert period(subscription) == (day("2026-01-31"), day("2026-02-28"))
    shop.until("2026-03-01")
    assert period(shop.again(subscription)) == (day("2026-02-28"), day("2026-03-31"))
    assert [i.total for i in shop.invoices()] == [1000, 1000]


def test_a_quarter_is_three_months(client: Any) -> None:
    shop = Shop(client, "2026-01-15")
    subscription = shop.subscribe(shop.price(2499, "month", interval_count=3))
    assert period(subscription) == (day("2026-01-15"), day("2026-04-15"))
    shop.until("2026-11-01")
    assert len(shop.invoices()) == 4


def test_a_renewal_is_a_draft_for_an_hour(client: Any) -> None:
    shop = Shop(client, "2026-01-01")
    shop.subscribe(shop.price(1000))
    shop.until("2026-02-01T00:30:00")
    assert shop.invoices()[-1].status == "draft"
    shop.until("2026-02-01T01:00:00")
    assert (shop.invoices()[-1].status, shop.invoices()[-1].billing_reason) == (
        "paid",
        "subscription_cycle",
    )


# --- trials -------------------------------------------------------------------------------------


def test_a_trial_becomes_paid(client: Any, fake: FakeStripe) -> None:
    shop = Shop(client, "2026-01-01")
    trial = shop.subscribe(shop.price(1000), trial_period_days=14)
    assert misfits(raw(trial)) == []
    assert (trial.status, trial.trial_end) == ("trialing", day("2026-01-15"))
    assert [i.total for i in shop.invoices()] == [0]
    shop.until("2026-01-16")
    assert shop.again(trial).status == "active"
    assert period(shop.again(trial)) == (day("2026-01-15"), day("2026-02-15"))
    assert [i.total for i in shop.invoices()] == [0, 1000]
    kinds = [event["type"] for event in fake.account.of("event").values()]
    assert kinds.count("customer.subscription.trial_will_end") == 1


@pytest.mark.parametrize(
    ("behavior", "status"),
    [("cancel", "canceled"), ("pause", "paused"), ("create_invoice", "past_due")],
)
def test_a_trial_without_a_card_ends_as_it_was_told_to(
    client: Any, behavior: str, status: str
) -> None:
    shop = Shop(client, "2026-01-01", card=None)
    settings = {"end_behavior": {"missing_payment_method": behavior}}
    trial = shop.subscribe(shop.price(1000), trial_period_days=7, trial_settings=settings)
    shop.until("2026-01-09")
    assert shop.again(trial).status == status
    if behavior == "pause":
        shop.pay_with("pm_card_visa")
        assert client.v1.subscriptions.resume(trial.id).status == "active"
        assert shop.invoices()[-1].amount_paid == 1000


# --- changes ------------------------------------------------------------------------------------


def test_an_upgrade_at_half_time_gives_back_half_and_charges_half(client: Any) -> None:
    """Ten to twenty dollars in the middle of a month of thirty days: -5.00 and 10.00 (Stripe)."""
    shop = Shop(client, "2026-04-01")
    subscription = shop.subscribe(shop.price(1000))
    dear = shop.price(2000)
    shop.until("2026-04-16")
    change: Any = {"items": [{"id": item_of(subscription), "price": dear}]}
    preview = client.v1.invoices.create_preview(
        {
            "subscription": subscription.id,
            "subscription_details": {**change, "proration_behavior": "always_invoice"},
        }
    )
    assert misfits(raw(preview)) == []
    assert [line.amount for line in preview.lines.data] == [-500, 1000]
    client.v1.subscriptions.update(
        subscription.id, {**change, "proration_behavior": "always_invoice"}
    )
    invoice = shop.invoices()[-1]
    assert misfits(raw(client.v1.invoices.retrieve(invoice.id))) == []
    assert (invoice.total, invoice.billing_reason, invoice.status) == (
        500,
        "subscription_update",
        "paid",
    )
    shop.until("2026-05-02")
    assert shop.invoices()[-1].total == 2000


def test_a_first_invoice_is_previewed_for_the_second_that_it_begins(client: Any) -> None:
    """With what is paid once on it; nothing is stored, and no time that has passed is taken."""
    shop = Shop(client, "2026-04-01")
    price, product = shop.price(1000), client.v1.products.create({"name": "Set-up"}).id
    once = {"product": product, "currency": "usd", "unit_amount": 700}
    fee = client.v1.prices.create(once).id
    made = client.v1.customers.create({}).id
    begins = client.v1.customers.retrieve(made).created + 3600
    asked: Any = {
        "customer": made,
        "invoice_items": [{"price": fee, "quantity": 1}],
        "subscription_details": {"items": [{"price": price}], "start_date": begins},
    }
    preview = client.v1.invoices.create_preview(asked)
    assert misfits(raw(preview)) == []
    assert [line.amount for line in preview.lines.data] == [1000, 700]
    assert (preview.amount_due, preview.created) == (1700, begins)
    assert not client.v1.subscriptions.list({"customer": made}).data
    past = {**asked, "subscription_details": {"items": [{"price": price}], "start_date": 1}}
    with pytest.raises(stripe.APIError, match="previews of what began before"):
        client.v1.invoices.create_preview(past)


def test_prorations_wait_for_the_next_invoice(client: Any) -> None:
    shop = Shop(client, "2026-04-01")
    subscription = shop.subscribe(shop.price(1000))
    shop.until("2026-04-16")
    client.v1.subscriptions.update(
        subscription.id, {"items": [{"id": item_of(subscription), "quantity": 3}]}
    )
    assert len(shop.invoices()) == 1
    upcoming = client.v1.invoices.create_preview({"subscription": subscription.id})
    assert [line.amount for line in upcoming.lines.data] == [-500, 1500, 3000]
    assert len(shop.invoices()) == 1
    shop.until("2026-05-02")
    assert [line.amount for line in shop.invoices()[-1].lines.data] == [-500, 1500, 3000]


def test_a_downgrade_leaves_a_balance_that_the_next_invoices_use(client: Any) -> None:
    shop = Shop(client, "2026-04-01")
    subscription = shop.subscribe(shop.price(3000))
    cheap = shop.price(500)
    shop.until("2026-04-16")
    client.v1.subscriptions.update(
        subscription.id,
        {
            "items": [{"id": item_of(subscription), "price": cheap}],
            "proration_behavior": "always_invoice",
        },
    )
    assert (shop.invoices()[-1].total, shop.invoices()[-1].amount_due) == (-1250, 0)
    assert client.v1.customers.retrieve(shop.customer).balance == -1250
    shop.until("2026-06-02")
    assert [i.amount_due for i in shop.invoices()[-2:]] == [0, 0]
    assert client.v1.customers.retrieve(shop.customer).balance == -250


def test_another_interval_begins_a_new_period_at_once(client: Any) -> None:
    shop = Shop(client, "2026-04-01")
    subscription = shop.subscribe(shop.price(1000))
    yearly = shop.price(10_000, "year")
    shop.until("2026-04-16")
    client.v1.subscriptions.update(
        subscription.id, {"items": [{"id": item_of(subscription), "price": yearly}]}
    )
    assert period(shop.again(subscription)) == (day("2026-04-16"), day("2027-04-16"))
    assert [line.amount for line in shop.invoices()[-1].lines.data] == [-500, 10_000]


def test_no_proration_where_none_is_wanted(client: Any) -> None:
    shop = Shop(client, "2026-04-01")
    subscription = shop.subscribe(shop.price(1000))
    shop.until("2026-04-16")
    client.v1.subscriptions.update(
        subscription.id,
        {
            "items": [{"id": item_of(subscription), "quantity": 2}],
            "proration_behavior": "none",
        },
    )
    shop.until("2026-05-02")
    assert [line.amount for line in shop.invoices()[-1].lines.data] == [2000]


# --- ends, pauses, failures ---------------------------------------------------------------------


def test_a_subscription_ends_with_its_period_or_at_once(client: Any) -> None:
    shop = Shop(client, "2026-01-01")
    first, second = shop.subscribe(shop.price(1000)), shop.subscribe(shop.price(500))
    client.v1.subscriptions.update(first.id, {"cancel_at_period_end": True})
    assert client.v1.subscriptions.cancel(second.id).status == "canceled"
    assert shop.again(first).status == "active"
    shop.until("2026-02-02")
    ended = shop.again(first)
    assert (ended.status, ended.ended_at) == ("canceled", day("2026-02-01"))
    assert [i.total for i in shop.invoices()] == [1000, 500]
    listed = client.v1.subscriptions.list({"customer": shop.customer})
    assert listed.data == []
    everything = client.v1.subscriptions.list({"customer": shop.customer, "status": "all"})
    assert len(everything.data) == 2
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.subscriptions.update(first.id, {"cancel_at_period_end": False})


@pytest.mark.parametrize(
    ("behavior", "status"),
    [("void", "void"), ("mark_uncollectible", "uncollectible"), ("keep_as_draft", "draft")],
)
def test_a_pause_of_collection(client: Any, behavior: Any, status: str) -> None:
    shop = Shop(client, "2026-01-01")
    subscription = shop.subscribe(shop.price(1000))
    client.v1.subscriptions.update(
        subscription.id,
        {"pause_collection": {"behavior": behavior, "resumes_at": day("2026-02-15")}},
    )
    shop.until("2026-02-02")
    assert shop.invoices()[-1].status == status
    shop.until("2026-03-02")
    assert shop.again(subscription).pause_collection is None
    assert (shop.invoices()[-1].status, len(shop.invoices())) == ("paid", 3)


def test_a_first_payment_that_fails_leaves_an_incomplete_one_that_expires(
    client: Any,
) -> None:
    shop = Shop(client, "2026-01-01", "pm_card_chargeCustomerFail")
    subscription = shop.subscribe(shop.price(1000))
    assert subscription.status == "incomplete"
    with pytest.raises(stripe.CardError):
        shop.subscribe(shop.price(500), payment_behavior="error_if_incomplete")
    shop.until("2026-01-02")
    assert shop.again(subscription).status == "incomplete_expired"
    assert len(client.v1.subscriptions.list({"customer": shop.customer, "status": "all"}).data) == 1


def test_a_failed_renewal_is_asked_for_again_until_it_is_paid(client: Any) -> None:
    shop = Shop(client, "2026-01-01")
    subscription = shop.subscribe(shop.price(1000))
    shop.pay_with("pm_card_chargeCustomerFail")
    shop.until("2026-02-02")
    assert shop.again(subscription).status == "past_due"
    assert shop.invoices()[-1].next_payment_attempt == day("2026-02-04T01:00:00")
    shop.pay_with("pm_card_visa")
    shop.until("2026-02-05")
    assert shop.again(subscription).status == "active"
    assert (shop.invoices()[-1].status, shop.invoices()[-1].attempt_count) == ("paid", 2)


def test_a_renewal_that_is_never_paid_ends_the_subscription(client: Any) -> None:
    shop = Shop(client, "2026-01-01")
    subscription = shop.subscribe(shop.price(1000))
    shop.pay_with("pm_card_chargeCustomerFail")
    shop.until("2026-02-28")
    ended = shop.again(subscription)
    assert ended.status == "canceled"
    assert ended.cancellation_details is not None
    assert ended.cancellation_details.reason == "payment_failed"


def test_no_subscription_without_a_way_to_pay(client: Any, fake: FakeStripe) -> None:
    shop = Shop(client, "2026-01-01", card=None)
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        shop.subscribe(shop.price(1000))
    assert fake.account.of("subscription") == {}
    assert fake.account.of("invoice") == {}


# --- usage, coupons, refusals -------------------------------------------------------------------


def test_usage_is_billed_at_the_end_of_its_period(client: Any) -> None:
    shop = Shop(client, "2026-01-01")
    meter = client.v1.billing.meters.create(
        {"display_name": "Calls", "event_name": "call", "default_aggregation": {"formula": "sum"}}
    )
    calls = client.v1.prices.create(
        {
            "product": shop.product,
            "currency": "usd",
            "billing_scheme": "tiered",
            "tiers_mode": "graduated",
            "tiers": [{"up_to": 10, "unit_amount": 100}, {"up_to": "inf", "unit_amount": 50}],
            "recurring": {"interval": "month", "usage_type": "metered", "meter": meter.id},
        }
    ).id
    subscription = shop.subscribe(shop.price(1000), calls)
    with pytest.raises(stripe.InvalidRequestError, match="no quantity"):
        client.v1.subscriptions.update(
            subscription.id,
            {"items": [{"id": subscription["items"]["data"][1]["id"], "quantity": 2}]},
        )
    assert "quantity" not in raw(subscription)["items"]["data"][1]
    for identifier, value in (("a", "8"), ("b", "4")):
        client.v1.billing.meter_events.create(
            {
                "event_name": "call",
                "identifier": identifier,
                "payload": {"stripe_customer_id": shop.customer, "value": value},
            }
        )
    shop.until("2026-02-02")
    assert [line.amount for line in shop.invoices()[-1].lines.data] == [1100, 1000]
    shop.until("2026-03-02")
    assert [line.amount for line in shop.invoices()[-1].lines.data] == [0, 1000]


def test_an_invoice_shows_its_first_ten_lines_and_lists_all(client: Any) -> None:
    shop = Shop(client, "2026-01-01")
    shop.subscribe(*(shop.price(100 + number) for number in range(12)))
    (invoice,) = shop.invoices()
    assert (len(invoice.lines.data), invoice.lines.has_more, invoice.total) == (10, True, 1266)
    (listed,) = client.v1.invoices.list({"expand": ["data.lines.data.discounts"]}).data
    assert (len(listed.lines.data), listed.lines.has_more) == (10, True)
    found = client.v1.invoices.line_items.list(invoice.id, {"limit": 5}).auto_paging_iter()
    assert [line.amount for line in found] == [100 + number for number in range(12)]


def test_usage_in_a_trial_is_not_charged(client: Any) -> None:
    shop = Shop(client, "2026-01-01")
    meter = client.v1.billing.meters.create(
        {"display_name": "Calls", "event_name": "call", "default_aggregation": {"formula": "sum"}}
    )
    recurring = {"interval": "month", "usage_type": "metered", "meter": meter.id}
    product = {"product": shop.product, "currency": "usd", "unit_amount": 100}
    calls = client.v1.prices.create({**product, "recurring": recurring}).id
    shop.subscribe(shop.price(1000), calls, trial_period_days=14)
    payload = {"stripe_customer_id": shop.customer, "value": "5"}
    client.v1.billing.meter_events.create({"event_name": "call", "payload": payload})
    shop.until("2026-01-16")
    assert [line.amount for line in shop.invoices()[-1].lines.data] == [1000]
    payload = {"stripe_customer_id": shop.customer, "value": "2"}
    client.v1.billing.meter_events.create({"event_name": "call", "payload": payload})
    shop.until("2026-02-16")
    assert [line.amount for line in shop.invoices()[-1].lines.data] == [200, 1000]


@pytest.mark.parametrize(
    ("coupon", "totals"),
    [
        ({"percent_off": 50, "duration": "once"}, [500, 1000, 1000, 1000]),
        (
            {"percent_off": 25, "duration": "repeating", "duration_in_months": 2},
            [750, 750, 1000, 1000],
        ),
        ({"amount_off": 300, "currency": "usd", "duration": "forever"}, [700, 700, 700, 700]),
        ({"percent_off": 100, "duration": "once"}, [0, 1000, 1000, 1000]),
    ],
    ids=str,
)
def test_a_coupon_lasts_as_long_as_it_says(client: Any, coupon: Any, totals: list[int]) -> None:
    shop = Shop(client, "2026-01-01")
    price = shop.price(1000)
    made = client.v1.coupons.create({**coupon, "id": "Q", "max_redemptions": 1})
    preview = client.v1.invoices.create_preview(
        {
            "customer": shop.customer,
            "subscription_details": {"items": [{"price": price}]},
            "discounts": [{"coupon": "Q"}],
        }
    )
    assert preview.total == totals[0]
    assert client.v1.coupons.retrieve(made.id).times_redeemed == 0
    subscription = shop.subscribe(price, discounts=[{"coupon": "Q"}], expand=["discounts"])
    assert misfits(raw(subscription)["discounts"][0]) == []
    shop.until("2026-04-02")
    assert [i.total for i in shop.invoices()] == totals
    with pytest.raises(stripe.InvalidRequestError, match="expired"):
        shop.subscribe(price, discounts=[{"coupon": "Q"}])


@pytest.mark.parametrize(
    "params",
    [
        {"items": []},
        {"items": [{"price": "price_gone"}]},
        {"items": [{"price": "P", "quantity": -1}]},
        {"items": [{"price": "P"}, {"price": "P"}]},
        {"items": [{"price": "P"}], "customer": "cus_gone"},
        {"items": [{"price": "P"}], "trial_end": 5},
        {"items": [{"price": "P"}], "trial_period_days": 731},
        {"items": [{"price": "P"}], "days_until_due": 5},
        {"items": [{"price": "P"}], "default_payment_method": "pm_gone"},
        {"items": [{"price": "P"}], "discounts": [{"coupon": "gone"}]},
        {"items": [{"price": "P"}], "colour": "red"},
    ],
    ids=str,
)
def test_a_subscription_that_stripe_does_not_take_is_refused(
    client: Any, fake: FakeStripe, params: Any
) -> None:
    shop = Shop(client, "2026-01-01")
    price = shop.price(1000)
    for item in params["items"]:
        item["price"] = price if item["price"] == "P" else item["price"]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.subscriptions.create({"customer": shop.customer, **params})
    assert fake.account.of("subscription") == {}


def test_an_archived_price_is_no_longer_sold(client: Any) -> None:
    shop = Shop(client, "2026-01-01")
    price = shop.price(1000)
    client.v1.prices.update(price, {"active": False})
    with pytest.raises(stripe.InvalidRequestError, match="inactive"):
        shop.subscribe(price)


# --- invoices of one's own ----------------------------------------------------------------------


def test_an_invoice_of_ones_own_is_drafted_finalized_and_paid(client: Any) -> None:
    shop = Shop(client, "2026-01-01")
    invoice = client.v1.invoices.create(
        {"customer": shop.customer, "metadata": {"ours": "inv_1"}, "currency": "usd"}
    )
    item = client.v1.invoice_items.create(
        {"customer": shop.customer, "invoice": invoice.id, "amount": 1234, "currency": "usd"}
    )
    assert misfits(raw(item)) == []
    assert client.v1.invoices.finalize_invoice(invoice.id).status == "open"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.finalize_invoice(invoice.id)
    done = client.v1.invoices.pay(invoice.id, {"expand": ["payments"]})
    assert misfits(raw(done)) == []
    assert (done.status, done.amount_paid, done.amount_remaining) == ("paid", 1234, 0)
    with pytest.raises(stripe.InvalidRequestError, match="already paid"):
        client.v1.invoices.pay(invoice.id)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.void_invoice(invoice.id)


def test_a_declined_invoice_stays_open_and_can_be_voided(client: Any) -> None:
    shop = Shop(client, "2026-01-01", "pm_card_chargeCustomerFail")
    client.v1.invoice_items.create({"customer": shop.customer, "amount": 900, "currency": "usd"})
    invoice = client.v1.invoices.create(
        {"customer": shop.customer, "pending_invoice_items_behavior": "include"}
    )
    assert invoice.total == 900
    with pytest.raises(stripe.CardError):
        client.v1.invoices.pay(invoice.id)
    again = client.v1.invoices.retrieve(invoice.id)
    assert (again.status, again.attempt_count) == ("open", 1)
    assert client.v1.invoices.void_invoice(invoice.id).status == "void"

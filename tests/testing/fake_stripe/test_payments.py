"""Customers, cards, payments and refunds of the fake Stripe, through the official SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
import stripe

from tallystick.testing.fake_stripe.refusal import Refused
from tests.testing.fake_stripe.raw import raw
from tests.testing.fake_stripe.shapes import misfits

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe import FakeStripe


def pay(client: Any, card: str, **params: Any) -> Any:
    return client.v1.payment_intents.create(
        {"amount": 2000, "currency": "usd", "payment_method": card, "confirm": True, **params}
    )


def test_a_customer_with_a_card(client: Any) -> None:
    customer = client.v1.customers.create({"email": "a@example.com", "metadata": {"ours": "acme"}})
    assert misfits(raw(customer)) == []
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    assert misfits(raw(method)) == []
    assert method.card is not None
    assert method.card.last4 == "4242"
    changed = client.v1.customers.update(
        customer.id, {"invoice_settings": {"default_payment_method": method.id}, "name": "Acme"}
    )
    assert changed.invoice_settings is not None
    assert changed.invoice_settings.default_payment_method == method.id
    listed = client.v1.customers.payment_methods.list(customer.id)
    assert [m.id for m in listed.data] == [method.id]
    found = client.v1.customers.search({"query": 'metadata["ours"]:"acme"'})
    assert [c.id for c in found.data] == [customer.id]
    client.v1.payment_methods.detach(method.id)
    alone = client.v1.customers.retrieve(customer.id)
    assert alone.invoice_settings is not None
    assert alone.invoice_settings.default_payment_method is None


def test_a_card_of_another_customer_is_refused(client: Any) -> None:
    one, two = (client.v1.customers.create({}).id for _ in range(2))
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": one}).id
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_methods.attach(method, {"customer": two})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.update(two, {"invoice_settings": {"default_payment_method": method}})
    with pytest.raises(stripe.InvalidRequestError):
        pay(client, method, customer=two)


def test_a_payment_is_taken(client: Any) -> None:
    intent = pay(client, "pm_card_visa", expand=["latest_charge"])
    assert misfits(raw(intent)) == []
    assert (intent.status, intent.amount_received) == ("succeeded", 2000)
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert misfits(raw(intent)["latest_charge"]) == []
    with pytest.raises(stripe.InvalidRequestError, match="succeeded"):
        client.v1.payment_intents.confirm(intent.id)
    with pytest.raises(stripe.InvalidRequestError, match="succeeded"):
        client.v1.payment_intents.cancel(intent.id)


@pytest.mark.parametrize(
    ("card", "code", "decline"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
    ],
)
def test_each_card_is_declined_in_its_way(
    client: Any, fake: FakeStripe, card: str, code: str, decline: str
) -> None:
    with pytest.raises(stripe.CardError) as caught:
        pay(client, card)
    assert caught.value.http_status == 402
    assert (caught.value.code, cast("Any", caught.value.error).decline_code) == (code, decline)
    (intent,) = fake.account.of("payment_intent").values()
    assert misfits(intent) == []
    assert intent["status"] == "requires_payment_method"
    recovered = client.v1.payment_intents.confirm(intent["id"], {"payment_method": "pm_card_visa"})
    assert recovered.status == "succeeded"
    assert [c["status"] for c in fake.account.of("charge").values()] == ["failed", "succeeded"]


def test_a_declined_card_cannot_be_kept_but_one_can_that_fails_later(client: Any) -> None:
    customer = client.v1.customers.create({}).id
    with pytest.raises(stripe.CardError):
        client.v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": customer})
    kept = client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    assert kept.customer == customer


def test_a_card_that_asks_its_holder(client: Any) -> None:
    assert pay(client, "pm_card_authenticationRequired").status == "requires_action"
    with pytest.raises(stripe.CardError) as caught:
        pay(client, "pm_card_authenticationRequired", off_session=True)
    assert caught.value.code == "authentication_required"


def test_a_disputed_charge(client: Any, fake: FakeStripe) -> None:
    intent = pay(client, "pm_card_createDispute")
    (dispute,) = fake.account.of("dispute").values()
    assert dispute["payment_intent"] == intent.id
    kinds = [event["type"] for event in fake.account.of("event").values()]
    assert kinds[-1] == "charge.dispute.created"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert caught.value.code == "charge_disputed"


@pytest.mark.parametrize("amount", [0, -5, 49, 100_000_000])
def test_an_amount_that_stripe_does_not_take(client: Any, amount: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.create({"amount": amount, "currency": "usd"})
    assert caught.value.param == "amount"


def test_refunds_never_give_back_more_than_was_taken(client: Any) -> None:
    intent = pay(client, "pm_card_visa").id
    refund = client.v1.refunds.create({"payment_intent": intent, "amount": 500})
    assert misfits(raw(refund)) == []
    for amount in (0, -1, 1501):
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.refunds.create({"payment_intent": intent, "amount": amount})
    assert client.v1.refunds.create({"payment_intent": intent}).amount == 1500
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": intent})
    assert caught.value.code == "charge_already_refunded"
    charge = client.v1.charges.list({"payment_intent": intent}).data[0]
    assert misfits(raw(client.v1.charges.retrieve(charge.id))) == []
    assert (charge.amount_refunded, charge.refunded) == (2000, True)
    assert [r.amount for r in client.v1.refunds.list({"payment_intent": intent}).data] == [
        1500,
        500,
    ]


def test_a_payment_that_failed_has_nothing_to_give_back(client: Any) -> None:
    with pytest.raises(stripe.CardError) as caught:
        pay(client, "pm_card_chargeCustomerFail")
    intent = cast("Any", caught.value.error).payment_intent
    assert intent is not None
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"payment_intent": intent.id})


def test_usage_is_counted_once_per_identifier(client: Any, fake: FakeStripe) -> None:
    meter = client.v1.billing.meters.create(
        {"display_name": "Calls", "event_name": "call", "default_aggregation": {"formula": "sum"}}
    )
    customer = client.v1.customers.create({}).id
    sent: Any = {
        "event_name": "call",
        "identifier": "window-1",
        "payload": {"stripe_customer_id": customer, "value": "2.5"},
    }
    assert misfits(raw(client.v1.billing.meter_events.create(sent))) == []
    with pytest.raises(stripe.InvalidRequestError, match="identifier"):
        client.v1.billing.meter_events.create(sent)
    client.v1.billing.meter_events.create({**sent, "identifier": "window-2"})
    now = fake.account.now() // 60 * 60
    summary = client.v1.billing.meters.event_summaries.list(
        meter.id, {"customer": customer, "start_time": now - 3600, "end_time": now + 3600}
    )
    assert [s.aggregated_value for s in summary.data] == [5.0]


@pytest.mark.parametrize(
    "change",
    [
        {"event_name": "other"},
        {"identifier": "i" * 101},
        {"timestamp": 1},
        {"timestamp": 4_000_000_000},
        {"payload": {"value": "1"}},
        {"payload": {"stripe_customer_id": "cus_gone", "value": "1"}},
        {"payload": {"stripe_customer_id": None, "value": "1e5"}},
        {"payload": {"stripe_customer_id": None, "value": "NaN"}},
    ],
    ids=str,
)
def test_a_meter_event_that_cannot_count_is_refused(client: Any, change: Any) -> None:
    client.v1.billing.meters.create(
        {"display_name": "Calls", "event_name": "call", "default_aggregation": {"formula": "sum"}}
    )
    customer = client.v1.customers.create({}).id
    sent = {"event_name": "call", "payload": {"stripe_customer_id": None, "value": "1"}, **change}
    if sent["payload"].get("stripe_customer_id", "") is None:
        sent["payload"] = {**sent["payload"], "stripe_customer_id": customer}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.billing.meter_events.create(sent)


# --- what is undone later -------------------------------------------------------------------------


def test_a_refund_that_comes_back_can_be_made_again(client: Any, fake: FakeStripe) -> None:
    intent = pay(client, "pm_card_visa")
    first = client.v1.refunds.create({"payment_intent": intent.id})
    fake.settle(first.id)
    assert client.v1.refunds.retrieve(first.id).status == "succeeded"
    fake.settle(first.id, arrives=False)
    failed = client.v1.refunds.retrieve(first.id)
    assert (failed.status, failed.failure_reason) == ("failed", "lost_or_stolen_card")
    assert misfits(fake.account.of("refund")[first.id]) == []
    (charge,) = fake.account.of("charge").values()
    assert (charge["amount_refunded"], charge["refunded"]) == (0, False)
    kinds = [event["type"] for event in fake.account.of("event").values()]
    assert kinds[-2:] == ["refund.updated", "refund.failed"]
    assert client.v1.refunds.create({"payment_intent": intent.id}).amount == intent.amount
    with pytest.raises(Refused, match="already"):
        fake.settle(first.id, arrives=False)


@pytest.mark.parametrize(
    ("text", "status", "kind"),
    [
        ("winning_evidence", "won", "charge.dispute.closed"),
        ("losing_evidence", "lost", "charge.dispute.closed"),
        ("We sent it.", "under_review", "charge.dispute.updated"),
    ],
)
def test_evidence_decides_a_dispute(
    client: Any, fake: FakeStripe, text: str, status: str, kind: str
) -> None:
    pay(client, "pm_card_createDispute")
    (dispute,) = fake.account.of("dispute")
    evidence = {"uncategorized_text": text}
    draft = client.v1.disputes.update(dispute, {"evidence": evidence, "submit": False})
    assert draft.status == "needs_response"
    assert client.v1.disputes.update(dispute, {"evidence": evidence}).status == status
    kinds = [event["type"] for event in fake.account.of("event").values()]
    assert kinds[-1] == kind

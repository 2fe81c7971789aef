"""How states of Stripe's objects are told apart: the same in an event and in an answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tallystick.core.inbox import Seen, Told
from tallystick.providers.stripe.marks import KINDS, moved, seen_of, told_of
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, talking_to
from tests.stripe_payments import endpoint

AT = datetime(2026, 10, 1, tzinfo=UTC)


def test_an_event_and_an_answer_have_one_mark() -> None:
    fake = FakeStripe(FrozenClock(AT))
    with talking_to(fake) as client:
        endpoint(fake, client)
        product = client.v1.products.create({"name": "Zovi"}).id
        price = client.v1.prices.create(
            {
                "product": product,
                "currency": "usd",
                "unit_amount": 999,
                "recurring": {"interval": "month"},
            }
        ).id
        session = client.v1.checkout.sessions.create(
            {
                "mode": "subscription",
                "line_items": [{"price": price, "quantity": 1}],
                "success_url": "https://shop.example/done",
            }
        )
        fake.pay(session.id)
        events = list(fake.account.of("event").values())
        seen = {
            "checkout.session": client.v1.checkout.sessions.retrieve(session.id).to_dict(),
            "subscription": client.v1.subscriptions.list({}).data[0].to_dict(),
            "invoice": client.v1.invoices.list({}).data[0].to_dict(),
            "payment_intent": client.v1.payment_intents.list({}).data[0].to_dict(),
        }
    last = {each["data"]["object"]["object"]: each for each in events}
    for kind, tree in seen.items():
        event = last[kind]
        told = told_of(AT, kind, event["type"], event["data"], known=True)
        assert (told.mark, told.reach) == (seen_of(kind, tree).mark, seen_of(kind, tree).reach), (
            kind
        )


@pytest.mark.parametrize(
    ("kind", "states"),
    [
        ("payment_intent", ["requires_payment_method", "succeeded"]),
        ("refund", ["pending", "succeeded", "failed"]),
        ("invoice", ["draft", "open", "uncollectible", "paid"]),
        ("subscription", ["incomplete", "canceled"]),
        ("dispute", ["needs_response", "lost"]),
        ("checkout.session", ["open", "complete"]),
    ],
)
def test_the_reach_of_a_later_state_is_further(kind: str, states: list[str]) -> None:
    reaches = [seen_of(kind, {"status": status}).reach for status in states]
    assert reaches == sorted(set(reaches))


def test_a_session_that_is_paid_is_further_than_one_that_waits_for_its_money() -> None:
    complete = {"status": "complete", "payment_status": "unpaid"}
    assert seen_of("checkout.session", complete).reach == 1
    assert seen_of("checkout.session", complete | {"payment_status": "paid"}).reach == 2


def test_a_dispute_that_was_decided_can_be_decided_anew() -> None:
    after = ("lost", "appeal_needs_response", "appeal_under_review", "won", "warning_closed")
    assert {seen_of("dispute", {"status": each}).reach for each in after} == {1}
    assert seen_of("dispute", {"status": "needs_response"}).reach == 0


def test_what_is_given_back_of_a_charge_grows_and_shrinks() -> None:
    found = [seen_of("charge", {"amount_refunded": each}) for each in (0, 400, 1000, None)]
    assert {each.reach for each in found} == {0}, "a refund that fails is none of it any more"
    assert len({each.mark for each in found}) == 4


def test_what_was_before_is_the_object_with_the_former_values_laid_over() -> None:
    data: dict[str, Any] = {
        "object": {"status": "active", "items": {"data": [{"id": "si", "quantity": 3}]}},
        "previous_attributes": {"status": "past_due"},
    }
    told = told_of(AT, "subscription", "customer.subscription.updated", data, known=True)
    was = {**data["object"], "status": "past_due"}
    assert told == Told(
        AT,
        seen_of("subscription", data["object"]).mark,
        before=seen_of("subscription", was).mark,
    )
    data["previous_attributes"] = {"items": {"data": [{"id": "si", "quantity": 2}]}}
    told = told_of(AT, "subscription", "customer.subscription.updated", data, known=True)
    assert told.before != told.mark


def test_an_event_in_another_version_says_only_that_something_changed() -> None:
    data = {"object": {"status": "succeeded"}}
    told = told_of(AT, "payment_intent", "payment_intent.succeeded", data, known=False)
    assert told == Told(AT, None, 1)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_whatever_a_field_holds_it_has_a_mark(kind: str) -> None:
    assert seen_of(kind, {}) == Seen(seen_of(kind, {"more": 1}).mark)
    odd = {"status": ["x"], "items": {"data": "x"}, "customer": {"id": "c", "object": "customer"}}
    assert seen_of(kind, odd).mark
    assert moved(kind, {}) is None

"""Events of subscriptions that Stripe bills: mirrored in any order, or none of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.inbox import SETTLED
from tallystick.providers.stripe.events import StripeEvents
from tests.selling import Selling, selling
from tests.stripe_payments import endpoint, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.testing.fake_stripe import Delivery
    from tests.databases import Database


class Told:
    """A shop that is told of what happens at Stripe."""

    def __init__(self, shop: Selling) -> None:
        self.shop, self.tally = shop, shop.tally
        secret = endpoint(shop.fake, shop.stripe.client)
        shop.tally.event_source = StripeEvents(settings_of(shop.fake, secret))
        self.events = shop.tally.provider_events

    def waiting(self) -> list[Delivery]:
        return [e for e in self.shop.fake.deliveries() if e.kind.startswith("customer.subs")]

    def tell(self, deliveries: list[Delivery]) -> Any:
        for each in deliveries:
            self.events.receive(each.body, each.signature)
        return self.events.run()

    def state(self) -> Any:
        return [
            (each.state, each.plan, each.seats, each.cancel_at)
            for each in self.tally.subscriptions.list(customer="acme")
        ]


@pytest.fixture
def told(database: Database) -> Iterator[Told]:
    with selling(database.url) as shop:
        found = Told(shop)
        yield found
        assert found.tally.verify().ok


def test_what_was_sold_there_is_had_here(told: Told) -> None:
    told.shop.sold("pro", "seat:3")
    assert not told.tally.check("acme", "sso").allowed
    assert told.tell(told.waiting()).applied == 1
    assert told.state() == [("active", "pro@1", 3, None)]
    assert told.tally.check("acme", "sso").allowed


@pytest.mark.parametrize(
    "order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (1, 3, 0, 4, 2), (2, 0, 3, 4, 1)]
)
def test_its_events_in_any_order_end_in_one_state(told: Told, order: tuple[int, ...]) -> None:
    reference = told.shop.sold("pro", "seat:3")
    sent = told.waiting()
    for quantity in (4, 5):
        told.shop.passes(seconds=1)
        (item,) = [
            each["id"]
            for each in told.shop.fake.account.of("subscription")[reference]["items"]["data"]
            if each["quantity"] > 1
        ]
        change: Any = {"items": [{"id": item, "quantity": quantity}]}
        told.shop.v1.subscriptions.update(reference, change)
        sent += told.waiting()
    told.shop.passes(seconds=1)
    told.shop.v1.subscriptions.cancel(reference)
    sent += told.waiting()
    assert len(sent) == 5
    for number in order:
        told.tell([sent[number]])
        told.tell([sent[number]])
    told.shop.clock.advance(SETTLED)
    told.events.run()
    assert told.state() == [("canceled", "pro@1", 5, None)]
    assert not told.events.list(state="set_aside").items


def test_that_of_a_stranger_is_none_of_ours(told: Told) -> None:
    stranger = told.shop.v1.customers.create({}).id
    method = told.shop.v1.payment_methods.attach("pm_card_visa", {"customer": stranger}).id
    told.shop.v1.subscriptions.create(
        {
            "customer": stranger,
            "items": [{"price": told.shop.prices["pro"]}],
            "default_payment_method": method,
        }
    )
    assert told.tell(told.waiting()).ignored == 1
    assert told.state() == []


def test_an_unknown_price_is_set_aside_until_it_is_known(told: Told) -> None:
    lines = told.shop.stripe.lines
    price = told.shop.prices["pro"]
    line = lines.pop(price)
    told.shop.sold("pro")
    assert told.tell(told.waiting()).set_aside == 1
    assert told.state() == []
    event = told.events.list(state="set_aside").items[0]
    lines[price] = line
    told.events.replay(event.id)
    assert told.events.run().applied == 1
    assert [state for state, *_ in told.state()] == ["active"]

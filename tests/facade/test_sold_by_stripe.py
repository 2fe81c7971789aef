"""Sold on a page of Stripe and billed by Stripe, from the checkout to the last event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.facade.billing import usd
from tests.facade.selling_by_stripe import StripeShop, stripe_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database


@pytest.fixture
def shop(database: Database) -> Iterator[StripeShop]:
    with stripe_shop(database.url) as found:
        yield found


def test_a_plan_is_bought_on_a_page_and_had(shop: StripeShop) -> None:
    tally = shop.tally
    opened = shop.open("pro", seats=3, codes=["TEN"])
    assert (opened.state, opened.biller, opened.quoted_by) == ("open", "provider", "provider")
    assert opened.amount == usd("40.50")  # 30 + 3 x 5, less 10 %
    assert opened.subscription is None
    (session,) = shop.sessions()
    assert (session["mode"], session["amount_total"]) == ("subscription", 4050)
    prices = {each["price"]["id"]: each["quantity"] for each in session["line_items"]["data"]}
    there = {line: price.provider_id for line, price in shop.lock.prices.items()}
    assert prices == {there["pro"]: 1, there["seat"]: 3, there["calls"]: None}
    assert tally.checkouts.refresh(opened.id).state == "open"  # the success page, and nobody paid
    assert not tally.subscriptions.list()
    assert not tally.check("acme", "sso").allowed
    shop.pay(opened)
    done = tally.checkouts.refresh(opened.id)
    assert done.state == "complete"
    held = tally.subscriptions.get(done.subscription or "")
    assert (held.biller, held.state, held.plan, held.seats) == ("provider", "active", "pro@1", 3)
    assert held.origin is not None
    assert held.origin.reference == shop.there()[0]["id"] == done.payment
    assert tally.check("acme", "sso").allowed
    assert shop.moved() == 4050
    shop.told()
    assert tally.checkouts.get(opened.id) == done
    assert tally.subscriptions.get(held.id) == held
    assert not tally.provider_events.list(state="set_aside").items

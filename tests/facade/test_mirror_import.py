"""An account that sells already: taken over, held against what it says, and gone on with."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tallystick.errors import OutcomeUnknown
from tallystick.testing.fake_stripe.faults import Fault, Seen
from tests.selling import Selling, selling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database


@pytest.fixture
def shop(database: Database) -> Iterator[Selling]:
    with selling(database.url) as found:
        yield found
        report = found.tally.verify()
        assert report.ok, report


def stranger(shop: Selling, **fields: object) -> str:
    """Make a customer with a card there, whom nobody here knows."""
    customer = str(shop.v1.customers.create(fields).id)
    method = shop.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    shop.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method}})
    return customer


def test_customers_and_subscriptions_are_taken_over_once(shop: Selling) -> None:
    other = stranger(shop, name="Beta", email="b@example.com")
    shop.tally.customers.create("gamma")
    named = stranger(shop, metadata={"tallystick_customer": "gamma"})
    for customer in (other, named):
        shop.sold("pro", "seat:2", customer=customer)
    over = shop.sold("basic")
    shop.v1.subscriptions.cancel(over)
    mirrors = shop.tally.mirrors
    made = mirrors.import_customers()
    assert (made.made, made.known, made.left_out) == (2, 1, ())
    assert shop.tally.customers.get(other).name == "Beta"
    assert shop.tally.customers.get("gamma").provider_id == named
    taken = mirrors.import_subscriptions()
    assert (taken.made, taken.known, taken.left_out) == (3, 0, ())
    held = {each.customer: each for each in shop.tally.subscriptions.list()}
    assert {each.biller for each in held.values()} == {"provider"}
    assert {who: each.state for who, each in held.items()} == {
        "acme": "canceled",
        "gamma": "active",
        other: "active",
    }
    assert shop.tally.check("gamma", "sso").allowed
    assert (mirrors.import_customers().made, mirrors.import_subscriptions().made) == (0, 0)


def test_what_cannot_be_taken_over_is_named_and_stops_nobody(shop: Selling) -> None:
    product = shop.v1.products.create({"name": "By hand"}).id
    lost = shop.sold(shop.price(product, 900), customer=stranger(shop))
    shop.sold("basic")
    shop.tally.mirrors.import_customers()
    done = shop.tally.mirrors.import_subscriptions()
    assert done.made == 1
    assert [reference for reference, _ in done.left_out] == [lost]


def test_an_import_goes_on_where_it_was_cut_off(shop: Selling) -> None:
    for _ in range(120):
        shop.v1.customers.create({})
    shop.fake.account.faults.add(Fault(Seen.CUT, "GET /v1/customers", first=2))
    with pytest.raises(OutcomeUnknown):
        shop.tally.mirrors.import_customers()
    done = shop.tally.mirrors.import_customers()
    assert done.made + done.known == 121
    assert 0 < done.made < 121


def test_drift_is_told_and_taken_over_only_when_asked(shop: Selling) -> None:
    held = shop.mirror(shop.sold("pro", "seat:2"))
    assert held.origin is not None
    mirrors = shop.tally.mirrors
    shop.clock.advance(timedelta(minutes=1))
    assert mirrors.reconcile().drifts == ()
    shop.v1.subscriptions.update(held.origin.reference, {"cancel_at_period_end": True})
    unknown = shop.sold("basic", customer=shop.known("beta"))
    shop.clock.advance(timedelta(minutes=1))
    found = mirrors.reconcile()
    told = {each.reference: each for each in found.drifts}
    assert set(told) == {held.origin.reference, unknown}
    assert [name for name, _, _ in told[held.origin.reference].fields] == ["cancel_at"]
    assert told[unknown].id is None
    assert shop.tally.subscriptions.get(held.id) == held
    shop.clock.advance(timedelta(minutes=1))
    assert mirrors.reconcile(apply=True).left == 0
    assert mirrors.reconcile().drifts == ()
    assert shop.tally.subscriptions.get(held.id).cancel_at is not None


def test_what_stripe_does_not_know_and_what_is_unpaid_is_told(shop: Selling) -> None:
    held = shop.mirror(shop.sold("pro", "seat:2"))
    assert held.origin is not None
    poor = shop.known("poor", "pm_card_chargeCustomerFail")
    shop.mirror(shop.sold("basic", customer=poor))
    del shop.fake.account.of("subscription")[held.origin.reference]
    found = shop.tally.mirrors.reconcile(apply=True)
    (drift,) = found.drifts
    assert (drift.id, drift.why, found.left) == (held.id, "stripe does not know it", 1)
    assert {code: each.minor for code, each in found.unpaid.items()} == {"USD": 1000}

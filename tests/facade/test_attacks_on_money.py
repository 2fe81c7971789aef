"""Who pays nothing, or wants back more than was paid, at Stripe and by changing plans (S17-S20)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from tallystick import Tallystick
from tallystick.app.exploits import BEGIN
from tallystick.core.dialects import read_catalog
from tallystick.core.exploit import Act
from tallystick.errors import Conflict, NotFound
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, talking_to
from tests.exploit_play import Played
from tests.facade.billing import START, catalog
from tests.facade.paying import shop_at
from tests.facade.test_money_back import by_hand, read, refunds
from tests.facade.test_provider_events import FIRST
from tests.facade.test_provider_events import START as OWED
from tests.facade.test_provider_events import Shop as Stripe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database
    from tests.facade.paying import Shop

LATER: Final = START + timedelta(hours=1)
_MONTH: Final = 31 * 24 * 3_600
_LIST: Final = {"small": 10_01, "huge": 1_000_00}


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    with shop_at(database.url) as found:
        yield found


@pytest.fixture
def stripe(database: Database) -> Iterator[Stripe]:
    fake = FakeStripe(FrozenClock(OWED))
    with talking_to(fake) as client:
        found = Stripe(database.url, fake, client)
        with found.tally:
            found.owe()
            yield found


# --- S17 ------------------------------------------------------------------------------------------


def test_s17_a_success_page_that_nobody_paid_for_gives_nothing(shop: Shop) -> None:
    opened = shop.open("pro")
    shop.tally.customers.create("globex")
    for _ in range(3):
        assert shop.tally.checkouts.refresh(opened.id, at=LATER).state == "open"
        shop.tally.checkouts.run(at=LATER)
    with pytest.raises(NotFound):  # somebody else's page is none
        shop.tally.checkouts.refresh(opened.id, customer="globex", at=LATER)
    assert not shop.tally.subscriptions.list()
    assert not shop.tally.invoices.list()
    shop.pay(opened)
    with pytest.raises(NotFound):  # nor is one that was paid
        shop.tally.checkouts.refresh(opened.id, customer="globex", at=LATER)
    assert not shop.tally.subscriptions.list(customer="globex")


# --- S19 ------------------------------------------------------------------------------------------


def test_s19_a_price_that_is_edited_while_the_page_is_open_is_not_charged(shop: Shop) -> None:
    opened = shop.open("basic")
    assert opened.amount.minor == 1000
    shop.tally.publish(catalog(basic="12.00"), author="anna")
    shop.pay(opened)
    done = shop.tally.checkouts.refresh(opened.id, at=LATER)
    assert shop.tally.subscriptions.get(done.subscription or "").plan == "basic@1"
    assert shop.moved() == 1000
    (invoice,) = shop.tally.invoices.list()
    assert (invoice.status, invoice.paid) == ("paid", 1000)


# --- S20 ------------------------------------------------------------------------------------------


def _plan(name: str) -> dict[str, Any]:
    price = {"id": name, "type": "flat", "cost": f"{_LIST[name] // 100}.{_LIST[name] % 100:02}"}
    return {
        "id": name,
        "name": name,
        "interval": "month",
        "interval_count": 1,
        "prices": [price],
    }


@pytest.fixture
def played(database: Database) -> Iterator[Played]:
    plans = [_plan(name) for name in _LIST]
    tree = {"currency": "USD", "products": [{"id": "app", "name": "App", "plans": plans}]}
    with Tallystick(database.url) as ledger:
        ledger.migrate()
        yield Played(ledger.storage, read_catalog(tree, dialect="tallystick"))


def test_s20_down_and_up_a_hundred_times_in_a_minute_gains_nothing(played: Played) -> None:
    """Each change is invoiced and paid, and what stands to the credit is taken out at once."""
    at = BEGIN
    played.take(at, Act(kind="start", plan="huge"))
    at += timedelta(days=10)
    had = _LIST["huge"] * 10 * 24 * 3_600 / _MONTH
    for number in range(100):
        played.clock.set(at)
        plan = ("small", "huge")[number % 2]
        played.tally.subscriptions.change("sub-1", plan=plan, when="now", proration="invoice_now")
        played.bill()
        if number % 5 == 0:
            assert played.cash() >= 0
        at += timedelta(milliseconds=600)
    played.take(at, Act(kind="cancel", timing="now", credit=True))
    kept = played.cash() - played.balance()
    lines = sum(len(each.invoice.lines) for each in played.documents())
    assert kept >= had - lines / 2, "each line is rounded once, by half a cent at most"
    assert all(each.refunded <= each.paid for each in played.documents())
    assert played.tally.verify().ok


def test_s20_negative_proration_and_refunds_never_give_more_than_was_paid(stripe: Stripe) -> None:
    """What a cancellation gave back is on the balance; the dashboard gives back the whole payment.

    The two are not added up: the refund takes the credit along, and there is nothing left.
    """
    tally = stripe.tally
    paid = tally.payments.collect(FIRST, provider="stripe")
    half = OWED + timedelta(days=15)
    tally.subscriptions.cancel("s", when="now", credit=True, at=half)
    tally.invoices.run(at=half + timedelta(days=3))
    (credit,) = tally.invoices.balance("acme")
    assert 0 < credit.minor < 1000
    made = by_hand(stripe)
    read(stripe)
    assert refunds(stripe) == [(1000, made)]
    assert [each.minor for each in tally.invoices.balance("acme")] == [0]
    with pytest.raises(Conflict):
        tally.payments.refund(paid.id)
    with pytest.raises(Conflict):
        tally.invoices.refund(FIRST, "0.01")
    with pytest.raises(Conflict):
        tally.invoices.credit(FIRST)
    document = tally.invoices.get(FIRST)
    assert (document.paid, document.refunded, document.noted) == (1000, 1000, 1000)
    assert tally.verify().ok

"""`tally.checkouts`: what was quoted is paid on a page, once, and becomes a subscription."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.facade.billing import START, usd
from tests.facade.paying import Shop, shop_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database

LATER = START + timedelta(hours=3)


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    with shop_at(database.url) as found:
        yield found


def test_a_plan_is_paid_on_a_page_and_had(shop: Shop) -> None:
    tally = shop.tally
    opened = shop.open("pro", seats=3)
    assert (opened.state, opened.amount) == ("open", usd("45.00"))
    assert opened.url is not None
    assert opened.url.startswith(shop.fake.account.site)
    (session,) = shop.sessions()
    assert (session["amount_total"], session["client_reference_id"]) == (4500, opened.id)
    assert [line["description"] for line in session["line_items"]["data"]] == ["Pro", "Pro Seats"]
    assert tally.customers.get("acme").provider_id == session["customer"]
    assert tally.checkouts.refresh(opened.id).state == "open"  # the success page, and nobody paid
    assert not tally.subscriptions.list()
    shop.pay(opened)
    done = tally.checkouts.refresh(opened.id, at=LATER)
    assert done.state == "complete"
    had = tally.subscriptions.get(done.subscription)
    assert (had.plan, had.seats, had.period.start if had.period else None) == ("pro@1", 3, START)
    (document,) = tally.invoices.list()
    assert (document.status, document.invoice.amount_due) == ("paid", opened.amount)
    (intent,) = tally.payments.list()
    assert (intent.state, intent.reference) == ("succeeded", session["payment_intent"])
    assert tally.checkouts.refresh(opened.id, at=LATER) == done
    assert tally.checkouts.run(at=LATER + timedelta(days=30)).asked == 0
    back = tally.payments.refund(intent.id, at=LATER)
    assert (back.state, shop.moved()) == ("succeeded", 0)
    assert tally.verify().ok

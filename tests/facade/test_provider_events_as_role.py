"""Events as the least-privilege role of a program: taken, read, removed, and never rewritten."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update
from sqlalchemy.exc import ProgrammingError

from tallystick.errors import TallystickError
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, talking_to
from tests.facade.billing import START
from tests.facade.test_money_back import read
from tests.facade.test_provider_events import FIRST, Shop
from tests.storage.roles import bare, ledger

if TYPE_CHECKING:
    from tests.storage.roles import Ledger

__all__ = ["bare", "ledger"]


def test_the_role_takes_reads_and_removes_events(ledger: Ledger) -> None:
    fake = FakeStripe(FrozenClock(START))
    with talking_to(fake) as client:
        shop = Shop(ledger.url(ledger.app), fake, client)
        with shop.tally as tally:
            shop.owe(migrated=True)
            shop.collect_silently()
            shop.deliver()
            assert shop.events.run().applied == 2
            assert tally.invoices.get(FIRST).status == "paid"
            (event, *_) = shop.events.list().items
            with pytest.raises((ProgrammingError, TallystickError)), tally.begin() as unit:
                unit.connection.execute(update(unit.tables.provider_events).values(body="{}"))
            assert shop.events.get(event.id).body == event.body
            assert shop.events.prune(4, at=START + timedelta(days=9)) > 0


def test_the_role_books_what_went_back_without_us(ledger: Ledger) -> None:
    fake = FakeStripe(FrozenClock(START))
    with talking_to(fake) as client:
        shop = Shop(ledger.url(ledger.app), fake, client)
        with shop.tally as tally:
            shop.owe(migrated=True)
            shop.payments.card = "pm_card_createDispute"
            tally.payments.collect(FIRST, "4.00", provider="stripe")
            shop.payments.card = "pm_card_visa"
            tally.payments.collect(FIRST, provider="stripe")
            payment = list(fake.account.of("payment_intent"))[-1]
            refund = client.v1.refunds.create({"payment_intent": payment, "amount": 100}).id
            read(shop)
            fake.settle(refund, arrives=False)
            (dispute,) = fake.account.of("dispute")
            client.v1.disputes.close(dispute)
            read(shop)
            kinds = {each.kind for each in tally.invoices.payments(FIRST)}
            assert kinds == {"payment", "refund", "refund_failed", "chargeback"}
            assert tally.invoices.get(FIRST).status == "uncollectible"

"""Mirrors as the least-privilege role of a program, and what of them it can never change."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from tallystick.errors import OutcomeUnknown, TallystickError
from tallystick.testing.fake_stripe.faults import Fault, Seen
from tests.selling import selling
from tests.storage.roles import bare, ledger

if TYPE_CHECKING:
    from tests.storage.roles import Ledger

__all__ = ["bare", "ledger"]


def test_the_role_mirrors_asks_and_goes_on(ledger: Ledger) -> None:
    with selling(ledger.url(ledger.app), migrated=True) as shop:
        held = shop.mirror(shop.sold("pro", "seat:2"))
        shop.clock.advance(timedelta(minutes=1))
        shop.fake.account.faults.add(Fault(Seen.CUT, "POST /v1/subscriptions/*", after=True))
        with pytest.raises(OutcomeUnknown):
            shop.tally.subscriptions.change(held.id, seats=5)
        shop.clock.advance(timedelta(minutes=1))
        assert shop.tally.mirrors.run().done == 1
        assert shop.tally.subscriptions.get(held.id).seats == 5
        assert shop.tally.mirrors.reconcile().drifts == ()
        assert shop.tally.mirrors.import_subscriptions().known == 1
        tables = shop.tally.storage.tables
        for table, values in (
            (tables.subscriptions, {"biller": "tallystick"}),
            (tables.provider_acts, {"call": "[]"}),
        ):
            with pytest.raises((DBAPIError, TallystickError)), shop.tally.begin() as unit:
                unit.connection.execute(update(table).values(values))
        assert shop.tally.verify().ok

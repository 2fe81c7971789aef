"""Payments as the least-privilege role of a program, and what of an intent it can never change."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update
from sqlalchemy.exc import ProgrammingError

from tallystick import Tallystick
from tallystick.errors import TallystickError
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.bank import PAYS, Bank
from tests.facade.billing import START, catalog, day
from tests.storage.roles import bare, ledger

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storage.roles import Ledger

__all__ = ["bare", "ledger"]

LATER = day("2026-10-02")


def test_the_role_collects_gives_back_and_goes_on(ledger: Ledger, tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    with Tallystick(
        ledger.url(ledger.app),
        catalog=catalog(),
        clock=FrozenClock(START),
        ids=CountedIds(),
        role_check=True,
        providers=[bank],
    ) as tally:
        tally.publish(author="anna", at=day("2026-01-01"))
        tally.customers.create("acme", name="Acme", provider_id=PAYS)
        tally.subscriptions.start("acme", "basic", id="s", at=START)
        tally.invoices.run(at=START)
        bank.plan.append("silent after")
        asked = tally.payments.collect("INV-000001", provider="bank", at=LATER)
        assert tally.payments.run(at=LATER + timedelta(hours=1)).succeeded == 1
        assert tally.payments.refund(asked.id, "4.00", at=LATER).state == "succeeded"
        assert bank.moved() == 600
        tally.customers.update("acme", provider="bank")
        tally.subscriptions.start("acme", "desk", id="d", at=START)
        tally.invoices.run(at=START)
        assert tally.payments.run(at=LATER).begun == 1
        assert tally.verify().ok
        with pytest.raises((ProgrammingError, TallystickError)), tally.begin() as unit:
            unit.connection.execute(update(unit.tables.intents).values(amount=1))
        assert tally.payments.get(asked.id).amount.minor == 1000

"""Checkouts as the least-privilege role of a program, and what of one it can never change."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update
from sqlalchemy.exc import ProgrammingError

from tallystick import Tallystick
from tallystick.errors import Conflict, TallystickError
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.facade.billing import START, catalog, day
from tests.facade.paying import BACK
from tests.page_bank import PageBank
from tests.storage.roles import bare, ledger

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storage.roles import Ledger

__all__ = ["bare", "ledger"]


def test_the_role_sells_and_gives_back(ledger: Ledger, tmp_path: Path) -> None:
    bank = PageBank(tmp_path)
    with Tallystick(
        ledger.url(ledger.app),
        catalog=catalog(),
        clock=FrozenClock(START),
        ids=CountedIds(),
        role_check=True,
        providers=[bank],
        signing_keys=[b"k" * 32],
        return_origins=["https://app.example"],
    ) as tally:
        tally.publish(author="anna", at=day("2026-01-01"))
        for name in ("acme", "globex", "child"):
            tally.customers.create(name)
        tally.customers.set_parent("child", "globex")
        tally.subscriptions.start("acme", "desk", at=START)  # its document comes before
        bank.plan.extend([None, None, "silent before"])
        pages = [
            tally.checkouts.open("acme", plan=plan, provider="bank", at=START, **BACK)
            for plan in ("pro", "basic")
        ]
        for page in pages:
            assert page.reference is not None
            bank.pay_page(page.reference)
        for hours in (1, 2):
            tally.checkouts.run(at=START + timedelta(hours=hours))
        states = sorted(each.state for each in tally.checkouts.list())
        assert states == ["complete", "refunded"]
        issued = [each.invoice for each in tally.invoices.list()]
        numbers = {each.currency.code: each.number for each in issued}
        assert numbers == {"EUR": "INV-000001", "USD": "INV-000002"}
        assert bank.moved() in {1000, 3500}
        with pytest.raises(Conflict, match="documents of 'globex'"):
            tally.checkouts.open("globex", plan="basic", provider="bank", **BACK)
        assert tally.verify().ok
        with pytest.raises((ProgrammingError, TallystickError)), tally.begin() as unit:
            unit.connection.execute(update(unit.tables.checkouts).values(amount=1))

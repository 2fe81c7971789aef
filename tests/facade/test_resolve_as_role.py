"""Checkouts as the least-privilege role of a program: it looks, quotes, counts and sells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tallystick import Tallystick
from tallystick.core.coupon import Code
from tallystick.errors import RateLimited
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.core.builders import catalog, flat, percent_coupon, plan
from tests.facade.billing import START
from tests.storage.roles import bare, ledger

if TYPE_CHECKING:
    from tests.storage.roles import Ledger

__all__ = ["bare", "ledger"]


def test_the_role_resolves_counts_and_sells(ledger: Ledger) -> None:
    half = percent_coupon("half", "50", codes=(Code(code="HALF", max_redemptions=1),))
    with Tallystick(
        ledger.url(ledger.app),
        catalog=catalog(plan("pro", flat("30.00"), trial_days=7), coupons=(half,)),
        clock=FrozenClock(START),
        ids=CountedIds(),
        role_check=True,
        signing_keys=["k" * 32],
    ) as tally:
        tally.publish(author="anna")
        for name in ("acme", "globex"):
            tally.customers.create(name)
        [found] = tally.checkouts.resolve("acme", ["pro"], codes=["half"], identities=["card/1"])
        assert (found.trial, len(found.taken)) == ("given", 1)
        assert found.quote is not None
        tally.quotes.accept(found.quote, identities=["card/1"])
        [other] = tally.checkouts.resolve("globex", ["pro"], codes=["half"], identities=["card/1"])
        assert (other.trial, other.taken) == ("had", ()), "another customer's trial is seen"
        assert other.today is not None
        assert other.today.total.minor == 3000
        for number in range(4):
            codes = [f"{number}-{each}" for each in range(10)]
            tally.checkouts.resolve("globex", ["pro"], codes=codes)
        with pytest.raises(RateLimited):
            tally.checkouts.resolve("globex", ["pro"], codes=[f"4-{each}" for each in range(10)])
        assert tally.checkouts.resolve("acme", ["pro"], codes=["x"])[0].reasons
        begun = tally.subscriptions.start("globex", "pro", identities=["card/1"])
        assert begun.subscription.state == "active", "a start sees it too, and gives none"
        assert tally.verify().ok

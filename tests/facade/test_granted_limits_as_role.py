"""Granted units at a limit, asked by the least-privilege role of a program, also in a family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.facade.granting import Ledger
from tests.storage.roles import bare, ledger

if TYPE_CHECKING:
    from decimal import Decimal

    from tests.storage.roles import Ledger as Roles

__all__ = ["bare", "ledger"]

WHEN = ("2026-11-01T00:10", "2026-11-02T12:00", "2026-12-01T00:10", "2027-01-01T00:10")


def limits(made: Ledger, *, family: bool, running: bool) -> list[Decimal]:
    """Use units for some months; give the limit at each boundary, billed on time or never."""
    tally = made.tally
    tally.customers.create("other", name="Other", currency="USD")
    tally.customers.create("holding", name="Holding", currency="USD")
    if family:
        tally.customers.set_parent("acme", "holding")
        tally.customers.set_parent("other", "holding")
    tally.subscriptions.start("other", "rolling", id="t")
    tally.credits.grant("other", units=1_000, feature="calls")
    made.grant(25)
    found = []
    for when in WHEN:
        made.use(max(1, int(made.left()) - 15))
        tally.use("other", "requests", 120)
        made.at(when)
        if running:
            made.run()
        found.append(made.limit())
    return found


@pytest.mark.parametrize("family", [False, True], ids=["alone", "family"])
def test_the_role_sees_the_limits_that_an_owner_sees(ledger: Roles, *, family: bool) -> None:
    seen = []
    for running in (True, False):
        owner = Ledger("sqlite://", "rolling")
        with owner.tally:
            seen.append(limits(owner, family=family, running=running))
    role = Ledger(ledger.url(ledger.app), "rolling", role=True)
    with role.tally:
        seen.append(limits(role, family=family, running=False))
    assert seen[0] == seen[1] == seen[2]
    assert len(set(seen[0])) > 1

"""Limits as the least-privilege role of a program: the first statement says for whom it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from tallystick import QuotaExceeded, Tallystick
from tallystick.errors import NotFound
from tallystick.storage.gates import take_turn
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.facade.test_gate import CATALOG, START
from tests.storage.roles import bare, ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.storage.roles import Ledger

__all__ = ["bare", "ledger"]


@pytest.fixture
def tally(ledger: Ledger) -> Iterator[Tallystick]:
    """A ledger spoken to as the role, which is checked."""
    with Tallystick(
        ledger.url(ledger.app),
        catalog=CATALOG,
        default_plan="free",
        clock=FrozenClock(START),
        ids=CountedIds(),
        role_check=True,
    ) as made:
        made.publish(author="anna", at=datetime(2026, 1, 1, tzinfo=UTC))
        yield made


def test_the_role_uses_reserves_and_leases_up_to_the_limit(tally: Tallystick) -> None:
    for customer in ("acme", "bond"):
        for _ in range(2):  # as it was read, and as it is remembered
            tally.use(customer, "calls", 3)
        held = tally.reserve(customer, "calls", 2)
        held.commit(actual=1)
        with tally.lease(customer, "calls", 10) as lease:
            assert [lease.use() for _ in range(4)] == [True, True, True, False]
        with pytest.raises(QuotaExceeded):
            tally.use(customer, "calls")
        tally.set(customer, "projects", 2)
        assert tally.use(customer, "projects").used == 3
    answers = tally.check_many([(who, "calls") for who in ("acme", "bond", "nobody")])
    assert [each.used for each in answers] == [10, 10, 0]
    assert not tally.verify().broken


def test_a_turn_is_for_its_customer_alone(tally: Tallystick) -> None:
    tally.use("acme", "calls")
    with tally.begin() as unit:
        unit.as_customer("bond")
        assert take_turn(unit, "bond", "calls") is None
        for table in (unit.tables.gates, unit.tables.usage_events):
            mine = select(func.count()).select_from(table).where(table.c.customer_id == "acme")
            assert unit.connection.execute(mine).scalar() == 0
    held = tally.reserve("acme", "calls")
    with pytest.raises(NotFound):
        tally.commit("bond", held.id, held.token)

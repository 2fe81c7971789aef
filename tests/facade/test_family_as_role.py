"""A family as the least-privilege role of a program: who pays sees what it pays, nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from tallystick import Tallystick
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.facade.billing import START, catalog, day, opened
from tests.facade.family import bodies, live, whole
from tests.storage.roles import bare, ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.storage.roles import Ledger

__all__ = ["bare", "ledger"]


@pytest.fixture
def tally(ledger: Ledger) -> Iterator[Tallystick]:
    """A ledger spoken to as the role, which is checked, on which a family lived for a while."""
    with Tallystick(
        ledger.url(ledger.app),
        catalog=catalog(),
        clock=FrozenClock(START),
        ids=CountedIds(),
        role_check=True,
    ) as made:
        made.publish(author="anna", at=day("2026-09-01"))
        made.customers.create("acme", name="Acme", currency="USD")
        live(made, daily=False)
        yield made


def test_the_role_bills_a_family_as_an_owner_does(tally: Tallystick) -> None:
    with opened("sqlite://") as other:
        live(other, daily=False)
        assert bodies(tally) == bodies(other)
    whole(tally)


def test_a_void_gives_units_of_a_child_back_as_the_role(tally: Tallystick) -> None:
    paid = [each.invoice for each in tally.invoices.list(customer="holding", limit=100)]
    paid.sort(key=lambda each: each.number or "")
    [first, second] = [each for each in paid if any(burn.units for burn in each.burns)]
    [grant] = {burn.grant for burn in first.burns if burn.units}
    assert tally.credits.get(grant).remaining == 0
    tally.invoices.void(first.id)
    trace = tally.credits.trace(grant)
    assert [(each.kind, each.size, each.invoice) for each in trace.moves] == [
        ("burned", 300, first.id),
        ("burned", 200, second.id),
        ("restored", 300, first.id),
    ]
    assert trace.row.remaining == 300
    whole(tally)


def test_each_customer_sees_its_own_rows_of_a_family(ledger: Ledger, tally: Tallystick) -> None:
    assert tally.invoices.list(customer="holding", limit=100)
    with ledger.app.look() as unit:
        for mine, others in (("north", "holding"), ("holding", "south")):
            unit.as_customer(mine)
            for table, owner in (
                (unit.tables.invoices, "customer_id"),
                (unit.tables.invoice_lines, "customer_id"),
                (unit.tables.credit_moves, "customer_id"),
            ):
                query = select(func.count()).select_from(table).where(table.c[owner] == others)
                assert unit.connection.execute(query).scalar() == 0
                query = select(func.count()).select_from(table).where(table.c[owner] == mine)
                assert unit.connection.execute(query).scalar()

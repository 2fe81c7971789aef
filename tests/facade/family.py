"""A life of a family: joining, leaving, changes, usage, units; billed as it goes, or at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from tallystick.testing.clock import FrozenClock
from tests.facade.billing import day, usd

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick import Tallystick

__all__ = ["bodies", "live", "whole"]


def live(tally: Tallystick, *, daily: bool) -> None:
    """Let a holding and its shops live for three months; `daily` bills before each thing too."""
    clock = tally.clock
    assert isinstance(clock, FrozenClock)
    for at, act in _acts(tally):
        clock.set(day(at))
        if daily:
            assert not tally.invoices.run().set_aside
        act()
        if daily:
            assert not tally.invoices.run().set_aside
    clock.set(day("2027-01-10"))
    assert not tally.invoices.run().set_aside


def _acts(tally: Tallystick) -> list[tuple[str, Callable[[], object]]]:
    customers, moves = tally.customers, tally.subscriptions

    def used(customer: str, quantity: int) -> Callable[[], object]:
        return lambda: tally.usage.record(
            customer, "calls", id=f"{customer}-{quantity}", quantity=quantity
        )

    def started(customer: str, plan: str, **more: Any) -> Callable[[], object]:
        return lambda: moves.start(customer, plan, id=f"s-{customer}", **more)

    return [
        ("2026-10-02", lambda: [customers.create(n) for n in ("holding", "north", "south")]),
        ("2026-10-03", lambda: customers.set_parent("north", "holding")),
        ("2026-10-05T08:00", started("north", "pro", seats=2)),
        ("2026-10-05T09:30", started("south", "pro", seats=1)),
        ("2026-10-06", started("holding", "pro", seats=1)),
        ("2026-10-07", lambda: tally.credits.grant("north", units=500, feature="calls")),
        ("2026-10-08", lambda: tally.credits.grant("holding", usd("12.00"))),
        ("2026-10-09", lambda: customers.set_parent("south", "holding")),
        ("2026-10-11", used("north", 1_300)),
        ("2026-10-12", used("south", 1_700)),
        ("2026-10-20", lambda: moves.change("s-north", seats=4, proration="invoice_now")),
        ("2026-11-12", used("north", 1_450)),
        ("2026-11-21", lambda: customers.remove_parent("south")),
        ("2026-11-22", lambda: moves.change("s-south", plan="basic", when="period_end")),
        ("2026-12-14", used("holding", 1_200)),
        ("2026-12-20", lambda: moves.cancel("s-north", when="now", credit=True)),
    ]


def bodies(tally: Tallystick) -> list[tuple[object, ...]]:
    """Give every issued document in the order of the numbers: whose, its bytes, digest, chain."""

    def look(unit: Any, _: object) -> list[tuple[object, ...]]:
        unit.as_all()
        c = unit.tables.invoices.c
        query = select(c.customer_id, c.number_text, c.body, c.digest, c.chain)
        found = unit.connection.execute(query.where(c.body.is_not(None)))
        return sorted(tuple(row) for row in found)

    return tally.act(look)


def whole(tally: Tallystick) -> None:
    """Hold everything to its rules: invariants, and each document made again."""
    assert tally.verify().ok, tally.verify().broken
    for each in tally.invoices.list(limit=100):
        if each.number is not None:
            assert tally.invoices.replay(each.invoice.id).differences == ()

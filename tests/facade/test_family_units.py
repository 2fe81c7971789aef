"""Units of a child pay its own usage in its section, whoever pays for what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tallystick.testing.clock import FrozenClock
from tests.facade.billing import day, usd
from tests.facade.units import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from tallystick.core.invoice import Invoice
    from tests.databases import Database


class Family(Ledger):
    """A holding that pays for acme and for beta, each of them metered."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        for name in ("beta", "holding"):
            self.tally.customers.create(name, currency="USD")
        for child in ("acme", "beta"):
            self.tally.customers.set_parent(child, "holding")

    def units(self, customer: str, units: int) -> str:
        return self.tally.credits.grant(customer, units=units, feature="calls").grant.id

    def used(self, customer: str, quantity: int, at: str) -> None:
        clock = self.tally.clock
        assert isinstance(clock, FrozenClock)
        clock.set(max(clock.now(), day(at)))
        self.tally.usage.record(
            customer, "calls", id=f"{customer}-{at}", quantity=quantity, occurred_at=day(at)
        )


@pytest.fixture
def family(database: Database) -> Iterator[Family]:
    made = Family(database.url)
    with made.tally:
        yield made


def paid(invoice: Invoice) -> list[tuple[str, int, Decimal]]:
    return [(each.grant, each.line, each.units) for each in invoice.burns]


def test_each_child_spends_its_own_units_in_its_section(family: Family) -> None:
    mine, other = family.units("acme", 500), family.units("beta", 300)
    family.tally.subscriptions.start("acme", "base", id="s1")
    family.tally.subscriptions.start("beta", "api", id="s2")
    family.used("acme", 700, "2026-10-05")
    family.used("beta", 1_100, "2026-10-06")
    *_, invoice = family.run("2026-11-03")
    assert [(each.customer, each.lines) for each in invoice.sections] == [("acme", 2), ("beta", 1)]
    assert [(each.billed, each.amount) for each in invoice.lines] == [
        (200, usd("2.00")),
        (1, usd("10.00")),
        (0, usd("0.00")),
    ]
    assert paid(invoice) == [(mine, 1, 500), (other, 3, 100)]
    assert (invoice.credit, invoice.total) == (usd("0.00"), usd("12.00"))
    assert (family.left(mine), family.left(other)) == (0, 200)
    [move] = family.tally.credits.trace(other).moves
    assert (move.kind, move.size, move.invoice) == ("burned", 100, invoice.id)
    explained = family.tally.invoices.explain(invoice.id, 1).lines[0]
    assert any(f"500 paid by grant {mine}" in text for text in explained.sums)
    family.holds()


def test_the_payers_units_pay_its_own_usage_and_no_childs(family: Family) -> None:
    grant = family.units("holding", 500)
    family.tally.subscriptions.start("acme", "base", id="s1")
    family.tally.subscriptions.start("holding", "base", id="s2")
    family.used("acme", 100, "2026-10-05")
    family.used("holding", 200, "2026-10-05")
    *_, invoice = family.run("2026-11-03")
    assert [(each.customer, lines[0].billed) for each, lines in invoice.by_section()] == [
        ("acme", 100),
        ("holding", 0),
    ]
    assert paid(invoice) == [(grant, 3, 200)]
    assert family.left(grant) == 300
    family.holds()


def test_a_voided_document_gives_every_child_its_units_back(family: Family) -> None:
    mine, other = family.units("acme", 500), family.units("beta", 300)
    family.tally.subscriptions.start("acme", "base", id="s1")
    family.tally.subscriptions.start("beta", "base", id="s2")
    family.used("acme", 700, "2026-10-05")
    family.used("beta", 300, "2026-10-06")
    *_, invoice = family.run("2026-11-03")
    assert (family.left(mine), family.left(other)) == (0, 0)
    family.tally.invoices.void(invoice.id)
    assert (family.left(mine), family.left(other)) == (500, 300)
    kinds = [(each.kind, each.invoice) for each in family.tally.credits.trace(mine).moves]
    assert kinds == [("burned", invoice.id), ("restored", invoice.id)]
    family.used("acme", 100, "2026-11-05")
    family.run("2026-12-03")
    assert (family.left(mine), family.left(other)) == (400, 300)
    family.holds()


def test_a_late_run_spends_them_month_by_month(family: Family) -> None:
    grant = family.units("acme", 500)
    family.tally.subscriptions.start("acme", "base", id="s1")
    for month, count in (("10", 200), ("11", 400), ("12", 50)):
        family.used("acme", count, f"2026-{month}-05")
    found = [each for each in family.run("2027-01-03") if each.customer == "holding"]
    assert [[units for _, _, units in paid(each)] for each in found] == [[], [200], [300], []]
    billed = [line.billed for each in found for line in each.lines if line.kind == "usage"]
    assert billed == [0, 100, 50]
    assert family.left(grant) == 0
    family.holds()


def test_units_alone_make_a_document_and_follow_who_leaves(family: Family) -> None:
    grant = family.units("acme", 500)
    family.tally.subscriptions.start("acme", "api", id="s1")
    family.used("acme", 1_100, "2026-10-05")
    [together] = family.run("2026-11-03")
    assert (together.customer, together.total, paid(together)) == (
        "holding",
        usd("0.00"),
        [(grant, 1, 100)],
    )
    family.tally.customers.remove_parent("acme")
    family.used("acme", 1_300, "2026-11-05")
    family.run("2026-12-03")
    [own] = [each.invoice for each in family.tally.invoices.list(customer="acme", limit=100)]
    assert (own.customer, paid(own)) == ("acme", [(grant, 1, 300)])
    assert family.left(grant) == 100
    family.holds()


def test_usage_that_comes_late_is_paid_by_what_is_left(family: Family) -> None:
    grant = family.units("acme", 500)
    family.tally.subscriptions.start("acme", "base", id="s1")
    family.used("acme", 400, "2026-10-05")
    family.run("2026-11-03")
    family.tally.usage.record(
        "acme", "calls", id="late", quantity=250, occurred_at=day("2026-10-20")
    )
    *_, invoice = family.run("2026-12-03")
    [late] = [line for line in invoice.lines if line.kind == "late"]
    assert (late.billed, late.amount) == (150, usd("1.50"))
    assert [units for _, _, units in paid(invoice)] == [100]
    assert family.left(grant) == 0
    family.holds()


def test_two_sections_of_a_child_on_one_day_share_a_grant(family: Family) -> None:
    grant, moves = family.units("acme", 500), family.tally.subscriptions
    moves.start("acme", "base", id="s1")
    family.used("acme", 450, "2026-10-05")
    family.clock.set(day("2026-10-20T08:00"))
    moves.change("s1", plan="api", when="now", proration="invoice_now")
    family.used("acme", 1_600, "2026-10-20T10:00")
    family.clock.set(day("2026-10-20T16:00"))
    moves.change("s1", plan="base", when="now", proration="invoice_now")
    _, invoice, _ = family.run("2026-11-03")
    assert [each.customer for each in invoice.sections] == ["acme", "acme"]
    assert paid(invoice) == [(grant, 2, 450), (grant, 3, 50)]
    assert family.left(grant) == 0
    family.holds()
    family.tally.invoices.void(invoice.id)
    assert family.left(grant) == 500
    family.holds()

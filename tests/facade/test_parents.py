"""`tally.customers.set_parent`: one document for a family, in sections, on every database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tallystick import Tallystick
from tallystick.errors import Conflict, InvalidInput, NotFound
from tests.facade.billing import day, opened, usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.invoice import Invoice
    from tests.databases import Database


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    """A ledger with a holding that pays for two shops."""
    ledger = opened(database.url)
    for name in ("holding", "north", "south"):
        ledger.customers.create(name, name=name.title())
    for child in ("north", "south"):
        ledger.customers.set_parent(child, "holding", at=day("2026-10-01"))
    with ledger:
        yield ledger


def sold(tally: Tallystick, customer: str, plan: str, at: str, **more: object) -> None:
    tally.subscriptions.start(customer, plan, id=f"s-{customer}-{plan}", at=day(at), **more)


def issued(tally: Tallystick, customer: str) -> list[Invoice]:
    found = [each.invoice for each in tally.invoices.list(customer=customer, limit=100)]
    return sorted(
        (each for each in found if each.number is not None), key=lambda each: each.number or ""
    )


def test_a_family_has_one_document_for_a_day(tally: Tallystick) -> None:
    sold(tally, "north", "basic", "2026-10-05T09:00")
    sold(tally, "south", "pro", "2026-10-05T17:00", seats=2)
    tally.invoices.run(at=day("2026-10-07"))
    [one] = issued(tally, "holding")
    assert issued(tally, "north") == issued(tally, "south") == []
    assert one.issued_at == day("2026-10-06")
    assert [(each.customer, each.name, each.subscription, each.lines) for each in one.sections] == [
        ("north", "North", "s-north-basic", 1),
        ("south", "South", "s-south-pro", 2),
    ]
    assert [line.amount for line in one.lines] == [usd("10.00"), usd("30.00"), usd("10.00")]
    assert one.total == usd("50.00")
    assert tally.invoices.replay(one.id).differences == ()
    assert tally.verify().ok, tally.verify().broken

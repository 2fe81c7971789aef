"""`tally.credits`: what grants pay, what is left of them, where they went, what the books say."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tallystick.errors import (
    Conflict,
    CurrencyMismatch,
    InsufficientCredit,
    InvalidInput,
    NotFound,
    OutOfBounds,
)
from tests.facade.billing import START, day, digest, opened, usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick import Tallystick
    from tallystick.core.invoice import Invoice
    from tests.databases import Database

LATER = day("2026-10-16T12:00")


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    with opened(database.url) as ledger:
        yield ledger


def issued(tally: Tallystick, until: str) -> list[Invoice]:
    tally.invoices.run(day(until))
    found = [each.invoice for each in tally.invoices.list(limit=100) if each.number is not None]
    return sorted(found, key=lambda each: each.number or "")


def holds(tally: Tallystick) -> None:
    """Hold the ledger to its invariants, and each document to what the log makes of it."""
    assert tally.verify().ok
    for each in tally.invoices.list(limit=100):
        if each.number is not None:
            assert tally.invoices.replay(each.invoice.id).equal


def left(tally: Tallystick, grant: str) -> Decimal:
    return tally.credits.get(grant).remaining


def test_a_promotional_grant_lowers_what_is_sold_until_it_is_used_up(tally: Tallystick) -> None:
    grant = tally.credits.grant("acme", usd("15.00")).grant
    assert tally.credits.balance("acme") == (usd("15.00"),)
    tally.subscriptions.start("acme", "basic")
    first, second, third = issued(tally, "2026-12-02")
    assert [str(each.total.major) for each in (first, second, third)] == ["0.00", "5.00", "10.00"]
    assert (first.credit, first.lines[0].credit, first.status) == (usd("10.00"),) * 2 + ("paid",)
    [burn] = second.burns
    assert (burn.grant, burn.line, burn.amount) == (grant.id, 1, usd("5.00"))
    assert left(tally, grant.id) == 0
    trace = tally.credits.trace(grant.id)
    assert [(each.kind, each.size, each.invoice) for each in trace.moves] == [
        ("burned", Decimal(1000), first.id),
        ("burned", Decimal(500), second.id),
    ]
    holds(tally)


def test_a_paid_grant_pays_what_is_asked_before_the_balance(tally: Tallystick) -> None:
    grant = tally.credits.grant("acme", usd("4.00"), category="paid").grant
    tally.subscriptions.start("acme", "basic")
    [invoice] = issued(tally, "2026-10-02")
    assert (invoice.total, invoice.balance, invoice.amount_due) == (
        usd("10.00"),
        usd("4.00"),
        usd("6.00"),
    )
    assert (invoice.paid_by_grants, invoice.credit) == (usd("4.00"), usd("0.00"))
    assert left(tally, grant.id) == 0
    holds(tally)


def test_promotional_grants_go_first_then_paid_ones_then_the_balance(tally: Tallystick) -> None:
    tally.credits.grant("acme", usd("3.00"), category="paid", priority=1)
    tally.credits.grant("acme", usd("2.00"), priority=9)
    made = tally.subscriptions.start("acme", "basic")
    first, second = issued(tally, "2026-11-02")
    assert (first.credit, first.balance, first.amount_due) == (
        usd("2.00"),
        usd("3.00"),
        usd("5.00"),
    )
    assert (second.credit, second.balance) == (usd("0.00"), usd("0.00"))
    assert made.subscription.id == first.subscription
    holds(tally)


def test_the_one_that_ends_first_burns_first_and_the_end_is_not_in_it(tally: Tallystick) -> None:
    late = tally.credits.grant("acme", usd("10.00")).grant.id
    soon = tally.credits.grant("acme", usd("10.00"), expires_at="2026-11-01T00:00:00Z").grant.id
    tally.subscriptions.start("acme", "basic", starts_at="2026-10-01T00:00:00Z")
    issued(tally, "2026-10-02")
    assert (left(tally, soon), left(tally, late)) == (0, 1000)
    ended = tally.credits.grant("acme", usd("10.00"), expires_at="2026-11-01T00:00:00Z").grant.id
    issued(tally, "2026-11-02")
    assert (left(tally, ended), left(tally, late)) == (0, 0)
    assert [each.kind for each in tally.credits.trace(ended).moves] == ["expired"]
    holds(tally)


def test_a_late_run_lets_expire_what_one_on_time_does(tally: Tallystick) -> None:
    grant = tally.credits.grant("acme", usd("25.00"), expires_at="2026-12-01T00:00:00Z").grant.id
    tally.subscriptions.start("acme", "basic")
    found = issued(tally, "2027-01-02")
    assert [str(each.total.major) for each in found] == ["0.00", "0.00", "10.00", "10.00"]
    kinds = [(each.kind, each.size) for each in tally.credits.trace(grant).moves]
    assert kinds == [("burned", 1000), ("burned", 1000), ("expired", 500)]
    holds(tally)


def test_a_void_gives_back_what_grants_paid(tally: Tallystick) -> None:
    gift = tally.credits.grant("acme", usd("3.00")).grant.id
    bought = tally.credits.grant("acme", usd("4.00"), category="paid").grant.id
    tally.subscriptions.start("acme", "basic")
    [invoice] = issued(tally, "2026-10-02")
    assert (left(tally, gift), left(tally, bought)) == (0, 0)
    tally.invoices.void(invoice.id)
    assert (left(tally, gift), left(tally, bought)) == (300, 400)
    holds(tally)
    second = issued(tally, "2026-11-02")[-1]
    assert second.amount_due == usd("3.00")
    holds(tally)


def test_a_grant_pays_only_what_it_is_for(tally: Tallystick) -> None:
    seats = tally.credits.grant("acme", usd("100.00"), prices=["seat"]).grant.id
    tally.subscriptions.start("acme", "pro", seats=2)
    [invoice] = issued(tally, "2026-10-02")
    assert [str(line.credit.major) for line in invoice.lines] == ["0.00", "10.00"]
    assert left(tally, seats) == 9_000


def test_credits_never_become_money_that_is_owed(tally: Tallystick) -> None:
    made = tally.subscriptions.start("acme", "pro")
    issued(tally, "2026-10-02")
    grant = tally.credits.grant("acme", usd("100.00"), at=LATER).grant.id
    tally.subscriptions.change(
        made.subscription.id, plan="basic", when="now", proration="invoice_now", at=LATER
    )
    [note] = [each for each in issued(tally, "2026-10-20") if each.kind == "credit_note"]
    assert note.total < usd("0.00")
    assert (note.credit, left(tally, grant)) == (usd("0.00"), 10_000)
    holds(tally)


# --- by hand ------------------------------------------------------------------------------------


def test_a_void_by_hand_takes_what_is_left_or_a_part(tally: Tallystick) -> None:
    grant = tally.credits.grant("acme", usd("10.00"), category="paid").grant.id
    assert tally.credits.void(grant, usd("4.00")).remaining == 600
    before = digest(tally)
    with pytest.raises(InsufficientCredit):
        tally.credits.void(grant, usd("6.01"), at=LATER)
    assert digest(tally) == before
    assert tally.credits.void(grant, at=LATER).remaining == 0
    with pytest.raises(Conflict, match="nothing is left"):
        tally.credits.void(grant, at=LATER)
    holds(tally)


def test_what_is_transferred_is_had_by_one_only(tally: Tallystick) -> None:
    tally.customers.create("globex", currency="USD")
    grant = tally.credits.grant("acme", usd("10.00"), category="paid").grant.id
    other = tally.credits.transfer(grant, usd("4.00"), to="globex", at=LATER)
    assert (left(tally, grant), other.remaining, other.grant.category) == (600, 400, "paid")
    assert other.grant.customer == "globex"
    with pytest.raises(InsufficientCredit):
        tally.credits.transfer(grant, usd("6.01"), to="globex")
    with pytest.raises(InvalidInput):
        tally.credits.transfer(grant, usd("1.00"), to="acme")
    holds(tally)


def test_a_key_grants_once(tally: Tallystick) -> None:
    one = tally.credits.grant("acme", usd("10.00"), idempotency_key="k")
    later = tally.credits.grant("acme", usd("10.00"), idempotency_key="k", at=LATER)
    assert later == one
    with pytest.raises(Conflict, match="another grant"):
        tally.credits.grant("acme", usd("11.00"), idempotency_key="k")
    assert [row.grant.id for row in tally.credits.list("acme")] == [one.grant.id]


def test_a_key_transfers_once(tally: Tallystick) -> None:
    tally.customers.create("globex", currency="USD")
    grant = tally.credits.grant("acme", usd("10.00")).grant.id
    other = tally.credits.grant("acme", usd("10.00")).grant.id
    one = tally.credits.transfer(grant, usd("4.00"), to="globex", idempotency_key="k")
    again = tally.credits.transfer(grant, usd("4.00"), to="globex", idempotency_key="k", at=LATER)
    assert again == one
    for id_, amount in ((grant, "3.00"), (other, "4.00")):
        with pytest.raises(Conflict, match="another grant"):
            tally.credits.transfer(id_, usd(amount), to="globex", idempotency_key="k")
    assert (left(tally, grant), left(tally, other)) == (600, 1_000)
    assert [row.grant.id for row in tally.credits.list("globex")] == [one.grant.id]
    holds(tally)


def test_units_are_kept_beside_money(tally: Tallystick) -> None:
    row = tally.credits.grant("acme", units="2.5", feature="calls")
    assert (row.grant.amount, row.grant.feature, row.remaining) == (
        Decimal("2.5"),
        "calls",
        Decimal("2.5"),
    )
    assert tally.credits.balance("acme") == ()
    tally.subscriptions.start("acme", "basic")
    assert issued(tally, "2026-10-02")[0].total == usd("10.00")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({}, InvalidInput),
        ({"amount": "5"}, InvalidInput),
        ({"amount": 5}, InvalidInput),
        ({"amount": usd("0.00")}, InvalidInput),
        ({"amount": usd("-1.00")}, InvalidInput),
        ({"amount": usd("99999999999999.00")}, OutOfBounds),
        ({"amount": usd("1.00"), "units": 1}, InvalidInput),
        ({"amount": usd("1.00"), "feature": "calls"}, InvalidInput),
        ({"units": 1}, InvalidInput),
        ({"units": 0, "feature": "calls"}, InvalidInput),
        ({"units": -1, "feature": "calls"}, InvalidInput),
        ({"amount": usd("1.00"), "category": "gift"}, InvalidInput),
        ({"amount": usd("1.00"), "priority": -1}, InvalidInput),
        ({"amount": usd("1.00"), "priority": True}, InvalidInput),
        ({"amount": usd("1.00"), "expires_at": START}, InvalidInput),
        ({"amount": usd("1.00"), "meters": "calls"}, InvalidInput),
    ],
    ids=str,
)
def test_what_is_no_grant_changes_nothing(
    tally: Tallystick, said: dict[str, object], error: type[Exception]
) -> None:
    before = digest(tally)
    with pytest.raises(error):
        tally.credits.grant("acme", **said)  # type: ignore[arg-type]  # that is what is refused
    assert digest(tally) == before


def test_who_is_not_there_has_no_credits(tally: Tallystick) -> None:
    for act in (
        lambda: tally.credits.grant("nobody", usd("1.00")),
        lambda: tally.credits.list("nobody"),
        lambda: tally.credits.get("none"),
        lambda: tally.credits.void("none"),
    ):
        with pytest.raises(NotFound):
            act()
    tally.customers.update("acme", currency="EUR")
    with pytest.raises(CurrencyMismatch):
        tally.credits.grant("acme", usd("1.00"))

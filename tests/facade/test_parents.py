"""`tally.customers.set_parent`: one document for a family, in sections, on every database."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tallystick import Tallystick
from tallystick.core.dialects.tax_rules import read_tax_rules
from tallystick.errors import Conflict, InvalidInput, NotFound
from tallystick.testing.clock import FrozenClock
from tests.facade.billing import day, digest, opened, usd
from tests.facade.family import whole

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


def sold(tally: Tallystick, customer: str, plan: str, at: str, seats: int = 1) -> None:
    tally.subscriptions.start(customer, plan, id=f"s-{customer}-{plan}", at=day(at), seats=seats)


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


def used(tally: Tallystick, customer: str, count: int, at: str) -> None:
    clock = tally.clock
    assert isinstance(clock, FrozenClock)
    clock.set(day(at))
    tally.usage.record(
        customer, "calls", id=f"{customer}-{at}", quantity=count, occurred_at=day(at)
    )


def test_usage_coupons_and_items_stand_on_their_own_sections(tally: Tallystick) -> None:
    sold(tally, "north", "pro", "2026-10-05", seats=1)
    sold(tally, "south", "pro", "2026-10-05", seats=1)
    used(tally, "north", 3000, "2026-10-10")
    used(tally, "south", 500, "2026-10-11")
    tally.invoices.add_item("south", "Training", usd("20.00"), at=day("2026-10-12"))
    tally.invoices.add_item("holding", "Visit", usd("7.00"), now=True, at=day("2026-11-05"))
    tally.invoices.run(at=day("2026-11-10"))
    first, second = issued(tally, "holding")
    assert first.total == usd("70.00")
    told = [
        (section.customer, [line.amount for line in lines])
        for section, lines in second.by_section()
    ]
    assert told == [
        ("holding", [usd("7.00")]),
        ("north", [usd("20.00"), usd("30.00"), usd("5.00")]),
        ("south", [usd("0.00"), usd("30.00"), usd("5.00"), usd("20.00")]),
    ]
    whole(tally)


def test_a_second_run_and_a_late_one_make_the_same(tally: Tallystick, database: Database) -> None:
    for child in ("north", "south"):
        sold(tally, child, "pro", "2026-10-05T10:00", seats=1)
        used(tally, child, 1500, "2026-10-20")
    for number in range(5, 30):
        tally.invoices.run(at=day(f"2026-10-{number:02}T12:30"))
    tally.invoices.run(at=day("2026-12-10"))
    punctual = (
        [each.number for each in issued(tally, "holding")],
        [each.total for each in issued(tally, "holding")],
    )
    assert not tally.invoices.run(at=day("2026-12-10")).did_work
    assert punctual[1] == [usd("70.00"), usd("80.00"), usd("70.00")]
    whole(tally)


def test_who_joins_in_mid_period_pays_for_itself_until_the_boundary(tally: Tallystick) -> None:
    tally.customers.create("east")
    sold(tally, "east", "pro", "2026-10-05", seats=2)
    tally.invoices.run(at=day("2026-10-06"))
    tally.customers.set_parent("east", "holding", at=day("2026-10-10"))
    tally.subscriptions.change(
        "s-east-pro", seats=1, when="now", proration="invoice_now", at=day("2026-10-15")
    )
    tally.invoices.run(at=day("2026-10-20"))
    own = issued(tally, "east")
    assert [(each.kind, each.total) for each in own] == [
        ("credit_note", usd("-3.38")),
        ("invoice", usd("40.00")),
    ]
    assert issued(tally, "holding") == []
    tally.invoices.run(at=day("2026-11-10"))
    assert len(issued(tally, "east")) == 2
    assert [each.total for each in issued(tally, "holding")] == [usd("35.00")]
    tally.customers.remove_parent("east", at=day("2026-11-20"))
    tally.subscriptions.change("s-east-pro", seats=3, proration="invoice_now", at=day("2026-11-21"))
    tally.invoices.run(at=day("2026-12-10"))
    assert len(issued(tally, "holding")) == 2
    assert issued(tally, "east")[-1].total == usd("45.00")
    whole(tally)


def test_what_is_given_back_of_a_section_lowers_the_payers_document(tally: Tallystick) -> None:
    sold(tally, "north", "pro", "2026-10-05", seats=2)
    sold(tally, "south", "basic", "2026-10-05")
    tally.invoices.run(at=day("2026-10-07"))
    [first] = issued(tally, "holding")
    tally.invoices.credit(first.id, lines={1: "10.00"}, at=day("2026-10-08"))
    assert tally.invoices.creditable(first.id) == (usd("20.00"), usd("10.00"), usd("10.00"))
    tally.subscriptions.cancel("s-north-pro", when="now", credit=True, at=day("2026-10-08"))
    tally.invoices.run(at=day("2026-10-10"))
    found = sorted(issued(tally, "holding"), key=lambda each: each.at)
    assert [each.kind for each in found] == ["invoice", "credit_note", "credit_note"]
    assert found[2].total == usd("-29.03"), "of 30.00 for the plan 20.00 were left"
    assert tally.invoices.get(first.id).left == 5_000 - 1_000 - 2_903
    assert tally.invoices.balance("holding") == tally.invoices.balance("north") == ()
    whole(tally)


def test_a_voided_document_is_not_asked_for_any_more(tally: Tallystick) -> None:
    sold(tally, "north", "pro", "2026-10-05", seats=2)
    tally.invoices.run(at=day("2026-10-07"))
    [first] = issued(tally, "holding")
    tally.invoices.void(first.id, at=day("2026-10-08"))
    tally.subscriptions.cancel("s-north-pro", when="now", at=day("2026-10-09"))
    tally.invoices.run(at=day("2026-10-12"))
    assert [each.status for each in issued(tally, "holding")] == ["void"]
    whole(tally)


def test_a_charge_and_its_credit_on_one_day_are_one_document(tally: Tallystick) -> None:
    sold(tally, "north", "pro", "2026-10-05T08:00", seats=2)
    tally.subscriptions.change(
        "s-north-pro", plan="basic", proration="invoice_now", when="now", at=day("2026-10-05T20:00")
    )
    tally.invoices.run(at=day("2026-10-07"))
    [one] = issued(tally, "holding")
    assert len(one.sections) == 2
    whole(tally)


def test_taxes_credits_and_balance_are_the_payers(tally: Tallystick) -> None:
    tally.seller.set(name="Us", address={"country": "DE"})
    rules = {"rates": [{"country": "DE", "name": "USt", "percent": 19}]}
    tally.taxes.publish(read_tax_rules(rules), author="anna", at=day("2026-10-01"))
    tally.customers.update("holding", address={"country": "DE"})
    tally.customers.update("north", address={"country": "DE"}, tax_exempt=True)
    tally.credits.grant("holding", usd("5.00"), category="promotional", at=day("2026-10-01"))
    tally.credits.grant("north", usd("9.00"), category="promotional", at=day("2026-10-01"))
    for child in ("north", "south"):
        sold(tally, child, "basic", "2026-10-05")
    tally.invoices.run(at=day("2026-10-07"))
    [one] = issued(tally, "holding")
    assert (one.credit, one.tax, one.total) == (usd("5.00"), usd("2.85"), usd("17.85"))
    assert tally.credits.balance("north", at=day("2026-10-08")) == (usd("9.00"),)
    whole(tally)


@pytest.mark.parametrize("act", ["itself", "second", "level", "under", "past", "nobody"])
def test_what_is_no_family_is_refused_and_changes_nothing(tally: Tallystick, act: str) -> None:
    tally.customers.create("other")
    before = digest(tally)
    asked, error = {
        "itself": (("other", "other"), InvalidInput),
        "second": (("north", "other"), Conflict),
        "level": (("holding", "other"), Conflict),
        "under": (("other", "north"), Conflict),
        "past": (("other", "holding"), InvalidInput),
        "nobody": (("gone", "holding"), NotFound),
    }[act]
    since = day("2026-09-01") if act == "past" else None
    with pytest.raises(error):
        tally.customers.set_parent(*asked, from_=since, at=day("2026-10-02"))
    assert digest(tally) == before


def test_asked_again_nothing_changes_and_a_family_ends_once(tally: Tallystick) -> None:
    [first] = tally.customers.parents("north")
    assert tally.customers.set_parent("north", "holding", at=day("2026-10-09")) == first
    gone = tally.customers.remove_parent("north", at=day("2026-10-10"))
    assert gone.until == day("2026-10-10")
    assert tally.customers.remove_parent("north", at=day("2026-10-10")) == gone
    with pytest.raises(NotFound):
        tally.customers.remove_parent("north", at=day("2026-10-11"))
    assert [each.customer for each in tally.customers.parents("holding")] == ["north", "south"]


def test_a_family_is_shown_before_it_is_billed_and_not_foreseen(tally: Tallystick) -> None:
    sold(tally, "north", "pro", "2026-10-05", seats=1)
    coming = tally.invoices.preview("s-north-pro", at=day("2026-10-05"))
    assert (coming.customer, coming.total) == ("holding", usd("35.00"))
    assert [each.customer for each in coming.sections] == ["north"]
    tally.invoices.run(at=day("2026-10-07"))
    [one] = issued(tally, "holding")
    assert "North (north) · s-north-pro" in tally.invoices.text(one.id)
    assert "North (north) · s-north-pro" in tally.invoices.html(one.id)
    [fee, _] = tally.invoices.explain(one.id).lines
    assert fee.section is not None
    assert fee.section.customer == "north"
    for name in ("north", "holding"):
        with pytest.raises(Conflict, match="foreseen"):
            tally.foresee(name, until=day("2027-01-01"))


def test_two_runs_at_once_make_one_document(database: Database) -> None:
    if database.url == "sqlite://":
        pytest.skip("a database in memory has one connection")
    with opened(database.url) as one:
        for name in ("holding", "north", "south"):
            one.customers.create(name)
        for child in ("north", "south"):
            one.customers.set_parent(child, "holding", at=day("2026-10-01"))
            sold(one, child, "basic", "2026-10-05")
        with Tallystick(database.url, catalog=None, clock=FrozenClock(day("2026-11-10"))) as two:
            runs = [
                Thread(target=each.invoices.run, kwargs={"at": day("2026-11-10")})
                for each in (one, two)
            ]
            for run in runs:
                run.start()
            for run in runs:
                run.join()
        assert [each.total for each in issued(one, "holding")] == [usd("20.00"), usd("20.00")]
        whole(one)


def test_changes_to_and_fro_on_one_day_charge_once(tally: Tallystick) -> None:
    """What a section gives back stands on one before it, of the same document or of the next."""
    sold(tally, "north", "basic", "2026-10-01")
    at = day("2026-10-16T22:30")
    for number in range(14):
        tally.subscriptions.change(
            "s-north-basic",
            plan=("pro", "basic")[number % 2],
            when="now",
            proration="invoice_now",
            at=at + number * timedelta(minutes=7),
        )
        tally.invoices.run(at=at + number * timedelta(minutes=7))
    tally.invoices.run(at=day("2026-10-20"))
    found = issued(tally, "holding")
    # the first change waits for nothing, the second for usage until 23:37; those from 23:00 on wait
    # until the next day, so all after them stand on the document of that day
    assert [each.issued_at for each in found] == [
        day("2026-10-18"),
        day("2026-10-02"),
        day("2026-10-17"),
    ]
    assert all(tally.invoices.replay(each.id).equal for each in found)
    assert tally.verify().ok, tally.verify().broken
    # 49 minutes of a month at 35.00 instead of 10.00: 10.03, and what rounding each line adds
    assert sum(each.total.minor for each in found) == 1_004

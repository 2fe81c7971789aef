"""Grants of units: they pay metered usage after the allowance and before the price, and say so."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from tallystick.documents.invoice_html import invoice_html
from tallystick.documents.invoice_text import invoice_text
from tallystick.errors import InsufficientCredit
from tests.facade.billing import START, day, usd
from tests.facade.units import Ledger, catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.invoice import Invoice, InvoiceLine
    from tallystick.storage.unit import Unit
    from tests.databases import Database

JANUARY = day("2027-01-01")


@pytest.fixture
def ledger(database: Database) -> Iterator[Ledger]:
    made = Ledger(database.url)
    with made.tally:
        yield made


def metered_lines(invoices: list[Invoice]) -> list[InvoiceLine]:
    return [line for each in invoices for line in each.lines if line.kind in {"usage", "late"}]


# --- what a grant pays ----------------------------------------------------------------------------


def test_units_pay_what_the_allowance_leaves_before_the_price(ledger: Ledger) -> None:
    grant = ledger.grant(500)
    ledger.tally.subscriptions.start("acme", "api")
    ledger.use(1_700, "2026-10-05")
    [invoice] = ledger.run("2026-11-02")
    [line] = invoice.lines
    assert (line.quantity, line.billed, line.amount) == (1_700, 200, usd("2.00"))
    [burn] = invoice.burns
    assert (burn.grant, burn.line, burn.units, burn.amount) == (grant, 1, 500, usd("0.00"))
    assert (invoice.credit, invoice.total, invoice.amount_due) == (
        usd("0.00"),
        usd("2.00"),
        usd("2.00"),
    )
    assert ledger.left(grant) == 0
    [move] = ledger.tally.credits.trace(grant).moves
    assert (move.kind, move.size, move.invoice) == ("burned", 500, invoice.id)
    ledger.holds()


def test_both_ends_of_the_trace_are_shown(ledger: Ledger) -> None:
    grant = ledger.grant("500.5")
    ledger.tally.subscriptions.start("acme", "api")
    ledger.use(1_700, "2026-10-05")
    [invoice] = ledger.run("2026-11-02")
    [line] = ledger.tally.invoices.explain(invoice.id).lines
    assert [text.partition("  ")[2] for text in line.sums[1:]] == [
        f"500.5 paid by grant {grant}",
        "1,700 - 1,000 included = 700",
        "700 - 500.5 paid by grants = 199.5",
        "199.5 × 0.01 USD = 1.995 USD",
        "rounded half away from zero: 1.995 USD = 2.00 USD",
    ]
    assert f"Paid by grant {grant}: 500.5" in invoice_text(invoice)
    assert f"Paid by grant {grant}: 500.5" in invoice_html(invoice)
    assert f"Durch Guthaben {grant} bezahlt: 500,5" in invoice_text(invoice, locale="de")


def test_usage_that_is_paid_whole_asks_for_nothing(ledger: Ledger) -> None:
    grant = ledger.grant(1_000)
    ledger.tally.subscriptions.start("acme", "base")
    ledger.use(300, "2026-10-05")
    invoice = ledger.run("2026-11-02")[-1]
    assert [(line.kind, line.amount) for line in invoice.lines] == [
        ("usage", usd("0.00")),
        ("fee", usd("10.00")),
    ]
    assert (ledger.left(grant), invoice.total) == (700, usd("10.00"))
    ledger.holds()


def test_a_document_of_paid_usage_alone_is_issued(ledger: Ledger) -> None:
    grant = ledger.grant(5_000)
    ledger.tally.subscriptions.start("acme", "api")
    ledger.use(1_700, "2026-10-05")
    ledger.use(900, "2026-11-05")
    [invoice] = ledger.run("2026-12-02")
    assert (invoice.total, invoice.status, ledger.left(grant)) == (usd("0.00"), "paid", 4_300)
    ledger.holds()


def test_the_order_is_priority_expiry_promotional_then_age(ledger: Ledger) -> None:
    last = ledger.grant(10, priority=90)
    paid = ledger.grant(10, category="paid")
    young = ledger.grant(10)
    soon = ledger.grant(10, expires_at="2027-01-01T00:00:00Z", category="paid")
    first = ledger.grant(10, priority=1, category="paid")
    ledger.tally.subscriptions.start("acme", "base")
    ledger.use(45, "2026-10-05")
    invoice = ledger.run("2026-11-02")[-1]
    assert [(burn.grant, burn.units) for burn in invoice.burns] == [
        (first, 10),
        (soon, 10),
        (young, 10),
        (paid, 10),
        (last, 5),
    ]
    ledger.holds()


def test_a_grant_pays_from_its_start_to_before_its_end(ledger: Ledger) -> None:
    ended = ledger.grant(10, expires_at="2026-11-01T00:00:00Z")
    early = ledger.grant(10, effective_at="2026-11-01T00:00:01Z")
    on_time = ledger.grant(10, effective_at="2026-11-01T00:00:00Z")
    ledger.tally.subscriptions.start("acme", "base")
    ledger.use(100, "2026-10-05")
    invoice = ledger.run("2026-11-02")[-1]
    assert [burn.grant for burn in invoice.burns] == [on_time]
    assert [ledger.left(each) for each in (ended, early, on_time)] == [0, 10, 0]
    assert [each.kind for each in ledger.tally.credits.trace(ended).moves] == ["expired"]
    ledger.holds()


def test_what_was_asked_for_is_not_paid_by_a_later_grant(ledger: Ledger) -> None:
    ledger.tally.subscriptions.start("acme", "api")
    ledger.use(1_300, "2026-10-05")
    [first] = ledger.run("2026-11-02")
    grant = ledger.grant(5_000)
    ledger.use(1_100, "2026-11-05")
    second = ledger.run("2026-12-02")[-1]
    assert (first.total, second.total, ledger.left(grant)) == (usd("3.00"), usd("0.00"), 4_900)
    ledger.holds()


def test_units_of_something_else_pay_nothing(ledger: Ledger) -> None:
    other = ledger.grant(100, feature="mails")
    scoped = ledger.grant(100, prices=["api"])
    ledger.tally.subscriptions.start("acme", "base")
    ledger.use(30, "2026-10-05")
    invoice = ledger.run("2026-11-02")[-1]
    assert (ledger.left(other), ledger.left(scoped), invoice.burns) == (100, 100, ())


def test_a_features_key_names_the_meter_that_counts_it(ledger: Ledger) -> None:
    by_feature, by_meter = ledger.grant(30, feature="requests"), ledger.grant(30)
    ledger.tally.subscriptions.start("acme", "quota")
    ledger.use(170, "2026-10-05")
    invoice = ledger.run("2026-11-02")[-1]
    assert (ledger.left(by_feature), ledger.left(by_meter)) == (0, 0)
    [line] = metered_lines([invoice])
    assert (line.billed, line.amount) == (10, usd("0.20"))
    ledger.holds()


def test_levels_are_not_used_up(ledger: Ledger) -> None:
    grant = ledger.grant(100, feature="disk")
    ledger.tally.subscriptions.start("acme", "disk")
    ledger.use(30, "2026-10-05", "disk")
    [invoice] = ledger.run("2026-11-02")
    assert (ledger.left(grant), invoice.total) == (100, usd("0.30"))


def test_tiers_see_only_what_grants_leave(ledger: Ledger) -> None:
    ledger.grant(150)
    ledger.tally.subscriptions.start("acme", "tiers")
    ledger.use(200, "2026-10-05")
    [invoice] = ledger.run("2026-11-02")
    assert invoice.total == usd("50.00")  # 50 at 1.00, not 200 at 0.10
    ledger.holds()


def test_no_unit_is_spent_on_what_is_charged_all_the_same(ledger: Ledger) -> None:
    grant = ledger.grant(50)
    ledger.tally.subscriptions.start("acme", "least")
    ledger.use(120, "2026-10-05")
    [invoice] = ledger.run("2026-11-02")
    assert (invoice.total, ledger.left(grant)) == (usd("1.00"), 30)
    ledger.holds()


def test_groups_are_paid_in_their_order(ledger: Ledger) -> None:
    grant = ledger.grant(50)
    ledger.tally.subscriptions.start("acme", "zones")
    ledger.use(40, "2026-10-05", zone="eu")
    ledger.use(40, "2026-10-06", zone="us")
    [invoice] = ledger.run("2026-11-02")
    assert [(line.group[0][1], line.billed) for line in invoice.lines] == [("eu", 0), ("us", 30)]
    assert [(burn.line, burn.units) for burn in invoice.burns] == [(1, 40), (2, 10)]
    assert ledger.left(grant) == 0
    ledger.holds()


def test_two_documents_of_one_run_share_a_grant(ledger: Ledger) -> None:
    grant = ledger.grant(1_000)
    ledger.tally.subscriptions.start("acme", "base")
    ledger.use(700, "2026-10-05")
    ledger.use(700, "2026-11-05")
    _, second, third = ledger.run("2026-12-02")
    assert [sum(burn.units for burn in each.burns) for each in (second, third)] == [700, 300]
    assert ledger.left(grant) == 0
    ledger.holds()


# --- slices, late usage, voids --------------------------------------------------------------------


def test_slices_take_their_turn_and_add_up(ledger: Ledger) -> None:
    grant = ledger.grant(1_500)
    ledger.tally.subscriptions.start("acme", "cut")
    for number in range(1, 5):
        ledger.clock.set(day(f"2026-10-1{number}"))
        ledger.use(600, f"2026-10-1{number}")
        ledger.run(f"2026-10-1{number}T12:00")
    found = ledger.run("2026-11-02")
    assert sum(each.total.minor for each in found) == 2_400 - 1_500
    assert sum(line.quantity for line in metered_lines(found)) == 2_400
    assert ledger.left(grant) == 0
    ledger.holds()


def test_a_slice_that_was_asked_for_is_not_paid_by_a_grant_that_came_after(ledger: Ledger) -> None:
    ledger.tally.subscriptions.start("acme", "cut")
    ledger.clock.set(day("2026-10-05"))
    ledger.use(1_200, "2026-10-05")
    [first] = ledger.run("2026-10-06")
    grant = ledger.grant(10_000)
    ledger.use(300, "2026-10-06")
    second = ledger.run("2026-11-02")[-1]
    assert (first.total, second.total, ledger.left(grant)) == (usd("12.00"), usd("0.00"), 9_700)
    ledger.holds()


def test_late_usage_is_paid_by_what_remains(ledger: Ledger) -> None:
    grant = ledger.grant(500)
    ledger.tally.subscriptions.start("acme", "api")
    ledger.use(1_300, "2026-10-05")
    ledger.run("2026-11-02")
    ledger.use(250, "2026-10-06")
    late = ledger.run("2026-12-02")[-1]
    assert [(line.kind, line.amount) for line in late.lines] == [("late", usd("0.50"))]
    assert [burn.units for burn in late.burns] == [200]
    assert ledger.left(grant) == 0
    ledger.use(50, "2026-10-07")
    last = ledger.run("2027-01-02")[-1]
    assert (last.total, last.burns) == (usd("0.50"), ())
    ledger.holds()


def test_late_usage_that_is_paid_whole_says_so(ledger: Ledger) -> None:
    grant = ledger.grant(500)
    ledger.tally.subscriptions.start("acme", "base")
    ledger.use(100, "2026-10-05")
    ledger.run("2026-11-02")
    ledger.use(40, "2026-10-06")
    [line] = [each for each in metered_lines(ledger.run("2026-12-02")) if each.kind == "late"]
    assert (line.amount, line.billed, ledger.left(grant)) == (usd("0.00"), 0, 360)
    ledger.use(10, "2026-10-07")
    ledger.run("2027-01-02")
    assert ledger.left(grant) == 350
    ledger.holds()


def test_a_correction_gives_back_money_first_and_units_stay_with_the_window(ledger: Ledger) -> None:
    grant = ledger.grant(60)
    ledger.tally.subscriptions.start("acme", "base")
    event = ledger.use(100, "2026-10-05")
    ledger.run("2026-11-02")
    ledger.tally.usage.amend("acme", event, quantity=50, correction_id="a1")
    back = ledger.run("2026-12-02")[-1]
    assert (back.total, ledger.left(grant)) == (usd("9.60"), 0)  # 10.00 - 40 × 0.01
    ledger.use(10, "2026-10-08")
    assert ledger.run("2027-01-02")[-1].total == usd("10.00")  # within the 60 that were paid
    ledger.holds()


def test_a_void_gives_the_units_back_and_they_pay_again(ledger: Ledger) -> None:
    grant = ledger.grant(500)
    ledger.tally.subscriptions.start("acme", "api")
    ledger.use(1_700, "2026-10-05")
    [invoice] = ledger.run("2026-11-02")
    ledger.tally.invoices.void(invoice.id)
    assert ledger.left(grant) == 500
    ledger.use(1, "2026-10-06")
    again = ledger.run("2026-12-02")[-1]
    assert (again.total, ledger.left(grant)) == (usd("2.01"), 0)
    assert [each.kind for each in ledger.tally.credits.trace(grant).moves] == [
        "burned",
        "restored",
        "burned",
    ]
    ledger.holds()


def test_a_credit_note_gives_back_money_and_no_units(ledger: Ledger) -> None:
    grant = ledger.grant(500)
    ledger.tally.subscriptions.start("acme", "api")
    ledger.use(1_700, "2026-10-05")
    [invoice] = ledger.run("2026-11-02")
    note = ledger.tally.invoices.credit(invoice.id)
    assert (note.invoice.total, ledger.left(grant)) == (usd("-2.00"), 0)
    ledger.holds()


# --- seen from outside ----------------------------------------------------------------------------


def test_a_grant_that_was_made_later_changes_no_document(ledger: Ledger) -> None:
    ledger.tally.subscriptions.start("acme", "api")
    ledger.use(1_300, "2026-10-05")
    [invoice] = ledger.run("2026-11-02")
    grant = ledger.grant(5_000, effective_at="2026-10-01T00:00:00Z")
    assert ledger.tally.invoices.replay(invoice.id).equal
    assert ledger.left(grant) == 5_000
    ledger.holds()


def test_a_grant_that_was_void_by_the_time_of_a_late_run_paid_nothing(ledger: Ledger) -> None:
    grant = ledger.grant(50)
    ledger.tally.subscriptions.start("acme", "base")
    ledger.use(100, "2026-10-05")
    ledger.clock.set(day("2026-11-05"))
    ledger.tally.credits.void(grant)
    invoice = ledger.run("2026-11-06")[-1]
    assert (invoice.total, invoice.burns) == (usd("11.00"), ())
    ledger.holds()


def test_a_preview_a_forecast_and_the_run_say_the_same(ledger: Ledger) -> None:
    grant = ledger.grant(500)
    sub = ledger.tally.subscriptions.start("acme", "api").subscription
    ledger.use(1_700, "2026-10-05")
    ledger.clock.set(day("2026-10-20"))
    seen = ledger.tally.foresee("acme", until=day("2026-11-02"))
    assert [each.total for each in seen.documents] == [usd("2.00")]
    assert ledger.left(grant) == 500
    assert [each.total for each in ledger.run("2026-11-02")] == [usd("2.00")]
    assert sub.id == seen.documents[0].subscription


def test_a_backtest_leaves_what_grants_paid(ledger: Ledger) -> None:
    ledger.grant(500)
    ledger.tally.subscriptions.start("acme", "api")
    ledger.use(1_300, "2026-10-05")
    ledger.run("2026-11-02")
    ledger.use(450, "2026-10-06")
    found = ledger.run("2026-12-02")
    assert [each.total for each in found] == [usd("0.00"), usd("2.50")]
    for cost, now in (("0.01", usd("2.50")), ("0.03", usd("7.50"))):
        tried = ledger.tally.backtest(catalog(cost), since=START, until=JANUARY)
        assert not tried.not_compared
        assert [(each.issued, each.repriced) for each in tried.customers] == [(usd("2.50"), now)]


def test_no_more_is_taken_than_there_is(ledger: Ledger) -> None:
    grant = ledger.grant("2.5")
    with pytest.raises(InsufficientCredit):
        ledger.tally.credits.void(grant, "2.6")
    assert ledger.tally.credits.void(grant, "0.5").remaining == 2


def test_the_database_holds_that_none_is_below_zero(ledger: Ledger) -> None:
    grant = ledger.grant("0.5")

    def take(unit: Unit, _: object) -> None:
        table = unit.tables.credit_grants
        unit.connection.execute(update(table).values(remaining=Decimal("-0.000000000001")))

    with pytest.raises(IntegrityError):
        ledger.tally.act(take)
    assert ledger.left(grant) == Decimal("0.5")


def test_what_may_be_used_is_told_by_feature(ledger: Ledger) -> None:
    ledger.grant("2.5")
    ledger.grant(1, expires_at="2026-10-02T00:00:00Z")
    ledger.grant(7, feature="mails", effective_at="2026-10-03T00:00:00Z")
    assert dict(ledger.tally.credits.units("acme")) == {"calls": Decimal("3.5")}
    later = ledger.tally.credits.units("acme", at=day("2026-10-03"))
    assert list(later.items()) == [("calls", Decimal("2.5")), ("mails", 7)]
    assert ledger.tally.credits.balance("acme") == ()


def test_units_go_to_another_customer_and_pay_there(ledger: Ledger) -> None:
    ledger.tally.customers.create("globex", name="Globex", currency="USD")
    grant = ledger.grant(50)
    other = ledger.tally.credits.transfer(grant, "20", to="globex").grant.id
    ledger.tally.subscriptions.start("acme", "base")
    ledger.use(100, "2026-10-05")
    ledger.run("2026-11-02")
    assert (ledger.left(grant), ledger.left(other)) == (0, 20)
    assert dict(ledger.tally.credits.units("globex")) == {"calls": 20}
    ledger.holds()

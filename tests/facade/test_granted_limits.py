"""Units that are granted, used at a limit and paid on an invoice: each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tallystick import QuotaExceeded
from tests.facade.granting import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database


@pytest.fixture
def ledger(database: Database) -> Iterator[Ledger]:
    made = Ledger(database.url)
    with made.tally:
        yield made


def opened(database: Database, plan: str) -> Ledger:
    return Ledger(database.url, plan)


# --- what never starts again ----------------------------------------------------------------------


def test_what_an_invoice_let_a_grant_pay_still_counts_where_use_never_starts_again(
    ledger: Ledger,
) -> None:
    ledger.grant(5, "exports")
    ledger.use(12, "exports")
    assert ledger.left("exports") == 3
    ledger.at("2026-11-02")
    assert ledger.left("exports") == 3
    assert ledger.paid() == 5
    assert (ledger.limit("exports"), ledger.left("exports")) == (15, 3)
    ledger.use(3, "exports")
    with pytest.raises(QuotaExceeded):
        ledger.use(1, "exports")
    assert ledger.tally.verify().ok


def test_a_grant_that_was_used_up_is_no_allowance_for_the_next_one(ledger: Ledger) -> None:
    first = ledger.grant(5, "exports", expires_at="2026-12-01T00:00:00Z")
    ledger.use(15, "exports")
    ledger.at("2026-12-02")
    ledger.run()
    assert ledger.tally.credits.get(first).remaining == 0
    assert ledger.left("exports") == 0
    ledger.grant(4, "exports")
    assert ledger.left("exports") == 4


def test_what_a_void_gives_back_is_counted_once(ledger: Ledger) -> None:
    ledger.grant(5, "exports")
    ledger.use(12, "exports")
    ledger.at("2026-11-02")
    [first, *_] = [each for each in ledger.run() if each.burns]
    ledger.tally.invoices.void(first.id)
    assert (ledger.limit("exports"), ledger.left("exports")) == (15, 3)


# --- a quota --------------------------------------------------------------------------------------


def test_units_of_the_month_before_are_not_there_twice_while_its_invoice_waits(
    ledger: Ledger,
) -> None:
    ledger.grant(5)
    ledger.use(103)
    assert ledger.left() == 2
    ledger.at("2026-11-01T00:30")  # within the grace, and no run has come by
    assert ledger.limit() == 102
    ledger.run()
    assert ledger.limit() == 102  # a draft waits
    ledger.at("2026-11-03")
    assert ledger.limit() == 102
    assert (ledger.paid(), ledger.limit()) == (3, 102)


def test_units_that_an_invoice_in_the_month_lets_a_grant_pay_are_there_to_its_end(
    database: Database,
) -> None:
    ledger = opened(database, "cut")
    with ledger.tally:
        ledger.grant(50)
        ledger.use(140)
        ledger.at("2026-10-10")
        assert (ledger.paid(), ledger.limit(), ledger.left()) == (40, 150, 10)
        ledger.at("2026-11-03")
        assert ledger.limit() == 110
        assert (ledger.paid(), ledger.limit()) == (40, 110)
        assert ledger.tally.verify().ok


def test_units_are_not_there_again_each_day(database: Database) -> None:
    ledger = opened(database, "daily")
    with ledger.tally:
        ledger.grant(25)
        for day_, limit in ((2, 35), (3, 35), (4, 35), (5, 35), (6, 15), (7, 10)):
            ledger.at(f"2026-10-{day_:02}T12:00")
            assert ledger.limit() == limit, day_
            ledger.use(min(limit, 30))
        ledger.at("2026-11-03")
        assert (ledger.limit(), ledger.paid(), ledger.limit()) == (10, 25, 10)


def test_a_grant_is_of_a_meter_or_of_a_feature_that_it_counts(ledger: Ledger) -> None:
    ledger.grant(5, "calls")
    ledger.grant(7, "requests")
    ledger.grant(11, "exports")
    assert ledger.limit() == 112


def test_a_grant_adds_nothing_where_its_limits_do_not_let_it_pay(ledger: Ledger) -> None:
    ledger.grant(1, meters=["exports"])
    ledger.grant(2, plans=["cut"])
    ledger.grant(4, prices=["cut-calls"])
    assert ledger.limit() == 100
    ledger.grant(8, meters=["calls"], plans=["api"], prices=["api-calls"])
    assert ledger.limit() == 108


# --- what plans grant -----------------------------------------------------------------------------


def test_what_rolls_over_is_allowance_of_the_next_window_before_any_run(
    database: Database,
) -> None:
    ledger = opened(database, "rolling")
    with ledger.tally:
        assert ledger.limit() == 150
        ledger.use(110)
        for when, limit in (
            ("2026-11-01T00:10", 100 + 40 + 50),  # 10 of October's are used, 40 last till December
            ("2026-12-01T00:10", 100 + 20 + 50 + 50),  # of the 40 there go on 20
            (
                "2027-01-01T00:10",
                100 + 10 + 20 + 50 + 50,
            ),  # and of November's 20, under one cap of 30
        ):
            ledger.at(when)
            assert ledger.limit() == limit, when
        ledger.run()
        assert ledger.limit() == 230
        ledger.at("2027-01-02")
        ledger.run()
        assert ledger.limit() == 230
        assert ledger.tally.verify().ok


def test_what_was_used_does_not_roll_over(database: Database) -> None:
    ledger = opened(database, "rolling")
    with ledger.tally:
        ledger.use(150)
        with pytest.raises(QuotaExceeded):
            ledger.use(1)
        ledger.at("2026-11-01T00:10")
        assert ledger.limit() == 150
        ledger.use(145)
        ledger.at("2026-12-01T00:10")
        assert (ledger.limit(), ledger.left()) == (155, 155)  # nothing rolled: October's is used up
        ledger.at("2026-12-03")
        assert (ledger.paid(), ledger.limit()) == (95, 155)

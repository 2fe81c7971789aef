"""Proration by the second: credit and charge rounded each, then added."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.core.period import Period
from tallystick.core.proration import (
    TimeShare,
    change,
    credit_cap,
    grant_share,
    minimum_shortfall,
    repair,
    share,
    weighted_quantity,
)
from tallystick.errors import CurrencyMismatch, InvalidInput, InvalidNumber, InvalidPeriod

EUR, USD = map(currency, ("EUR", "USD"))
HALF = TimeShare(1, 2)
JUNE = Period(datetime(2027, 6, 1, tzinfo=UTC), datetime(2027, 7, 1, tzinfo=UTC))

minors = st.integers(-(10**12), 10**12)
wholes = st.integers(1, 4 * 10**7)


def eur(text: str) -> Money:
    return Money.parse(text, EUR)


@st.composite
def time_shares(draw: st.DrawFn) -> TimeShare:
    whole = draw(wholes)
    return TimeShare(draw(st.integers(0, whole)), whole)


# --- shares of time -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "left"),
    [
        (JUNE.start, 2_592_000),
        (datetime(2027, 6, 16, tzinfo=UTC), 1_296_000),
        (JUNE.end - timedelta(seconds=1), 1),
        (JUNE.end - timedelta(microseconds=1), 1),
        (JUNE.end, 0),
    ],
)
def test_what_remains_of_a_period_is_counted_in_whole_seconds(at: datetime, left: int) -> None:
    assert TimeShare.remaining(JUNE, at) == TimeShare(left, 2_592_000)


@pytest.mark.parametrize("at", [JUNE.start - timedelta(seconds=1), JUNE.end + timedelta(seconds=1)])
def test_an_instant_outside_of_the_period_leaves_nothing_to_share(at: datetime) -> None:
    with pytest.raises(InvalidPeriod, match="lies within the period"):
        TimeShare.remaining(JUNE, at)


@pytest.mark.parametrize(
    ("part", "whole"), [(1, 0), (0, 0), (-1, 2), (3, 2), (1.0, 2), (True, 2), ("1", 2)]
)
def test_a_share_of_time_lies_within_a_period_of_seconds(part: Any, whole: int) -> None:
    with pytest.raises(InvalidPeriod):
        TimeShare(part, whole)


def test_a_share_is_read_from_a_fraction() -> None:
    assert TimeShare.of(Decimal("0.5")).fraction == Fraction(1, 2)
    assert TimeShare.of(Decimal(1)).fraction == 1
    for wrong in ("-0.1", "1.1"):
        with pytest.raises(InvalidPeriod):
            TimeShare.of(Decimal(wrong))
    with pytest.raises(InvalidNumber):
        TimeShare.of(Decimal("NaN"))


# --- shares of amounts ----------------------------------------------------------------------------


@given(minors, time_shares())
def test_a_share_is_off_by_no_more_than_half_a_minor_unit(minor: int, time: TimeShare) -> None:
    part = share(Money(minor, EUR), time)
    assert abs(part.minor - minor * time.fraction) <= Fraction(1, 2)
    assert share(Money(-minor, EUR), time) == -part


@given(minors, wholes)
def test_the_whole_period_costs_the_whole_amount_and_none_of_it_nothing(
    minor: int, whole: int
) -> None:
    amount = Money(minor, EUR)
    assert share(amount, TimeShare(whole, whole)) == amount
    assert share(amount, TimeShare(0, whole)) == Money(0, EUR)


def test_half_a_minor_unit_goes_away_from_zero() -> None:
    assert share(eur("0.05"), HALF) == eur("0.03")
    assert share(eur("-0.05"), HALF) == eur("-0.03")


# --- changes --------------------------------------------------------------------------------------


def test_a_change_credits_the_old_and_charges_the_new_for_what_remains() -> None:
    came = change(eur("100.00"), eur("300.00"), HALF)
    assert (came.credit, came.charge, came.net) == (eur("-50.00"), eur("150.00"), eur("100.00"))


def test_a_change_of_the_cycle_charges_the_new_amount_whole() -> None:
    came = change(eur("100.00"), eur("1000.00"), TimeShare(2, 3), restarts=True)
    assert (came.credit, came.charge, came.net) == (eur("-66.67"), eur("1000.00"), eur("933.33"))


@given(minors, minors, time_shares())
def test_a_change_and_its_way_back_net_to_nothing(old: int, new: int, time: TimeShare) -> None:
    there = change(Money(old, EUR), Money(new, EUR), time)
    back = change(Money(new, EUR), Money(old, EUR), time)
    assert there.net + back.net == Money(0, EUR)
    assert there.net == there.credit + there.charge


def test_a_change_stays_in_one_currency() -> None:
    with pytest.raises(CurrencyMismatch):
        _ = change(eur("1.00"), Money(100, USD), HALF).net


@pytest.mark.parametrize(
    ("potential", "paid", "credited", "credit"),
    [
        ("100.00", "200.00", "50.00", "100.00"),
        ("100.00", "200.00", "180.00", "20.00"),
        ("100.00", "200.00", "250.00", "0.00"),
        ("100.00", "0.00", "0.00", "0.00"),
        ("-5.00", "200.00", "0.00", "0.00"),
    ],
)
def test_a_credit_never_exceeds_what_was_paid_and_not_yet_credited(
    potential: str, paid: str, credited: str, credit: str
) -> None:
    assert credit_cap(eur(potential), eur(paid), eur(credited)) == eur(credit)


def test_an_item_is_repaired_with_no_more_than_what_is_left_of_it() -> None:
    came = repair(eur("249.95"), eur("10.00"), eur("9.95"), TimeShare(30, 31))
    assert (came.credit, came.charge, came.net) == (eur("-239.95"), eur("9.63"), eur("-230.32"))


def test_a_minimum_for_a_part_of_a_period_is_shared_like_the_bill() -> None:
    part = TimeShare(56, 90)
    assert minimum_shortfall(eur("10000.00"), eur("1000.00"), part) == eur("5600.00")
    assert minimum_shortfall(eur("10.00"), eur("30.00"), part) == eur("0.00")


# --- quantities -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("units", "time", "decimals", "granted"),
    [
        ("100", TimeShare(0, 31), 8, "0"),
        ("100", HALF, 8, "50"),
        ("100", TimeShare(1, 3), 8, "33.33333333"),
        ("100", TimeShare(2, 3), 2, "66.67"),
        ("1", HALF, 0, "1"),
    ],
)
def test_a_grant_is_shared_to_some_decimals(
    units: str, time: TimeShare, decimals: int, granted: str
) -> None:
    assert grant_share(Decimal(units), time, decimals=decimals) == Decimal(granted)


def test_levels_are_weighted_by_the_seconds_they_held() -> None:
    levels = [(Decimal(20), 86_400), (Decimal(30), 1_296_000)]
    assert weighted_quantity(levels, 2_678_400, decimals=10) == Decimal("15.1612903226")
    assert weighted_quantity([], 60) == 0


@given(st.decimals(0, 10**6, places=3), st.lists(st.integers(0, 10**6), min_size=1))
def test_a_level_that_never_changed_is_the_average(level: Decimal, seconds: list[int]) -> None:
    assume(sum(seconds) > 0)
    assert weighted_quantity([(level, held) for held in seconds], sum(seconds)) == level


@pytest.mark.parametrize(
    ("levels", "whole"), [([(Decimal(1), 61)], 60), ([(Decimal(1), -1)], 60), ([], 0), ([], -1)]
)
def test_levels_hold_within_the_period(levels: list[tuple[Decimal, int]], whole: int) -> None:
    with pytest.raises(InvalidInput):
        weighted_quantity(levels, whole)

"""Sums, quantiles and bins of what a new catalogue would have changed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.backtest import Backtest, Bin, CustomerDifference, summary_of
from tallystick.core.backtest_words import bar_lengths, bin_words, change_words, signed
from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.errors import CurrencyMismatch

USD, JPY = currency("USD"), currency("JPY")
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


def one(name: str, difference: int, issued: int = 1_000, unit: str = "USD") -> CustomerDifference:
    money = currency(unit)
    return CustomerDifference(
        name, money, 1, Money(issued, money), Money(issued + difference, money)
    )


def all_of(*differences: int) -> list[CustomerDifference]:
    return [one(f"c{place}", minor) for place, minor in enumerate(differences)]


def test_who_pays_less_who_pays_more_and_what_it_comes_to() -> None:
    found = summary_of(all_of(-300, -100, 0, 50))
    assert (found.customers, found.documents) == (4, 4)
    assert (found.winners, found.losers, found.unchanged) == (2, 1, 1)
    assert (found.won, found.lost) == (Money(400, USD), Money(50, USD))
    assert (found.issued, found.repriced) == (Money(4_000, USD), Money(3_650, USD))
    assert found.difference == Money(-350, USD)


def test_a_quantile_is_the_smallest_that_so_many_do_not_exceed() -> None:
    found = summary_of(all_of(*range(1, 101)))
    assert dict(found.quantiles) == {
        percent: Money(minor, USD)
        for percent, minor in {0: 1, 5: 5, 25: 25, 50: 50, 75: 75, 95: 95, 100: 100}.items()
    }
    assert dict(summary_of(all_of(7)).quantiles)[50] == Money(7, USD)


def test_bins_are_round_steps_that_leave_out_nobody_but_the_unchanged() -> None:
    assert summary_of(all_of(0, 0)).bins == ()
    assert summary_of(all_of(1, 1)).bins == (Bin(0, 1, 0), Bin(1, 2, 2))
    assert summary_of(all_of(-1)).bins == (Bin(-1, 0, 1),)
    bins = summary_of(all_of(-1_000, -10, 10, 1_000, 0)).bins
    assert {each.high - each.low for each in bins if each.high and each.low} == {100}
    assert [each.customers for each in bins if each.customers] == [1, 1, 1, 1]


def test_what_lies_far_out_is_at_the_ends() -> None:
    bins = summary_of(all_of(*[-5, 5] * 100, 10**9, -(10**9))).bins
    assert (bins[0].low, bins[-1].high) == (None, None)
    assert sum(each.customers for each in bins) == 202
    assert len(bins) <= 24


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=60))
def test_bins_and_sums_hold_everybody(differences: list[int]) -> None:
    found = summary_of(all_of(*differences))
    changed = [minor for minor in differences if minor]
    assert sum(each.customers for each in found.bins) == len(changed)
    assert len(found.bins) <= 24
    assert found.lost.minor - found.won.minor == found.difference.minor == sum(differences)
    for each in found.bins:
        low = -(10**13) if each.low is None else each.low
        high = 10**13 if each.high is None else each.high
        assert sum(low <= minor < high for minor in changed) == each.customers
    for before, after in zip(found.bins, found.bins[1:], strict=False):
        assert before.high == after.low
    assert dict(found.quantiles)[0].minor == min(differences)
    assert dict(found.quantiles)[100].minor == max(differences)


def test_currencies_are_summed_apart_and_never_together() -> None:
    found = Backtest(START, END, (one("a", 5), one("a", 7, unit="JPY"), one("b", -9)))
    assert [each.currency.code for each in found.summaries()] == ["JPY", "USD"]
    assert [each.customers for each in found.summaries()] == [1, 2]
    assert found.documents == 3
    with pytest.raises(CurrencyMismatch):
        summary_of(found.customers)


def test_the_furthest_come_first_in_each_currency() -> None:
    rows = (one("a", 5), one("b", 9), one("c", 9), one("d", -4), one("e", 0), one("f", 1, 0, "JPY"))
    found = Backtest(START, END, rows)
    assert [each.customer for each in found.losers(2)] == ["f", "b", "c"]
    assert [each.customer for each in found.winners()] == ["d"]
    assert found.losers(0) == found.winners(-1) == ()


def test_it_is_told_in_words() -> None:
    found = summary_of(all_of(-300, 50, 50))
    assert change_words(found) == "-2.00 USD (-6.7 %)"
    assert (signed(Money(5, USD)), signed(Money(0, USD))) == ("+0.05 USD", "0.00 USD")
    assert bin_words(Bin(-200, 0, 1), found) == "-2.00 to +0.00"
    assert (bin_words(Bin(None, -200, 1), found), bin_words(Bin(200, None, 1), found)) == (
        "below -2.00",
        "from +2.00",
    )
    lengths = bar_lengths(found, 40)
    assert max(lengths) == 40
    assert all(
        (length > 0) == (each.customers > 0)
        for each, length in zip(found.bins, lengths, strict=True)
    )
    assert change_words(summary_of([one("a", 7, 0)])) == "+0.07 USD"

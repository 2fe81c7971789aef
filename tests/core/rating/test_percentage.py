"""A share of each transaction, plus a fixed fee."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.price import Percentage
from tallystick.core.rating import Quantity, Transactions, rate
from tallystick.core.rating.percentage import percentage
from tallystick.errors import InvalidInput, InvalidUsage
from tests.core.rating.words import AMOUNTS, d, decimals, price, rows, total, transactions

FOUR = transactions(5000, 10000, 25000, 40000)
THREE = transactions(1000, 8000, 1000000)


def fee(
    percent: str,
    fixed: int = 0,
    *,
    count: int | None = None,
    volume: int | None = None,
    low: int | None = None,
    high: int | None = None,
) -> Percentage:
    """Write amounts in minor units."""
    free = None if volume is None else d(volume)
    lowest, highest = (None if bound is None else d(bound) for bound in (low, high))
    return Percentage(d(percent), d(fixed), count, free, lowest, highest)


@pytest.mark.parametrize(
    ("shape", "minor"),
    [
        (fee("1.3", 200), "1840"),  # nothing free
        (fee("1.3", 200, volume=25000), "1115"),  # the third is covered in part
        (fee("1.3", 200, count=3), "720"),
        (fee("1.3", 200, count=3, volume=25000), "1115"),  # the volume ends first
        (fee("1.3", 200, count=3, volume=50000), "720"),  # the transactions end first
        (fee("1.3", 200, count=0, volume=0), "1840"),  # zero is no such allowance
        (fee("1.3", 200, count=0, volume=25000), "1115"),
        (fee("1.3", 200, count=3, volume=0), "720"),
        (fee("1.3", 200, count=5), "0"),
        (fee("0", 200), "800"),
    ],
)
def test_free_transactions_and_free_volume_end_at_whichever_comes_first(
    shape: Percentage, minor: str
) -> None:
    assert total(percentage(shape, FOUR)) == d(minor)


@pytest.mark.parametrize(
    ("shape", "minor"),
    [
        (fee("2.99"), "30169.1"),
        (fee("2.99", low=175, high=1200), "1614.2"),
        (fee("2.99", 200, low=175, high=1200), "1869.1"),  # the bounds include the fixed fee
        (fee("2.99", count=2, low=175, high=1200), "1200"),  # free ones are not raised
        (fee("2.99", volume=3000, low=175, high=1200), "1379.4"),
        (fee("2.99", count=3, volume=1000000, low=175, high=1200), "269.1"),
    ],
)
def test_bounds_hold_for_each_paying_transaction(shape: Percentage, minor: str) -> None:
    assert total(percentage(shape, THREE)) == d(minor)


def test_the_components_are_the_sums_of_all_transactions() -> None:
    assert rows(percentage(fee("2.99", 200, low=500, high=1200), THREE)) == [
        ("percentage", "1009000", "30169.1000"),
        ("fixed fees", "3", "600"),
        ("raised to the minimum", "1", "330.9000"),
        ("lowered to the maximum", "1", "-28900.0000"),
    ]


def test_a_volume_used_up_to_the_last_unit_leaves_the_next_transaction_whole() -> None:
    shape = fee("1", 10, volume=15000)
    assert total(percentage(shape, transactions(5000, 10000, 100))) == 11


def test_an_empty_transaction_pays_its_fixed_fee_when_nothing_is_free_any_more() -> None:
    shape = fee("1", 10, volume=100)
    assert total(percentage(shape, transactions(0, 100, 0, "-0"))) == 20


def test_no_transaction_costs_nothing() -> None:
    assert percentage(fee("1.3", 200), Transactions(())) == ()


def test_a_transaction_given_back_counts_as_nothing_or_gives_back_its_fee() -> None:
    paid_back = transactions(10000, -10000, 300)
    floored = rate(price(fee("1.3", 200)), paid_back)
    mirrored = rate(price(fee("1.3", 200), allow_negative=True), paid_back)
    assert floored.amount.minor == 534
    assert mirrored.amount.minor == 204
    assert floored.measured == 3
    assert floored.billed == 2


def test_a_transaction_given_back_is_within_the_bounds_too() -> None:
    given_back = rate(price(fee("1", low=50, high=70), allow_negative=True), transactions(-100))
    assert given_back.amount.minor == -50


def test_a_transaction_given_back_leaves_the_allowance_alone() -> None:
    shape = price(fee("1", volume=1000, count=5), allow_negative=True)
    assert rate(shape, transactions(-300, 1000, 200)).amount.minor == -1


def test_the_maximum_has_the_last_word_over_the_minimum() -> None:
    assert total(percentage(fee("1", low=100, high=50), transactions(1000))) == 50


def test_single_transactions_are_needed() -> None:
    with pytest.raises(InvalidUsage, match="single Transactions"):
        percentage(fee("1"), Quantity(d(800)))


def test_what_counts_units_cannot_stand_around_it() -> None:
    with pytest.raises(InvalidInput, match="counts units"):
        rate(price(fee("1"), included=d(5)), transactions(100))


@given(
    st.lists(decimals(0, 10**5, 2), max_size=8),
    decimals(0, 20, 2),
    AMOUNTS,
    st.none() | st.integers(0, 6),
    st.none() | decimals(0, 10**5, 2),
)
def test_it_equals_the_rule_said_transaction_by_transaction(
    amounts: list[Decimal],
    percent: Decimal,
    fixed: Decimal,
    free: int | None,
    volume: Decimal | None,
) -> None:
    shape = Percentage(percent, fixed, free, volume)
    covered, expected, number = Decimal(0), Decimal(0), 0
    for index, amount in enumerate(amounts):
        ended = (not free and not volume) or (bool(free) and index >= (free or 0))
        ended = ended or (bool(volume) and covered >= (volume or 0))
        room = Decimal(0) if ended else (volume - covered if volume else amount)
        covered += amount
        if ended or amount > room:
            expected += (amount - room) * percent / 100
            number += 1
    assert total(percentage(shape, Transactions(tuple(amounts)))) == expected + number * fixed

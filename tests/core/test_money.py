"""Money: whole minor units of one currency, added, compared and split."""

from __future__ import annotations

import operator
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.currency import CODES, currency
from tallystick.core.money import Money, Rate, settle, to_minor
from tallystick.errors import CurrencyMismatch, InvalidInput, InvalidNumber, OutOfBounds

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.currency import Currency

USD, EUR, JPY, KWD, CLF = map(currency, ("USD", "EUR", "JPY", "KWD", "CLF"))
BOUND = 2**63

minors = st.integers(1 - BOUND, BOUND - 1)
currencies = st.sampled_from(sorted(CODES.values()))
ties = st.sampled_from(["first", "last"])


def usd(text: str) -> Money:
    return Money.parse(text, USD)


# --- making ---------------------------------------------------------------------------------------


@given(minors, currencies)
def test_money_is_written_and_read_back(minor: int, unit: Currency) -> None:
    money = Money(minor, unit)
    amount = str(money).removesuffix(f" {unit}")
    if len(amount.lstrip("-").partition(".")[0]) <= 18:
        assert Money.parse(amount, unit) == money
    assert to_minor(money.major, unit) == minor
    assert money + (-money) == Money(0, unit)


@pytest.mark.parametrize(
    ("text", "unit", "minor"),
    [
        ("9.99", USD, 999),
        ("-0.01", USD, -1),
        ("10.00", USD, 1000),
        ("500", JPY, 500),
        ("500.00", JPY, 500),
        ("1.234", KWD, 1234),
        ("0.0001", CLF, 1),
        ("0", USD, 0),
        ("-0", USD, 0),
    ],
)
def test_amounts_are_read_in_major_units(text: str, unit: Currency, minor: int) -> None:
    assert Money.parse(text, unit).minor == minor


@pytest.mark.parametrize(
    ("text", "unit"), [("9.999", USD), ("0.5", JPY), ("1.2345", KWD), ("1e3", USD), ("", USD)]
)
def test_no_amount_has_more_decimals_than_its_currency(text: str, unit: Currency) -> None:
    with pytest.raises(InvalidNumber):
        Money.parse(text, unit)


@pytest.mark.parametrize("minor", [True, False, 1.0, Decimal(1), "1", None, Fraction(1)])
def test_minor_units_are_an_int_and_nothing_like_it(minor: Any) -> None:
    with pytest.raises(TypeError):
        Money(minor, USD)


@pytest.mark.parametrize("unit", ["USD", None, 2])
def test_a_currency_is_looked_up_first(unit: Any) -> None:
    with pytest.raises(TypeError):
        Money(1, unit)


@pytest.mark.parametrize("minor", [BOUND, -BOUND, 10**30])
def test_what_no_ledger_holds_is_refused(minor: int) -> None:
    with pytest.raises(OutOfBounds):
        Money(minor, USD)
    with pytest.raises(OutOfBounds):
        settle(Decimal(minor), USD)


def test_an_amount_of_eighteen_digits_may_be_out_of_bounds_in_minor_units() -> None:
    with pytest.raises(OutOfBounds):
        usd("9" * 18)


def test_a_sum_is_held_to_the_bounds() -> None:
    with pytest.raises(OutOfBounds):
        Money(BOUND - 1, USD) + Money(1, USD)


# --- arithmetic -----------------------------------------------------------------------------------


@given(st.lists(st.integers(-(10**15), 10**15), max_size=20))
def test_a_total_is_the_sum(minor: list[int]) -> None:
    assert Money.total((Money(each, USD) for each in minor), USD) == Money(sum(minor), USD)


@given(minors.filter(lambda n: abs(n) < 10**18), minors.filter(lambda n: abs(n) < 10**18))
def test_money_adds_and_compares_as_its_minor_units_do(a: int, b: int) -> None:
    one, other = Money(a, EUR), Money(b, EUR)
    assert one + other == Money(a + b, EUR)
    assert one - other == Money(a - b, EUR)
    comparisons = (one < other, one <= other, one > other, one >= other, one == other)
    assert comparisons == (a < b, a <= b, a > b, a >= b, a == b)


def test_equal_money_has_one_hash_and_another_currency_is_other_money() -> None:
    assert {usd("1.00"), Money(100, USD)} == {Money(100, USD)}
    assert Money(100, USD) != Money(100, EUR)
    assert Money(0, USD) != Money(0, EUR)
    hundred: object = 100
    assert Money(100, USD) != hundred


def test_two_currencies_never_meet() -> None:
    one, other = Money(1, USD), Money(1, EUR)
    meetings: list[Callable[[], object]] = [
        lambda: one + other,
        lambda: one - other,
        lambda: one < other,
        lambda: one <= other,
        lambda: one > other,
        lambda: one >= other,
        lambda: Money.total([one, other], USD),
        lambda: max(one, other),
    ]
    for meet in meetings:
        with pytest.raises(CurrencyMismatch):
            meet()


@pytest.mark.parametrize("other", [1, 1.0, Decimal(1), "1", None, True])
def test_money_goes_with_money_alone(other: Any) -> None:
    with pytest.raises(TypeError):
        Money(1, USD) + other
    with pytest.raises(TypeError):
        assert Money(1, USD) < other


def test_money_is_never_multiplied_divided_or_taken_for_a_truth() -> None:
    money: Any = Money(1, USD)
    operators = (operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow)
    for operate in operators:
        with pytest.raises(TypeError):
            operate(money, 2)
    with pytest.raises(TypeError, match="no truth value"):
        bool(money)


# --- splitting ------------------------------------------------------------------------------------

Weight: TypeAlias = int | Decimal | Fraction


def _weigh_something(shares: list[Weight]) -> bool:
    return sum(Fraction(each) for each in shares) > 0


weight: st.SearchStrategy[Weight] = st.one_of(
    st.integers(0, 10**9), st.decimals(0, 1000, places=6), st.fractions(0, 10)
)
weights = st.lists(weight, min_size=1).filter(_weigh_something)


@given(minors, weights, ties)
def test_a_split_loses_nothing_and_gives_each_its_share(
    minor: int, shares: list[Weight], tie: Literal["first", "last"]
) -> None:
    parts = Money(minor, USD).split(shares, ties=tie)
    assert sum(part.minor for part in parts) == minor
    whole = sum(Fraction(each) for each in shares)
    for part, weight in zip(parts, shares, strict=True):
        assert abs(part.minor - minor * Fraction(weight) / whole) < 1
    assert Money(-minor, USD).split(shares, ties=tie) == tuple(-part for part in parts)


@given(st.integers(0, 10**6), st.integers(1, 40))
def test_equal_weights_differ_by_one_and_ties_go_to_the_side_asked_for(
    minor: int, count: int
) -> None:
    each, more = divmod(minor, count)
    first = [each + 1] * more + [each] * (count - more)
    money = Money(minor, USD)
    assert [part.minor for part in money.split([1] * count)] == first
    assert [part.minor for part in money.split([1] * count, ties="last")] == first[::-1]


@pytest.mark.parametrize(
    ("amount", "shares", "parts"),
    [
        ("0.05", [1, 1, 1], ["0.02", "0.02", "0.01"]),
        ("100.00", [1, 2, 3], ["16.67", "33.33", "50.00"]),
        ("-100.00", [1, 2, 3], ["-16.67", "-33.33", "-50.00"]),
        ("1.00", [Decimal("0.001"), Decimal("0.002")], ["0.33", "0.67"]),
        ("0.01", [100, 1], ["0.01", "0.00"]),
        ("0.02", [0, 1, 0, 1], ["0.00", "0.01", "0.00", "0.01"]),
        ("10.00", [0, 5], ["0.00", "10.00"]),
        ("7.00", [1], ["7.00"]),
    ],
)
def test_splits_to_redo_by_hand(amount: str, shares: list[int | Decimal], parts: list[str]) -> None:
    assert usd(amount).split(shares) == tuple(map(usd, parts))


@pytest.mark.parametrize("shares", [[], [0], [0, 0], [1, 2]])
def test_nothing_is_split_into_nothings(shares: list[int]) -> None:
    assert Money(0, USD).split(shares) == (Money(0, USD),) * len(shares)


@pytest.mark.parametrize(
    "shares",
    [[], [0], [0, 0], [-1, 2], [True], [1.5], ["1"], [None]]
    + [[Decimal(bad)] for bad in ("NaN", "Infinity", "-1", "1e1000000", "1e-1000000")],
)
def test_what_cannot_be_a_weight_is_refused(shares: list[Any]) -> None:
    with pytest.raises(InvalidInput):
        usd("1.00").split(shares)


def test_ties_go_to_the_first_or_the_last_only() -> None:
    wrong: Any = "middle"
    with pytest.raises(InvalidInput, match="'middle'"):
        usd("0.01").split([1, 1], ties=wrong)


# --- rates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "quantity", "minor"),
    [("0.02", "25", 1), ("0.02", "24", 0), ("-0.5", "1", -1), ("33.333", "3", 100)],
)
def test_a_quantity_is_priced_with_one_rounding(rate: str, quantity: str, minor: int) -> None:
    assert Rate(Decimal(rate), USD).charge(Decimal(quantity)) == Money(minor, USD)


def test_a_product_of_thirty_six_digits_is_still_exact() -> None:
    rate = Rate(Decimal("0.000000000000000005"), JPY)
    assert rate.charge(Decimal("99999999999999999.999999999999")) == Money(0, JPY)
    assert rate.charge(Decimal(100000000000000000)) == Money(1, JPY)


@pytest.mark.parametrize("value", [1, 1.5, "1", None, Decimal("NaN"), Decimal("Infinity")])
def test_a_rate_is_a_finite_decimal(value: Any) -> None:
    with pytest.raises(InvalidNumber):
        Rate(value, USD)


def test_a_rate_is_shown_in_major_units() -> None:
    assert str(Rate(Decimal("0.02"), USD)) == "0.0002 USD"
    assert str(Rate(Decimal(5), JPY)) == "5 JPY"

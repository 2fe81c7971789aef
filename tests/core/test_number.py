"""The strict number parser and the exact arithmetic."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.number import (
    QUANTITY_DECIMALS,
    RATE_DECIMALS,
    bounded,
    exact_product,
    exact_sum,
    left_in_turn,
    parse_number,
    percent_of,
    plain,
    round_half_away,
    round_quotient,
    round_quotient_to,
    taken_in_turn,
)
from tallystick.errors import InvalidNumber, OutOfBounds

BOUND = 2**63

numbers = st.decimals(
    min_value=-(10**18) + 1, max_value=10**18 - 1, allow_nan=False, allow_infinity=False, places=12
)
fractions = st.fractions(min_value=-(10**12), max_value=10**12, max_denominator=10**6)


# --- reading --------------------------------------------------------------------------------------


@given(numbers)
def test_a_number_that_was_written_is_read_back(number: Decimal) -> None:
    assert parse_number(plain(number)) == number


@pytest.mark.parametrize(
    ("token", "read"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("00012.50", "12.5"),
        ("-1.5", "-1.5"),
        ("9" * 18, "9" * 18),
        ("0." + "0" * 11 + "1", "1e-12"),
    ],
)
def test_plain_decimals_are_read_exactly(token: str, read: str) -> None:
    assert parse_number(token) == Decimal(read)


@pytest.mark.parametrize(
    "token",
    [
        "1e3",
        "1E3",
        "1e999999",
        "1e-400",
        "NaN",
        "nan",
        "sNaN",
        "Infinity",
        "-Infinity",
        "inf",
        "1_000",
        "1,000",
        "1 000",
        "\u0661\u0662",
        "\uff11\uff12",
        "+1",
        "--1",
        "-",
        " 1",
        "1 ",
        "1\n",
        "\t1",
        "",
        "1.",
        ".5",
        ".",
        "1.2.3",
        "0x10",
        "1/2",
        "true",
        "\u00bd",
        "1\x00",
        "1" * 19,
        "1" * 5_000,
        "0." + "1" * 13,
        "0." + "1" * 5_000,
        "0" * 5_000,
    ],
)
def test_anything_but_a_plain_decimal_is_refused(token: str) -> None:
    with pytest.raises(InvalidNumber) as refusal:
        parse_number(token)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("token", [1, 1.5, True, None, Decimal(1), b"1", ["1"], {}])
def test_only_text_is_parsed(token: Any) -> None:
    with pytest.raises(InvalidNumber, match="read from its text"):
        parse_number(token)


def test_a_rate_may_have_eighteen_decimals_and_a_quantity_twelve() -> None:
    token = "0." + "0" * 17 + "1"
    assert parse_number(token, decimals=RATE_DECIMALS) == Decimal("1e-18")
    with pytest.raises(InvalidNumber, match=f"more than {QUANTITY_DECIMALS} decimals"):
        parse_number(token)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(token: str) -> None:
    try:
        number = parse_number(token)
    except InvalidNumber:
        return
    assert token.isascii()
    assert number == Decimal(token)


# --- numbers made in code -------------------------------------------------------------------------


@given(numbers)
def test_a_number_within_its_bounds_is_given_back(number: Decimal) -> None:
    assert bounded(number) is number


@pytest.mark.parametrize(
    "number",
    [1, 1.5, True, None, "1", *map(Decimal, ("NaN", "sNaN", "Infinity", "1e18", "1e999999"))],
)
def test_what_is_no_finite_decimal_of_some_digits_is_out_of_bounds(number: Any) -> None:
    with pytest.raises(InvalidNumber):
        bounded(number)


def test_decimals_beyond_the_bound_are_refused() -> None:
    assert bounded(Decimal("1e-18"), decimals=RATE_DECIMALS) == Decimal("1e-18")
    with pytest.raises(InvalidNumber, match="at most 12 decimals"):
        bounded(Decimal("1e-13"))


# --- exact arithmetic -----------------------------------------------------------------------------


@given(st.lists(numbers, max_size=8))
def test_products_and_sums_are_exact_whatever_the_context(terms: list[Decimal]) -> None:
    with localcontext(prec=3):
        product, total = exact_product(*terms), exact_sum(*terms)
    expected = Fraction(1)
    for term in terms:
        expected *= Fraction(term)
    assert Fraction(product) == expected
    assert Fraction(total) == sum(map(Fraction, terms))


def test_what_four_hundred_digits_do_not_hold_is_out_of_bounds() -> None:
    with pytest.raises(OutOfBounds):
        exact_sum(Decimal("1e1000000"), Decimal(1))
    with pytest.raises(OutOfBounds):
        exact_product(*[Decimal("1.000000000001")] * 40)
    with pytest.raises(OutOfBounds):
        exact_product(Decimal("sNaN"), Decimal(1))


@given(numbers, numbers)
def test_a_percentage_is_exact(number: Decimal, percent: Decimal) -> None:
    assert Fraction(percent_of(number, percent)) == Fraction(number) * Fraction(percent) / 100


@pytest.mark.parametrize(
    ("need", "offers", "taken", "left"),
    [
        ("60", ("20", "50", "100"), ("20", "40"), ("0", "10", "100")),
        ("200", ("20", "50"), ("20", "50"), ("0", "0")),
        ("0", ("20",), (), ("20",)),
        ("-5", ("20",), (), ("20",)),
        ("5", ("-3", "0", "9"), ("0", "0", "5"), ("-3", "0", "4")),
        ("5", (), (), ()),
    ],
)
def test_offers_are_taken_in_turn(
    need: str, offers: tuple[str, ...], taken: tuple[str, ...], left: tuple[str, ...]
) -> None:
    there = [Decimal(each) for each in offers]
    assert taken_in_turn(Decimal(need), there) == tuple(map(Decimal, taken))
    assert left_in_turn(Decimal(need), there) == tuple(map(Decimal, left))


def test_an_offer_that_nothing_is_needed_of_is_not_looked_at() -> None:
    offers = iter([Decimal(5), Decimal(7)])
    assert taken_in_turn(Decimal(5), offers) == (5,)
    assert next(offers) == 7


# --- rounding -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [
        ("0.5", 1),
        ("-0.5", -1),
        ("1.5", 2),
        ("2.5", 3),
        ("-2.5", -3),
        ("0.4999999999999999999999999999999999", 0),
        ("-0.4999999999999999999999999999999999", 0),
        ("0.5000000000000000000000000000000001", 1),
        ("1e-1000000", 0),
        (str(BOUND - 1), BOUND - 1),
        (str(1 - BOUND), 1 - BOUND),
    ],
)
def test_half_goes_away_from_zero(exact: str, rounded: int) -> None:
    assert round_half_away(Decimal(exact)) == rounded


@given(st.decimals(-(10**15), 10**15, allow_nan=False, places=6))
def test_rounding_mirrors_and_is_never_off_by_more_than_a_half(exact: Decimal) -> None:
    rounded = round_half_away(exact)
    assert round_half_away(-exact) == -rounded
    assert abs(exact - rounded) <= Decimal("0.5")
    assert round_quotient(Fraction(exact)) == rounded


@pytest.mark.parametrize(
    "exact", [str(BOUND), str(-BOUND), f"{BOUND - 1}.5", "1e30", "-1e30", "1e1000000"]
)
def test_what_no_ledger_holds_is_out_of_bounds(exact: str) -> None:
    with pytest.raises(OutOfBounds):
        round_half_away(Decimal(exact))


@pytest.mark.parametrize("exact", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_no_amount(exact: str) -> None:
    with pytest.raises(InvalidNumber):
        round_half_away(Decimal(exact))


def test_a_quotient_is_held_to_the_same_bounds() -> None:
    assert round_quotient(Fraction(2 * BOUND - 3, 2)) == BOUND - 1
    for out in (Fraction(2 * BOUND - 1, 2), Fraction(-BOUND), Fraction(10**40)):
        with pytest.raises(OutOfBounds):
            round_quotient(out)


@given(fractions, st.integers(0, 12))
def test_a_quotient_is_kept_to_some_decimals(exact: Fraction, decimals: int) -> None:
    kept = round_quotient_to(exact, decimals)
    assert abs(Fraction(kept) - exact) * 2 * 10**decimals <= 1
    assert round_quotient_to(-exact, decimals) == -kept
    assert -kept.as_tuple().exponent <= decimals  # type: ignore[operator]  # it is finite


def test_a_quotient_is_kept_half_away_from_zero() -> None:
    assert round_quotient_to(Fraction(2, 3), 4) == Decimal("0.6667")
    assert round_quotient_to(Fraction(-1, 2000), 3) == Decimal("-0.001")
    assert round_quotient_to(Fraction(10**30), 2) == Decimal(10) ** 30
    with pytest.raises(OutOfBounds):
        round_quotient_to(Fraction(10**450 + 1), 0)


# --- writing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("10", "10"),
        ("1e1", "10"),
        ("100.00", "100"),
        ("0.020", "0.02"),
        ("-1.50", "-1.5"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("0E-7", "0"),
        ("1E-7", "0.0000001"),
        ("0", "0"),
    ],
)
def test_numbers_are_written_plainly(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text
